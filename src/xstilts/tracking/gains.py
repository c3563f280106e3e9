"""What the intermediate tasks of a study gain over none, from its result files: numbers for a dashboard, without intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from xstilts.reporting.comparison import BASELINE, Comparison, comparisons
from xstilts.reporting.conditions import told

COLUMNS = ("target", "intermediate", "gain, source language", "gain, mean of the others", "seeds")


@dataclass(frozen=True)
class Gained:
    """One intermediate choice for one target, in the metric's unit, over the seeds that it has in common with the baseline."""

    target: str
    """With the options in which its cells differ from others of the same target."""
    intermediate: str
    source: float | None
    others: float | None
    """Mean over the languages other than the source language, then over seeds."""
    seeds: int

    def row(self) -> list[object]:
        """In the order of COLUMNS."""
        return [self.target, self.intermediate, self.source, self.others, self.seeds]


def gained(study: Path) -> list[Gained]:
    """All that can be compared with a baseline. UserError for a folder without results."""
    return [one for comparison in comparisons(study) for one in _gained(comparison)]


def _gained(comparison: Comparison) -> list[Gained]:
    if BASELINE not in comparison.cells:
        return []
    variant = comparison.variants[0]
    baseline = comparison.by_seed(BASELINE, variant)
    target = " ".join(part for part in (comparison.target, told(comparison.settings, comparison.differing)) if part)
    found = []
    for choice in comparison.cells:
        own = comparison.by_seed(choice, variant)
        seeds = sorted(set(own) & set(baseline))
        if choice != BASELINE and seeds:
            differences = [_differences(own[seed], baseline[seed], comparison.source) for seed in seeds]
            source, others = ([one[place] for one in differences if one[place] is not None] for place in (0, 1))
            found.append(Gained(target, choice, _mean(source), _mean(others), len(seeds)))
    return found


def _differences(own: Mapping[str, float], baseline: Mapping[str, float], source: str) -> tuple[float | None, float | None]:
    both = {code: own[code] - baseline[code] for code in own if code in baseline}
    others = [difference for code, difference in both.items() if code != source]
    return both.get(source), fmean(others) if others else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
