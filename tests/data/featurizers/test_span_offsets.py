"""Spans of tokens, completed: what a normaliser joined or a pre-tokenizer cut off is in a span all the same."""

import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from xstilts.data.featurizers.span_windows import align, contexts

WORDS = (
    "Leiden a I Breda, (mooi) 'Rotterdam'. £7 £ ½ ﬁne İstanbul größer 서울에 세종 녕 ㄱㅏ ﾊﾞｽ ﾃﾚﾋﾞ ﾎﾟ テレビ が クゞ "
    "été é क़लम बच्चों เมื่อ ทำ "
    "昨天下午， المحطة، אָבּ 👨‍👩‍👧 👍🏽 ❤️ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 അവന്‍ می‌خواهم ẹ̈ Việt ① ㍿ ㎏ …"
).split()
WORDS += sorted({unicodedata.normalize(form, word) for word in WORDS for form in ("NFD", "NFC")} - set(WORDS))
SPACES = st.sampled_from([" ", "  ", "\u00a0", "\u3000", "\n", " \u200b ", " \ufeff "])


def _unigram(*normalisers, before=None):
    alphabet = sorted({c for word in WORDS for form in ("NFC", "NFKC") for c in unicodedata.normalize(form, word)} - {"☃"})
    known = ["서울", "세종", "▁서울", "バス", "テレビ", "▁a", "▁Le", "iden", "▁été", "1⁄2"]
    vocabulary = [("<unk>", 0.0), *((piece, -3.0) for piece in known), ("▁", -8.0), *((c, -8.0) for c in alphabet)]
    made = Tokenizer(models.Unigram(list(dict(vocabulary).items()), unk_id=0, byte_fallback=False))
    made.normalizer = normalizers.Sequence(list(normalisers))
    if before is None:
        before = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", prepend_scheme="always")]
    if before:
        made.pre_tokenizer = pre_tokenizers.Sequence(before)
    return made


def _bytes(*before):
    pieces = [*pre_tokenizers.ByteLevel.alphabet(), "Le", "id", "en", "iden", "ĠL", "ĠLe", "re", "Ġa"]
    merges = [("L", "e"), ("i", "d"), ("e", "n"), ("id", "en"), ("Ġ", "Le"), ("r", "e"), ("Ġ", "a")]
    made = Tokenizer(models.BPE({piece: n for n, piece in enumerate([*dict.fromkeys([*pieces, "<unk>"])])}, merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *before,
            pre_tokenizers.ByteLevel(add_prefix_space=True, trim_offsets=True),
            *([pre_tokenizers.Punctuation()] * bool(before)),
        ]
    )
    return made


def _wordpiece():
    pieces = ["<unk>", "lei", "##den", "a", "e", "##t", "##e", "서", "##울", *"()',.£"]
    made = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="<unk>"))
    made.normalizer = normalizers.BertNormalizer(clean_text=True, strip_accents=True, lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


NFKC = normalizers.NFKC()
MADE = {
    "nmt and nfkc": _unigram(normalizers.Nmt(), NFKC, normalizers.Replace(Regex(" {2,}"), " ")),
    "nfc": _unigram(normalizers.NFC()),
    "nfkc, lower case, no accents": _unigram(NFKC, normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()),
    "bytes": _bytes(),
    "bytes of words, as RobBERT": _bytes(pre_tokenizers.Whitespace()),
    "wordpiece of BERT": _wordpiece(),
    "words and Metaspace": _unigram(
        NFKC, before=[pre_tokenizers.Whitespace(), pre_tokenizers.Metaspace("▁", prepend_scheme="always")]
    ),
    "blanks by the normaliser, as Llama": _unigram(normalizers.Prepend("▁"), normalizers.Replace(Regex(r"\s"), "▁"), before=[]),
}


@pytest.fixture(scope="module", params=MADE)
def each(request):
    return PreTrainedTokenizerFast(tokenizer_object=MADE[request.param], unk_token="<unk>")


def is_visible(character):
    joiner = character in "\u200c\u200d" or 0xE0020 <= ord(character) < 0xE0080
    return joiner or not (character.isspace() or unicodedata.category(character) in ("Cc", "Cf"))


def spans_of(tokenizer, text):
    return contexts(tokenizer, [text]).spans.joined().tolist()


def cut(tokenizer, text, start, end):
    """Return the text that is cut out for the answer [start, end)."""
    found = contexts(tokenizer, [text])
    (first,), (last,) = align(found.spans, np.array([start]), np.array([end]))
    spans = found.spans.joined()
    return text[spans[first, 0] : spans[last, 1]].strip()


@st.composite
def of_words(draw):
    """A text of words and the characters of one to three of them."""
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))
    first = draw(st.integers(0, len(words) - 1))
    last = draw(st.integers(first, min(first + 2, len(words) - 1)))
    text, places = draw(st.sampled_from(["", " "])), []
    for word in words:
        places.append((len(text), len(text) + len(word)))
        text += word + draw(SPACES)
    return text, places[first][0], places[last][1]


