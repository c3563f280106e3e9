"""TyDiQA and XQuAD as the Hub has them, made from the released files by what their loaders did: every answer is placed again."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import DataConfig
from xstilts.paths import conf_dir
from xstilts.sources import source_of
from xstilts.sources.fetch import fetch
from xstilts.sources.load import load
from xstilts.store.checksums import file_sha256
from xstilts.tasks.catalogue import load_task

# Task, split, language -> path of the release, path on the Hub, answers, answers that stripping moved.
CASES = [
    ("tydiqa", "train", "en", "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.en.train.json", 3696, 48),
    ("tydiqa", "train", "ko", "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.ko.train.json", 1625, 505),
    *[
        ("xquad", "test", language, f"xquad/xquad.{language}.json", 1190, moved)
        for language, moved in {"en": 5, "de": 0, "es": 5, "hi": 13, "ar": 26, "zh": 100}.items()
    ],
]
PATHS = {"tydiqa": "secondary_task/train-00000-of-00001.parquet", "xquad": "xquad.{language}/validation-00000-of-00001.parquet"}
NAMES = {"en": "english", "ko": "korean"}


def questions(path: Path) -> list[dict[str, Any]]:
    """The questions of a file in SQuAD's form."""
    return [
        {
            "id": question["id"],
            "context": paragraph["context"],
            "question": question["question"],
            "answers": {
                "text": [answer["text"] for answer in question["answers"]],
                "answer_start": [answer["answer_start"] for answer in question["answers"]],
            },
        }
        for document in json.loads(path.read_text(encoding="utf-8"))["data"]
        for paragraph in document["paragraphs"]
        for question in paragraph["qas"]
    ]


@pytest.mark.parametrize(("name", "split", "language", "file", "count", "moved"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_every_answer_is_placed_where_it_was(
    name: str,
    split: str,
    language: str,
    file: str,
    count: int,
    moved: int,
    hub: Any,
    parquet: Callable[..., bytes],
    as_loaded: Callable[..., Any],
    shared_data: Path,
    caplog: pytest.LogCaptureFixture,
):
    released = questions(shared_data / "xtreme" / file)
    if name == "tydiqa":  # XTREME's preprocessing cut the ids, which begin with the language's name on the Hub
        released = [row | {"id": f"{NAMES[language]}-{number}"} for number, row in enumerate(released)]
    task, data = load_task(conf_dir(), name), DataConfig(source="hub")
    hub.add("dataset", task.sources["hub"].hub, {PATHS[name].format(language=language): parquet(list(map(as_loaded, released)))})
    fetch(source_of(task, data), split, [language], file_sha256)
    with caplog.at_level(logging.INFO, logger="xstilts"):
        found = load(source_of(task, data), split, [language])
    assert len(found) == count
    told = f"{moved:,} of {count:,} answers at a wrong position: {moved:,} corrected, 0 "
    assert (told in caplog.text) == (moved > 0)
    wrong = 0
    for row, context, answers in zip(released, found["context"][:], found["answers"][:], strict=True):
        text, start = row["answers"]["text"][0], row["answers"]["answer_start"][0]
        begin = start + len(text) - len(text.lstrip()) - (len(row["context"]) - len(row["context"].lstrip()))
        assert context[answers[0]["start"] :].startswith(text.strip())
        wrong += answers[0]["start"] != begin
    assert wrong == 0
