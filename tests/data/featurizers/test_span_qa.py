import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.featurizers import span_qa
from xstilts.data.featurizers.span_windows import align, contexts
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.span_qa import FORMAT

TASK = Task(name="qa", format="span_qa")
CONTEXT = "Nile water reaches Cairo after many days and at last flows into the sea near Alexandria in Egypt"


def examples(*rows):
    """Rows of (question, context, answer): a text of the context, "" for unanswerable, None without gold."""
    table = []
    for number, (question, context, answer) in enumerate(rows):
        gold = None if answer is None else [{"text": answer, "start": context.index(answer)}] if answer else []
        table.append({"id": str(number), "language": "en", "question": question, "context": context, "answers": gold})
    return Dataset.from_list(table, features=FORMAT.features)


def features(rows, tokenizer, training=False, **limits):
    return span_qa.featurize(rows, tokenizer, TASK, Limits(**limits), training)


def test_one_window(tokenizer):
    row = features(examples(("Where?", CONTEXT, "Cairo")), tokenizer)[0]
    assert row["input_ids"] == tokenizer("Where?", CONTEXT)["input_ids"]
    assert row["length"] == len(row["input_ids"]) == len(row["max_context"]) == len(row["offsets"]) / 2
    start, end = row["offsets"][2 * row["start_position"]], row["offsets"][2 * row["end_position"] + 1]
    assert CONTEXT[start:end] == "Cairo"
    first = len(tokenizer("Where?")["input_ids"]) + 1
    assert row["offsets"][: 2 * first] == [-1] * 2 * first and row["offsets"][-2:] == [-1, -1]
    assert row["max_context"] == [False] * first + [True] * (row["length"] - first - 1) + [False]


@pytest.mark.parametrize("doc_stride", [1, 5, 11, 100])
def test_windows_step_by_doc_stride(tokenizer, doc_stride):
    question, context = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("Where?", CONTEXT))
    table = features(examples(("Where?", CONTEXT, "")), tokenizer, max_length=20, doc_stride=doc_stride, max_query_length=8)
    room = 20 - 4 - len(question)
    step = min(doc_stride, room)
    assert len(table) > 1
    for number, ids in enumerate(table["input_ids"]):
        assert ids == [0, *question, 2, 2, *context[number * step : number * step + room], 2]
    assert table["example"][:] == [0] * len(table)
    head = len(question) + 3
    counts = [0] * len(context)
    for number, flags in enumerate(table["max_context"]):
        for position, flag in enumerate(flags[head:-1]):
            counts[number * step + position] += flag
    assert counts == [1] * len(context)  # each token has most context in exactly one window


def test_window_without_the_whole_answer_points_to_the_first_token(tokenizer):
    answer = "Cairo after many days"
    table = features(examples(("Where?", CONTEXT, answer)), tokenizer, max_length=20, doc_stride=4, max_query_length=8)
    found = 0
    for row in table:
        offsets = row["offsets"]
        if row["start_position"]:
            found += 1
            assert CONTEXT[offsets[2 * row["start_position"]] : offsets[2 * row["end_position"] + 1]] == answer
        else:
            assert row["end_position"] == 0
            begin, end = offsets[2 * (row["max_context"].index(True))], offsets[-3]
            assert answer not in CONTEXT[begin:end]
    assert 0 < found < len(table)


def test_long_question_is_cut(tokenizer):
    row = features(examples(("Why " * 30, CONTEXT, "")), tokenizer, max_query_length=7)[0]
    question = tokenizer("Why " * 30, add_special_tokens=False)["input_ids"]
    assert row["input_ids"][:10] == [0, *question[:7], 2, 2]


def test_gold(tokenizer):
    rows = examples(("a", CONTEXT, None), ("b", CONTEXT, ""), ("c", CONTEXT, "Cairo"), ("d", "x \u200b y", "\u200b"))
    table = features(rows, tokenizer)
    assert table["start_position"][:2] == table["end_position"][:2] == [-100, 0]
    assert table["start_position"][3] == 0  # the answer has no token
    training = features(rows, tokenizer, training=True)
    assert training["example"][:] == [1, 2]  # unanswerable questions are learnt
    assert training.features == span_qa.TRAINING
    assert training["start_position"][:] == table["start_position"][1:3]


def test_the_first_of_several_answers_is_the_target(tokenizer):
    rows = examples(("a", CONTEXT, "Cairo")).to_list()
    rows[0]["answers"].append({"text": "sea", "start": CONTEXT.index("sea")})
    table = features(Dataset.from_list(rows, features=FORMAT.features), tokenizer)
    assert table["start_position"][0] == features(examples(("a", CONTEXT, "Cairo")), tokenizer)["start_position"][0]


