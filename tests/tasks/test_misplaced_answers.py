"""A data set some of whose answers are not where they are said to be, declared in YAML alone: the form of ARCD (Arabic).

In its release, a few answers have the position 0 although they begin later in the paragraph (husseinmozannar/SOQAL, issue 9).
"""

import json
import logging
from pathlib import Path

import pytest

from xstilts.config import DataConfig
from xstilts.metrics import score
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task

YAML = """
defaults: [schema, _self_]
name: arcd
format: span_qa
description: The span of an Arabic Wikipedia passage that answers a question.
languages: [ar]
metrics: [squad]
evaluate: [validation]
sources:
  xtreme:
    reader: squad
    files:
      train: arcd/arcd-train.json
      validation: arcd/arcd-test.json
"""
CONTEXT = (
    "ولد نزار في دمشق\u00a0القديمة في حيّ مئذنة الشحم ودرس الحقوق في الجامعة السورية رقم {number} ثم عمل في السلك الدبلوماسي "
    + "ب" * 400
)


def release(good: int, *misplaced: tuple[str, int]) -> str:
    """Questions whose answers are right, and such with these texts and positions."""
    answers = [("الحقوق", None)] * good + list(misplaced)
    paragraphs = []
    for number, (text, start) in enumerate(answers):
        context = CONTEXT.format(number=number) + " خليل مردم بك"
        start = context.index(text) if start is None else start
        question = {"id": str(number), "question": "أين؟", "answers": [{"text": text, "answer_start": start}]}
        paragraphs.append({"context": context, "qas": [question]})
    return json.dumps({"version": "1.1", "data": [{"title": "نزار قباني", "paragraphs": paragraphs}]}, ensure_ascii=False)


def test_arcd_is_read_by_yaml_only(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    conf, root = tmp_path / "conf", tmp_path / "data"
    (conf / "task").mkdir(parents=True)
    (conf / "task" / "arcd.yaml").write_text(YAML, encoding="utf-8")
    (root / "arcd").mkdir(parents=True)
    misplaced = [("خليل مردم بك", 0), ("دمشق القديمة ", 11), ("في حي مئذنة", 0)]  # far away; a no-break space; another spelling
    for split in ("train", "test"):
        (root / "arcd" / f"arcd-{split}.json").write_text(release(60, *misplaced), encoding="utf-8")
    task, data = load_task(conf, "arcd"), DataConfig(root=str(root))
    with caplog.at_level(logging.INFO, logger="xstilts"):
        train, test = (load(source_of(task, data), split, ["ar"]) for split in ("train", "validation"))
    told = "3 of 63 answers at a wrong position: 2 corrected, 1"
    assert caplog.messages == [f"arcd, train, ar: {told} left out", f"arcd, validation, ar: {told} kept by their texts"]
    assert len(train) == 62 and len(test) == 63
    for row in train:
        (answer,) = row["answers"]
        assert row["context"][answer["start"] :].startswith(answer["text"])
    assert test["answers"][60][0]["text"] == "خليل مردم بك"
    assert test["answers"][61][0]["text"] == "دمشق\u00a0القديمة"
    assert test["answers"][62] == [{"text": "في حي مئذنة", "start": None}]
    gold = [[answer["text"] for answer in answers] for answers in test["answers"]]
    assert score("squad", gold, [text for text, *_ in gold], "ar") == {"exact_match": 100, "f1": 100}
