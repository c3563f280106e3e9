"""Examples that are read in chunks, into a file or into memory, are those that are read at once."""

import json
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import arrow_file, source_of
from xstilts.sources import load as load_module
from xstilts.sources.arrow_file import mapped, release
from xstilts.sources.load import load
from xstilts.sources.seen import SeenIds
from xstilts.tasks.declaration import Source, Task

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LABELS = st.sampled_from(["yes", "no", "", "maybe"])


@pytest.fixture
def data(tmp_path):
    return DataConfig(root=str(tmp_path))


def lines_task():
    return Task(name="mlm", format="mlm", languages=["en"], sources={"xtreme": Source(reader="text", files={"train": "en.txt"})})


def pairs_task():
    source = Source(reader="jsonl", files={"train": "{language}.jsonl", "test": "{language}.jsonl"})
    return Task(name="t", format="classification", languages=["en", "de"], labels=["yes", "no"], sources={"xtreme": source})


def both_ways(data, task, split, chunk, monkeypatch, tmp_path, **options):
    """Rows, or the error, and messages: of reading at once, in memory, and of reading in chunks, into a file."""
    found = []
    for size, file in ((10**6, None), (chunk, tmp_path / "rows.arrow")):
        monkeypatch.setattr(load_module, "CHUNK", size)
        problems = [] if options.get("problems") else None
        try:
            rows = load(source_of(task, data), split, task.languages, options.get("first"), problems, file=file).to_list()
        except UserError as error:
            rows = str(error)
        found.append((rows, problems))
    return found


@FEW
@given(st.integers(1, 40), st.integers(1, 12))
def test_every_line_once_and_in_order(data, write, monkeypatch, tmp_path, count, chunk):
    write("en.txt", "".join(f"line {number}\n\n" for number in range(count)))
    at_once, in_chunks = both_ways(data, lines_task(), "train", chunk, monkeypatch, tmp_path)
    assert at_once == in_chunks
    assert [row["text"] for row in in_chunks[0]] == [f"line {number}" for number in range(count)]
    assert [row["id"] for row in in_chunks[0]] == [f"train-{number}" for number in range(count)]


@FEW
@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), LABELS), min_size=1, max_size=20),
    st.integers(1, 6),
    st.sampled_from(["train", "test", "train:50%", "test:-30%"]),
    st.booleans(),
    st.sampled_from([None, 2]),
)
def test_the_same_examples_and_the_same_problems(data, write, monkeypatch, tmp_path, rows, chunk, split, told, first):
    """Repeated ids, labels that are not declared, rows without gold: in whatever chunk they are."""
    for language in ("en", "de"):
        write(f"{language}.jsonl", "".join(json.dumps({"id": i, "text_a": "x", "label": label}) + "\n" for i, label in rows))
    at_once, in_chunks = both_ways(data, pairs_task(), split, chunk, monkeypatch, tmp_path, problems=told, first=first)
    if told or not isinstance(at_once[0], str):
        assert at_once == in_chunks
    else:
        assert isinstance(in_chunks[0], str)


def test_labels_that_are_not_declared_are_counted_in_all_chunks(data, write, monkeypatch):
    monkeypatch.setattr(load_module, "CHUNK", 2)
    write("en.jsonl", "".join(json.dumps({"id": str(i), "text_a": "x", "label": "ja"}) + "\n" for i in range(7)))
    with pytest.raises(UserError, match=r"en.jsonl:1: unknown label 'ja'.*Not declared: ja \(7\)"):
        load(source_of(pairs_task(), data), "test", ["en"])


def test_a_repeated_id_is_placed_from_chunk_to_chunk(data, write, monkeypatch):
    monkeypatch.setattr(load_module, "CHUNK", 2)
    write("en.jsonl", "".join(json.dumps({"id": str(i % 6), "text_a": "x", "label": "yes"}) + "\n" for i in range(8)))
    problems: list[str] = []
    found = load(source_of(pairs_task(), data), "test", ["en"], problems=problems)
    assert found["id"][:] == [str(number) for number in range(6)]
    assert ["en.jsonl:7: id '0' was used at" in problems[0], "en.jsonl:1 already" in problems[0]] == [True, True]
    assert ["en.jsonl:8: id '1' was used at" in problems[1], "en.jsonl:2 already" in problems[1]] == [True, True]
    assert len(problems) == 2


@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=8))
def test_ids_that_were_seen(chunks):
    every = [(str(number), str(place)) for place, number in enumerate(number for chunk in chunks for number in chunk)]
    seen, known, place = SeenIds(), {}, 0
    seen.sources.append(lambda: iter(every))
    for chunk in chunks:
        expected = {}
        for number, name in enumerate(map(str, chunk)):
            if name in known:
                expected[number] = known[name]
            known.setdefault(name, str(place))
            place += 1
        assert seen.add(list(map(str, chunk))) == expected


def test_two_ids_with_one_hash_are_two_ids():
    class Name(str):
        def __hash__(self) -> int:
            return 7

        __eq__ = str.__eq__

    seen, names = SeenIds(), [Name("a"), Name("b"), Name("a")]
    seen.sources.append(lambda: ((name, str(place)) for place, name in enumerate(names)))
    assert seen.add(names) == {2: "0"}


def test_gold_in_no_row_is_found_in_all_chunks(data, write, monkeypatch, caplog):
    monkeypatch.setattr(load_module, "CHUNK", 2)
    rows = [{"id": str(number), "text_a": "x", "label": "yes" if number == 4 else ""} for number in range(5)]
    write("en.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with caplog.at_level(logging.INFO, logger="xstilts"):
        assert load(source_of(pairs_task(), data), "train", ["en"])["id"][:] == ["4"]
    assert [record.getMessage() for record in caplog.records] == ["t, train, en: left out 4 of 5 examples without gold"]
    write("en.jsonl", "".join(json.dumps({"id": str(number), "text_a": "x"}) + "\n" for number in range(5)))
    with pytest.raises(UserError, match=r"en.jsonl:1: no column 'label'"):
        load(source_of(pairs_task(), data), "train", ["en"])


def test_a_mapped_table_survives_that_its_memory_is_released(tmp_path, data):
    source = tmp_path / "en.txt"
    source.write_text("".join(f"line {number}\n" for number in range(1000)))
    whole = load(source_of(lines_task(), data), "train", ["en"], file=tmp_path / "read.arrow")
    some = whole.select(range(0, 1000, 7))
    arrow_file.write(some, tmp_path / "some.arrow")
    release()
    assert mapped(tmp_path / "some.arrow").to_list() == some.to_list() and whole.features == some.features
    assert mapped(tmp_path / "read.arrow")[999]["text"] == "line 999"


def test_only_the_fields_that_are_asked_for(tmp_path, data, write):
    write("en.txt", "one\ntwo\n")
    found = load(source_of(lines_task(), data), "train", ["en"], fields=["id"], file=tmp_path / "ids.arrow")
    assert found[:] == {"id": ["train-0", "train-1"]}
