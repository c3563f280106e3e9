"""python -m xstilts.demo: one small cell from end to end, without network, on a handful of sentences that come with the package.

It makes a data folder in the form of XTREME's and a tokenizer, and then runs `xstilts train` as a user would. It shows how things
work and nothing else: an encoder with random weights and some hundred English examples say nothing about transfer.
"""

import argparse
import csv
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

SENTENCES = Path(__file__).parent / "demo_data" / "sentences.tsv"
FOLDER = Path("outputs") / "demo"
LANGUAGES = ("en", "de", "es", "fr")
LABELS = ("entailment", "contradiction", "neutral")
# Who does it, by file: no sentence of one file is in another.
INTERMEDIATE, INTERMEDIATE_VALIDATION = ("Anna", "Paul", "Maria", "David", "Laura", "Martin"), ("Julia", "Felix")
TRAIN, VALIDATION, TEST = ("Clara", "Thomas", "Nora", "Simon"), ("Eva", "Oscar"), ("Ida", "Victor")
VOCABULARY = 400

Pair = tuple[str, str, str]


def pairs(language: str, names: tuple[str, ...]) -> Iterator[Pair]:
    """Premise, hypothesis and label: every sentence in the language, done by each of the names."""
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["language"] == language]
    for name in names:
        for row in rows:
            for label in LABELS:
                yield f"{name} {row['premise']}", f"{name} {row[label]}", label


def make_data(folder: Path) -> None:
    """Write XNLI's files of an XTREME `download/` folder, and SNLI's in their released form."""
    for language in LANGUAGES:
        _write_tsv(folder / "xnli" / f"dev-{language}.tsv", pairs(language, VALIDATION))
        _write_tsv(folder / "xnli" / f"test-{language}.tsv", pairs(language, TEST))
    _write_tsv(folder / "xnli" / "train-en.tsv", pairs("en", TRAIN))
    for split, names in (("train", INTERMEDIATE), ("dev", INTERMEDIATE_VALIDATION)):
        objects = [
            {"pairID": f"{split}{number}", "sentence1": premise, "sentence2": hypothesis, "gold_label": label}
            for number, (premise, hypothesis, label) in enumerate(pairs("en", names))
        ]
        _write(folder / "snli" / f"snli_1.0_{split}.jsonl", "".join(f"{json.dumps(item)}\n" for item in objects))


def make_tokenizer(folder: Path) -> None:
    """Train a unigram tokenizer like XLM-R's on the demo's sentences, unless it is there already."""
    if (folder / "tokenizer.json").is_file():
        return
    import sentencepiece
    from transformers import AutoTokenizer

    model = BytesIO()
    sentences = [text for language in LANGUAGES for pair in pairs(language, INTERMEDIATE + TRAIN) for text in pair[:2]]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        model_type="unigram",
        vocab_size=VOCABULARY,
        hard_vocab_limit=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        raw = Path(temporary) / "raw"
        raw.mkdir()
        (raw / "sentencepiece.bpe.model").write_bytes(model.getvalue())
        (raw / "config.json").write_text(json.dumps({"model_type": "xlm-roberta"}), encoding="utf-8")
        made = Path(temporary) / "made"
        AutoTokenizer.from_pretrained(raw).save_pretrained(made)
        made.replace(folder)


def arguments(folder: Path) -> list[str]:
    """What the demo gives to `xstilts train`."""
    return [
        "+intermediate=snli",
        "+target=xnli",
        "data=xtreme",
        f"data.root={folder / 'data'}",
        "model=tiny",
        f"model.tokenizer={folder / 'tokenizer'}",
        # A published recipe is for a pretrained encoder; a random one needs larger and more steps.
        "intermediate.recipe.learning_rate=0.001",
        "intermediate.recipe.epochs=8",
        "target.recipe.learning_rate=0.001",
        "target.recipe.epochs=8",
        "trainer.num_threads=1",
        f"store.root={folder / 'store'}",
        f"output={folder}",
        "study=demo",
    ]


def run(folder: Path, more: list[str]) -> int:
    """Make what is missing and run the cell; returns the exit code of `xstilts train`."""
    sys.stdout.write(
        f"A demo of how xstilts works, on {len(list(pairs('en', TRAIN)))} made-up English training examples and an encoder with "
        "random weights.\nIts scores mean nothing.\n\n"
    )
    make_data(folder / "data")
    sys.stdout.write(f"data:       {folder / 'data'}\n")
    sys.stdout.flush()
    make_tokenizer(folder / "tokenizer")
    words = ["-m", "xstilts.train", *arguments(folder), *more]
    sys.stdout.write(f"tokenizer:  {folder / 'tokenizer'}\n\nThe command:\n\n{_shown(words)}\n\n")
    sys.stdout.flush()
    code = subprocess.run([sys.executable, *words], env={**os.environ, "HF_HUB_OFFLINE": "1"}).returncode
    if code:
        sys.stderr.write(f"error: the demo failed: its command ended with exit code {code}\n")
        return code if code > 0 else 1
    sys.stdout.write(
        f"\nresults:      {folder / 'results'}\npredictions:  {folder / 'predictions'}\n"
        f"artifacts:    {folder / 'store' / 'trained'}\n"
        "\nRun it again: everything is reused. Change the seed (add `seed=2` to the command) and all is trained anew.\n"
    )
    return 0


def _shown(words: list[str]) -> str:
    """The command as it can be typed here, over several lines."""
    python = Path(sys.executable)
    interpreter = str(python.relative_to(Path.cwd())) if python.is_relative_to(Path.cwd()) else str(python)
    start = " ".join([interpreter, *words[:2]])
    return " \\\n    ".join([start, *(shlex.quote(word) for word in words[2:])])


def _write_tsv(path: Path, rows: Iterator[Pair]) -> None:
    _write(path, "".join("\t".join(row) + "\r\n" for row in rows))


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_bytes() == text.encode():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def main(words: list[str] | None = None) -> int:
    """The entry point; returns an exit code."""
    parser = argparse.ArgumentParser(prog="xstilts demo", description="A small cell from end to end, without network.")
    parser.add_argument("overrides", nargs="*", help="further options of `xstilts train`, for instance seed=2")
    return run(FOLDER, parser.parse_args(words).overrides)


if __name__ == "__main__":
    sys.exit(main())
