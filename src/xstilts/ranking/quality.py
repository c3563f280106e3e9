"""The quality of a ranking of intermediate tasks, by the results of a finished study.

The truth is a task's test score in the languages other than the source language, mean over languages and seeds. A ranking gives
each task a score, higher is better; tasks with equal scores are in random order, and what is returned is then the exact
expectation over these orders. So a score that is the same for all tasks is the random ranking.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xstilts.paths import METADATA, ArtifactPaths
from xstilts.reporting.comparison import BASELINE, Comparison, Result, comparisons
from xstilts.reporting.summary import mean_of_others
from xstilts.store.files import read_json_object

ScoreByTask = Mapping[str, float]
FEWEST = 3
"""Tasks that a ranking is judged on, at least."""


@dataclass(frozen=True)
class Quality:
    """The quality of one ranking."""

    spearman: float
    """Rank correlation with the truth, -1 to 1; 0 for a random ranking."""
    regret: float
    """Truth of the best task minus that of the task ranked first, percentage points."""
    first: tuple[str, ...]
    """The task ranked first; several where they have the same score."""


def quality(score: ScoreByTask, truth: ScoreByTask) -> Quality:
    """Return the quality of a ranking of the tasks in `truth`; `score` has all of them, and may have others.

    Ranks are linear in the correlation, so that the mean rank of equal scores gives the expectation over their orders.
    """
    from scipy.stats import rankdata

    tasks = list(truth)
    score_N, truth_N = (np.array([values[task] for task in tasks]) for values in (score, truth))
    ranks_N, true_ranks_N = rankdata(score_N), rankdata(truth_N)
    covariance = float(np.mean((ranks_N - ranks_N.mean()) * (true_ranks_N - true_ranks_N.mean())))
    first_N = score_N == score_N.max()
    return Quality(
        spearman=covariance / ((len(tasks) ** 2 - 1) / 12),
        regret=float(truth_N.max() - truth_N[first_N].mean()),
        first=tuple(task for task, is_first in zip(tasks, first_N, strict=True) if is_first),
    )


@dataclass(frozen=True)
class Finished:
    """The results of a finished study for one target."""

    target: str
    by_seed: dict[str, dict[int, float]]
    """Intermediate task -> seed -> truth in percent, without the choice `none`; sorted."""
    baseline: float | None
    """Truth of the choice `none`, mean over seeds; None: the study has no such choice."""
    sizes: dict[str, int]
    """Intermediate task -> examples that phase 2 trained on; without tasks whose artifact is not there any more."""
    same_format: dict[str, float]
    """Intermediate task -> 1 if it has the target's format, else 0; of several tasks at once, their share."""

    @property
    def truth(self) -> dict[str, float]:
        """Intermediate task -> truth, mean over seeds."""
        return {task: float(np.mean(list(scores.values()))) for task, scores in self.by_seed.items()}

    def of(self, tasks: Collection[str]) -> "Finished":
        """The results of these tasks alone."""
        kept = {task: scores for task, scores in self.by_seed.items() if task in tasks}
        return replace(self, by_seed=kept)

    def baselines(self) -> dict[str, Quality]:
        """The quality of simple rankings: the biggest task first, the target's format first, random order."""
        truth = self.truth
        rankings: dict[str, ScoreByTask] = {"same format": self.same_format, "random": dict.fromkeys(truth, 0.0)}
        if self.sizes.keys() >= truth.keys():
            rankings = {"biggest": self.sizes, **rankings}
        return {name: quality(score, truth) for name, score in rankings.items()}

    def one_seed(self) -> Quality | None:
        """The quality of the ranking by one whole seed of the study, judged by its other seeds, mean over seeds.

        It shows how far the seeds agree at all; None with a single seed.
        """
        seeds = sorted(set.intersection(*(set(scores) for scores in self.by_seed.values())))
        found = []
        for seed in seeds if len(seeds) > 1 else []:
            others = {task: float(np.mean([s[one] for one in seeds if one != seed])) for task, s in self.by_seed.items()}
            found.append(quality({task: s[seed] for task, s in self.by_seed.items()}, others))
        if not found:
            return None
        first = tuple(dict.fromkeys(task for one in found for task in one.first))
        return Quality(float(np.mean([one.spearman for one in found])), float(np.mean([one.regret for one in found])), first)


def finished(study: Path) -> list[Finished]:
    """Read the results of a study: an entry for each target and condition with at least three intermediate tasks.

    UserError for a folder without results and for broken files.
    """
    found = (_finished(one) for one in comparisons(study))
    return [one for one in found if len(one.by_seed) >= FEWEST]


def _finished(one: Comparison) -> Finished:
    scores = {
        choice: {seed: value for seed in by_seed if (value := mean_of_others(one.rows(choice, seed), one.source)) is not None}
        for choice, by_seed in one.cells.items()
    }
    scores = {choice: by_seed for choice, by_seed in scores.items() if by_seed}
    baseline = scores.pop(BASELINE, None)
    results = {choice: next(iter(one.cells[choice].values())) for choice in scores}
    sizes = {choice: _examples(result) for choice, result in results.items()}
    return Finished(
        target=one.target,
        by_seed=scores,
        baseline=float(np.mean(list(baseline.values()))) if baseline else None,
        sizes={choice: size for choice, size in sizes.items() if size is not None},
        same_format={choice: _same_format(result) for choice, result in results.items()},
    )


def _examples(result: Result) -> int | None:
    """Return the examples that phase 2 trained on, of all its tasks; None if its artifact is not there."""
    tasks, store = result["config"]["intermediate"]["tasks"], Path(result["config"]["store"]["root"])
    for artifact in result["artifacts"]:
        file = ArtifactPaths(store, artifact["kind"], artifact["fingerprint"]).folder / METADATA
        if file.exists():
            data = read_json_object(file, "description of an artifact", "delete the artifact").get("data", {})
            if data.keys() == tasks.keys():
                return sum(used["examples"] for used in data.values())
    return None


def _same_format(result: Result) -> float:
    target, tasks = result["config"]["target"]["task"], result["config"]["intermediate"]["tasks"].values()
    return float(np.mean([used["task"]["format"] == target["format"] for used in tasks]))
