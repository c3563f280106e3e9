"""Answers in the forms that data sets have, placed again where their position is wrong."""

import json
import logging
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.answers import NEAR, Placing, parse_answers
from xstilts.sources.load import load
from xstilts.tasks.declaration import Source, Task

KEY = [{"text": "Key", "start": 3}]


@pytest.mark.parametrize(
    ("raw", "answers"),
    [
        ([{"text": "Key", "answer_start": 3}], KEY),
        ([{"text": "Key", "answer_start": 3, "answer_end": 6}], KEY),
        ([{"text": "Key", "start": 3}], KEY),
        ({"text": ["Key"], "answer_start": [3]}, KEY),
        ({"text": "Key", "answer_start": 3}, KEY),
        ([{"text": ["Key"], "answer_start": [3]}], KEY),
        ({"text": ["Key"], "answer_start": ["3"]}, KEY),
        ({"text": ["Key"], "answer_start": [3.0]}, KEY),
        ({"text": ["a", "b"], "answer_start": [0, 2]}, [{"text": "a", "start": 0}, {"text": "b", "start": 2}]),
        ({"text": ["Key"], "answer_start": [None]}, [{"text": "Key", "start": None}]),
        ({"text": ["Key"], "answer_start": [float("nan")]}, [{"text": "Key", "start": None}]),
        ({"text": ["Key"], "answer_start": [-1]}, [{"text": "Key", "start": None}]),
        ([], []),
        ({"text": [], "answer_start": []}, []),
        (None, None),
        ([{"text": "", "answer_start": 0}], None),
        ({"text": [""], "answer_start": [None]}, None),
    ],
)
def test_forms(raw, answers):
    assert parse_answers(raw, "x.json:1") == answers


@pytest.mark.parametrize(
    "raw",
    [
        "Key",
        3,
        ["Key"],
        [{"text": "Key"}],
        [{"answer_start": 3}],
        {"text": ["Key"]},
        {"text": ["Key", "is"], "answer_start": [3]},
        {"text": ["Key"], "answer_start": 3},
        [{"text": None, "answer_start": 3}],
        {"text": [3], "answer_start": [3]},
        [[{"text": "Key", "answer_start": 3}]],
        [None],
        {},
    ],
)
def test_other_forms_are_one_line(raw):
    with pytest.raises(UserError, match=r"^x\.json:1: got the answers .*, expected a list of") as raised:
        parse_answers(raw, "x.json:1")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("start", ["three", 3.5, True, [3], {"at": 3}, float("inf")])
def test_other_positions_are_one_line(start):
    with pytest.raises(UserError, match=re.escape(f"x.json:1: got answer_start {start!r}, expected a whole number, or null")):
        parse_answers({"text": ["Key"], "answer_start": [start]}, "x.json:1")


CONTEXT = "one two  three\u00a0four one " + "x" * 2 * NEAR + " two"


@pytest.mark.parametrize(
    ("text", "start", "found"),
    [
        ("two", 4, ("two", 4)),
        ("two", 6, ("two", 4)),  # the nearer one
        ("one", 3, ("one", 0)),
        ("one", 18, ("one", 20)),
        ("one", 10, ("one", 0)),  # equally near: the first
        (" two ", 4, ("two", 4)),  # stripped
        ("two three", 4, ("two  three", 4)),  # white space for white space
        ("three four", 9, ("three\u00a0four", 9)),
        ("\ufeffone\u2060two ", 0, ("one two", 0)),
        ("three", 400, ("three", 9)),  # far away, but the only one
        ("two", 7 + NEAR, None),  # which one?
        ("one", None, None),
        ("four", None, ("four", 15)),
        ("five", 4, None),
        ("thr", 8, ("thr", 9)),
        ("t.o", 4, None),
        (" ", 99, None),
    ],
)
def test_an_answer_is_looked_for(text, start, found):
    placing = Placing("qa, test, en")
    answer = placing.place(CONTEXT, {"text": text, "start": start}, "x.json:1")
    assert (answer and (answer["text"], answer["start"])) == found
    assert answer is None or CONTEXT[answer["start"] :].startswith(answer["text"])
    assert len(placing.lost) == (found is None)
    assert placing.moved == (found is not None and found != (text, start))


@given(st.text("ab \u00a0", min_size=1, max_size=12), st.text(" \n\u00a0", max_size=4), st.data())
def test_what_a_loader_strips_is_undone(context, blanks, data):
    raw = blanks + context
    start = data.draw(st.integers(len(blanks), len(raw) - 1))
    text = raw[start : data.draw(st.integers(start + 1, len(raw)))]
    shift = len(raw) - len(raw.lstrip())
    if not text.strip():
        return
    placed = Placing("").place(raw.strip(), {"text": text.strip(), "start": start}, "")
    begin = start + len(text) - len(text.lstrip()) - shift
    assert placed is not None and placed["text"] == text.strip()
    assert abs(placed["start"] - start) <= abs(begin - start)  # where it was, or nearer to its position


