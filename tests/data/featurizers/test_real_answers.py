"""Every gold answer of the real data is cut out of its windows again, save those listed in a golden file.

The exceptions begin or end within a token of the test tokenizer (`Sultans` for the answer `Sultan`, `),` for `)`) or are longer
than a window. Rows are listed, since TyDi QA's ids are not unique.
"""

import json
import logging

import numpy as np
import pytest
from datasets import Dataset

from xstilts.data.featurizers import span_qa
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.span_qa import FORMAT

TASK = Task(name="qa", format="span_qa")
LIMITS = Limits(max_length=384, doc_stride=128, max_query_length=64, max_answer_length=400)

XQUAD = [f"xquad/xquad.{language}.json" for language in ("ar", "de", "en", "es", "hi", "zh")]
MLQA = [f"mlqa/MLQA_V1/dev/dev-context-{language}-question-{language}.json" for language in ("ar", "de", "en", "zh")]
MLQA_ACROSS = [
    f"mlqa/MLQA_V1/dev/dev-context-{pair[:2]}-question-{pair[3:]}.json"
    for pair in ("ar-en", "de-en", "en-ar", "en-de", "en-zh", "zh-en")
]
TYDIQA = [f"tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.{language}.train.json" for language in ("en", "ko")]


def read(path):
    rows = []
    for document in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in document["paragraphs"]:
            for question in paragraph["qas"]:
                answers = [{"text": answer["text"], "start": answer["answer_start"]} for answer in question["answers"]]
                rows.append({"id": str(len(rows)), "language": "", "question": question["question"], "answers": answers})
                rows[-1]["context"] = paragraph["context"]
    return Dataset.from_list(rows, features=FORMAT.features)


@pytest.fixture(scope="module")
def exceptions(repository):
    return json.loads((repository / "tests" / "golden" / "unrecoverable_answers.json").read_text(encoding="utf-8"))


def slow(names):
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*XQUAD, *MLQA, *slow(MLQA_ACROSS), *slow(TYDIQA)])
def test_gold_answers_are_found_again(shared_data, exceptions, tokenizer, name, caplog):
    examples = read(shared_data / "xtreme" / name)
    with caplog.at_level(logging.INFO, logger="xstilts"):
        features = span_qa.featurize(examples, tokenizer, TASK, LIMITS, training=False)
    lost = exceptions[name]["unrecoverable"]
    assert f"qa: {len(lost):,} of {exceptions[name]['answered']:,} answers cannot be cut out" in caplog.text
    outputs = []
    for length, start, end in zip(features["length"], features["start_position"], features["end_position"], strict=True):
        output = {"start": np.zeros(length, dtype=np.float32), "end": np.zeros(length, dtype=np.float32)}
        if start > 0:
            output["start"][start] = output["end"][end] = 10
        outputs.append(output)
    predictions = span_qa.decode(examples, features, outputs, TASK, LIMITS)
    wrong = [
        row
        for row, (prediction, answers) in enumerate(zip(predictions, examples["answers"], strict=True))
        if prediction != answers[0]["text"].strip()
    ]
    assert wrong == lost


def test_every_exception_list_belongs_to_a_test(exceptions):
    assert sorted(exceptions) == sorted([*XQUAD, *MLQA, *MLQA_ACROSS, *TYDIQA])
