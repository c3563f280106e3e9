"""Micro-batches within a budget, steps parted among processes, a loader that finds its place again, every row evaluated once."""

import itertools

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, List, Value, concatenate_datasets
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.data.batches import EvaluationBatch, EvaluationLoader, OptimizerStep, StepLoader, TaskFeatures, cost, cut
from xstilts.data.featurizers import classification, mlm
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.data.plan import StepPlan
from xstilts.errors import UserError
from xstilts.tasks.declaration import Task

SPECIAL = SpecialTokens(pad_id=1, mask_id=99, vocab_size=100, special_ids=(0, 1, 2, 3, 99), mlm_probability=0.15)


def task(lengths, name="nli", format="classification"):
    """Features of these lengths; the first token of each says which row it is."""
    rows = [
        {"example": row, "length": length, "input_ids": [10 + row, *[5] * (length - 1)]} for row, length in enumerate(lengths)
    ]
    module = {"classification": classification, "mlm": mlm}[format]
    if format == "classification":
        rows = [row | {"label": 0, "second_segment": 0} for row in rows]
    else:
        rows = [row | {"second": 0, "second_segment": 0} for row in rows]
    features = Dataset.from_dict({name: [row[name] for row in rows] for name in module.FEATURES}, features=module.FEATURES)
    examples = Dataset.from_dict({"id": [str(row) for row in range(len(lengths))]})
    return TaskFeatures(name, Task(name=name, format=format, head=f"{name}-head"), examples, features, SPECIAL)


def loader(tasks, plan, max_tokens=100, **words):
    return StepLoader({task.name: task for task in tasks}, plan, max_tokens, **words)


def rows_of(batches):
    return [int(row) - 10 for batch in batches for row in batch["input_ids"][:, 0]]


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=60), max_tokens=st.integers(1, 200), padding_free=st.booleans())
def test_cut_keeps_the_budget_and_everything_else(lengths, max_tokens, padding_free):
    lengths = np.array(lengths)
    groups = cut(lengths, max_tokens, padding_free)
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or cost(lengths[group], padding_free) <= max_tokens
    order = lengths[np.concatenate(groups)]
    assert (np.diff(order) >= 0).all(), "shortest first, so that little is padded"
    for left, right in itertools.pairwise(groups):
        assert cost(lengths[[*left, right[0]]], padding_free) > max_tokens, "no group ends before it is full"


def test_a_micro_batch_without_padding_costs_its_tokens_and_half_of_much_padding():
    assert cost(np.array([4, 2, 3])) == 12 and cost(np.array([4, 2, 3]), padding_free=True) == 9
    assert cost(np.array([1, 1, 9]), padding_free=True) == 14


def test_lengths_are_those_of_the_features_in_their_order():
    features = task([3, 1, 2]).features
    chunked = concatenate_datasets([features, features.select([]), features])
    for one in (features, chunked, features.select([2, 0]), features.select([])):
        lengths = TaskFeatures("nli", Task(), one, one, SPECIAL).lengths()
        assert lengths.dtype == np.int64  # a budget times a length must not overflow
        assert lengths.tolist() == one["length"][:]


def test_cut_by_hand():
    assert [group.tolist() for group in cut(np.array([5, 1, 3, 9, 2]), 10)] == [[1, 4, 2], [0], [3]]
    assert [group.tolist() for group in cut(np.array([4, 4, 4]), 8)] == [[0, 1], [2]]


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=40),
    batch_size=st.integers(1, 16),
    world=st.integers(1, 3),
    max_tokens=st.integers(1, 120),
)
def test_processes_together_train_each_row_of_a_step_once(lengths, batch_size, world, max_tokens):
    plan = StepPlan({"nli": len(lengths)}, batch_size, 1)
    of_rank = [list(loader([task(lengths)], plan, max_tokens, rank=rank, world_size=world)) for rank in range(world)]
    assert {len(found) for found in of_rank} == {len(plan)}, "every process makes the same number of steps"
    for number in range(len(plan)):
        expected = plan.step(number)[1].tolist()
        parts = [found[number] for found in of_rank]
        assert all(part.task == "nli" and part.head == "nli-head" for part in parts)
        counted = [row for part in parts if part.weight for row in rows_of(part.micro_batches)]
        assert sorted(counted) == sorted(expected)
        for part in parts:
            assert part.weight in (0.0, 1.0)
            if not part.weight:  # a process without a row repeats one, so that it takes part in the exchange of gradients
                assert rows_of(part.micro_batches) == expected[:1]
            for batch in part.micro_batches:
                assert batch["input_ids"].numel() <= max_tokens or len(batch["input_ids"]) == 1


def test_padding_is_that_of_the_micro_batch():
    (step,) = loader([task([3, 20, 4, 19])], StepPlan({"nli": 4}, 4, 1), max_tokens=40)
    assert [batch["input_ids"].shape for batch in step.micro_batches] == [(2, 4), (2, 20)]
    for batch in step.micro_batches:
        assert torch.equal(batch["attention_mask"] == 0, batch["input_ids"] == 1)


def test_what_is_masked_depends_on_the_step_and_not_on_the_cut():
    lengths = [12, 30, 7, 25, 18]

    def labels(max_tokens, epochs=1):
        steps = list(loader([task(lengths, format="mlm")], StepPlan({"nli": 5}, 5, 1, epochs=epochs), max_tokens))
        found = {}
        for batch in steps[-1].micro_batches:
            for mask, row in zip(batch["attention_mask"], batch["labels"], strict=True):
                found[int(mask.sum())] = row[: int(mask.sum())].tolist()
        return found

    assert labels(10**6) == labels(40) == labels(1)
    assert labels(40) != labels(40, epochs=2), "another step masks anew"


