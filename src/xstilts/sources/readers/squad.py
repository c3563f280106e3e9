"""SQuAD's JSON, versions 1.1 and 2.0, also of XQuAD, MLQA, TyDiQA-GoldP and XQuAD-R.

XTREME replaces the answers of its test sets by one answer with an empty text at 0: that means "no gold", not "unanswerable",
which in SQuAD 2.0 is an empty list of answers (google-research/xtreme utils_preprocess.py, remove_qa_test_annotations). `title`
may be missing, `version` may be a number, and each question may be a separate document.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.answers import parse_answers
from xstilts.sources.raw import RawExample, json_document
from xstilts.tasks.declaration import Source

FORMATS = ("span_qa",)


def paragraphs(path: Path) -> Iterator[dict[str, Any]]:
    """Yield every paragraph (`context`, `qas`, ...) of the file, in order. Raises UserError if the file has another form."""
    try:
        for document in json_document(path)["data"]:
            for paragraph in document["paragraphs"]:
                asked = f"question '{paragraph['qas'][0]['id']}'" if paragraph["qas"] else "a paragraph without questions"
                _check_text(paragraph["context"], "context", asked)
                for question in paragraph["qas"]:
                    _check_text(question["question"], "question", f"question '{question['id']}'")
                yield paragraph
    except (KeyError, TypeError) as error:
        missing = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}: not of SQuAD's form ({missing}); expected data > paragraphs > context, qas") from None


def _check_text(value: Any, name: str, where: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{where}: {name} is {value!r}, expected a text")


def answers_of(question: dict[str, Any], where: str) -> list[dict[str, Any]] | None:
    """Return the answers as {text, start}; [] for an unanswerable question; None without gold."""
    impossible = question.get("is_impossible")
    if impossible is not None and not isinstance(impossible, bool):
        raise UserError(f"{where}: is_impossible is {impossible!r}, expected true or false")
    return [] if impossible else parse_answers(question.get("answers"), where)


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Yield rows with the fields of the span_qa format."""
    path = files["data"]
    for paragraph in paragraphs(path):
        for question in paragraph["qas"]:
            where = f"{path}: question '{question['id']}'"
            yield RawExample(
                where,
                {
                    "id": question["id"],
                    "question": question["question"],
                    "context": paragraph["context"],
                    "answers": answers_of(question, where),
                },
            )
