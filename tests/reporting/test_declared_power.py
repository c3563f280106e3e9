"""The smallest effect of a declared comparison is found as often as stated, by the code that answers the question."""

import math
from typing import Any

import numpy as np
import pytest

from tests.reporting.made_up import drawn, of_scores
from tests.reporting.test_answers import CONTRAST, answered, share
from xstilts.reporting.contrasts import Scored
from xstilts.reporting.declared import typed
from xstilts.reporting.declared_power import SCATTER, smallest_declared
from xstilts.reporting.power import ITEM_SD, ONE_RUN, RUN_SDS

STUDIES = 250
MEANS = {"none": 0.0, "a_1": 0.0, "a_2": 0.0, "b_1": 0.0, "b_2": 0.0}
CHOICES = CONTRAST | {"a": ["a_*"], "b": ["b_*"]}


def target(means: dict[str, float], seeds: int, run_sd: float, rng: np.random.Generator, name: str, items: int = 0) -> Scored:
    found = of_scores(drawn(rng, means, seeds, run_sd), name)
    for result in found.one.results():
        for row in result["rows"]:
            row["examples"] = items
    return found


def foretold(planned: list[Scored], finished: list[Scored] | None = None, **questions: Any) -> Any:
    return smallest_declared(typed({"primary": questions}), planned, finished or [])


@pytest.mark.slow
@pytest.mark.parametrize("names", [["xnli"], ["xnli", "udpos"]])
def test_the_answer_finds_the_stated_effect_four_times_in_five(names: list[str]):
    rng = np.random.default_rng(0)
    planned = [target(MEANS, 3, 1.0, rng, name) for name in names]
    (one,) = (effect for effect in foretold(planned, c=CHOICES) if effect.run_sd == 1.0)
    assert (one.comparison, one.choices, one.seeds, one.languages, one.comparisons) == ("c", 4, 3, 6, 1)
    assert one.effect == one.corrected and not one.measured and math.isnan(one.item_sd)
    means = MEANS | {"a_1": one.effect, "a_2": one.effect}
    verdicts = [
        answered([target(means, 3, math.sqrt(len(names)), rng, name) for name in names], c=CHOICES)["verdict"][0]
        for _ in range(STUDIES)
    ]
    assert share(verdicts, "supported") == pytest.approx(0.8, abs=0.05), "the run SD is that of the mean over targets"


@pytest.mark.slow
def test_correction_items_and_more_seeds_move_it_as_they_must():
    rng = np.random.default_rng(1)
    planned = [target(MEANS, 3, 1.0, rng, "xnli")]
    alone, corrected = foretold(planned, c=CHOICES), foretold(planned, c=CHOICES, d=CONTRAST | {"a": ["a_1"], "b": ["none"]})
    assert [one.run_sd for one in alone] == [*RUN_SDS] and [one.comparisons for one in corrected] == [2] * 6
    assert alone[0].effect < alone[1].effect < alone[2].effect
    assert corrected[0].effect == alone[0].effect < corrected[0].corrected
    assert foretold([target(MEANS, 6, 1.0, rng, "xnli")], c=CHOICES)[0].effect < alone[0].effect
    with_items = foretold([target(MEANS, 3, 1.0, rng, "xnli", items=400)], c=CHOICES)[0]
    assert with_items.item_sd == ITEM_SD and with_items.items == 400 and with_items.effect > alone[0].effect


def test_one_seed_of_several_choices_has_no_smallest_effect():
    planned = [target(MEANS, 1, 1.0, np.random.default_rng(2), "xnli")]
    (one,) = foretold(planned, c=CHOICES)
    assert one.reason == ONE_RUN and math.isnan(one.effect)


def test_finished_results_give_the_run_sd():
    rng = np.random.default_rng(2)
    planned, finished = ([target(MEANS, 4, 3.0, rng, "xnli")] for _ in range(2))
    (one,) = foretold(planned, finished, c=CHOICES)
    assert one.measured and one.run_sd == pytest.approx(3.0, rel=0.4)
    others = [target(MEANS, 4, 3.0, rng, "udpos")]
    assert not foretold(planned, others, c=CHOICES)[0].measured


def test_what_cannot_be_foretold_has_a_reason():
    rng = np.random.default_rng(3)
    single = [target(MEANS, 1, 1.0, rng, "xnli")]
    slope = {"kind": "slope", "a": ["a_*"], "b": ["b_*"], "by": "distance", "expect": "positive"}
    found = foretold(single, c=CONTRAST | {"a": ["a_1"], "b": ["b_1"]}, s=slope, x=CONTRAST)
    assert [one.reason for one in found] == [ONE_RUN, SCATTER, "no cell has a choice like a, b"]
    assert all(math.isnan(one.effect) for one in found)
