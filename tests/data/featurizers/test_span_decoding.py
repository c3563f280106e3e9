import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.featurizers import span_qa
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.span_qa import FORMAT

TASK = Task(name="qa", format="span_qa")
LIMITS = Limits(max_length=96, doc_stride=16, max_query_length=8, max_answer_length=60)
WORDS = st.sampled_from(
    "Nile £7 (about) “quoted” größer, ½ ﬁne المحطة، बच्चों เมื่อวานนี้ 昨天下午，我們 kitabu 3.50 e\u0301te\u0301 🙂 … Ⅳ".split()
)
SPACES = st.sampled_from([" ", "  ", "\u00a0", "\u3000", "\n", " \u200b "])


@st.composite
def answered(draw):
    """A context of words, and an answer of one to three of them."""
    words = draw(st.lists(WORDS, min_size=1, max_size=90))
    first = draw(st.integers(0, len(words) - 1))
    last = draw(st.integers(first, min(first + 2, len(words) - 1)))
    context, starts, ends = draw(st.sampled_from(["", " "])), [], []
    for word in words:
        starts.append(len(context))
        ends.append(len(context) + len(word))
        context += word + draw(SPACES)
    return context, {"text": context[starts[first] : ends[last]], "start": starts[first]}


def examples(*rows):
    return Dataset.from_list(
        [{"id": str(n), "language": "en", "question": "Where?", "context": c, "answers": a} for n, (c, a) in enumerate(rows)],
        features=FORMAT.features,
    )


def featurized(rows, tokenizer, limits=LIMITS):
    return span_qa.featurize(rows, tokenizer, TASK, limits, training=False)


def perfect(features):
    """Outputs that point to the gold answer in each window that has it, and nowhere in the others."""
    outputs = []
    for row in features:
        output = {name: np.zeros(row["length"], dtype=np.float32) for name in ("start", "end")}
        if row["start_position"] > 0:
            output["start"][row["start_position"]] = output["end"][row["end_position"]] = 10
        outputs.append(output)
    return outputs


def scores(length, **high):
    array = np.zeros(length, dtype=np.float32)
    for position, score in high.items():
        array[int(position[1:])] = score
    return array


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(answered(), min_size=1, max_size=3))
def test_perfect_outputs_give_the_gold(tokenizer, rows):
    table = examples(*[(context, [answer]) for context, answer in rows])
    features = featurized(table, tokenizer)
    assert span_qa.decode(table, features, perfect(features), TASK, LIMITS) == [answer["text"] for _, answer in rows]


CONTEXT = "one two three four five"


@pytest.fixture
def single(tokenizer):
    """One window; `at[word]`: its first token, `stop[word]`: its last one."""
    table = examples((CONTEXT, None))
    features = featurized(table, tokenizer)
    spans = np.array(features["offsets"][0]).reshape(-1, 2)
    at, stop = {}, {}
    for word in CONTEXT.split():
        inside = np.flatnonzero((spans[:, 0] < CONTEXT.index(word) + len(word)) & (spans[:, 1] > CONTEXT.index(word)))
        at[word], stop[word] = int(inside[0]), int(inside[-1])
    return table, features, at, stop


def decode(single, start, end, limits=LIMITS, **options):
    table, features, _, _ = single
    length = features["length"][0]
    arrays = {"start": np.zeros(length, dtype=np.float32), "end": np.zeros(length, dtype=np.float32)}
    for name, high in (("start", start), ("end", end)):
        for position, score in high.items():
            arrays[name][position] = score
    return span_qa.decode(table, features, [arrays], TASK, limits, **options)[0]


def test_best_pair(single):
    _, _, at, stop = single
    assert decode(single, {at["two"]: 5, at["four"]: 4}, {stop["three"]: 5, stop["four"]: 4}) == "two three"


def test_end_before_start_is_impossible(single):
    _, _, at, stop = single
    assert decode(single, {at["four"]: 5, at["two"]: 4}, {stop["three"]: 5}) == "two three"


def test_question_and_special_tokens_are_no_answer(single):
    _, _, at, stop = single
    assert decode(single, {0: 9, 1: 9, at["two"]: 4}, {0: 9, 1: 9, stop["two"]: 4}) == "two"


def test_max_answer_length(single):
    _, _, at, stop = single
    count = stop["three"] - at["two"] + 1
    high = {at["two"]: 5}, {stop["three"]: 5, stop["two"]: 3}
    assert decode(single, *high, Limits(max_answer_length=count)) == "two three"
    assert decode(single, *high, Limits(max_answer_length=count - 1)) == "two"


def test_only_the_n_best_are_paired(single):
    _, _, at, stop = single
    start, end = {0: 9, at["two"]: 4}, {0: 9, stop["two"]: 4}
    assert decode(single, start, end, Limits(n_best=2)) == "two"
    start, end = {at["four"]: 5, at["two"]: 4}, {stop["one"]: 5, stop["two"]: 4, stop["five"]: 3}
    assert decode(single, start, end, Limits(n_best=2)) == "two"
    assert decode(single, start, end, Limits(n_best=3)) == "four five"


