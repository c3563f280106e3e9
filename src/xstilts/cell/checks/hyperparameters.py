"""Check the hyperparameters of one phase: none is missing, and they fit encoder and format."""

from collections.abc import Iterator

from xstilts.cell.resolve import ResolvedCell, ResolvedTarget, ResolvedTask
from xstilts.hyperparameters import POOLINGS, Hyperparameters
from xstilts.tasks.formats import format_names, format_of

NEEDED = ("learning_rate", "batch_size", "weight_decay", "adam_epsilon", "schedule", "selection", "max_length")


def hyperparameter_problems(
    place: str, values: Hyperparameters, cell: ResolvedCell, task: ResolvedTask | ResolvedTarget | None = None
) -> Iterator[str]:
    """One line for each value that a phase needs and no table gives, or that does not fit. `task`: of a phase of one task."""
    recipe = cell.config.recipe.name
    for name in NEEDED:
        if getattr(values, name) is None:
            yield f"{place}: no value for {name}; the recipe '{recipe}' gives none: type recipe.default.{name}=..."
    if values.epochs is None and values.max_steps is None:
        yield f"{place}: neither epochs nor max_steps in the recipe '{recipe}': type recipe.default.epochs=..."
    if values.retrieval_pooling == []:
        yield f"{place}: retrieval_pooling: got none, expected one or more of {', '.join(POOLINGS)}"
    yield from length_problems(place, values, cell, task)


def length_problems(
    place: str, values: Hyperparameters, cell: ResolvedCell, task: ResolvedTask | ResolvedTarget | None = None
) -> Iterator[str]:
    """Lengths that the encoder or the format has no room for, and layers that the encoder does not have."""
    phase, longest, asked = place.split(".")[0], cell.encoder.longest_input, values.max_length
    if longest is not None and longest > 0 and asked is not None and asked > longest:
        yield (
            f"{place}: max_length={asked} is beyond the {longest} tokens this encoder has positions for; "
            f"type {phase}.recipe.max_length={longest} or less"
        )
    if task is None or task.task.format not in format_names():
        return
    format = format_of(task.task)
    yield from (f"{place}: {problem}" for problem in format.length_problems(task.limits))
    if not format.embeds:
        return
    layers = cell.encoder.layers
    for layer in values.retrieval_layers or []:
        if layers is not None and layer > layers:
            yield (
                f"{place}: retrieval_layers: got layer {layer}, expected 0 to {layers}, the depth of this encoder; "
                f"type {phase}.recipe.retrieval_layers=[...]"
            )
