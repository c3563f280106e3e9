"""Optimizer steps of phase 2 in a grid: a difference between choices that train in unequal steps may be one of their steps."""

from collections.abc import Iterable

from xstilts.cell.phases import CellPlan, Phase
from xstilts.jobs import TrainingJob
from xstilts.study import cost
from xstilts.study.grid import PlannedCell


def steps_of_phase_2(cells: Iterable[PlannedCell]) -> list[str]:
    """Return what a plan says of the steps of phase 2, in lines; none for a grid of baselines."""
    choices: dict[str, set[int | None]] = {}
    shortened = False
    for plan in [cell.plan for cell in cells if cell.plan]:
        if phase := phase_2(plan):
            job = phase.job
            assert isinstance(job, TrainingJob)
            chosen = plan.config.intermediate
            choices.setdefault(chosen.name or "+".join(chosen.tasks), set()).add(cost.training_steps(job))
            fixed = chosen.recipe.max_steps is not None
            shortened |= fixed and bool(job.hyperparameters.patience or job.hyperparameters.selection == "best")
    steps = {count for counts in choices.values() for count in counts}
    if not choices:
        return []
    lines = []
    if len(steps) == 1:
        lines.append(f"phase 2 has {_shown(steps.pop())} steps in every choice")
    else:
        groups: dict[str, list[str]] = {}
        for name, counts in choices.items():
            groups.setdefault(" or ".join(_shown(count) for count in sorted(counts, key=lambda n: n or 0)), []).append(name)
        told = "; ".join(f"{count}: {', '.join(names)}" for count, names in groups.items())
        lines.append(
            f"warning: phase 2 has unequal steps ({told}); intermediate.recipe.max_steps=N gives every choice as many, where "
            "a difference between choices is not to be one of steps"
        )
    if shortened:
        lines.append(
            "warning: phase 2 may stop early or keep an earlier checkpoint; for equal steps, type "
            "intermediate.recipe.selection=last intermediate.recipe.patience=0 too"
        )
    return lines


def phase_2(plan: CellPlan) -> Phase | None:
    """Return the training on the intermediate tasks; None for the baseline."""
    phases = [phase for phase in plan.training if isinstance(phase.job, TrainingJob) and not phase.job.dynamics]
    return phases[0] if plan.config.intermediate.tasks else None


def _shown(count: int | None) -> str:
    return "an unknown number of" if count is None else f"{count:,}"