@settings(deadline=None, max_examples=100)
@given(of_words())
def test_whole_words_are_cut_as_they_are(each, drawn):
    text, start, end = drawn
    assert cut(each, text, start, end) == text[start:end]


@settings(deadline=None, max_examples=60)
@given(of_words())
def test_whole_words_are_cut_by_a_real_tokenizer(tokenizer, drawn):
    text, start, end = drawn
    assert cut(tokenizer, text, start, end) == text[start:end]


TEXTS = st.text(st.sampled_from("".join(WORDS) + " \u00a0\u200b\n") | st.characters(codec="utf-8"), max_size=30)


@settings(deadline=None, max_examples=100)
@given(TEXTS)
def test_every_visible_character_between_two_tokens_is_in_a_span(each, text):
    spans = spans_of(each, text)
    filled = [(start, end) for start, end in spans if start < end]
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    covered = {place for span in filled for place in range(*span)}
    between = range(filled[0][0], filled[-1][1]) if filled else ()
    assert [text[place] for place in between if is_visible(text[place]) and place not in covered] == []


@settings(deadline=None, max_examples=100)
@given(TEXTS, st.data())
def test_answers_that_begin_and_end_with_a_token_are_cut_as_they_are(each, text, data):
    spans = spans_of(each, text)
    filled = [
        (start, end)
        for start, end in spans
        if text[start:end].strip() and not any(a < place < b for a, b in spans for place in (start, end))
    ]
    if filled:  # those that share no character with another, as the parts of 1/4 do
        first = data.draw(st.integers(0, len(filled) - 1))
        last = data.draw(st.integers(first, len(filled) - 1))
        start, end = filled[first][0], filled[last][1]
        assert cut(each, text, start, end) == text[start:end].strip()


def shown(name, text):
    made = PreTrainedTokenizerFast(tokenizer_object=MADE[name], unk_token="<unk>")
    return [text[start:end] for start, end in spans_of(made, text)]


def test_decomposed_hangul_goes_with_its_syllable():
    text = unicodedata.normalize("NFD", "서울에 세종")
    assert [unicodedata.normalize("NFC", piece) for piece in shown("nmt and nfkc", text)] == ["서울", "에", "", "세종"]


def test_a_voicing_mark_of_half_width_kana_goes_with_its_kana():
    assert shown("nmt and nfkc", "ﾊﾞｽ ﾃﾚﾋﾞ") == ["", "ﾊﾞｽ", "", "ﾃﾚﾋﾞ"]


def test_a_joiner_goes_with_the_character_before_it():
    assert [piece for piece in shown("nmt and nfkc", "👨\u200d👩 അവന്\u200d x") if "\u200d" in piece] == ["👨\u200d", "്\u200d"]


def test_the_first_letter_goes_with_the_token_that_lost_it():
    pieces = [piece for piece in shown("bytes of words, as RobBERT", "de stad Leiden") if piece]
    assert pieces == ["d", "e", "s", "t", "a", "d", "Le", "iden"]
    assert shown("bytes of words, as RobBERT", "(mooi).")[-1] == "."


@pytest.mark.parametrize("text", ["a☃ b", "a ☃b", "a☃b a", "a\u0301b b", "☃a b☃", "b☃☃a a☃b"])
def test_words_with_characters_that_the_vocabulary_drops_are_cut_as_they_are(text):
    made = Tokenizer(models.BPE({"a": 0, "b": 1, "<unk>": 2}, []))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made)
    for word in re.finditer(r"\S+", text):
        assert cut(wrapped, text, *word.span()) == word[0]


@pytest.mark.parametrize("blank", ["\u200b", "\ufeff", "\u200e", "\x01"])
def test_invisible_characters_that_the_normaliser_drops_are_in_no_span(blank):
    assert [piece for piece in shown("nmt and nfkc", f"{blank}a{blank}a {blank}a{blank} {blank} a{blank}") if piece] == ["a"] * 4


def test_texts_do_not_reach_into_each_other(each):
    texts = ["", "서울", "x\u0301", "", "\u0301", "\u200b", "a"]
    together = contexts(each, texts)
    assert [together.spans[np.array([n])].joined().tolist() for n in range(len(texts))] == [
        spans_of(each, text) for text in texts
    ]
