"""The Hub's columns, as its data sets declare them, through each task's `columns` and `labels`: rows written here, no network."""

from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from xstilts.config import DataConfig
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task

CONF = Path(__file__).resolve().parents[2] / "conf"
PAIR = {"premise": ["a", "b", "c"], "hypothesis": ["x", "y", "z"]}
ANSWERS = [{"text": ["Rome"], "answer_start": [0]}, {"text": [], "answer_start": []}]
QUESTIONS = {"question": ["Where?", "Who?"], "context": ["Rome fell."] * 2, "answers": ANSWERS}

# Task, split, language -> columns of the data set; field of the example -> its values.
CASES: list[tuple[str, str, str, dict[str, list[Any]], dict[str, list[Any]]]] = [
    (
        "snli",
        "validation",
        "en",
        {**PAIR, "label": [0, 2, -1]},
        {"label": ["entailment", "contradiction", None], "text_b": ["x", "y", "z"]},
    ),
    (
        "mnli",
        "train",
        "en",
        {**PAIR, "label": [1, 0, 2], "idx": [5, 6, 7]},
        {"label": ["neutral", "entailment", "contradiction"], "id": ["5", "6", "7"]},
    ),
    (
        "anli",
        "train",
        "en",
        {"uid": ["u"] * 3, **PAIR, "label": [2, 1, 0], "reason": [""] * 3},
        {"label": ["contradiction", "neutral", "entailment"]},
    ),
    (
        "xnli",
        "train",
        "sw",
        {**PAIR, "label": [0, 1, 2]},
        {"label": ["entailment", "neutral", "contradiction"], "language": ["sw"] * 3},
    ),
    (
        "pawsx",
        "test",
        "de",
        {"id": [1, 2], "sentence1": ["a", "b"], "sentence2": ["c", "d"], "label": [0, 1]},
        {"label": ["0", "1"], "text_a": ["a", "b"]},
    ),
    ("qqp", "test", "en", {"question1": ["a"], "question2": ["b"], "label": [-1], "idx": [0]}, {"label": [None]}),
    (
        "squad_v1",
        "validation",
        "en",
        {"id": ["1", "2"], "title": ["t"] * 2, **QUESTIONS},
        {"answers": [[{"text": "Rome", "start": 0}], []]},
    ),
    (
        "squad_v2",
        "train",
        "en",
        {"id": ["1", "2"], "title": ["t"] * 2, **QUESTIONS},
        {"answers": [[{"text": "Rome", "start": 0}], []]},
    ),
    ("tydiqa", "validation", "ko", {"id": ["english-1", "korean-2"], "title": ["t"] * 2, **QUESTIONS}, {"id": ["korean-2"]}),
    (
        "xquad",
        "test",
        "zh",
        {
            "id": ["1", "2"],
            "question": ["Where?"] * 2,
            "context": ["Rome fell."] * 2,
            "answers": [{"text": ["fell"], "answer_start": [6]}, {"text": ["Rome"], "answer_start": [None]}],
        },
        {"answers": [[{"text": "fell", "start": 5}], [{"text": "Rome", "start": 0}]]},
    ),
    ("mlqa_cross", "test", "de-en", {"id": ["1", "2"], "title": ["t"] * 2, **QUESTIONS}, {"language": ["de-en"] * 2}),
    (
        "panx",
        "test",
        "yo",
        {"tokens": [["A", "b", "c"]], "ner_tags": [[1, 2, 0]], "langs": [["yo"] * 3]},
        {"tags": [["B-PER", "I-PER", "O"]]},
    ),
    ("udpos", "test", "yo", {"tokens": [["A", "b"]], "pos_tags": [[7, 15]]}, {"tags": [["NOUN", "VERB"]], "words": [["A", "b"]]}),
    (
        "commonsenseqa",
        "test",
        "en",
        {
            "id": ["q"],
            "question": ["Q?"],
            "question_concept": ["c"],
            "choices": [{"label": ["A", "B"], "text": ["x", "y"]}],
            "answerKey": [""],
        },
        {"choices": [["x", "y"]], "label": [None], "prompt": ["Q?"]},
    ),
    (
        "siqa",
        "train",
        "en",
        {"context": ["C."], "question": ["Q?"], "answerA": ["a"], "answerB": ["b"], "answerC": ["c"], "label": ["3"]},
        {"label": [2], "prompt": ["C. Q?"]},
    ),
    (
        "cosmosqa",
        "train",
        "en",
        {"id": ["1"], "context": ["C."], "question": ["Q?"], "label": [3]}
        | {f"answer{number}": [str(number)] for number in range(4)},
        {"label": [3], "choices": [["0", "1", "2", "3"]]},
    ),
    (
        "hellaswag",
        "test",
        "en",
        {"ind": [4], "ctx_a": ["A"], "ctx": ["A b"], "endings": [["w", "x", "y", "z"]], "label": [""]},
        {"prompt": ["A b"], "label": [None]},
    ),
    (
        "copa",
        "test",
        "en",
        {"premise": ["P."], "choice1": ["a"], "choice2": ["b"], "question": ["cause"], "idx": [0], "label": [-1]},
        {"prompt": ["P. What was the cause?"], "label": [None]},
    ),
    (
        "xcopa",
        "test",
        "qu",
        {
            "premise": ["P."] * 2,
            "choice1": ["a"] * 2,
            "choice2": ["b"] * 2,
            "question": ["effect"] * 2,
            "idx": [0, 1],
            "label": [1, 0],
            "changed": [False] * 2,
        },
        {"label": [1, 0]},
    ),
    (
        "mlm",
        "train",
        "sw",
        {"id": ["12"], "url": ["u"], "title": ["t"], "text": ["Habari.\n\nLeo."]},
        {"text": ["Habari.\n\nLeo."], "id": ["12"]},
    ),
    (
        "tatoeba",
        "test",
        "sw",
        {
            "source_sentence": ["Habari\n", "Asante\n"],
            "target_sentence": ["Hello\n", "Thanks\n"],
            "source_lang": ["swh"] * 2,
            "target_lang": ["eng"] * 2,
        },
        {"text": ["Hello", "Thanks", "Habari", "Asante"], "relevant": [["sw/sw-0"], ["sw/sw-1"], None, None]},
    ),
]


@pytest.mark.parametrize(
    ("name", "split", "language", "columns", "wanted"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES]
)
def test_rows_of_the_hub_become_examples(name, split, language, columns, wanted, tmp_path) -> None:
    task = load_task(CONF, name)
    source = task.sources["hub"]
    source.hub, source.revision, source.files = None, None, {split: "rows-{language}.parquet"}
    source.expect = {}
    parquet.write_table(pyarrow.table(columns), tmp_path / f"rows-{language}.parquet")
    examples = load(source_of(task, DataConfig(source="hub", root=str(tmp_path))), split, [language])
    assert {field: examples[field][:] for field in wanted} == wanted
