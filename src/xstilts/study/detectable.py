"""The smallest effects that a study finds, from its plan and the results that it has already."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.jobs import EvaluationJob
from xstilts.paths import results_dir
from xstilts.reporting.comparison import Comparison, compared
from xstilts.reporting.contrasts import Scored, scored
from xstilts.reporting.declared_power import smallest_declared
from xstilts.reporting.naming import options
from xstilts.reporting.power import SmallestEffect, smallest_effects
from xstilts.store.results import read_results
from xstilts.study.grid import PlannedCell

log = logging.getLogger("xstilts")


def detectable(cells: Iterable[PlannedCell]) -> list[SmallestEffect]:
    """Return the smallest effects of the primary comparisons that the study declares, then those of the grid.

    The latter are differences from the baseline: none without it and an intermediate choice beside it.
    """
    plans = [cell.plan for cell in cells if cell.plan]
    folders = [path for path in dict.fromkeys(results_dir(Path(plan.config.output)) for plan in plans) if path.is_dir()]
    try:
        finished = compared([result for folder in folders for result in read_results(folder)])
    except UserError as error:
        log.info(f"run SDs are assumed, because results of the study cannot be used: {error}")
        finished = []
    planned = compared([_planned_result(plan.evaluation) for plan in plans])
    declared = smallest_declared(plans[0].config.analysis, _scored(planned), _scored(finished)) if plans else []
    return declared + smallest_effects(planned, finished)


def _scored(found: Sequence[Comparison]) -> list[Scored]:
    typed = options(found) if found else []
    return [scored(one, " ".join(words), {}) for one, words in zip(found, typed, strict=True)]


def _planned_result(job: EvaluationJob) -> dict[str, Any]:
    """Return the result that a job will write, with a 0 in the place of each score."""
    metric = metrics.main_key(job.task.metrics[0])
    rows = [
        {
            "task": job.task.name,
            "language": language,
            "split": split.name,
            "metric": metric,
            "value": 0.0,
            "examples": job.examples.get(split.name, {}).get(language, 0),
        }
        for split in job.splits
        for language in split.languages
    ]
    return {**job.header, "rows": rows}
