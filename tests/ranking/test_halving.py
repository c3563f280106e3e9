"""Halving: which choices go on, the ranking with its intervals, and the words of a rung."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from xstilts.errors import UserError
from xstilts.ranking.halving import Rung, full_flops, planned, promoted, rung_words, standings, training_flops


def of_seeds(**scores: tuple[float, float]) -> dict[str, dict[int, float]]:
    """The scores of each choice with two seeds."""
    return {choice: dict(enumerate(values, start=1)) for choice, values in scores.items()}


FIRST = of_seeds(none=(50, 52), a=(60, 61), b=(40, 43), c=(59, 62.5), d=(20, 20))
SECOND = of_seeds(none=(55, 55), a=(63, 65), c=(66, 68))


def test_the_best_share_of_the_tasks_goes_on_and_the_baseline_with_them():
    assert promoted(FIRST, 0.5) == ["none", "a", "c"]
    assert promoted(FIRST, 0.01) == ["none", "c"]
    assert promoted(FIRST, 0.6) == ["none", "a", "b", "c"]


def test_ranking_is_by_rung_then_by_score():
    found = standings([Rung(10, FIRST), Rung(20, SECOND)])
    assert [(one.choice, one.steps) for one in found] == [("c", 20), ("a", 20), ("none", 20), ("b", 10), ("d", 10)]


def test_interval_is_that_of_means_with_one_variance():
    (best, second, *_) = standings([Rung(20, SECOND)])
    deviation = np.sqrt((0 + 2 + 2) / 3)  # of the three choices together
    assert best.error == pytest.approx(t.ppf(0.975, 3) * deviation / np.sqrt(2))
    assert best.level and second.level, "3 points apart, with an interval of 3.7"
    assert not standings([Rung(20, SECOND)])[2].level


def test_one_seed_has_no_interval():
    assert {(one.error, one.level) for one in standings([Rung(5, {"a": {1: 3.0}, "b": {1: 4.0}})])} == {(None, None)}


@pytest.mark.slow
def test_a_rung_is_the_same_grid_with_fewer_steps(tmp_path: Path):
    grid = ["data=babel", "+target=pawsx", "+intermediate=none,snli,squad_v1", "seed=1,2"]
    words = [*grid, "intermediate.tasks.snli.max_examples=640", f"store.root={tmp_path}", f"output={tmp_path}/out"]
    full = planned(words)
    assert list(full) == ["none", "snli", "squad_v1"] and all(list(by_seed) == [1, 2] for by_seed in full.values())
    rung = planned(own := rung_words(words, full, list(full), 7))
    jobs = [phase.job for by_seed in rung.values() for cell in by_seed.values() if cell.plan for phase in cell.plan.training]
    assert len(jobs) == 10 and {job.hyperparameters.max_steps for job in jobs} == {7}
    assert [job.validates for job in jobs[:3]] == [True, True, False], "only phase 3 is validated"
    kept = rung_words(words, full, ["none", "squad_v1"], 7)
    assert "+intermediate=none,squad_v1" in kept and not any("snli" in word for word in kept)
    assert any("snli.max_examples" in word for word in own)
    part, whole = training_flops([rung]), full_flops(full)
    assert part and whole and 0 < part / whole < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["+target=pawsx", "+intermediate=none,snli"], "got snli, expected two or more intermediate tasks"),
        (["+target=pawsx,xnli", "+intermediate=snli,squad_v1"], "got the targets pawsx, xnli, expected one"),
        (["+target=tatoeba", "+intermediate=snli,squad_v1"], "tatoeba has no training task"),
        (
            ["+target=pawsx", "+intermediate=snli,squad_v1", "intermediate.max_examples=50", "intermediate.draw=0,1"],
            "two cells of the choice snli have the seed",
        ),
    ],
)
def test_what_cannot_be_ranked_is_one_line(words: list[str], told: str, tmp_path: Path):
    with pytest.raises(UserError, match=told) as error:
        planned(["data=babel", f"store.root={tmp_path}", *words])
    assert "\n" not in str(error.value)
