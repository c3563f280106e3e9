"""conll and conllu."""

import re
from pathlib import Path

import pytest

from xstilts.errors import UserError
from xstilts.sources.readers import conll, conllu
from xstilts.tasks.declaration import Source


def _fields(reader, path: Path, language: str = "en", **options) -> list[dict]:
    return [row.fields for row in reader.read({"data": path}, Source(reader="x", options=options), "train", language)]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n\r\n"])
def test_sentences_with_tags(write, end):
    path = write("a.tsv", f"''\tO\n=\tB-PER\n\n\n**\tO{end}")
    rows = list(conll.read({"data": path}, Source(reader="conll"), "train", "en"))
    assert [row.where for row in rows] == [f"{path}:1", f"{path}:5"]
    assert [row.fields for row in rows] == [{"words": ["''", "="], "tags": ["O", "B-PER"]}, {"words": ["**"], "tags": ["O"]}]


def test_tokens_alone_have_no_gold(write):
    assert _fields(conll, write("a.tsv", "one\ntwo\n\nthree")) == [
        {"words": ["one", "two"], "tags": None},
        {"words": ["three"], "tags": None},
    ]


def test_a_prefix_is_cut_at_the_first_colon(write):
    assert _fields(conll, write("de", "de::\tO\nde:a:b\tB-LOC\n"), "de", prefix=True) == [
        {"words": [":", "a:b"], "tags": ["O", "B-LOC"]}
    ]
    path = write("bad", "de:a\tO\nb\tO\n")
    with pytest.raises(UserError, match=re.escape(f"{path}:2: token 'b' without a language prefix, expected 'de:token'")):
        _fields(conll, path, "de", prefix=True)


@pytest.mark.parametrize(
    ("content", "line", "expected"),
    [
        ("a\tO\nb\n", 2, "1 column(s), expected token TAB tag"),
        ("a\n\nb\tO\n", 3, "2 column(s), expected a token alone"),
        ("a\tO\tx\n", 1, "3 column(s), expected token TAB tag, or a token alone"),
    ],
)
def test_a_wrong_number_of_columns(write, content, line, expected):
    path = write("a.tsv", content)
    with pytest.raises(UserError, match=re.escape(f"{path}:{line}: {expected}")):
        _fields(conll, path)


def _conllu(*words: str) -> str:
    """Lines from `id form upos head [enhanced]`."""
    lines = ["# text = x"]
    for word in words:
        index, form, tag, head, *enhanced = word.split()
        cells = [index, form.replace("~", " "), "_", tag, "_", "_", head, "_", *(enhanced or ["_"]), "_"]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n\n"


def test_the_word_nearest_to_the_root_gives_its_tag(write):
    path = write("a.conllu", _conllu("1 go VERB 0", "2-3 zum _ _", "2 zu ADP 4", "3 dem DET 4", "4 Haus NOUN 1"))
    assert _fields(conllu, path) == [
        {"words": ["go", "zum", "Haus"], "tags": ["VERB", "ADP", "NOUN"], "text": "x"}
    ]  # equal depth: ADP first
    path = write("b.conllu", _conllu("1-2 cannot _ _", "1 can AUX 3", "2 not PART 1", "3 go VERB 0"))
    assert _fields(conllu, path) == [{"words": ["cannot", "go"], "tags": ["AUX", "VERB"], "text": "x"}]


def test_enhanced_edges_count_as_ancestors(write):
    words = ["1-2 ab _ _", "1 a PART 3 3:x|2:y", "2 b NOUN 3 3:x", "3 c VERB 0 0:root"]
    assert _fields(conllu, write("a.conllu", _conllu(*words)))[0]["tags"] == ["NOUN", "VERB"]


def test_precedence_differs_by_language(write):
    path = write("a.conllu", _conllu("1 v VERB 0", "2-3 x _ _", "2 a ADV 1", "3 b PRON 1"))
    assert _fields(conllu, path, "pt")[0]["tags"] == ["VERB", "PRON"]
    assert _fields(conllu, path, "it")[0]["tags"] == ["VERB", "ADV"]


