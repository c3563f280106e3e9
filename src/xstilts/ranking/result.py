"""The result of `xstilts rank`: the scores of each intermediate choice, and the tables that show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xstilts.ranking.halving import Standing
from xstilts.ranking.quality import FEWEST, Finished, Quality, quality
from xstilts.reporting.comparison import BASELINE
from xstilts.study.smallest import new_table

if TYPE_CHECKING:
    from rich.table import Table

HALVING, LOGME, TEXT = METHODS = ("halving", "logme", "text")
Estimate = tuple[float, float]
"""A score and its standard error over examples."""


@dataclass
class Ranking:
    """The scores of each intermediate choice, by the methods that were asked for, and what they cost."""

    target: str
    standings: list[Standing] = field(default_factory=list)
    """The result of halving, the best first."""
    logme: dict[str, Estimate] = field(default_factory=dict)
    text: dict[str, Estimate] = field(default_factory=dict)
    share: float | None = None
    """FLOP as a share of the full grid's, at most; None: not known."""
    notes: list[str] = field(default_factory=list)

    @property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """The methods that need no training and were used."""
        return {name: found for name, found in {LOGME: self.logme, TEXT: self.text}.items() if found}

    @property
    def by_method(self) -> dict[str, dict[str, float]]:
        """Method -> intermediate choice -> score, higher is better, for all methods that were used."""
        places = {one.choice: -float(place) for place, one in enumerate(self.standings)}
        values = {name: {choice: value for choice, (value, _) in found.items()} for name, found in self.estimates.items()}
        return ({HALVING: places} if places else {}) | values


def ranking_table(ranking: Ranking) -> "Table":
    """A row per intermediate choice, in the order of the first method that was used."""
    table = new_table("place", "intermediate", *_columns(ranking))
    first = next(iter(ranking.by_method.values()))
    standings = {one.choice: one for one in ranking.standings}
    for place, choice in enumerate(sorted(first, key=lambda one: -first[one]), start=1):
        row = [str(place), choice]
        if one := standings.get(choice):
            error = "" if one.error is None else f"{one.error:.1f}"
            row += [str(one.steps), f"{one.score:.1f}", error, {None: "", True: "yes", False: "no"}[one.level]]
        for found in ranking.estimates.values():
            row += [f"{value:.3f}" for value in found[choice]] if choice in found else ["", ""]
        table.add_row(*row)
    return table


def _columns(ranking: Ranking) -> list[str]:
    halving = ["steps", "validation", "± 95 %", "may be best"] if ranking.standings else []
    return halving + [column for name in ranking.estimates for column in (name, "± s.e.")]


def qualities(one: Finished, scores: Mapping[str, Mapping[str, float]]) -> tuple[Finished, dict[str, Quality]]:
    """Judge rankings by a finished study: the tasks that all of them have, and method -> quality, simple rankings last.

    `scores`: method -> intermediate choice -> score. There is no quality where they share fewer than three tasks.
    """
    tasks = set(one.by_seed).intersection(*scores.values()) - {BASELINE}
    same = one.of(tasks)
    if len(tasks) < FEWEST:
        return same, {}
    seed = same.one_seed()
    found = {name: quality(of, same.truth) for name, of in scores.items()} | same.baselines()
    return same, found | ({"one seed of the study": seed} if seed else {})


def quality_table(found: Mapping[str, Quality]) -> "Table":
    """A row per ranking."""
    table = new_table("ranking", "Spearman", "regret", "first")
    for name, one in found.items():
        first = ", ".join(one.first) if name != "random" else ""
        table.add_row(name, f"{one.spearman:.2f}", f"{one.regret:.1f}", first)
    return table


def study_text(one: Finished) -> str:
    """A line about the truth that rankings are judged by."""
    truth = one.truth
    values = ", ".join(f"{task} {truth[task]:.1f}" for task in sorted(truth, key=lambda task: -truth[task]))
    return f"{one.target}: {values}" + (f" ({BASELINE} {one.baseline:.1f})" if one.baseline is not None else "")


def cost_text(ranking: Ranking, seconds: float) -> str:
    """A line about what a ranking cost; a second run of the command, with all artifacts in the store, takes few seconds."""
    share = "not known, as the size of the encoder or the data is not declared"
    if ranking.share is not None:
        percent = 100 * ranking.share
        shown = f"{percent:.2g}" if percent < 10 else f"{percent:.0f}"
        share = f"{shown} % of the FLOP of the full grid, by the estimate of `xstilts plan`"
    return f"cost: {share}; {seconds:,.0f} s in this run"


def unjudged(study: str, target: str, found: Sequence[Finished]) -> str:
    """The message that a study cannot judge a ranking of the target."""
    have = ", ".join(dict.fromkeys(one.target for one in found)) or "none"
    return f"{study} has no results of {target} with {FEWEST} of these intermediate tasks; targets with as many: {have}"
