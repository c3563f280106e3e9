"""Labels are shuffled within each language, stay valid, and keep their distribution."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.sources.shuffle import shuffled
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_named

Example = dict[str, Any]
LABELS = ["no", "yes", "maybe"]
LANGUAGES = ["en", "sw"]


def made(format: str, rows: list[Example]) -> Dataset:
    rows = [{"id": f"{number}", "language": LANGUAGES[number % 2], **row} for number, row in enumerate(rows)]
    return Dataset.from_list(rows, features=format_named(format).features)


def shuffle(examples: Dataset, format: str, draw: int = 0) -> Dataset:
    return shuffled(examples, Task(name="t", format=format, labels=LABELS), draw)


def counts(of: Callable[[Example], Any], examples: Dataset) -> dict[str, Counter[Any]]:
    """Language -> how often each value is there."""
    found = {language: Counter[Any]() for language in LANGUAGES}
    for example in examples:
        found[example["language"]].update(of(example))
    return found


CLASSES = st.lists(st.sampled_from([*LABELS, None]), min_size=1, max_size=40)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(CLASSES, st.integers(0, 3))
def test_classes(labels: list[str | None], draw: int):
    examples = made(
        "classification", [{"text_a": f"a{n}", "text_b": None, "label": label, "genre": None} for n, label in enumerate(labels)]
    )
    new = shuffle(examples, "classification", draw)
    assert new.features == examples.features and new.remove_columns("label")[:] == examples.remove_columns("label")[:]
    assert counts(lambda one: [one["label"]], new) == counts(lambda one: [one["label"]], examples)
    assert [label is None for label in new["label"]] == [label is None for label in labels]
    backwards = examples.select(range(len(labels) - 1, -1, -1))
    assert shuffle(backwards, "classification", draw)["label"][:][::-1] == new["label"][:]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(2, 4).flatmap(lambda count: st.tuples(st.just(count), st.integers(0, count - 1))), min_size=1))
def test_choices(pairs: list[tuple[int, int]]):
    rows = [
        {"prompt": f"p{n}", "context": None, "choices": ["x"] * count, "label": label} for n, (count, label) in enumerate(pairs)
    ]
    examples = made("multiple_choice", rows)
    new = shuffle(examples, "multiple_choice")
    assert all(0 <= one["label"] < len(one["choices"]) for one in new)

    def count_and_label(one: Example) -> list[Any]:
        return [(len(one["choices"]), one["label"])]

    assert counts(count_and_label, new) == counts(count_and_label, examples)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(LABELS), min_size=1, max_size=6), min_size=1, max_size=20))
def test_tags(tags: list[list[str]]):
    examples = made("tagging", [{"words": ["w"] * len(own), "tags": own} for own in tags])
    new = shuffle(examples, "tagging")
    assert [len(own) for own in new["tags"]] == [len(own) for own in tags]
    assert counts(lambda one: one["tags"], new) == counts(lambda one: one["tags"], examples)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(" ab.\n", min_size=1, max_size=30), st.integers(0, 29), st.integers(0, 9)), min_size=1))
def test_spans(drawn: list[tuple[str, int, int]]):
    rows = []
    for text, start, length in drawn:
        context = f"x{text}"
        answer = context[start % len(context) :][:length].strip()
        answers = [{"text": answer, "start": context.index(answer)}] if answer else []
        rows.append({"question": "q", "context": context, "answers": answers})
    examples = made("span_qa", rows)
    new = shuffle(examples, "span_qa")
    for one in new:
        for answer in one["answers"]:
            assert answer["text"].strip() == answer["text"] != ""
            assert one["context"][answer["start"] :].startswith(answer["text"])
    assert counts(lambda one: [len(one["answers"])], new) == counts(lambda one: [len(one["answers"])], examples)


def test_a_long_context_holds_an_answer_anywhere_with_the_old_lengths():
    words = " ".join(f"word{number:03}" for number in range(200))
    rows = [{"question": "q", "context": words, "answers": [{"text": "word000", "start": 0}]} for _ in range(200)]
    new = shuffle(made("span_qa", rows), "span_qa")
    starts = [answers[0]["start"] for answers in new["answers"]]
    assert min(starts) < 200 and max(starts) > 1300
    assert {len(answers[0]["text"]) for answers in new["answers"]} <= {6, 7}, "7 characters, without white space at the end"


def test_nothing_is_left_of_the_task_and_draws_differ():
    labels = [LABELS[number // 2 % 3] for number in range(3000)]
    examples = made("classification", [{"text_a": "a", "text_b": None, "label": label, "genre": None} for label in labels])
    first, second = (shuffle(examples, "classification", draw)["label"][:] for draw in (0, 1))
    for others in (labels, second):
        assert abs(sum(one == other for one, other in zip(first, others, strict=True)) / 3000 - 1 / 3) < 0.05


@pytest.mark.parametrize("format", ["mlm", "retrieval"])
def test_a_format_without_labels_is_refused(format: str):
    message = (
        f"shuffle_labels: a task of the format {format} has no labels that can be shuffled, expected one of classification, "
    )
    with pytest.raises(UserError, match=message):
        shuffled(Dataset.from_dict({}), Task(name="t", format=format), 0)
