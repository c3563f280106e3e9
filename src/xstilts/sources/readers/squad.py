"""SQuAD's JSON, versions 1.1 and 2.0, and its kin: XQuAD, MLQA, TyDiQA-GoldP, XQuAD-R.

XTREME blanks the answers of its tests to one answer with an empty text at 0: that is "no gold", not "unanswerable", which in
SQuAD 2.0 is an empty list of answers (google-research/xtreme utils_preprocess.py, remove_qa_test_annotations). `title` may be
missing, `version` may be a number, each question may be a document of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.raw import Row, json_document
from xstilts.tasks.declaration import Source


def paragraphs(path: Path) -> Iterator[dict[str, Any]]:
    """Every paragraph (`context`, `qas`, ...) of the file, in order; UserError if the file has another form."""
    try:
        for document in json_document(path)["data"]:
            for paragraph in document["paragraphs"]:
                _ = paragraph["context"], [(question["id"], question["question"]) for question in paragraph["qas"]]
                yield paragraph
    except (KeyError, TypeError) as error:
        missing = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path}: not of SQuAD's form ({missing}); expected data > paragraphs > context, qas") from None


def answers_of(question: dict[str, Any], where: str) -> list[dict[str, Any]] | None:
    """Answers as {text, start}; [] for an unanswerable question; None without gold (no `answers`, or all of them blank)."""
    if question.get("is_impossible"):
        return []
    raw = question.get("answers")
    if raw is None or (raw and all(answer.get("text") == "" for answer in raw)):
        return None
    try:
        return [{"text": answer["text"], "start": int(answer["answer_start"])} for answer in raw]
    except KeyError as error:
        raise UserError(f"{where}: an answer without {error}, expected text and answer_start") from None


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """Rows with the fields of the span_qa format."""
    path = files["data"]
    for paragraph in paragraphs(path):
        for question in paragraph["qas"]:
            where = f"{path}: question '{question['id']}'"
            yield Row(
                where,
                {
                    "id": question["id"],
                    "question": question["question"],
                    "context": paragraph["context"],
                    "answers": answers_of(question, where),
                },
            )
