"""Test examples that are related to few-shot examples are left out, whichever examples are drawn."""

from collections import defaultdict

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.config import DataConfig
from xstilts.sources import TaskSource
from xstilts.tasks.declaration import Source, Task
from xstilts.tasks.formats import format_of
from xstilts.training.held_out import unrelated

TASK = Task(name="nli", format="classification", labels=["no", "yes"], languages=["en", "de", "sw"], metrics=["accuracy"])


def source(translated: bool = True) -> TaskSource:
    return TaskSource(TASK, "xtreme", Source(translated=translated), DataConfig())


def table(rows: list[tuple[str, str, str]]) -> Dataset:
    """Rows of language, id and first text."""
    made = [
        {"id": name, "language": code, "text_a": text, "text_b": None, "label": "no", "genre": None} for code, name, text in rows
    ]
    return Dataset.from_list(made, features=format_of(TASK).features)


EXAMPLES = [
    ("en", "1", "one"),
    ("en", "2", "two"),
    ("en", "3", "two"),
    ("en", "4", "four"),
    ("de", "1", "eins"),
    ("de", "2", "zwei"),
    ("de", "3", "zwei"),
    ("de", "4", "vier"),
]


def test_an_example_its_translations_and_what_shares_a_text_with_them_are_left_out() -> None:
    examples = table(EXAMPLES)
    assert unrelated(source(), examples, examples.select([5]), same=True) == [0, 3, 4, 7], "2 and 3 have one premise"
    assert unrelated(source(), examples, table([("sw", "2", "mbili")]), same=True) == [0, 3, 4, 7], "a language of its own"
    assert unrelated(source(translated=False), examples, examples.select([5]), same=True) == [0, 1, 2, 3, 4, 7]
    assert unrelated(source(translated=False), examples, examples.select([4]), same=True) == [0, 1, 2, 3, 5, 6, 7]


def test_examples_of_another_split_are_related_by_their_texts_alone() -> None:
    examples = table(EXAMPLES)
    assert unrelated(source(), examples, table([("de", "4", "eins")]), same=False) == [1, 2, 3, 5, 6, 7]
    assert unrelated(source(), examples, table([("de", "4", "neu")]), same=False) == list(range(8))


codes, names, texts = st.sampled_from(["en", "de"]), st.sampled_from("123456"), st.sampled_from("abcdefgh")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(codes, names, texts), min_size=1, max_size=12, unique_by=lambda row: row[:2]),
    st.lists(st.tuples(st.just("de"), names, texts), min_size=1, max_size=3, unique_by=lambda row: row[1]),
    st.booleans(),
)
def test_no_chain_of_translations_and_shared_texts_leads_from_a_kept_example_to_a_held_one(
    rows: list[tuple[str, str, str]], held: list[tuple[str, str, str]], same: bool
) -> None:
    known = {row[:2]: row for row in rows}
    held = [known.get(row[:2], row) if same else row for row in held]
    kept = unrelated(source(), table(rows), table(held), same)
    every = [*rows, *((code, name if same else f"held {name}", text) for code, name, text in held)]
    reached, before = set(range(len(rows), len(every))), -1
    while len(reached) > before:  # by hand: what has an id, or a language and a text, in common with what was reached
        before = len(reached)
        keys = defaultdict(set)
        for place, (code, name, text) in enumerate(every):
            keys[name].add(place)
            keys[code, text].add(place)
        reached |= {place for places in keys.values() if places & reached for place in places}
    assert kept == [place for place in range(len(rows)) if place not in reached]


@pytest.mark.parametrize("format", ["span_qa", "multiple_choice"])
def test_every_format_that_shares_texts_is_known(format: str) -> None:
    assert format_of(Task(name="x", format=format)).shared