def test_syntactic_words_can_be_kept(write):
    path = write("a.conllu", _conllu("1-2 cannot _ _", "1 can AUX 3", "2 not PART 1", "3 go VERB 0"))
    assert _fields(conllu, path, fused=False)[0]["words"] == ["can", "not", "go"]


def test_empty_nodes_go_and_words_are_cleaned(write):
    path = write("a.conllu", _conllu("1 đề~phòng VERB 0", "1.1 ghost VERB _", "2 می\u200cروم VERB 1"))
    assert _fields(conllu, path) == [{"words": ["đềphòng", "میروم"], "tags": ["VERB", "VERB"], "text": "x"}]


def test_sentences_without_text_are_dropped(write):
    withheld = _conllu("1 _ NOUN 0", "2 _ VERB 1", "3 . PUNCT 1")
    kept = _conllu("1 _ NOUN 0", "2 a VERB 1", "3 . PUNCT 1")
    assert [row["words"] for row in _fields(conllu, write("a.conllu", withheld + kept))] == [["_", "a", "."]]


def test_the_text_of_a_sentence_is_its_comment_or_its_words(write):
    lines = _conllu("1-2 cannot _ _", "1 can AUX 3", "2 not PART 1", "3 go VERB 0")
    said = lines.replace("# text = x", "# sent_id = 1\n# text_en = no\n#text = We cannot = go.")
    silent = lines.replace("# text = x\n", "")
    assert [row["text"] for row in _fields(conllu, write("a.conllu", said + silent))] == ["We cannot = go.", "cannot go"]


def test_a_line_that_is_no_conllu(write):
    path = write("a.conllu", "1\ta\n")
    with pytest.raises(UserError, match=re.escape(f"{path}:1: 2 column(s), expected the 10 of CoNLL-U")):
        _fields(conllu, path)
    path = write("b.conllu", _conllu("x a NOUN 0"))
    with pytest.raises(UserError, match=re.escape(f"{path}:2: id 'x', expected a number")):
        _fields(conllu, path)


def test_tamil_comes_out_as_in_xtreme(shared_data):
    """Every sentence of XTREME's training file, and all but one of its 5,734 tags (UD releases differ)."""
    ours = _fields(conllu, shared_data / "originals/ud/UD_Tamil-TTB/ta_ttb-ud-train.conllu", "ta")
    theirs = _fields(conll, shared_data / "xtreme/udpos/train-ta.tsv", "ta")
    assert [row["words"] for row in ours] == [row["words"] for row in theirs]
    pairs = [pair for row, other in zip(ours, theirs, strict=True) for pair in zip(row["tags"], other["tags"], strict=True)]
    assert len(pairs) == 5734
    assert sum(tag != other for tag, other in pairs) == 1


@pytest.mark.parametrize(("split", "count"), [("train", 1051), ("dev", 131), ("test", 146)])
def test_telugu_comes_out_as_in_xtreme(shared_data, split, count):
    ours = _fields(conllu, shared_data / f"originals/ud/UD_Telugu-MTG/te_mtg-ud-{split}.conllu", "te")
    theirs = _fields(conll, shared_data / f"xtreme/udpos/{split}-te.tsv", "te")
    assert [row["words"] for row in ours] == [row["words"] for row in theirs]
    assert len(ours) == count


def test_raw_wikiann_as_released(shared_data):
    folder = shared_data / "originals/hf_dummy/wikiann"
    languages = sorted(path.name for path in folder.iterdir())
    assert len(languages) == 48
    tags = {
        tag
        for language in languages
        for row in _fields(conll, folder / language / "dev", language, prefix=True)
        for tag in row["tags"]
    }
    assert tags <= {"O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"}
    assert _fields(conll, folder / "de" / "dev", "de", prefix=True)[0]["words"][:3] == ["Anton", "Wilhelm", "von"]
