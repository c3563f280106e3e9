"""Differences and their uncertainty, checked against simulation, statsmodels and cases that can be told by hand."""

import math

import numpy as np
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas import DataFrame
from scipy.stats import ttest_rel
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from xstilts.reporting.gain import gains
from xstilts.reporting.statistics import LEVEL, MANY, Scatter, effect, holm, scatter, variance_parts


def test_without_items_it_is_the_paired_t_test_over_seeds() -> None:
    rng = np.random.default_rng(0)
    baseline, treated = rng.normal(60, 2, (5, 4)), rng.normal(62, 2, (5, 4))
    found, wanted = effect(baseline, treated), ttest_rel(treated.mean(1), baseline.mean(1))
    interval = wanted.confidence_interval(LEVEL)
    assert (found.value, found.p) == pytest.approx(((treated - baseline).mean(), wanted.pvalue))
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high)) and found.freedom == 4
    assert math.isnan(found.item_sd)


def test_one_seed_is_judged_by_items_alone_and_without_them_not_at_all() -> None:
    one = effect(np.array([[50.0, 40.0]]), np.array([[52.0, 43.0]]), item_variance=1.0)
    assert (one.value, one.low, one.high) == pytest.approx((2.5, 2.5 - 1.959964, 2.5 + 1.959964))
    assert one.freedom == MANY and one.item_sd == 1.0 and math.isnan(one.seed_sd)
    none = effect(np.array([[50.0]]), np.array([[52.0]]))
    assert none.value == 2.0 and all(math.isnan(value) for value in (none.low, none.high, none.p))


def test_nothing_that_varies_leaves_no_doubt() -> None:
    same = effect(np.full((3, 2), 50.0), np.full((3, 2), 50.0), item_variance=0.0)
    assert (same.value, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    other = effect(np.full((3, 2), 50.0), np.full((3, 2), 51.0))
    assert (other.low, other.high, other.p) == (1.0, 1.0, 0.0)


def test_the_parts_of_variance_are_those_of_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 2, (6, 1)) + rng.normal(0, 3, (1, 8)) + rng.normal(0, 1, (6, 8))
    rows = [{"seed": s, "language": c, "value": values[s, c]} for s in range(6) for c in range(8)]
    table = anova_lm(smf.ols("value ~ C(seed) + C(language)", DataFrame(rows)).fit())
    mean_square = table["mean_sq"]
    rest = mean_square["Residual"]
    wanted = ((mean_square["C(seed)"] - rest) / 8, (mean_square["C(language)"] - rest) / 6, rest)
    assert np.square(variance_parts(values)) == pytest.approx(wanted)


@pytest.mark.parametrize("seeds, languages", [(1, 1), (1, 4), (4, 1)])
def test_what_one_seed_or_language_cannot_tell_is_nan(seeds: int, languages: int) -> None:
    seed, language, rest = variance_parts(np.arange(float(seeds * languages)).reshape(seeds, languages))
    assert math.isnan(rest) and math.isnan(seed) == (seeds == 1) and math.isnan(language) == (languages == 1)


@pytest.mark.slow  # statsmodels takes seconds to import
@settings(max_examples=25)
@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=8))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    found, known = holm(p_values), [p for p in p_values if not math.isnan(p)]
    assert [math.isnan(p) for p in found] == [math.isnan(p) for p in p_values]
    wanted = multipletests(known, method="holm")[1].tolist() if known else []
    assert [p for p in found if not math.isnan(p)] == pytest.approx(wanted)


def test_seeds_scatter_as_all_choices_say_once_what_a_seed_does_to_all_is_taken_out() -> None:
    rng = np.random.default_rng(6)
    scores = 60 + rng.normal(0, 20, (1, 6)) + rng.normal(0, 1, (9, 1)) + rng.normal(0, 2, (9, 6))
    rows = [{"choice": c, "seed": s, "value": scores[c, s]} for c in range(9) for s in range(6)]
    table = anova_lm(smf.ols("value ~ C(choice) + C(seed)", DataFrame(rows)).fit())
    found = scatter(scores)
    assert found is not None and found.freedom == table["df"]["Residual"] == 40
    assert found.variance == pytest.approx(2 * table["mean_sq"]["Residual"])
    two = scatter(scores[:2])
    assert two == Scatter(pytest.approx((scores[1] - scores[0]).var(ddof=1)), 5), "of two, it is that of their difference"
    assert scatter(scores[:, :1]) is None and scatter(scores[:1]) is None


