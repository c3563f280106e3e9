import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.featurizers.span_windows import align, contexts, most_context, windows

SIZES = st.tuples(st.integers(0, 60), st.integers(1, 20)).flatmap(lambda s: st.tuples(*map(st.just, s), st.integers(1, s[1])))


@settings(deadline=None)
@given(SIZES)
def test_windows(sizes):
    count, room, step = sizes
    cut = windows(count, room, step).tolist()
    assert [start for start, _ in cut] == [number * step for number in range(len(cut))]
    assert all(end == min(start + room, count) for start, end in cut)
    assert [end for _, end in cut].count(count) == 1  # the last is the first that reaches the end
    assert set(range(count)) == {position for start, end in cut for position in range(start, end)}


@settings(deadline=None)
@given(SIZES)
def test_most_context_is_the_rule_of_run_squad(sizes):
    count, room, step = sizes
    cut = windows(count, room, step)
    expected = []
    for position in range(count):
        scores = {}
        for number, (start, end) in enumerate(cut.tolist()):
            if start <= position < end:
                scores[number] = min(position - start, end - 1 - position) + 0.01 * (end - start)
        expected.append(max(scores, key=scores.get))
    assert most_context(cut, count).tolist() == expected


def text_of(context, text, first, last):
    return text[context.spans_N2[first, 0] : context.spans_N2[last, 1]]


TEXT = "Sie kam heute, nach £7 und ½ Stunde.\u00a0เมื่อวานนี้ 昨天下午　到了 ﬁn e\u0301te\u0301"


def test_spans_hold_no_whitespace(tokenizer):
    context = contexts(tokenizer, [TEXT])[TEXT]
    pieces = tokenizer.convert_ids_to_tokens(context.ids_N.tolist())
    for number, (piece, (start, end)) in enumerate(zip(pieces, context.spans_N2.tolist(), strict=True)):
        assert TEXT[start:end] == TEXT[start:end].strip()
        assert (start == end) == (piece == "▁"), (number, piece)


@pytest.mark.parametrize(
    "answer", ["kam", "heute", "heute,", "£7", "½", "½ Stunde", "เมื่อวานนี้", "昨天下午", "到了", "ﬁn", "7 und ½", "e\u0301te\u0301"]
)
def test_align_finds_the_answer(tokenizer, answer):
    context = contexts(tokenizer, [TEXT])[TEXT]
    start = TEXT.index(answer)
    first, last = align(context, start, start + len(answer))
    assert text_of(context, TEXT, first, last) == answer
    alone = tokenizer(answer, add_special_tokens=False)["input_ids"]
    if TEXT[start - 1].isspace():  # at the beginning of a word the subwords are those of the answer by itself
        assert context.ids_N[first : last + 1].tolist()[: len(alone) - 1] == alone[:-1]


def test_align_inside_a_subword(tokenizer):
    context = contexts(tokenizer, ["They loved it"])["They loved it"]
    first, last = align(context, 1, 3)
    assert text_of(context, "They loved it", first, last) == "They"


def test_align_without_a_subword(tokenizer):
    context = contexts(tokenizer, ["a \u200b b"])["a \u200b b"]
    assert align(context, 2, 3) is None
    assert align(context, 1, 2) is None


def test_contexts_are_tokenized_once(tokenizer):
    assert contexts(tokenizer, []) == {}
    tokenized = contexts(tokenizer, ["x", "", "x"])
    assert list(tokenized) == ["x", ""]
    assert tokenized[""].spans_N2.shape == (0, 2)
    assert tokenized["x"].ids_N.dtype == tokenized["x"].spans_N2.dtype == np.int32