def test_without_a_possible_pair_among_the_n_best_all_are_looked_at(single):
    _, _, at, stop = single
    assert decode(single, {0: 9, at["three"]: 4}, {0: 9, stop["three"]: 4}, Limits(n_best=1)) == "three"


def test_no_answer(single):
    _, _, at, stop = single
    high = {0: 5, at["two"]: 3}, {0: 5, stop["two"]: 3}  # the null score is 4 above the best span's
    assert decode(single, *high) == "two"  # the data has no unanswerable question
    assert decode(single, *high, allow_no_answer=True) == ""
    assert decode(single, *high, Limits(null_threshold=3.9), allow_no_answer=True) == ""
    assert decode(single, *high, Limits(null_threshold=4.0), allow_no_answer=True) == "two"


def test_the_probability_of_the_answer_and_of_none(tokenizer):
    limits = Limits(n_best=2)
    for gold, scored, expected in (
        (None, {"p0": 9.0}, {"answer": 0.5}),  # of two best texts; no question is unanswerable
        ([], {"p0": 1.0}, {"answer": 0.107, "none": 0.787}),  # 1, 1 and e**2 of their sum
    ):
        table = examples((CONTEXT, gold))
        features = featurized(table, tokenizer)
        outputs = [{"start": scores(n, **scored), "end": scores(n, **scored)} for n in features["length"]]
        wide = [{name: np.where(values > 0, values, 0) for name, values in one.items()} for one in outputs]
        found = span_qa.confidence(table, features, wide, TASK, limits)
        assert found == [expected]
    table = examples(("", None))
    features = featurized(table, tokenizer)
    assert span_qa.confidence(table, features, [{"start": np.zeros(9), "end": np.zeros(9)}], TASK, limits) == [{}]


def test_no_answer_follows_the_gold_unless_told(tokenizer):
    table = examples((CONTEXT, []), (CONTEXT, [{"text": "two", "start": 4}]))
    features = featurized(table, tokenizer)
    outputs = [{"start": scores(n, p0=5), "end": scores(n, p0=5)} for n in features["length"]]
    assert span_qa.decode(table, features, outputs, TASK, LIMITS) == ["", ""]
    assert "" not in span_qa.decode(table, features, outputs, TASK, LIMITS, allow_no_answer=False)


def test_null_score_is_the_least_of_all_windows(tokenizer):
    table = examples(("word " * 200, []))
    features = featurized(table, tokenizer)
    assert len(features) > 2
    outputs = [{"start": scores(n, p0=9), "end": scores(n, p0=9)} for n in features["length"]]
    assert span_qa.decode(table, features, outputs, TASK, LIMITS) == [""]
    outputs[1]["start"][0] = -20
    assert span_qa.decode(table, features, outputs, TASK, LIMITS) == ["word"]


def test_starts_count_in_the_window_with_most_context_only(tokenizer):
    table = examples((" ".join(f"{n}" for n in range(100, 300)), None))
    features = featurized(table, tokenizer)
    first, second = features["max_context"][:2]
    head = first.index(True)
    late = max(p for p, offset in enumerate(features["offsets"][0][::2]) if offset >= 0)  # in window 0, but with little context
    assert not first[late] and first[head]
    outputs = [{"start": scores(n), "end": scores(n)} for n in features["length"]]
    outputs[0]["start"][late] = outputs[0]["end"][late] = 9
    begin = features["offsets"][1][2 * second.index(True)]
    outputs[1]["start"][second.index(True)] = outputs[1]["end"][second.index(True)] = 8
    end = features["offsets"][1][2 * second.index(True) + 1]
    assert span_qa.decode(table, features, outputs, TASK, LIMITS)[0] == table["context"][0][begin:end]


def test_a_lone_word_mark_is_not_an_answer(tokenizer):
    context = "Heute £7"
    table = examples((context, None))
    features = featurized(table, tokenizer)
    lone = features["input_ids"][0].index(tokenizer.convert_tokens_to_ids("▁"))
    length = features["length"][0]
    outputs = [{"start": scores(length, **{f"p{lone}": 9}), "end": scores(length, **{f"p{lone}": 9, f"p{lone + 1}": 5})}]
    assert span_qa.decode(table, features, outputs, TASK, LIMITS) == ["£"]


def test_empty_context(tokenizer):
    table = examples((" ", None))
    features = featurized(table, tokenizer)
    outputs = [{"start": scores(n), "end": scores(n)} for n in features["length"]]
    assert span_qa.decode(table, features, outputs, TASK, LIMITS) == [""]


def test_padded_outputs_and_any_order_of_features(tokenizer):
    table = examples((CONTEXT, [{"text": "two", "start": 4}]), ("six seven", [{"text": "seven", "start": 4}]))
    features = featurized(table, tokenizer).select([1, 0])
    outputs = [
        {name: np.pad(array, (0, 9), constant_values=99) for name, array in output.items()} for output in perfect(features)
    ]
    assert span_qa.decode(table, features, outputs, TASK, LIMITS) == ["two", "seven"]
