"""Quality of rankings: against scipy, and against all orders of equal scores."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from xstilts.ranking.quality import finished, quality
from xstilts.reporting.comparison import BASELINE

TRUTH = {"a": 40.0, "b": 47.0, "c": 41.0, "d": 30.0}


def test_without_equal_scores_it_is_the_spearman_of_scipy():
    score = {"a": 0.1, "b": 0.3, "c": 0.2, "d": 0.9}
    found = quality(score | {"another": 9.0}, TRUTH)
    assert found.spearman == pytest.approx(spearmanr(list(score.values()), list(TRUTH.values())).statistic)
    assert found.regret == pytest.approx(17) and found.first == ("d",)
    assert quality(TRUTH, TRUTH).spearman == pytest.approx(1) and quality(TRUTH, TRUTH).regret == 0


@pytest.mark.parametrize("score", [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 1, 0), (2, 1, 1, 2)])
def test_equal_scores_give_the_expectation_over_their_orders(score: tuple[int, ...]):
    tasks = list(TRUTH)
    orders = [order for order in itertools.permutations(range(4)) if all(
        score[a] >= score[b] for place, a in enumerate(order) for b in order[place + 1 :]
    )]  # fmt: skip
    strict = [{tasks[task]: float(-place) for place, task in enumerate(order)} for order in orders]
    each = [quality(one, TRUTH) for one in strict]
    found = quality(dict(zip(tasks, map(float, score), strict=True)), TRUTH)
    assert found.spearman == pytest.approx(np.mean([one.spearman for one in each]))
    assert found.regret == pytest.approx(np.mean([one.regret for one in each]))


def write(study: Path, choice: str, seed: int, value: float, format: str = "classification", size: int = 0) -> None:
    """A result with English and Swahili scores, and the description of its artifact."""
    tasks = {} if choice == BASELINE else {choice: {"task": {"format": format}}}
    name = f"{choice}.xnli.seed{seed}.0000000{seed}"
    row = {"task": "xnli", "split": "test", "metric": "accuracy", "examples": 9}
    (study / "results").mkdir(parents=True, exist_ok=True)
    store, fingerprint = study / "store", f"{choice}{seed}"
    if size:
        (store / "trained" / fingerprint).mkdir(parents=True)
        (store / "trained" / fingerprint / "metadata.json").write_text(json.dumps({"data": {choice: {"examples": size}}}))
    result = {
        "schema": 1,
        "cell": {"study": "s", "intermediate": [choice], "target": "xnli", "training": [], "seed": seed, "source_language": "en"},
        "fingerprint": f"0000000{seed}" + "0" * 12,
        "artifacts": [{"kind": "trained", "fingerprint": fingerprint, "label": f"phase 2: {choice}"}],
        "config": {
            "intermediate": {"tasks": tasks},
            "target": {"task": {"name": "xnli", "format": "classification", "metrics": ["accuracy"]}},
            "store": {"root": str(store)},
        },
        "rows": [row | {"language": "en", "value": 90.0}, row | {"language": "sw", "value": value}],
        "degenerate": [],
        "versions": {},
    }
    (study / "results" / f"{name}.json").write_text(json.dumps(result))


def test_a_finished_study_gives_the_truth_and_simple_rankings(tmp_path: Path):
    scores = {BASELINE: (50, 52), "snli": (60, 50), "squad_v1": (45, 49), "udpos": (20, 22)}
    for choice, values in scores.items():
        for seed, value in enumerate(values, start=1):
            size = {"snli": 100, "squad_v1": 900, "udpos": 50}.get(choice, 0)
            write(tmp_path, choice, seed, value, "classification" if choice == "snli" else "span_qa", size)
    (one,) = finished(tmp_path)
    assert one.truth == {"snli": 55, "squad_v1": 47, "udpos": 21} and one.baseline == 51
    found = one.baselines()
    assert found["biggest"].first == ("squad_v1",) and found["biggest"].regret == 8
    assert found["same format"].first == ("snli",) and found["same format"].regret == 0
    assert found["random"].spearman == 0 and found["random"].regret == pytest.approx(55 - (55 + 47 + 21) / 3)
    one_seed = one.one_seed()
    assert one_seed and one_seed.spearman == 1 and one_seed.regret == 0
    two = one.of({"squad_v1", "udpos", "another"})
    assert list(two.truth) == ["squad_v1", "udpos"] and two.baselines()["biggest"].regret == 0


def test_without_artifacts_nothing_is_said_of_the_biggest(tmp_path: Path):
    for choice in ("snli", "squad_v1", "udpos"):
        write(tmp_path, choice, 1, 50.0)
    (one,) = finished(tmp_path)
    assert "biggest" not in one.baselines() and one.baseline is None and one.one_seed() is None


def test_two_tasks_are_no_ranking(tmp_path: Path):
    for choice in ("snli", "squad_v1"):
        write(tmp_path, choice, 1, 50.0)
    assert finished(tmp_path) == []