def questions(*answers):
    """SQuAD's JSON: one question, hence one context, per (text, position)."""
    asked = [
        {"context": " ".join(f"w{n}" for n in range(9)), "qas": [{"id": f"q{number}", "question": "?", "answers": list(own)}]}
        for number, own in enumerate(answers)
    ]
    return json.dumps({"data": [{"paragraphs": asked}]})


def stated(text, start):
    return {"text": text, "answer_start": start}


@pytest.fixture
def read(write, tmp_path, caplog):
    """Write the answers of the questions, load a split of them; the examples and the log."""

    def loaded(split, *answers):
        write(f"{split}.json", questions(*answers))
        source = Source(reader="squad", files={split: f"{split}.json"})
        task = Task(name="qa", format="span_qa", languages=["en"], sources={"xtreme": source})
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="xstilts"):
            found = load(source_of(task, DataConfig(root=str(tmp_path))), split, ["en"])
        return found, [record.getMessage() for record in caplog.records]

    return loaded


GOOD = [[stated("w1", 3)]] * 40


def test_answers_are_placed_again_in_every_split(read):
    for split in ("train", "validation"):
        found, log = read(split, *GOOD, [stated("w2", 4)], [stated("w3", None)])
        assert [answers[0]["start"] for answers in found["answers"][-3:]] == [3, 6, 9]
        assert log[0].startswith(f"qa, {split}, en: 2 of 42 answers at a wrong position: 2 corrected, 0 ")


def test_what_is_not_found_is_left_out_of_training(read):
    found, log = read("train", *GOOD, [stated("w99", 4)], [stated("w99", 4), stated("w2", 6)])
    assert len(found) == 41 and found["id"][40] == "q41"
    assert found["answers"][40] == [{"text": "w2", "start": 6}]
    assert log == ["qa, train, en: 2 of 43 answers at a wrong position: 0 corrected, 2 left out"]


def test_what_is_not_found_counts_in_evaluation_by_its_text(read):
    found, log = read("test", *GOOD, [stated("w99", 4)], [stated("w99", 4), stated("w2", 6)])
    assert found["answers"][40:] == [
        [{"text": "w99", "start": None}],
        [{"text": "w99", "start": None}, {"text": "w2", "start": 6}],
    ]
    assert log == ["qa, test, en: 2 of 43 answers at a wrong position: 0 corrected, 2 kept by their texts"]


def test_white_space_alone_changes_a_text_of_evaluation(read):
    train, test = (read(split, *GOOD, [stated("w2\u00a0w3", 6), stated("\ufeffw3", 9)])[0] for split in ("train", "test"))
    assert train["answers"][40] == [{"text": "w2 w3", "start": 6}, {"text": "w3", "start": 9}]
    assert test["answers"][40] == [{"text": "w2 w3", "start": 6}, {"text": "\ufeffw3", "start": None}]


def test_gold_of_every_kind_stays(read):
    found, log = read("test", *GOOD, [], [stated("", 0)])
    assert found["answers"][40:] == [[], None] and log == []


@pytest.mark.parametrize("split", ["train", "test"])
def test_too_many_that_are_not_found_are_an_error(read, split):
    read(split, *GOOD[:38], *[[stated("w99", 3)]] * 2)  # 5 %
    with pytest.raises(UserError) as raised:
        read(split, *GOOD[:37], [stated("w\u00a099", 3)], [stated("w99", None)])
    message = str(raised.value)
    assert re.search(rf"{split}\.json: question 'q37': answer 'w\\xa099' is not at 3 of its context, 'w1 w' is; ", message)
    assert f"2 of 39 answers of qa, {split}, en not found near their positions, more than 5%: expected answer_start" in message
    with pytest.raises(
        UserError, match=r"answer 'w99' has no answer_start, and its context does not have it exactly once; 1 of 1"
    ):
        read(split, [stated("w99", None)])


def test_byte_positions_of_another_script_are_an_error(write, tmp_path):
    contexts = [f"서울은 {n} 한국의 수도이고 부산은 {n} 한국의 항구이고 {'가' * 99} 끝" for n in range(20)]
    asked = []
    for n, context in enumerate(contexts):
        start = len(context[: context.rindex("한국의")].encode())
        asked.append({"context": context, "qas": [{"id": f"q{n}", "question": "?", "answers": [stated("한국의", start + 60)]}]})
    write("ko.json", json.dumps({"data": [{"paragraphs": asked}]}))
    task = Task(
        name="qa", format="span_qa", languages=["ko"], sources={"xtreme": Source(reader="squad", files={"test": "ko.json"})}
    )
    with pytest.raises(UserError, match="expected answer_start in characters, not bytes"):
        load(source_of(task, DataConfig(root=str(tmp_path))), "test", ["ko"])