def test_empty_context(tokenizer):
    table = features(examples(("a", " ", "")), tokenizer)
    assert table["input_ids"][:] == [[*tokenizer("a")["input_ids"], 2, 2]]


def test_too_short(tokenizer):
    with pytest.raises(UserError, match="^max_length=68 is too short for 4 special tokens and 65 or more tokens .* 69 or more"):
        features(examples(("a", "b", "")), tokenizer, max_length=68)
    with pytest.raises(UserError, match="^doc_stride=0, max_query_length=64: expected both to be 1 or more"):
        features(examples(("a", "b", "")), tokenizer, doc_stride=0)


SHORT = st.text("ab ▁é\u0301क़\u093c昨天", max_size=8)
ROWS = st.lists(
    st.tuples(SHORT, st.sampled_from([CONTEXT, "", "e\u0301te\u0301 ½ 昨天下午 क़लम"]) | SHORT, st.randoms(use_true_random=False)),
    min_size=1,
    max_size=5,
)


def slow_features(row, number, tokenizer, limits, training):
    """The features of one example, window by window, from the tokens of its question and its context alone."""
    question = tokenizer(row["question"], add_special_tokens=False)["input_ids"][: limits.max_query_length]
    context = contexts(tokenizer, [row["context"]])
    ids, spans, gold = context.ids.joined().tolist(), context.spans.joined().tolist(), row["answers"]
    first = last = -1
    if gold:
        end = gold[0]["start"] + len(gold[0]["text"])
        (first,), (last,) = align(context.spans, np.array([gold[0]["start"]]), np.array([end]))
    if training and (gold is None or (gold and first < 0)):
        return []
    room, head = limits.max_length - 4 - len(question), [0, *question, 2, 2]
    cut = [(0, min(room, len(ids)))]
    while cut[-1][1] < len(ids):
        start = cut[-1][0] + min(limits.doc_stride, room)
        cut.append((start, min(start + room, len(ids))))
    features = []
    for start, end in cut:
        held = first >= start and last < end and first >= 0
        place = [len(head) + token - start for token in (first, last)] if held else [-100 if gold is None else 0] * 2
        feature = {"example": number, "length": len(head) + end - start + 1, "input_ids": [*head, *ids[start:end], 2]}
        feature["second_segment"] = 0
        feature |= {"start_position": place[0], "end_position": place[1]}
        if not training:
            characters = [character for span in spans[start:end] for character in span]
            feature["offsets"] = [-1] * 2 * len(head) + characters + [-1, -1]
            most = []
            for token in range(start, end):
                scores = [min(token - a, b - 1 - token) + 0.01 * (b - a) if a <= token < b else -1 for a, b in cut]
                most.append(cut[scores.index(max(scores))] == (start, end))
            feature["max_context"] = [False] * len(head) + most + [False]
        features.append(feature)
    return features


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(10, 30), st.integers(1, 12), st.booleans())
def test_all_at_once_is_the_same_as_one_by_one(tokenizer, rows, max_length, doc_stride, training):
    table = []
    for number, (question, context, random) in enumerate(rows):
        start, end = sorted(random.choices(range(len(context) + 1), k=2))
        answer = [{"text": context[start:end], "start": start}] if end > start else random.choice([None, []])
        table.append({"id": str(number), "language": "en", "question": question, "context": context, "answers": answer})
    limits = Limits(max_length=max_length, doc_stride=doc_stride, max_query_length=4)
    found = span_qa.featurize(Dataset.from_list(table, features=FORMAT.features), tokenizer, TASK, limits, training)
    expected = [slow_features(row, number, tokenizer, limits, training) for number, row in enumerate(table)]
    assert found.to_list() == [feature for features in expected for feature in features]


def test_more_examples_than_a_chunk(tokenizer, monkeypatch):
    rows = examples(*[(f"number {n}", CONTEXT, "Cairo") for n in range(10)])
    whole = features(rows, tokenizer).to_dict()
    monkeypatch.setattr("xstilts.data.featurizers.tables.CHUNK", 12)  # a quarter of it are three contexts
    assert features(rows, tokenizer).to_dict() == whole


def test_collate(tokenizer, special):
    table = features(examples(("a", CONTEXT, "Cairo"), ("b", "c", None)), tokenizer)
    batch = span_qa.collate(table.to_list(), special)
    assert batch["input_ids"].shape == (2, table["length"][0])
    assert batch["start_positions"].tolist() == table["start_position"][:]
    assert batch["end_positions"].tolist() == table["end_position"][:]
    assert set(batch) == {"input_ids", "attention_mask", "start_positions", "end_positions"}
