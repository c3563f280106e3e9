"""tatoeba, bucc, lareqa and squad_sentences."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.sources.readers import bucc, lareqa, squad_sentences, tatoeba
from xstilts.sources.readers.squad_sentences import sentence_spans
from xstilts.tasks.declaration import Source

SOURCE = Source(reader="x")


def _fields(reader, files: dict[str, Path], language: str) -> list[dict]:
    return [row.fields for row in reader.read(files, SOURCE, "test", language)]


def _relevant(rows: list[dict]) -> dict[str, list[str] | None]:
    return {row["id"]: row["relevant"] for row in rows if row["side"] == "query"}


def _pair(write, source: str, english: str, name: str = "sw-en.sw") -> dict[str, Path]:
    return {"source": write(name, source), "english": write("english", english)}


def test_sorted_tatoeba_has_gold_only_from_its_file(write):
    files = _pair(write, "b\na\n", "A\nB\n")
    rows = _fields(tatoeba, files, "sw")
    assert [(row["id"], row["side"], row["text"]) for row in rows] == [
        ("sw/en-0", "query", "A"),
        ("sw/en-1", "query", "B"),
        ("sw/sw-0", "candidate", "b"),
        ("sw/sw-1", "candidate", "a"),
    ]
    assert _relevant(rows) == {"sw/en-0": None, "sw/en-1": None}
    files["gold"] = write("gold", "1\n0\n")
    assert _relevant(_fields(tatoeba, files, "sw")) == {"sw/en-0": ["sw/sw-1"], "sw/en-1": ["sw/sw-0"]}


def test_renamed_sorted_files_are_not_taken_for_laser_s(write):
    assert _relevant(_fields(tatoeba, _pair(write, "b\na\n", "A\nB\n", "tatoeba.sw-eng.sw"), "sw"))["sw/en-0"] is None
    assert _relevant(_fields(tatoeba, _pair(write, "b\na\n", "A\nB\n", "tatoeba.swh-eng.swh"), "sw"))["sw/en-0"] == ["sw/sw-0"]


def _with_laser(write, source: str, english: str, aligned: list[tuple[str, str]]) -> dict[str, Path]:
    gold = write("tatoeba.swh-eng.swh", "".join(f"{other}\n" for other, _ in aligned))
    return _pair(write, source, english) | {"gold": gold, "gold.english": write("eng", "".join(f"{e}\n" for _, e in aligned))}


def test_gold_of_the_sorted_files_comes_from_laser_s(write):
    files = _with_laser(write, "b\na\na\nc\n", "A\nA\nB\nC\n", [("b", "B"), ("a", "A"), ("a", "C"), ("c", "A")])
    relevant = _relevant(_fields(tatoeba, files, "sw"))
    assert relevant["sw/en-0"] == relevant["sw/en-1"] == ["sw/sw-1", "sw/sw-2", "sw/sw-3"]
    assert (relevant["sw/en-2"], relevant["sw/en-3"]) == (["sw/sw-0"], ["sw/sw-1", "sw/sw-2"])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("ABC")), min_size=1, max_size=8))
def test_laser_s_files_give_the_same_gold_alone_and_beside_the_sorted_ones(tmp_path_factory, aligned):
    folder = tmp_path_factory.mktemp("tatoeba")

    def write(name: str, content: str) -> Path:
        (folder / name).write_text(content, encoding="utf-8")
        return folder / name

    files = _with_laser(
        write, "".join(f"{a}\n" for a, _ in aligned), "".join(f"{b}\n" for b in sorted(e for _, e in aligned)), aligned
    )
    alone = {"source": files["gold"], "english": files["gold.english"]}
    found = []
    for one in (files, alone):
        rows = _fields(tatoeba, one, "sw")
        text = {row["id"]: row["text"] for row in rows}
        found.append({row["text"]: sorted(text[name] for name in row["relevant"]) for row in rows if row["side"] == "query"})
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("source", "english", "told"),
    [("b\nx\n", "A\nB\n", "sw-en.sw:2: 'x' is not in "), ("b\na\n", "A\nX\n", "english:2: 'X' is not in ")],
)
def test_laser_s_files_of_another_release_are_refused(write, source, english, told):
    with pytest.raises(UserError, match=re.escape(told)):
        _fields(tatoeba, _with_laser(write, source, english, [("b", "B"), ("a", "A")]), "sw")


def test_equal_lines_are_interchangeable(write):
    files = _pair(write, "x\ny\nx\nz\n", "A\nA\nB\nC\n") | {"gold": write("gold", "0\n1\n2\n3\n")}
    relevant = _relevant(_fields(tatoeba, files, "sw"))
    assert relevant["sw/en-0"] == relevant["sw/en-1"] == ["sw/sw-0", "sw/sw-2", "sw/sw-1"]  # both English lines, all their texts
    assert relevant["sw/en-2"] == ["sw/sw-0", "sw/sw-2"]
    assert relevant["sw/en-3"] == ["sw/sw-3"]


@pytest.mark.parametrize(
    ("gold", "message"),
    [
        ("0\n2\n", "gold:2: '2', expected the number of a line of english, 0 to 1"),
        ("0\n-1\n", "gold:2: '-1', expected the number"),
        ("0\tx\n", "gold:1: '0\tx', expected the number"),
        ("0\n", "gold: 1 line, expected 2"),
        ("0\n\u00b2\n", "gold:2: '\u00b2', expected the number"),
        ("0\n\u0661\n", "gold:2: '\u0661', expected the number"),
        ("0\n" + "1" * 5000 + "\n", "expected the number of a line of english, 0 to 1"),
        ("0\n0\n", "translates 'B', expected one for each sentence: the gold is of other files, or has a line twice"),
    ],
)
def test_wrong_gold_of_tatoeba(write, gold, message):
    files = _pair(write, "b\na\n", "A\nB\n") | {"gold": write("gold", gold)}
    with pytest.raises(UserError, match=re.escape(message)):
        _fields(tatoeba, files, "sw")


def test_tatoeba_of_unequal_length(write):
    with pytest.raises(UserError, match="english: 2 lines, but 1 in sw-en.sw; expected pairs of lines"):
        _fields(tatoeba, _pair(write, "b\n", "A\nB\n"), "sw")


@pytest.mark.parametrize(("language", "iso3", "count"), [("de", "deu", 1000), ("sw", "swh", 390)])
def test_both_forms_of_tatoeba_have_the_same_gold(shared_data, language, iso3, count):
    xtreme, laser = shared_data / "xtreme/tatoeba", shared_data / "originals/tatoeba"
    ours = {"source": xtreme / f"{language}-en.{language}", "english": xtreme / f"{language}-en.en"}
    ours["gold"] = shared_data / f"gold/tatoeba/test-{language}.tsv"
    theirs = {"source": laser / f"tatoeba.{iso3}-eng.{iso3}", "english": laser / f"tatoeba.{iso3}-eng.eng"}

    def translations(files: dict[str, Path]) -> dict[str, list[str]]:
        rows = _fields(tatoeba, files, language)
        text = {row["id"]: row["text"] for row in rows}
        return {row["text"]: [text[name] for name in row["relevant"]] for row in rows if row["side"] == "query"}

    assert len(translations(ours)) == count
    assert translations(ours) == translations(theirs)
    beside = ours | {"gold": theirs["source"], "gold.english": theirs["english"]}
    assert translations(beside) == translations(theirs)


def _bucc(write) -> dict[str, Path]:
    return {"source": write("zh-en.dev.zh", "zh-1\t一\nzh-2\t二\n"), "english": write("zh-en.dev.en", "en-1\tone\nen-2\tother\n")}


def test_bucc_without_gold_and_with(write):
    files = _bucc(write)
    assert _relevant(_fields(bucc, files, "zh")) == {"zh/zh-1": None, "zh/zh-2": None}
    files["gold"] = write("zh-en.dev.gold", "zh-1\ten-1\n")
    rows = _fields(bucc, files, "zh")
    assert _relevant(rows) == {"zh/zh-1": ["zh/en-1"], "zh/zh-2": []}
    assert [row["id"] for row in rows if row["side"] == "candidate"] == ["zh/en-1", "zh/en-2"]
    assert all(row["relevant"] is None for row in rows if row["side"] == "candidate")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("zh-en.dev.gold", "zh-1\ten-9\n", "zh-en.dev.gold:1: id 'en-9' is not in zh-en.dev.en"),
        ("zh-en.dev.gold", "zh-9\ten-1\n", "zh-en.dev.gold:1: id 'zh-9' is not in zh-en.dev.zh"),
        ("zh-en.dev.gold", "zh-1 en-1\n", "zh-en.dev.gold:1: 1 column, expected id TAB English id"),
        ("zh-en.dev.en", "en-1\tone\nno tab\n", "zh-en.dev.en:2: 1 column, expected id TAB sentence"),
        ("zh-en.dev.en", "en-1\tone\ten\n", "zh-en.dev.en:1: 3 columns, expected id TAB sentence"),
    ],
)
def test_wrong_bucc(write, name, content, message):
    files = _bucc(write) | {"gold": write("zh-en.dev.gold", "zh-1\ten-1\n")}
    write(name, content)
    with pytest.raises(UserError, match=re.escape(message)):
        _fields(bucc, files, "zh")


def _xquad_r(write, language: str, context: str, breaks: list[list[int]], start: int) -> dict[str, Path]:
    questions = [{"id": "q1", "question": "?", "answers": [{"text": context[start], "answer_start": start}]}]
    paragraph = {"context": context, "sentence_breaks": breaks, "qas": questions}
    return {"data": write(f"{language}.json", json.dumps({"data": [{"paragraphs": [paragraph]}]}))}


def test_lareqa_candidates_and_links(write):
    english = _fields(lareqa, _xquad_r(write, "en", "A. B. A.", [[0, 2], [3, 5], [6, 8]], 0), "en")
    german = _fields(lareqa, _xquad_r(write, "de", "B. A.", [[0, 2], [3, 5]], 3), "de")
    assert [(row["id"], row["text"], row.get("context")) for row in english] == [
        ("en/q1", "?", None),
        ("en/0-0", "A.", "A. B. A."),
        ("en/0-1", "B.", "A. B. A."),
        ("en/0-2", "A.", "A. B. A."),
    ]
    assert _relevant(english) == {"en/q1": ["en/0-0", "en/0-2"]}  # an equal sentence of the paragraph answers too
    lareqa.link(english + german)
    assert _relevant(english + german) == {key: ["en/0-0", "en/0-2", "de/0-1"] for key in ("en/q1", "de/q1")}


def test_lareqa_drops_a_question_whose_answer_starts_in_no_sentence(write):
    rows = _fields(lareqa, _xquad_r(write, "en", "A.  B.", [[0, 2], [4, 6]], 2), "en")
    assert [row["id"] for row in rows] == ["en/0-0", "en/0-1"]


def test_lareqa_needs_sentence_breaks(write):
    path = write("a.json", json.dumps({"data": [{"paragraphs": [{"context": "A.", "qas": []}]}]}))
    with pytest.raises(UserError, match="paragraph 0 has no sentence_breaks; expected XQuAD-R's JSON"):
        _fields(lareqa, {"data": path}, "en")


def _squad(write, *paragraphs: tuple[str, dict[str, int | None]]) -> dict[str, Path]:
    made = []
    for context, starts in paragraphs:
        questions = []
        for name, start in starts.items():
            answers = [] if start is None else [{"text": context[start : start + 3], "answer_start": start}]
            questions.append({"id": name, "question": f"{name}?", "answers": answers})
        made.append({"paragraphs": [{"context": context, "qas": questions}]})
    return {"data": write("train.json", json.dumps({"data": made}))}


def test_training_pairs(write):
    first = "One is here. Two is there."
    files = _squad(write, (first, {"a": 0, "b": 13, "none": None}), ("Six.", {"c": 0}), (first, {"d": 17}))
    rows = _fields(squad_sentences, files, "en")
    assert _relevant(rows) == {"en/a": ["en/0-0"], "en/b": ["en/0-1"], "en/d": ["en/0-1"], "en/c": ["en/1-0"]}
    candidates = {row["id"]: (row["text"], row["context"]) for row in rows if row["side"] == "candidate"}
    assert candidates == {"en/0-0": ("One is here.", first), "en/0-1": ("Two is there.", first), "en/1-0": ("Six.", "Six.")}


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It is 6. It is.", ["It is 6.", "It is."]),
        ("approx. three of them.", ["approx. three of them."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("一。二！三", ["一。", "二！", "三"]),
        ("यह है। वह है।", ["यह है।", "वह है।"]),
        ("a title\nA text.", ["a title", "A text."]),
        ("version 1.5 of it", ["version 1.5 of it"]),
    ],
)
def test_where_sentences_end(text, sentences):
    assert [text[start:end] for start, end in sentence_spans(text, [])] == sentences


@given(st.text("aA.!? \n。", max_size=40), st.integers(0, 40), st.integers(1, 10))
def test_sentences_cover_the_text_and_split_no_answer(text, start, length):
    end = min(start + length, len(text))
    spans = sentence_spans(text, [(start, end)])
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    answer = text[start:end].strip()
    if answer:
        first = text.index(answer, start)
        assert any(a <= first and first + len(answer) <= b for a, b in spans)
