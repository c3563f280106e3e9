import pytest
from datasets import Dataset

from xstilts.data.featurizers import retrieval
from xstilts.errors import UserError
from xstilts.tasks.declaration import Limits, Task
from xstilts.tasks.formats.retrieval import FORMAT

MATCHING = Task(name="tatoeba", format="retrieval", protocol="sentence_matching")
ANSWERS = Task(name="lareqa", format="retrieval", protocol="answer_retrieval")


def query(id, text, relevant):
    return {"id": id, "language": "en", "side": "query", "text": text, "context": None, "relevant": relevant}


def candidate(id, text, context=None):
    return {"id": id, "language": "en", "side": "candidate", "text": text, "context": context, "relevant": None}


def features(rows, tokenizer, task=MATCHING, training=False, **limits):
    examples = Dataset.from_list(list(rows), features=FORMAT.features)
    return retrieval.featurize(examples, tokenizer, task, Limits(**limits), training)


ROWS = [
    candidate("c0", "It rained."),
    query("q0", "Did it rain?", ["c9", "c1"]),
    query("q1", "Who knows?", []),
    candidate("c1", "It did.", "It did.\nFor hours."),
    query("q2", "Was it dry?", ["c0", "c1"]),
    query("q3", "No gold", None),
]


def test_one_feature_per_text(tokenizer):
    table = features(ROWS, tokenizer)
    assert table["example"][:] == list(range(6))
    assert table["input_ids"][1] == tokenizer("Did it rain?")["input_ids"]
    assert table["length"][:] == [len(ids) for ids in table["input_ids"]]


def test_context_follows_without_separator_and_newlines(tokenizer):
    assert features(ROWS, tokenizer)["input_ids"][3] == tokenizer("It did.It did.For hours.")["input_ids"]


@pytest.mark.parametrize(("task", "lengths"), [(MATCHING, [20, 20]), (ANSWERS, [7, 20])])
def test_queries_are_cut_shorter_in_answer_retrieval_only(tokenizer, task, lengths):
    rows = [query("q", "word " * 40, ["c"]), candidate("c", "word " * 40)]
    assert features(rows, tokenizer, task, max_length=20, max_query_length=7)["length"][:] == lengths
    pair = features(rows, tokenizer, task, training=True, max_length=20, max_query_length=7)
    assert [len(ids) for ids in pair["input_ids"][0]] == lengths
    assert pair["length"][:] == [40]


def test_training_pairs_each_query_with_its_first_relevant_candidate(tokenizer):
    table = features(ROWS, tokenizer, training=True)
    assert table["example"][:] == [1, 4]
    texts = [("Did it rain?", "It did.It did.For hours."), ("Was it dry?", "It rained.")]
    assert table["input_ids"][:] == [[tokenizer(text)["input_ids"] for text in pair] for pair in texts]


def test_training_candidate_in_a_later_chunk(tokenizer, monkeypatch):
    monkeypatch.setattr("xstilts.data.featurizers.tables.CHUNK", 2)
    assert features(ROWS, tokenizer, training=True)["example"][:] == [1, 4]


def test_training_query_without_its_candidates(tokenizer):
    with pytest.raises(
        UserError, match=r"^query 'q0': none of 2 relevant candidates \(the first: 'c9'\) is among the 0 candidates"
    ):
        features(ROWS[1:3], tokenizer, training=True)


def test_no_gold_at_all(tokenizer):
    assert len(features(ROWS[5:], tokenizer, training=True)) == 0


def test_too_short(tokenizer):
    with pytest.raises(UserError, match="^max_length=2 is too short"):
        features(ROWS, tokenizer, max_length=2)
    with pytest.raises(UserError, match="^max_length=1 is too short"):
        features(ROWS, tokenizer, ANSWERS, max_query_length=1)


def test_collate_texts(tokenizer, special):
    table = features(ROWS, tokenizer)
    batch = retrieval.collate(table.to_list(), special)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (6, max(table["length"]))
    assert batch["attention_mask"].sum(1).tolist() == table["length"][:]


def test_collate_pairs_puts_all_queries_before_all_candidates(tokenizer, special):
    table = features(ROWS, tokenizer, training=True)
    batch = retrieval.collate(table.to_list(), special)
    (query_0, candidate_0), (query_1, candidate_1) = table["input_ids"][:]
    for row, expected in zip(batch["input_ids"].tolist(), [query_0, query_1, candidate_0, candidate_1], strict=True):
        assert row == expected + [special.pad_id] * (len(row) - len(expected))
