"""Runs that collapsed: the only rule for them, and how often each choice has them.

A training of few steps sometimes ends with a model that has learnt nothing (Mosbach et al. 2021); that intermediate training
makes this rarer was the first claim for it (Phang et al. 2018). So the share of collapsed runs is a result of its own. A run is
collapsed if one of these is true:

    one answer   it gives the same answer to every example in the source language
    no better    its score in the source language is at most that of the most frequent gold answer, given to every example
    far below    it is more than 5 standard deviations below the (lower) median of the other runs of its cell, if there are
                 two or more

The standard deviation between runs is a robust one: from the median variance of the target's choices, and larger for a choice
that varies more on most targets. A target without a score in the source language is judged by all its languages.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median, median_low
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.paths import CellPaths
from xstilts.reporting.comparison import Comparison, Result
from xstilts.reporting.effects import ScoresBySeed
from xstilts.reporting.naming import choice_name
from xstilts.store.results import cell_predictions, name_of

if TYPE_CHECKING:
    from pathlib import Path

    from pandas import DataFrame

COLLAPSES = "target condition intermediate runs collapsed share low high reasons".split()
FAR = 5.0
"""Number of robust standard deviations below its siblings from which a run is collapsed."""
LEVEL = 0.95

Collapsed = Mapping[str, Mapping[int, str]]
"""Choice -> seed of a collapsed run -> reason."""
ConstantScore = Callable[[Comparison, Sequence[str]], float | None]
"""Returns the mean score over some languages of the most frequent gold answer; None if it is not known."""


def collapsed_runs(found: Sequence[Comparison], constant_score: ConstantScore) -> Sequence[Collapsed]:
    """Return the collapsed runs of each comparison; all of them together tell which choices vary more."""
    learnt_nothing = [dict(_learnt_nothing(one, constant_score)) for one in found]
    far_below = _far_below(found, learnt_nothing)
    reasons: list[dict[str, dict[int, str]]] = [{} for _ in found]
    for place, known in enumerate(zip(learnt_nothing, far_below, strict=True)):
        for of_runs in known:
            for (choice, seed), reason in of_runs.items():
                reasons[place].setdefault(choice, {})[seed] = reason
    return reasons


def constant_scores(study: "Path", broken: list[str]) -> ConstantScore:
    """Return a function that scores the most frequent answer by the gold in a study's predictions.

    It adds what is wrong with predictions to `broken`, one line each.
    """

    def score(one: Comparison, languages: Sequence[str]) -> float | None:
        result = next((found for found in one.results() if CellPaths(study, name_of(found)).predictions.exists()), None)
        if result is None:
            return None
        gold: dict[str, list[Any]] = {}
        try:
            for row in cell_predictions(study, result):
                if row["split"] == one.split and row["gold"] is not None:
                    gold.setdefault(row["language"], []).append(row["gold"])
            scores = [constant_answer_score(one.metric, gold.get(code, []), code) for code in languages]
        except UserError as error:
            broken.append(" ".join(str(error).splitlines()))
            return None
        known = [score for score in scores if score is not None]
        return fmean(known) if known and len(known) == len(scores) else None

    return score


def constant_answer_score(metric: str, gold: Sequence[Any], language: str) -> float | None:
    """Return the main score, in percent, of the most frequent answer for every example.

    None if the metric has no such answer, or if there is no other gold answer, so that nothing can be better.
    """
    kind = metrics.kind_of(metric)
    if kind not in ("label", "tags", "answer"):
        return None
    parts: Iterable[Any] = gold
    if kind != "label":  # the tags of a sentence, or the accepted answers of a question, where the empty text is no answer
        parts = (answer for one in gold for answer in (one if kind == "tags" else set(one) or {""}))
    counts = Counter(parts)
    if len(counts) < 2:
        return None
    answer = max(counts, key=lambda name: (counts[name], str(name)))
    constant = [[answer] * len(tags) for tags in gold] if kind == "tags" else [answer] * len(gold)
    return metrics.score(metric, gold, constant, language)[metrics.main_key(metric)]


def one_answer(result: Result, split: str) -> set[str]:
    """Return the languages in which a result gives one answer to every example of a split."""
    found = (re.fullmatch(rf"{re.escape(split)}: one answer for every example in (.*)", text) for text in result["degenerate"])
    return {code for match in found if match for code in match[1].split()}


def collapses(pairs: Sequence[tuple[Comparison, str]], collapsed: Sequence[Collapsed]) -> "DataFrame":
    """Return a row per choice, target and condition: how many of its runs collapsed, and the share with its interval, percent.

    `pairs` are comparisons with their conditions. The interval is exact (Clopper and Pearson 1934).
    """
    from pandas import DataFrame

    rows = []
    for (one, condition), own in zip(pairs, collapsed, strict=True):
        for choice, runs in one.cells.items():
            reasons = own.get(choice, {})
            about = [one.target, condition, choice_name(choice), len(runs), len(reasons), 100 * len(reasons) / len(runs)]
            told = "; ".join(f"seed {seed}: {reason}" for seed, reason in sorted(reasons.items()))
            rows.append([*about, *exact_interval(len(reasons), len(runs)), told])
    return DataFrame(rows, columns=COLLAPSES)


def exact_interval(count: int, total: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a share, in percent (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    tail = (1 - LEVEL) / 2
    low = float(betaincinv(count, total - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, total - count, 1 - tail)) if count < total else 1.0
    return 100 * low, 100 * high


def _learnt_nothing(one: Comparison, constant_score: ConstantScore) -> Iterator[tuple[tuple[str, int], str]]:
    """Yield the runs that give one answer or are no better than the most frequent one."""
    scored = {(choice, seed): scores for choice in one.cells for seed, scores in one.by_seed(choice).items() if scores}
    if not scored or not metrics.higher_is_better(one.key):
        return
    codes = [code for code in next(iter(scored.values())) if all(code in scores for scores in scored.values())]
    judged = [one.source] if one.source in codes else codes
    where = one.source if judged == [one.source] else "all languages"
    constant = constant_score(one, judged) if judged else None
    for (choice, seed), scores in scored.items():
        if set(judged) and set(judged) <= one_answer(one.cells[choice][seed], one.split):
            yield (choice, seed), f"one answer for every example in {where}"
        elif constant is not None and (score := fmean(scores[code] for code in judged)) <= constant:
            yield (choice, seed), f"{score:.1f} in {where}, where the most frequent answer alone gets {constant:.1f}"


def _far_below(found: Sequence[Comparison], known: Sequence[Mapping[tuple[str, int], str]]) -> list[dict[tuple[str, int], str]]:
    """Return the runs that are far below the other runs of their cell; runs in `known` count nowhere."""
    from scipy.special import chdtri

    runs = [_residuals(one, set(own)) for one, own in zip(found, known, strict=True)]
    relative: dict[str, list[float]] = {}
    levels = []
    for own in runs:
        # The median of a sample variance is below the true one.
        spreads = {
            choice: float(np.var(list(by_seed.values()), ddof=1)) * freedom / float(chdtri(freedom, 0.5))
            for choice, by_seed in own.items()
            if (freedom := len(by_seed) - 1) > 0
        }
        levels.append(median(spreads.values()) if spreads else 0.0)
        if levels[-1]:
            for choice, spread in spreads.items():
                relative.setdefault(choice, []).append(spread / levels[-1])
    reasons: list[dict[tuple[str, int], str]] = [{} for _ in found]
    for place, (own, level) in enumerate(zip(runs, levels, strict=True)):
        for choice, by_seed in own.items():
            factor = max(1.0, median(relative[choice])) if len(relative.get(choice, [])) > 1 else 1.0
            sd = float(np.sqrt(level * factor))
            for seed, score in by_seed.items():
                others = [other for sibling, other in by_seed.items() if sibling != seed]
                if len(others) > 1 and sd and (below := median_low(others) - score) > FAR * sd:
                    reasons[place][choice, seed] = (
                        f"{below:.1f} below the other seeds, whose robust standard deviation is {sd:.1f}"
                    )
    return reasons


def _residuals(one: Comparison, without: set[tuple[str, int]]) -> dict[str, dict[int, float]]:
    """Return the mean scores of runs over the languages that all have; if paired, less the median of all runs of their seed."""
    scored: dict[str, ScoresBySeed] = {choice: one.by_seed(choice) for choice in one.cells}
    every = [scores for own in scored.values() for scores in own.values() if scores]
    codes = [code for code in every[0] if all(code in scores for scores in every)] if every else []
    if not codes or not metrics.higher_is_better(one.key):
        return {}
    means = {
        choice: {
            seed: fmean(scores[code] for code in codes)
            for seed, scores in own.items()
            if scores and (choice, seed) not in without
        }
        for choice, own in scored.items()
    }
    if one.paired:
        by_seed: dict[int, list[float]] = {}
        for own in means.values():
            for seed, score in own.items():
                by_seed.setdefault(seed, []).append(score)
        means = {choice: {seed: score - median(by_seed[seed]) for seed, score in own.items()} for choice, own in means.items()}
    return means