@pytest.mark.parametrize("reader", ["examples", "jsonl", "squad_rows"])
@pytest.mark.parametrize("raw", [[stated("w1", 3)], {"text": ["w1"], "answer_start": [3]}, {"text": ["w1"], "answer_start": [2]}])
def test_every_reader_takes_every_form(write, tmp_path, reader, raw):
    write("en.jsonl", json.dumps({"id": "a", "question": "?", "context": "w0 w1", "answers": raw}))
    task = Task(name="qa", format="span_qa", sources={"xtreme": Source(reader=reader, files={"test": "{language}.jsonl"})})
    assert load(source_of(task, DataConfig(root=str(tmp_path))), "test", ["en"])["answers"][:] == [[{"text": "w1", "start": 3}]]


def test_a_context_that_is_missing_is_one_line(write, tmp_path):
    write("en.jsonl", json.dumps({"id": "a", "question": "?", "answers": [stated("w1", 3)]}))
    task = Task(name="qa", format="span_qa", sources={"xtreme": Source(reader="jsonl", files={"test": "{language}.jsonl"})})
    with pytest.raises(UserError, match=r"en\.jsonl:1: no column 'context'; the row has id, question, answers"):
        load(source_of(task, DataConfig(root=str(tmp_path))), "test", ["en"])


ODD = st.sampled_from([None, True, 0, -1, 3, 2.5, "", "w1", "3", [], {}, [None], ["w1"], [3], {"text": "w1"}, {"text": ["w1"]}])
SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "w0 w1",
                    "sentence_breaks": [[0, 2], [3, 5]],
                    "qas": [{"id": "a", "question": "?", "is_impossible": False, "answers": [stated("w1", 3)]}],
                }
            ]
        }
    ]
}
ROW = {"id": "a", "question": "?", "context": "w0 w1", "answers": {"text": ["w1"], "answer_start": [3]}}


def places(value, path=()):
    """The path to each part of a value in JSON, itself left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


@pytest.mark.slow
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["squad", "squad_sentences", "lareqa", "squad_rows", "jsonl", "examples"]), ODD, st.booleans(), st.data())
def test_odd_values_anywhere_are_read_or_are_one_line(tmp_path, reader, odd, removed, data):
    document = json.loads(json.dumps(SQUAD if reader in ("squad", "squad_sentences", "lareqa") else ROW))
    *path, last = data.draw(st.sampled_from(list(places(document))))
    parent = document
    for key in path:
        parent = parent[key]
    if removed:
        del parent[last]
    else:
        parent[last] = odd
    (tmp_path / "en.jsonl").write_text(json.dumps(document))
    format = "retrieval" if reader in ("squad_sentences", "lareqa") else "span_qa"
    source = Source(reader=reader, files={"train": "{language}.jsonl", "test": "{language}.jsonl"})
    task = Task(name="qa", format=format, protocol="answer_retrieval", sources={"xtreme": source})
    for split in ("train", "test"):
        try:
            load(source_of(task, DataConfig(root=str(tmp_path))), split, ["en"])
        except UserError as error:
            assert "\n" not in str(error)


def test_training_pairs_for_answer_retrieval_are_placed(write, tmp_path, caplog):
    context = "One cat runs. Two dogs sleep. One cat sings."
    asked = [("good", "dogs", 18), ("strip", "sleep", 24), ("off", "cat", 36), ("lost", "bird", 3)]
    many = [(f"q{n}", "dogs", 18) for n in range(40)]
    qas = [{"id": name, "question": "?", "answers": [stated(text, at)]} for name, text, at in asked + many]
    write("en.json", json.dumps({"data": [{"paragraphs": [{"context": context, "qas": qas}]}]}))
    source = Source(reader="squad_sentences", files={"train": "{language}.json"})
    task = Task(name="pairs", format="retrieval", protocol="answer_retrieval", sources={"xtreme": source})
    with caplog.at_level(logging.INFO, logger="xstilts"):
        found = load(source_of(task, DataConfig(root=str(tmp_path))), "train", ["en"])
    queries = {row["id"]: row["relevant"] for row in found if row["side"] == "query"}
    assert queries["en/off"] == ["en/0-2"] and queries["en/strip"] == ["en/0-1"] and "en/lost" not in queries
    assert "3 of 44 answers at a wrong position: 2 corrected, 1 left out with their" in caplog.text
