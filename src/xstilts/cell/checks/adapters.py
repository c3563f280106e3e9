"""Check the adapters of a cell's phases: peft is there, every option has an effect, and one phase's fits the next one's."""

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise

from xstilts.cell.resolve import FEW_SHOT, ResolvedCell
from xstilts.recipes import ADAPTER_NAMES
from xstilts.tasks.formats import format_names, format_of


def adapter_problems(cell: ResolvedCell) -> Iterator[str]:
    """Yield a line for each problem."""
    config, mode = cell.config, cell.config.model.previous_adapter
    phases = [phase for phase in (cell.intermediate, *cell.training) if phase]
    if (kinds := {phase.hyperparameters.adapter for phase in phases} - {None}) and find_spec("peft") is None:
        yield f"adapter={'+'.join(sorted(map(str, kinds)))} needs the package peft: type pip install 'xstilts[adapters]'"
    few_shot = [phase for phase in cell.training if any(task.place == FEW_SHOT for task in phase.tasks.values())]
    typed = (
        ("pretraining", config.pretraining.recipe, [cell.pretraining]),
        ("intermediate", config.intermediate.recipe, [cell.intermediate]),
        ("target", config.target.recipe, cell.training),
        (FEW_SHOT, config.target.few_shot.recipe, few_shot),
    )
    for place, own, trained in typed:
        for name in ADAPTER_NAMES:
            used = [getattr(phase.hyperparameters, name) for phase in trained if phase]
            if getattr(own, name) not in (None, "none") and used and not any(value is not None for value in used):
                reason = "phase 1 has no adapter" if place == "pretraining" else "the phase has no adapter with this option"
                yield f"{place}.recipe.{name}={getattr(own, name)}: {reason}; leave it out" + (
                    "" if place == "pretraining" else f", or type {place}.recipe.adapter=lora"
                )
    yield from _language_adapters(cell)
    for before, after in pairwise(phases):
        first, second = ([getattr(phase.hyperparameters, name) for name in ADAPTER_NAMES] for phase in (before, after))
        wanted = {"merged": second, "stacked": [first[0], *second[1:]], "kept": first}.get(mode, second)
        if first[0] and second != wanted:
            differing = [
                f"{name}={ours} after {theirs}"
                for name, theirs, ours in zip(ADAPTER_NAMES, wanted, second, strict=True)
                if ours != theirs
            ]
            expected = "the same kind of adapter" if mode == "stacked" else "the same adapter"
            yield (
                f"model.previous_adapter={mode}: {after.label} has {', '.join(differing)}; expected {expected} as in "
                f"{before.label}: type model.previous_adapter=merged"
            )


def _language_adapters(cell: ResolvedCell) -> Iterator[str]:
    config, target = cell.config, cell.config.target
    tables = {"pretraining.tasks": config.pretraining.tasks, "target.training": target.training}
    for table, tasks in tables.items():
        for name in (name for name, used in tasks.items() if used.language_adapters):
            yield f"{table}.{name}.language_adapters: expected an intermediate task: leave it out"
    for name, used in config.intermediate.tasks.items():
        if not used.language_adapters:
            continue
        place = f"intermediate.tasks.{name}"
        format = format_of(used.task) if used.task.format in format_names() else None
        if len(config.intermediate.tasks) > 1 or (format and not format.masks):
            yield f"{place}.language_adapters: expected masked language modelling alone in phase 2: type +intermediate=mlm"
            continue
        if len(used.languages) != 1:
            yield f"{place}.languages: got {len(used.languages)}, expected one language: type {place}.languages=[en]"
        kinds = {phase.hyperparameters.adapter for phase in (cell.intermediate, *cell.training) if phase}
        if None in kinds or config.model.previous_adapter != "stacked":
            yield (
                f"{place}.language_adapters: an adapter can take the place of another one only beside those of later phases: "
                "type model.adapter=lora model.previous_adapter=stacked"
            )
        if not target.training:
            yield f"{place}.language_adapters: target {target.task.name} trains no adapter in phase 3: choose another target"
        elif target.task.format in format_names() and format_of(target.task).embeds:
            yield f"{place}.language_adapters: target {target.task.name} compares texts of two languages: choose another target"
        if missing := [language for language in cell.target.languages if language not in used.task.languages]:
            yield (
                f"{place}.language_adapters: task {name} does not declare {', '.join(missing)}: leave them out in "
                f"target.languages=[...], or add them to {place}.task.languages"
            )
