import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.featurizers.span_windows import align, contexts, most_context, windows

SIZES = st.tuples(st.integers(0, 60), st.integers(1, 20)).flatmap(lambda s: st.tuples(*map(st.just, s), st.integers(1, s[1])))
ALPHABET = "ab ▁é\u0301\u0323\u0947क़क\u093cé\u200b\u3000£½ﬁ昨天เมื่"
TEXTS = st.lists(st.text(max_size=25) | st.text(ALPHABET, max_size=25), min_size=1, max_size=5)


def cut_of(sizes):
    """The windows of every example, [start, end) each, from (tokens, room, step) of each."""
    cut = windows(*(np.array(column, dtype=np.int64) for column in zip(*sizes, strict=True)))
    rows = [[] for _ in sizes]
    for row, start, end in zip(cut.row_W.tolist(), cut.start_W.tolist(), cut.end_W.tolist(), strict=True):
        rows[row].append((start, end))
    assert cut.row_W.tolist() == sorted(cut.row_W.tolist())
    return cut, rows


@settings(deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=5))
def test_windows(sizes):
    _, rows = cut_of(sizes)
    for (count, room, step), found in zip(sizes, rows, strict=True):
        assert [start for start, _ in found] == [number * step for number in range(len(found))]
        assert all(end == min(start + room, count) for start, end in found)
        assert [end for _, end in found].count(count) == 1  # the last is the first that reaches the end
        assert set(range(count)) == {position for start, end in found for position in range(start, end)}


@settings(deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=5))
def test_most_context_is_the_rule_of_run_squad(sizes):
    cut, rows = cut_of(sizes)
    expected = []
    for (count, _, _), found in zip(sizes, rows, strict=True):
        best = []
        for position in range(count):
            scores = {}
            for number, (start, end) in enumerate(found):
                if start <= position < end:
                    scores[number] = min(position - start, end - 1 - position) + 0.01 * (end - start)
            best.append(max(scores, key=scores.get))
        expected += [best[position] == number for number, window in enumerate(found) for position in range(*window)]
    assert most_context(cut, np.array([count for count, _, _ in sizes])).tolist() == expected


def spans_alone(tokenizer, text):
    """The spans of a text that is tokenized by itself."""
    return contexts(tokenizer, [text]).spans.joined().tolist()


@settings(deadline=None, max_examples=60)
@given(TEXTS)
def test_contexts_are_those_of_each_text_alone(tokenizer, texts):
    found = contexts(tokenizer, texts)
    assert found.ids.arrow().to_pylist() == [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    for number, text in enumerate(texts):
        assert found.spans[np.array([number])].joined().tolist() == spans_alone(tokenizer, text)


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.data())
def test_align_looks_at_every_token(tokenizer, texts, data):
    wanted = [data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)) for text in texts]
    start, end = (np.array(column) for column in zip(*wanted, strict=True))
    found = align(contexts(tokenizer, texts).spans, start, end)
    for number, (text, (begin, stop)) in enumerate(zip(texts, wanted, strict=True)):
        spans = spans_alone(tokenizer, text)
        inside = [place for place, span in enumerate(spans) if span[0] < stop and span[1] > begin] or [-1]
        first = inside[0]
        if first > 0 and spans[first - 1] == [spans[first][0]] * 2:
            first -= 1
        assert (found[0][number], found[1][number]) == (first, inside[-1])


def aligned(tokenizer, text, start, end):
    """The context and the first and last token of [start, end)."""
    context = contexts(tokenizer, [text])
    (first,), (last,) = align(context.spans, np.array([start]), np.array([end]))
    return context, int(first), int(last)


def text_of(context, text, first, last):
    spans = context.spans.joined()
    return text[spans[first, 0] : spans[last, 1]]


TEXT = "Sie kam heute, nach £7 und ½ Stunde.\u00a0เมื่อวานนี้ 昨天下午　到了 ﬁn e\u0301te\u0301"


def test_spans_hold_no_whitespace(tokenizer):
    context = contexts(tokenizer, [TEXT])
    pieces = tokenizer.convert_ids_to_tokens(context.ids.joined().tolist())
    for number, (piece, (start, end)) in enumerate(zip(pieces, context.spans.joined().tolist(), strict=True)):
        assert TEXT[start:end] == TEXT[start:end].strip()
        assert (start == end) == (piece == "▁"), (number, piece)


@pytest.mark.parametrize(
    "answer", ["kam", "heute", "heute,", "£7", "½", "½ Stunde", "เมื่อวานนี้", "昨天下午", "到了", "ﬁn", "7 und ½", "e\u0301te\u0301"]
)
def test_align_finds_the_answer(tokenizer, answer):
    start = TEXT.index(answer)
    context, first, last = aligned(tokenizer, TEXT, start, start + len(answer))
    assert text_of(context, TEXT, first, last) == answer
    alone = tokenizer(answer, add_special_tokens=False)["input_ids"]
    if TEXT[start - 1].isspace():  # at the beginning of a word the tokens are those of the answer by itself
        assert context.ids.joined()[first : last + 1].tolist()[: len(alone) - 1] == alone[:-1]


def test_align_inside_a_token(tokenizer):
    context, first, last = aligned(tokenizer, "They loved it", 1, 3)
    assert text_of(context, "They loved it", first, last) == "They"


def test_align_without_a_token(tokenizer):
    assert aligned(tokenizer, "a \u200b b", 2, 3)[1:] == (-1, -1)
    assert aligned(tokenizer, "a \u200b b", 1, 2)[1:] == (-1, -1)


def test_equal_contexts_share_their_tokens(tokenizer):
    assert len(contexts(tokenizer, []).ids) == 0
    tokenized = contexts(tokenizer, ["x", "", "x"])
    assert tokenized.ids.starts_R.tolist() == [0, len(tokenized.ids.values_T), 0]
    assert tokenized.spans[np.array([1])].joined().shape == (0, 2)
    assert tokenized.ids.values_T.dtype == tokenized.spans.values_T.dtype == np.int32