@pytest.mark.parametrize("done", [0, 1, 5, 11, 12])
def test_a_loader_goes_on_where_it_was(done):
    tasks = [task([5] * 20), task([6] * 13, name="mlm", format="mlm")]
    plan = StepPlan({"nli": 20, "mlm": 13}, 4, 3, max_steps=12)
    whole = list(loader(tasks, plan))
    first = loader(tasks, plan)
    iterator = iter(first)
    for _ in range(done):
        next(iterator)
    state = first.state_dict()
    assert state == {"next_step": done, "max_tokens": None}
    again = loader(tasks, plan)
    again.load_state_dict(state)
    rest = list(again)
    assert len(again) == 12 and len(rest) == 12 - done
    for step, expected in zip(rest, whole[done:], strict=True):
        assert step.task == expected.task
        for batch, other in zip(step.micro_batches, expected.micro_batches, strict=True):
            assert batch.keys() == other.keys()
            assert all(torch.equal(batch[name], other[name]) for name in batch)


@settings(max_examples=30)
@given(
    lengths=st.lists(st.lists(st.integers(1, 30), max_size=30), min_size=1, max_size=3),
    world=st.integers(1, 4),
    max_tokens=st.integers(1, 100),
)
def test_evaluation_covers_every_feature_once_over_all_processes(lengths, world, max_tokens):
    tasks = [task(found, name=f"task{number}") for number, found in enumerate(lengths)]
    loaders = [EvaluationLoader(tasks, max_tokens, rank, world) for rank in range(world)]
    seen = []
    for found in loaders:
        batches = list(found)
        assert len(batches) == len(found)
        for batch in batches:
            seen.extend((batch.features.name, row) for row in batch.rows)
            if not batch.rows:
                continue
            assert rows_of([batch.batch]) == batch.rows and batch.features.head == f"{batch.features.name}-head"
            assert len(batch.rows) == 1 or batch.batch["input_ids"].numel() <= max_tokens
    assert sorted(seen) == [(f"task{number}", row) for number, found in enumerate(lengths) for row in range(len(found))]
    assert len(set(map(len, loaders))) == 1


def test_of_equal_inputs_the_first_is_evaluated():
    rows = {"example": [0, 1, 2, 3], "length": [2, 3, 2, 2], "input_ids": [[0, 2], [0, 7, 2], [0, 2], [0, 2]]}
    rows |= {"label": [0, 1, 1, 2], "second_segment": [0, 0, 0, 1]}
    made = Dataset.from_dict(rows, features=classification.FEATURES)
    item = TaskFeatures("nli", Task(format="classification"), made, made, SPECIAL)
    assert item.repeated == {0: [2]} and item.different().tolist() == [0, 1, 3]
    assert [batch.rows for batch in EvaluationLoader([item], 4)] == [[0, 3], [1]]


def features_of(chunks, nested=False):
    """Features with these ids, in that many Arrow chunks; nested: two rows of ids in each feature."""
    column = List(List(Value("int32"))) if nested else List(Value("int32"))
    parts = [Dataset.from_dict({"input_ids": chunk}, features=Features({"input_ids": column})) for chunk in chunks]
    rows = concatenate_datasets(parts)
    return TaskFeatures("any", Task(), rows, rows, SPECIAL)


ROWS = st.lists(st.lists(st.integers(0, 149), max_size=8), max_size=6)


@pytest.mark.slow
@given(chunks=st.lists(ROWS, min_size=1, max_size=4))
@settings(deadline=None)
def test_occurring_tokens_are_those_of_all_chunks_and_the_special_ones(chunks):
    expected = {0, 1, 2, 3, 99}.union(*(row for chunk in chunks for row in chunk))
    task = features_of(chunks)
    assert set(np.flatnonzero(task.occurring(150))) == expected
    pairs = [[[row, row[::-1]] for row in chunk] for chunk in chunks]
    assert set(np.flatnonzero(features_of(pairs, nested=True).occurring(150))) == expected
    # Of chosen rows all tokens are found, and perhaps those of the rows around them.
    part = task.features.select(range(1, len(task.features))) if len(task.features) > 1 else task.features
    found = set(np.flatnonzero(TaskFeatures("any", Task(), part, part, SPECIAL).occurring(150)))
    assert {id for row in part["input_ids"] for id in row} <= found <= expected


def test_tokens_and_embeddings_that_do_not_fit():
    assert len(features_of([[[5]]]).occurring(50)) == 50, "a special token without an embedding, which no text has"
    with pytest.raises(UserError, match="task any: its tokenizer gives the token id 150, but the encoder has embeddings of 150"):
        features_of([[[5, 150]]]).occurring(150)


def test_moving_a_step_moves_its_tensors_only():
    batch = {"input_ids": torch.zeros(2, 3), "word_positions": [[1], [1, 2]]}
    step = OptimizerStep("pos", "pos", [batch], 0.5, 7, [2]).to("meta")
    assert (step.task, step.weight, step.number, step.sizes) == ("pos", 0.5, 7, [2])
    evaluation = EvaluationBatch(task([3]), [4, 9], batch).to("meta")
    assert evaluation.rows == [4, 9]
    for moved in (step.micro_batches[0], evaluation.batch):
        assert moved["input_ids"].device.type == "meta" and moved["word_positions"] is batch["word_positions"]
    assert batch["input_ids"].device.type == "cpu"


def test_features_are_read_as_the_dataset_gives_them():
    lengths, rows = [3, 9, 1, 5], [2, 0, 3]
    for format in ("classification", "mlm"):
        features = task(lengths, format=format)
        module = {"classification": classification, "mlm": mlm}[format]
        expected = module.collate([features.features[row] for row in rows], SPECIAL)
        found = features.collate(rows)
        assert list(found) == list(expected) and all(torch.equal(found[name], expected[name]) for name in found)
