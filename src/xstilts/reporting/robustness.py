"""Robustness of transfer: the worst language of each target, the spread over languages, and what character noise costs.

A row per target, condition and intermediate choice, with

    score       mean over the languages other than the source language, and over seeds
    spread      standard deviation between these languages of their means over seeds
    worst       the language with the lowest mean over all choices, so that it is the same for all of them
    worst_score the choice's score in it, and against the choice `none` there: difference, low, high, covers, p, seeds
    noise       the share of letters with an error in the tests of the condition; 0: none
    loss        for a condition with noise: the score without noise minus the score with it, with the same seeds, and its interval
                over runs, loss_low and loss_high

Scores are in percent. The difference is estimated as everywhere (`contrasts.combination`), with the variances between runs of the
worst languages of all targets. Runs with and without noise are the same models, so the differences of their seeds show the
variance of the loss.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xstilts.metrics import higher_is_better
from xstilts.numbering import natural
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.contrasts import Part, Scored, combination
from xstilts.reporting.effects import common_languages, scores_SL
from xstilts.reporting.statistics import effect, holm

if TYPE_CHECKING:
    from pandas import DataFrame

ROBUSTNESS = (
    "target condition intermediate score spread worst worst_score difference low high covers p p_corrected seeds noise loss "
    "loss_low loss_high"
).split()
NOISE = "target.char_noise."


@dataclass(frozen=True)
class _Target:
    """A target and its languages other than the source language; all of its runs have them."""

    scored: Scored
    codes: list[str]

    @property
    def worst(self) -> str:
        runs = [scores for by_seed in self.scored.scores.values() for scores in by_seed.values()]
        return self.codes[int(scores_SL(dict(enumerate(runs)), self.codes).mean(axis=0).argmin())]

    @property
    def part(self) -> Part:
        return Part(self.scored, {self.worst: 1.0})

    @property
    def noise(self) -> float:
        return float(json.loads(self.scored.one.settings.get(f"{NOISE}rate", "0")))

    @property
    def kept(self) -> tuple[str, dict[str, str]]:
        """The target and the condition without noise."""
        settings = self.scored.one.settings
        return self.scored.one.target, {key: value for key, value in settings.items() if not key.startswith(NOISE)}


def robustness(targets: Sequence[Scored]) -> "DataFrame":
    """Return the table that the module describes.

    Targets with fewer than two languages beside the source language are left out, and those whose metric is better the lower it
    is. `p_corrected` is Holm's over all rows.
    """
    from pandas import DataFrame

    every = [_Target(one, _codes(one)) for one in targets if higher_is_better(one.one.main.metric)]
    every = [one for one in every if len(one.codes) > 1]
    frame = DataFrame([row for one in every for row in _rows(one, every)], columns=ROBUSTNESS)
    frame["p_corrected"] = holm(frame["p"].tolist())
    return frame


def _codes(one: Scored) -> list[str]:
    runs = [scores for by_seed in one.scores.values() for scores in by_seed.values()]
    return [code for code in common_languages(dict(enumerate(runs))) if code != one.one.source]


def _rows(target: _Target, every: Sequence[_Target]) -> Iterator[list[object]]:
    one, codes, worst, grid = target.scored, target.codes, target.worst, [other.part for other in every]
    clean = next((other.scored for other in every if not other.noise and other.kept == target.kept), None)
    for choice, by_seed in sorted(one.scores.items(), key=lambda item: (item[0] != BASELINE, natural(item[0]))):
        mean_L = scores_SL(by_seed, codes).mean(axis=0)
        about = [float(mean_L.mean()), float(mean_L.std(ddof=1)), worst, float(mean_L[codes.index(worst)])]
        compared: list[object] = [np.nan, np.nan, np.nan, "", np.nan]
        if choice != BASELINE and BASELINE in one.scores:
            found = combination({choice: 1.0, BASELINE: -1.0}, [target.part], grid, ([choice], [BASELINE]))
            if found:
                gain = found.estimated
                compared = [gain.value, gain.low, gain.high, gain.covers, gain.p]
        lost = _loss(choice, one, clean, codes) if clean and target.noise else [np.nan] * 3
        yield [one.one.target, one.condition, choice, *about, *compared, np.nan, len(by_seed), target.noise, *lost]


def _loss(choice: str, noisy: Scored, clean: Scored, codes: Sequence[str]) -> list[float]:
    """Score without noise minus score with it, and the ends of its interval, over the seeds that have both."""
    without, own = clean.scores.get(choice, {}), noisy.scores[choice]
    seeds = [seed for seed in own if seed in without and set(codes) <= set(without[seed])]
    if not seeds:
        return [np.nan] * 3
    own_SL, without_SL = (scores_SL({seed: side[seed] for seed in seeds}, codes) for side in (own, without))
    found = effect(own_SL, without_SL)
    return [found.value, found.low, found.high]