def test_a_difference_that_scatters_more_than_the_others_is_judged_by_itself() -> None:
    baseline, treated = np.zeros((3, 1)), np.array([[0.0], [10.0], [20.0]])
    wide = effect(baseline, treated, of_seeds=Scatter(1.0, 30))
    assert wide.high - wide.low > 20 and wide.freedom == 30
    narrow = effect(baseline, treated, of_seeds=Scatter(400.0, 30))
    assert narrow.high - narrow.low == pytest.approx(2 * (wide.high - wide.low)), "and one that scatters less is not"


CELLS, SEEDS, LANGUAGES, ITEMS = 12, 4, 3, 40
Grid = list[tuple[np.ndarray, np.ndarray, float, Scatter]]


def grid(rng: np.random.Generator, planted: dict[int, float]) -> Grid:
    """What `effect` is given for each cell: the choices of one target, which share the baseline and the test items.

    An item has a difficulty that all models share and one for each choice; a seed makes a model better or worse.
    """
    effects_C = np.array([0.0, *(planted.get(cell, 0.0) for cell in range(CELLS))])
    items_CI = rng.normal(0, 10, ITEMS) + rng.normal(0, 6, (CELLS + 1, ITEMS)) * (np.arange(CELLS + 1) > 0)[:, None]
    scores_CSLI = 50 + effects_C[:, None, None, None] + items_CI[:, None, None, :]
    scores_CSLI = scores_CSLI + rng.normal(0, 1.5, (CELLS + 1, SEEDS, 1, 1))
    scores_CSLI = scores_CSLI + rng.normal(0, 8, (CELLS + 1, SEEDS, LANGUAGES, ITEMS))
    means_CSL = scores_CSLI.mean(axis=3)
    of_seeds = scatter(means_CSL.mean(axis=2))
    assert of_seeds is not None
    by_item_CI = scores_CSLI.mean(axis=(1, 2))
    variances = (by_item_CI[1:] - by_item_CI[0]).var(axis=1, ddof=1) / ITEMS
    return [(means_CSL[0], means_CSL[1 + cell], float(variances[cell]), of_seeds) for cell in range(CELLS)]


def significant(cells: Grid) -> set[int]:
    return {number for number, p in enumerate(holm([effect(*cell).p for cell in cells])) if p <= 0.05}


def test_on_grids_without_effect_the_corrected_test_finds_one_no_more_often_than_its_level() -> None:
    rng, grids = np.random.default_rng(2), 1000
    false_finds = sum(bool(significant(grid(rng, {}))) for _ in range(grids))
    # Two standard errors of a share of 5 % in 1,000 grids above the level.
    assert false_finds / grids <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / grids), false_finds


def test_planted_effects_are_found_and_they_alone() -> None:
    rng, planted = np.random.default_rng(3), {2: 12.0, 7: -12.0}
    found = [significant(grid(rng, planted)) for _ in range(200)]
    assert sum(set(planted) <= one for one in found) >= 190
    assert sum(bool(one - set(planted)) for one in found) <= 16


def test_intervals_hold_the_true_difference_at_their_level() -> None:
    rng = np.random.default_rng(4)
    found = [effect(*cell) for _ in range(200) for cell in grid(rng, dict.fromkeys(range(CELLS), 3.0))]
    inside = sum(one.low <= 3.0 <= one.high for one in found) / len(found)
    assert 0.94 <= inside <= 0.985, inside  # the sum of both variances errs on the wide side


@pytest.mark.slow
def test_the_bootstrap_over_items_holds_the_true_gain_at_its_level() -> None:
    """Single seeds of two given models: only the items are drawn anew."""
    rng, repetitions, items = np.random.default_rng(5), 400, 120
    inside = 0
    for _ in range(repetitions):
        chances = {"de": 0.55 + 0.1 * rng.standard_normal(items), "fr": 0.45 + 0.1 * rng.standard_normal(items)}
        sides = []
        for better in (0.0, 0.08):
            right = {code: rng.random(items) < np.clip(chance, 0.1, 0.8) + better for code, chance in chances.items()}
            sides.append({1: {code: {str(n): (float(hit), 1.0) for n, hit in enumerate(hits)} for code, hits in right.items()}})
        gain = gains(*sides, {"all": ["de", "fr"]}, resamples=400)["all"]
        inside += gain.low <= 8.0 <= gain.high
    spread = math.sqrt(LEVEL * (1 - LEVEL) / repetitions)
    assert abs(inside / repetitions - LEVEL) <= 3 * spread + 0.005, inside / repetitions
