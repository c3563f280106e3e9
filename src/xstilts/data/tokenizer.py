"""Loading a tokenizer: only Hugging Face's fast tokenizers, and no program text from the Hub."""

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from xstilts.encoders import TOKENIZER_EXPECTED, has_tokenizer, is_path, local_path
from xstilts.errors import UserError

TYPE = "type model.tokenizer=FOLDER (or model.name_or_path=FOLDER)"


def load_tokenizer(name_or_path: str, revision: str | None = None) -> PreTrainedTokenizerBase:
    """Load the tokenizer in a folder, or that of a Hub id at `revision`.

    Raises UserError if the folder does not exist or has no tokenizer, or if the Hub id cannot be loaded.
    """
    place = name_or_path
    if is_path(name_or_path):
        folder = local_path(name_or_path)
        place = str(folder)
        _check_folder(folder, name_or_path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision, trust_remote_code=False)
    except Exception as error:  # what a broken folder raises is of any type: OSError, ValueError, TypeError, …
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        at = f" at revision {revision}" if revision else ""
        raise UserError(
            f"could not load the tokenizer '{name_or_path}'{at}: {reason}; expected a folder with {TOKENIZER_EXPECTED}, "
            f"or a Hub id that is in the cache or can be downloaded; {TYPE}"
        ) from error
    if not tokenizer.is_fast:
        raise UserError(
            f"tokenizer '{name_or_path}' is a {type(tokenizer).__name__}, expected a fast tokenizer (with a tokenizer.json)"
        )
    loaded: PreTrainedTokenizerBase = tokenizer
    if set(loaded.get_vocab().values()) <= set(loaded.all_special_ids):
        raise UserError(
            f"tokenizer '{name_or_path}' is read as a {type(tokenizer).__name__}, which finds no words in its files: name "
            "another class in its tokenizer_config.json, for sentencepiece.bpe.model such as "
            '{"tokenizer_class": "XLMRobertaTokenizer"}'
        )
    return loaded


def _check_folder(folder: Path, name: str) -> None:
    if folder.is_dir() and not has_tokenizer(file.name for file in folder.iterdir() if file.is_file()):
        raise UserError(f"no fast tokenizer in the folder '{name}': expected {TOKENIZER_EXPECTED} in it; {TYPE}")
    if not folder.is_dir():
        what = "a file" if folder.exists() else "no such folder"
        raise UserError(
            f"tokenizer '{name}': {what}, expected a folder with {TOKENIZER_EXPECTED}, or a Hub id like "
            f"FacebookAI/xlm-roberta-base; {TYPE}"
        )
