"""Loading a tokenizer: only Hugging Face's fast tokenizers, and no program text from the Hub."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from xstilts.errors import UserError

FILES = ("tokenizer.json", "sentencepiece.bpe.model", "spiece.model", "vocab.txt", "vocab.json")
"""A folder with a tokenizer has at least one of these."""


def load_tokenizer(name_or_path: str, revision: str | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder, or that of a Hub id at `revision`.

    Raises UserError where the folder does not exist or has no tokenizer, or the Hub id cannot be had.
    """
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        if not any((folder / name).is_file() for name in FILES):
            raise UserError(
                f"no tokenizer in the folder '{name_or_path}': expected {' or '.join(FILES[:2])} in it; "
                "type model.tokenizer=FOLDER (or model.name_or_path=FOLDER)"
            )
    elif _is_path(name_or_path):
        what = "a file" if folder.exists() else "no such folder"
        raise UserError(
            f"tokenizer '{name_or_path}': {what}, expected a folder with {' or '.join(FILES[:2])}, or a Hub id like "
            "FacebookAI/xlm-roberta-base; type model.tokenizer=FOLDER (or model.name_or_path=FOLDER)"
        )
    try:
        place = str(folder) if folder.is_dir() else name_or_path
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision, trust_remote_code=False)
    except Exception as error:  # what a broken folder raises is of any type: OSError, ValueError, TypeError, …
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        at = f" at revision {revision}" if revision else ""
        raise UserError(
            f"could not load the tokenizer '{name_or_path}'{at}: {reason}; expected a folder with {' or '.join(FILES[:2])}, "
            "or a Hub id that is in the cache or can be downloaded; type model.tokenizer=FOLDER (or model.name_or_path=FOLDER)"
        ) from error
    if not tokenizer.is_fast:
        raise UserError(
            f"tokenizer '{name_or_path}' is a {type(tokenizer).__name__}, expected a fast tokenizer (with a tokenizer.json)"
        )
    loaded: PreTrainedTokenizerBase = tokenizer
    return loaded


def _is_path(name: str) -> bool:
    """Whether `name` cannot be a Hub id, which has the form name or owner/name."""
    return (
        Path(name).is_absolute()
        or name.startswith((".", "~"))
        or name.endswith("/")
        or name.count("/") > 1
        or Path(name).exists()
    )
