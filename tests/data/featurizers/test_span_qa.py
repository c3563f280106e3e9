import pytest
from datasets import Dataset

from xstilts.data.featurizers import span_qa
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.span_qa import FEATURES

TASK = Task(name="qa", format="span_qa")
CONTEXT = "Nile water reaches Cairo after many days and at last flows into the sea near Alexandria in Egypt"


def examples(*rows):
    """Rows of (question, context, answer): a text of the context, "" for unanswerable, None without gold."""
    table = []
    for number, (question, context, answer) in enumerate(rows):
        gold = None if answer is None else [{"text": answer, "start": context.index(answer)}] if answer else []
        table.append({"id": str(number), "language": "en", "question": question, "context": context, "answers": gold})
    return Dataset.from_list(table, features=FEATURES)


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
    assert counts == [1] * len(context)  # each subword has most context in exactly one window


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
    assert table["start_position"][3] == 0  # the answer has no subword
    training = features(rows, tokenizer, training=True)
    assert training["example"][:] == [1, 2]  # unanswerable questions are learnt
    assert training.features == span_qa.TRAINING
    assert training["start_position"][:] == table["start_position"][1:3]


def test_the_first_of_several_answers_is_the_target(tokenizer):
    rows = examples(("a", CONTEXT, "Cairo")).to_list()
    rows[0]["answers"].append({"text": "sea", "start": CONTEXT.index("sea")})
    table = features(Dataset.from_list(rows, features=FEATURES), tokenizer)
    assert table["start_position"][0] == features(examples(("a", CONTEXT, "Cairo")), tokenizer)["start_position"][0]


def test_empty_context(tokenizer):
    table = features(examples(("a", " ", "")), tokenizer)
    assert table["input_ids"][:] == [[*tokenizer("a")["input_ids"], 2, 2]]


def test_too_short(tokenizer):
    with pytest.raises(UserError, match="^max_length=68 is too short for 4 special tokens and 65 or more subwords .* 69 or more"):
        features(examples(("a", "b", "")), tokenizer, max_length=68)
    with pytest.raises(UserError, match="^doc_stride=0, max_query_length=64: expected both to be 1 or more"):
        features(examples(("a", "b", "")), tokenizer, doc_stride=0)


def test_collate(tokenizer, special):
    table = features(examples(("a", CONTEXT, "Cairo"), ("b", "c", None)), tokenizer)
    batch = span_qa.collate(table.to_list(), special)
    assert batch["input_ids"].shape == (2, table["length"][0])
    assert batch["start_positions"].tolist() == table["start_position"][:]
    assert batch["end_positions"].tolist() == table["end_position"][:]
    assert set(batch) == {"input_ids", "attention_mask", "start_positions", "end_positions"}
