"""conll and conllu."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import UserError
from xstilts.sources.raw import readable
from xstilts.sources.readers import conll, conllu
from xstilts.tasks.declaration import Source


def _fields(reader, path: Path, language: str = "en", split: str = "train", columns: dict | None = None, **options) -> list[dict]:
    source = Source(reader="x", options=options, columns=columns or {})
    return [row.fields for row in readable(reader.read({"data": path}, source, split, language))]


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n\r\n"])
def test_sentences_with_tags(write, end):
    path = write("a.tsv", f"''\tO\n=\tB-PER\n\n\n**\tO{end}")
    rows = list(conll.read({"data": path}, Source(reader="conll"), "train", "en"))
    assert [row.where for row in rows] == [f"{path}:1", f"{path}:5"]
    assert [row.fields for row in rows] == [{"words": ["''", "="], "tags": ["O", "B-PER"]}, {"words": ["**"], "tags": ["O"]}]


def test_words_alone_have_no_gold_and_only_a_test_may_lack_it(write):
    path = write("a.tsv", "one\ntwo\n\nthree")
    words = [{"words": ["one", "two"]}, {"words": ["three"]}]
    assert _fields(conll, path, split="test") == _fields(conll, path, no_gold=["train"]) == words
    for split in ("train", "validation"):
        told = f"{path}:1: no tags in the {split} split, expected two columns, word and tag, separated by TAB or blanks"
        with pytest.raises(UserError, match=re.escape(told) + rf".*options.no_gold=\[{split}\]"):
            _fields(conll, path, split=split)


@pytest.mark.parametrize("between", ["\t", " ", "   ", " \t "])
def test_the_file_says_what_parts_its_columns(write, between):
    """As in CoNLL-2003 and MasakhaNER, blanks; as in WikiANN, a TAB."""
    path = write(
        "a.txt",
        f"-DOCSTART-{between}O\n\nWien{between}B-LOC\nhe{between}O\n\n-DOCSTART-{between}O\n(\u00a0{between}O\n".replace(
            " \t ", "\t"
        ),
    )
    assert _fields(conll, path) == [
        {"words": ["Wien", "he"], "tags": ["B-LOC", "O"]},
        {"words": ["(\u00a0"], "tags": ["O"]},
    ]


def test_blanks_at_the_ends_of_a_line_part_nothing(write):
    assert _fields(conll, write("a.txt", " Wien  B-LOC \nhe O\n")) == [{"words": ["Wien", "he"], "tags": ["B-LOC", "O"]}]
    assert _fields(conll, write("b.txt", "Wien \nhe\n"), split="test") == [{"words": ["Wien ", "he"]}]


@pytest.mark.parametrize(
    ("delimiter", "line"), [("\t", "a b\tO"), ("\\t", "a b\tO"), (" ", "a\tO"), ("|", "a b|O"), ("###", "a b###O")]
)
def test_a_delimiter_is_what_is_said(write, delimiter, line):
    word = line.partition("\t" if delimiter == "\\t" else "\t" if delimiter == " " else delimiter)[0]
    assert _fields(conll, write("a.txt", line + "\n"), delimiter=delimiter) == [{"words": [word], "tags": ["O"]}]


def test_an_empty_word_is_one_in_a_file_parted_by_tab(write):
    assert _fields(conll, write("a.tsv", "\tO\nb\tO\n"))[0]["words"] == ["", "b"]


CONLL_2003 = "EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP B-PER\n"
IOB2 = "# newdoc\n# sent_id = 1\n# text = # hm\n1\t#\tO\t-\t-\n2\thm\tB-PER\t-\t-\n\n# sent_id = 2\n1\ta\tO\t-\t-\n"


def test_columns_are_chosen_by_number_or_name(write):
    path = write("a.txt", CONLL_2003)
    found = _fields(conll, path, columns={"words": 1, "tags": 4})
    assert [row["1"] for row in found] == [["EU", "rejects"], ["Peter"]] and found[0]["4"] == ["B-ORG", "O"]
    named = _fields(conll, path, columns={"words": "form"}, names=["form", "pos", "chunk", "tags"])
    assert named[0] == {"form": ["EU", "rejects"], "pos": ["NNP", "VBZ"], "chunk": ["B-NP", "B-VP"], "tags": ["B-ORG", "O"]}
    with pytest.raises(UserError, match=re.escape(f"{path}:1: 4 columns separated by blanks; name those of words and tags")):
        _fields(conll, path)
    with pytest.raises(UserError, match=re.escape("columns: {words: 1, tags: 4}")):
        _fields(conll, path, columns={"words": 1})
    with pytest.raises(UserError, match=re.escape(f"{path}:1: 4 columns, expected 2 (words, tags) separated by blanks")):
        _fields(conll, path, names=["words", "tags"])


def test_lines_may_differ_after_the_last_numbered_column_of_a_file_parted_by_tab(write):
    """As in early UNER, where only entities have an annotator."""
    path = write("a.iob2", "1\tIn\tO\n2\tRome\tB-LOC\t-\tann\n")
    found = _fields(conll, path, columns={"words": 2, "tags": 3})
    assert (found[0]["2"], found[0]["3"]) == (["In", "Rome"], ["O", "B-LOC"])
    with pytest.raises(UserError, match=re.escape(f"{path}:2: 5 columns, expected 3 (id, words, tags) separated by TAB")):
        _fields(conll, path, names=["id", "words", "tags"])
    short = write("b.iob2", "1\tIn\tO\n2\tRome\n")
    with pytest.raises(UserError, match=re.escape(f"{short}:2: 2 columns, expected 3 (1, 2, 3) separated by TAB")):
        _fields(conll, short, columns={"words": 2, "tags": 3})


def test_comments_before_a_sentence_are_no_words(write):
    found = _fields(conll, write("a.iob2", IOB2), columns={"words": 2, "tags": 3})
    assert [(row["2"], row["3"]) for row in found] == [(["#", "hm"], ["O", "B-PER"]), (["a"], ["O"])]
    assert len(_fields(conll, write("e.txt", "# newdoc\n" + CONLL_2003), columns={"words": 1, "tags": 4})) == 2
    alone = write("b.txt", "# id = 1\n#\ntag\n\n# id = 2\nword\n")
    assert _fields(conll, alone, split="test") == [{"words": ["#", "tag"]}, {"words": ["word"]}]
    assert _fields(conll, write("c.txt", "# O\nb B-PER\n\n# O\n"))[1] == {"words": ["#"], "tags": ["O"]}
    multiconer = write("d.conll", "# id 1-2\tdomain=en\nthe _ _ O\n\n# id 1-3\tdomain=en\ncat _ _ B-X\n")
    assert [row["1"] for row in _fields(conll, multiconer, columns={"words": 1, "tags": 4}, comment="# id ")] == [
        ["the"],
        ["cat"],
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
        ("a\tO\nb\n", 2, "1 column, expected 2 (words, tags) separated by TAB"),
        ("a\tO\nb O\n", 2, "1 column, expected 2 (words, tags) separated by TAB; this line is separated by blanks"),
        ("a O\nb\n", 2, "1 column, expected 2 (words, tags) separated by blanks"),
        (
            "a O\nNew York O\n",
            2,
            "3 columns, expected 2 (words, tags) separated by blanks; if a word contains blanks, separate all",
        ),
        ("a\tO\nb\tO\tx\n", 2, "3 columns, expected 2 (words, tags) separated by TAB"),
        ("a\n\nb\tO\n", 1, "no tags in the train split"),
        ("a\tO\tx\n", 1, "3 columns separated by TAB; name those of words and tags"),
    ],
)
def test_a_wrong_number_of_columns(write, content, line, expected):
    path = write("a.tsv", content)
    with pytest.raises(UserError, match=re.escape(f"{path}:{line}: {expected}")):
        _fields(conll, path)
    if content.startswith("a\n"):
        with pytest.raises(UserError, match=re.escape(f"{path}:3: 2 columns, expected a word alone, as in most lines")):
            _fields(conll, path, split="test")


WORDS = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), blacklist_characters="\ufeff"), min_size=1)
SENTENCES = st.lists(
    st.lists(st.tuples(WORDS.filter(lambda word: word != "-DOCSTART-"), st.sampled_from(["O", "B-a-b", "#"])), min_size=1),
    min_size=1,
)


@pytest.mark.slow
@given(SENTENCES, st.sampled_from(["\t", " ", " \t"]))
def test_what_is_written_is_read_back(tmp_path_factory, sentences, between):
    path = tmp_path_factory.mktemp("conll") / "a.txt"
    path.write_text("\n\n".join("\n".join(f"{word}{between}{tag}" for word, tag in one) for one in sentences), encoding="utf-8")
    found = _fields(conll, path, **({"delimiter": " "} if between == " \t" else {}))
    assert [list(zip(row["words"], row["tags"], strict=True)) for row in found] == sentences


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
    with pytest.raises(UserError, match=re.escape(f"{path}:1: 2 columns, expected the 10 of CoNLL-U")):
        _fields(conllu, path)


@pytest.mark.parametrize(
    ("words", "line", "told"),
    [
        (["x a NOUN 0"], 2, "id 'x', expected a number"),
        (["01 a NOUN 0"], 2, "id '01', expected a number"),
        (["\u00b2 a NOUN 0"], 2, "id '\u00b2', expected a number"),
        (["2 a NOUN 0"], 2, "id 2, expected 1"),
        (["1 a NOUN 0", "3 b NOUN 1"], 3, "id 3, expected 2"),
        (["1 a NOUN 0", "2 b NOUN 1", "2 c NOUN 1"], 4, "id 2, expected 3"),
        (["1 a NOUN 0", "2 b NOUN 1", "1 c NOUN 1"], 4, "ids start again at 1, so a blank line is missing between two sentences"),
        (["1 a NOUN 0", "1 b NOUN 1"], 3, "ids start again at 1"),
        (
            ["1 a NOUN 0", "2-4 bcd _ _", "2 b NOUN 1", "3 c NOUN 1"],
            3,
            "the range 2-4 reaches beyond the sentence, whose last word is 3",
        ),
        (["1-2 ab _ _"], 2, "the range 1-2 reaches beyond the sentence, whose last word is 0"),
        (["1 a NOUN 0", "3-2 cb _ _", "2 b NOUN 1"], 3, "the range 3-2, expected 2-N before the word 2"),
        (["2-1 ab _ _", "1 a NOUN 0"], 2, "the range 2-1, expected 1-N before the word 1"),
        (["1-2 ab _ _", "1-2 ab _ _", "1 a NOUN 0", "2 b NOUN 1"], 3, "the range 1-2 repeats or overlaps the range before it"),
        (
            ["1-2 ab _ _", "1 a NOUN 0", "2-3 bc _ _", "2 b NOUN 1", "3 c NOUN 1"],
            4,
            "the range 2-3 repeats or overlaps the range",
        ),
        (["1 a NOUN 0", "1-2 ab _ _", "1 b NOUN 1", "2 c NOUN 1"], 3, "ids start again at 1, so a blank line is missing"),
        (["1 a NOUN 0", "3-4 ab _ _", "2 b NOUN 1"], 3, "the range 3-4, expected 2-N before the word 2"),
        (["1 a NOUN 0", "2.0 b NOUN 1"], 3, "id '2.0', expected a number"),
    ],
)
def test_ids_run_from_1_and_ranges_fit_them(write, words, line, told):
    path = write("a.conllu", _conllu(*words))
    for fused in (True, False):
        with pytest.raises(UserError, match=re.escape(f"{path}:{line}: {told}")):
            _fields(conllu, path, fused=fused)


def test_a_missing_blank_line_after_joining_two_files(write):
    first, second = _conllu("1 a NOUN 0", "2 b NOUN 1"), _conllu("1 c NOUN 0")
    path = write("a.conllu", first.rstrip("\n") + "\n" + second)
    with pytest.raises(UserError, match=re.escape(f"{path}:5: ids start again at 1, so a blank line is missing")):
        _fields(conllu, path)
    assert len(_fields(conllu, write("b.conllu", first + second))) == 2


@given(st.data())
def test_well_formed_ids_are_read_and_others_refused(tmp_path_factory, data):
    size = data.draw(st.integers(1, 6))
    ranges, start = [], 1
    while start <= size:
        end = data.draw(st.integers(start, size))
        ranges += [(start, end)] if data.draw(st.booleans()) and end > start else []
        start = end + 1
    words = []
    for number in range(1, size + 1):
        words += [f"{a}-{b} r{a} _ _" for a, b in ranges if a == number] + [f"{number} w{number} NOUN 0"]
        words += [f"{number}.1 e _ _"] if data.draw(st.booleans()) else []
    folder = tmp_path_factory.mktemp("conllu")
    (folder / "a.conllu").write_text(_conllu(*words), encoding="utf-8")
    (row,) = _fields(conllu, folder / "a.conllu")
    covered = {number for a, b in ranges for number in range(a, b + 1)}
    heads = {a: f"r{a}" for a, _ in ranges} | {n: f"w{n}" for n in range(1, size + 1) if n not in covered}
    assert row["words"] == [heads[number] for number in sorted(heads)]
    place = data.draw(st.integers(0, len(words) - 1))
    if words[place].split()[0].isdecimal() and size > 1 and not words[place].startswith(f"{size} "):
        (folder / "b.conllu").write_text(_conllu(*words[:place], *words[place + 1 :]), encoding="utf-8")
        with pytest.raises(UserError, match=r"b\.conllu:[0-9]+: (id|the range|ids)"):
            _fields(conllu, folder / "b.conllu")


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
    theirs = _fields(conll, shared_data / f"xtreme/udpos/{split}-te.tsv", "te", split)
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
