"""The plan of steps: every feature once an epoch, in an order that depends on seed and step alone, tasks by their weight."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from xstilts.config import Mixture
from xstilts.data import plan as plan_module
from xstilts.data.plan import StepPlan

SIZES = st.dictionaries(st.sampled_from(["mnli", "squad_v1", "mlm", "udpos"]), st.integers(1, 50), min_size=1)


def steps(plan):
    return [plan.step(number) for number in range(len(plan))]


@given(size=st.integers(1, 120), batch_size=st.integers(1, 40), seed=st.integers(0, 2**31), epochs=st.integers(1, 4))
def test_every_epoch_visits_every_feature_once(size, batch_size, seed, epochs):
    plan = StepPlan({"mnli": size}, batch_size, seed, epochs=epochs)
    per_epoch = math.ceil(size / batch_size)
    assert len(plan) == epochs * per_epoch
    found = steps(plan)
    assert {task for task, _ in found} == {"mnli"}
    for epoch in range(epochs):
        batches = [rows for _, rows in found[epoch * per_epoch : (epoch + 1) * per_epoch]]
        assert [len(rows) for rows in batches[:-1]] == [batch_size] * (per_epoch - 1)
        assert sorted(np.concatenate(batches).tolist()) == list(range(size))


@given(sizes=SIZES, batch_size=st.integers(1, 20), seed=st.integers(0, 99), total=st.integers(1, 60))
def test_each_task_of_several_visits_its_features_once_an_epoch(sizes, batch_size, seed, total):
    plan = StepPlan(sizes, batch_size, seed, max_steps=total)
    assert len(plan) == total
    seen = {task: [] for task in sizes}
    for task, rows in steps(plan):
        assert 1 <= len(rows) <= batch_size
        seen[task].extend(rows.tolist())
    for task, rows in seen.items():
        for start in range(0, len(rows), sizes[task]):
            epoch = rows[start : start + sizes[task]]
            assert len(set(epoch)) == len(epoch) and set(epoch) <= set(range(sizes[task]))


@given(sizes=SIZES, batch_size=st.integers(1, 20), seed=st.integers(0, 99), number=st.integers(0, 29))
def test_a_step_is_a_function_of_seed_and_number(sizes, batch_size, seed, number):
    """Asked in any order, by any process, now or after a restart."""
    plan = StepPlan(sizes, batch_size, seed, max_steps=30)
    expected = steps(plan)
    plan_module._sequence.cache_clear()
    plan_module._orders.clear()
    task, rows = StepPlan(dict(sizes), batch_size, seed, max_steps=30).step(number)
    assert task == expected[number][0] and rows.tolist() == expected[number][1].tolist()


def test_seeds_tasks_and_epochs_are_shuffled_differently():
    def order(task="mnli", seed=1, epoch=0):
        plan = StepPlan({task: 100}, 100, seed, epochs=epoch + 1)
        return tuple(plan.step(epoch)[1].tolist())

    assert len({order(), order(seed=2), order(epoch=1), order(task="snli"), tuple(range(100))}) == 5


@given(sizes=SIZES, batch_size=st.integers(1, 20), epochs=st.floats(0.01, 5), cap=st.one_of(st.none(), st.integers(1, 60)))
def test_the_number_of_steps(sizes, batch_size, epochs, cap):
    plan = StepPlan(sizes, batch_size, 1, epochs=epochs, mixture=Mixture(cap=cap))
    expected = 0
    for size in sizes.values():
        capped = size if cap is None or len(sizes) == 1 else min(size, cap)
        expected += max(1, round(epochs * math.ceil(capped / batch_size)))
    assert len(plan) == expected
    assert len(StepPlan(sizes, batch_size, 1, epochs=epochs, max_steps=7)) == 7, "max_steps counts before epochs"


@given(
    sizes=st.lists(st.integers(1, 10**6), min_size=2, max_size=4),
    cap=st.one_of(st.none(), st.integers(1, 10**6)),
    temperature=st.floats(0.2, 10),
)
def test_probabilities(sizes, cap, temperature):
    plan = StepPlan({str(number): size for number, size in enumerate(sizes)}, 8, 1, mixture=Mixture(cap, temperature))
    weights = [min(size, cap or size) ** (1 / temperature) for size in sizes]
    np.testing.assert_allclose(plan.probabilities(), [weight / sum(weights) for weight in weights], rtol=1e-9)


def test_probabilities_by_hand():
    def shares(**mixture):
        return StepPlan({"small": 100, "large": 900}, 8, 1, mixture=Mixture(**mixture)).probabilities().tolist()

    assert shares() == pytest.approx([0.1, 0.9])
    assert shares(cap=300) == pytest.approx([0.25, 0.75])
    assert shares(temperature=2.0) == pytest.approx([0.25, 0.75])
    assert shares(cap=None, temperature=1e9) == pytest.approx([0.5, 0.5])


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), temperature=st.sampled_from([1.0, 2.0]))
def test_steps_are_drawn_in_these_proportions(seed, temperature):
    plan = StepPlan({"a": 100, "b": 400, "c": 1500}, 4, seed, max_steps=4000, mixture=Mixture(1000, temperature))
    counts = np.zeros(3)
    for number in range(4000):
        counts["abc".index(plan.step(number)[0])] += 1
    expected = plan.probabilities()
    deviation = np.sqrt(expected * (1 - expected) / 4000)
    assert (np.abs(counts / 4000 - expected) < 5 * deviation).all()


def test_all_tasks_of_the_paper_at_once_share_the_steps_as_its_nine_tasks_would(repository):
    """ANLI+ and MNLI count for 131,072 examples each; inference has 36 % of the steps."""
    chosen = OmegaConf.load(repository / "conf" / "intermediate" / "multitask.yaml").mixture.caps
    parts = {"anli": 162_865, "snli": 549_367, "mnli": 392_702}
    others = {"qqp": 363_846, "squad_v2": 130_319, "squad_v1": 87_599, "hellaswag": 39_905, "ccg": 38_015, "cosmosqa": 25_262}
    plan = StepPlan({**parts, **others, "commonsenseqa": 9_741}, 32, 1, mixture=Mixture(caps=dict(chosen)))
    shares = dict(zip(plan.sizes, plan.probabilities(), strict=True))
    in_anli_plus = {task: 131_072 * size / sum(parts.values()) for task, size in parts.items()}
    expected = in_anli_plus | {"mnli": in_anli_plus["mnli"] + 131_072}
    for task, size in expected.items():
        assert shares[task] / shares["qqp"] == pytest.approx(size / 131_072, abs=1e-5)
    assert sum(shares[task] for task in parts) == pytest.approx(0.362, abs=5e-4)


def test_a_cap_never_cuts_a_task_that_is_alone():
    plan = StepPlan({"mnli": 100}, 10, 1, mixture=Mixture(cap=20, caps={"mnli": 10}))
    assert len(plan) == 10
    assert sorted(np.concatenate([rows for _, rows in steps(plan)]).tolist()) == list(range(100))


@given(size=st.integers(1, 80), batch_size=st.integers(1, 40), world=st.integers(1, 5), seed=st.integers(0, 9), data=st.data())
def test_processes_part_a_step_among_them(size, batch_size, world, seed, data):
    """As StepLoader takes them: rank r takes every world-th row from r on."""
    plan = StepPlan({"mnli": size}, batch_size, seed)
    number = data.draw(st.integers(0, len(plan) - 1))
    _, rows = plan.step(number)
    assume(len(rows))
    parts = [rows[rank::world].tolist() for rank in range(world)]
    assert sorted(row for part in parts for row in part) == sorted(rows.tolist())
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
