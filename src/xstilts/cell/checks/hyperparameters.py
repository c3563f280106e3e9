"""The hyperparameters of one phase, merged from all tables of the recipe: are they there, and do they fit encoder and format?"""

from collections.abc import Iterator

from xstilts.cell.encoder_identity import max_positions, number_of_layers
from xstilts.config import Config, Hyperparameters

NEEDED = ("learning_rate", "batch_size", "weight_decay", "adam_epsilon", "schedule", "selection", "max_length")
SPECIAL = 4
"""Special tokens around a pair of texts, of XLM-R; other tokenizers have at most as many."""
SHORTEST = {"classification": SPECIAL + 2, "multiple_choice": SPECIAL + 2, "mlm": SPECIAL + 2, "tagging": 3, "retrieval": 3}
"""Format -> the least `max_length` that leaves room for text; span_qa depends on `max_query_length`."""


def hyperparameter_problems(place: str, values: Hyperparameters, config: Config, format: str | None = None) -> Iterator[str]:
    """One line for each value that a phase needs and no table gives, or that does not fit. `format`: of a single task's phase."""
    for name in NEEDED:
        if getattr(values, name) is None:
            yield f"{place}: no value for {name}; the recipe '{config.recipe.name}' gives none: type recipe.default.{name}=..."
    if values.epochs is None and values.max_steps is None:
        yield f"{place}: neither epochs nor max_steps in the recipe '{config.recipe.name}': type recipe.default.epochs=..."
    if values.retrieval_pooling == []:
        yield f"{place}: retrieval_pooling: got none, expected one or more of mean, cls, pooler"
    yield from length_problems(place, values, config, format)


def length_problems(place: str, values: Hyperparameters, config: Config, format: str | None = None) -> Iterator[str]:
    """Lengths that the encoder or the format has no room for, and layers that the encoder does not have."""
    phase, longest, asked = place.split(".")[0], max_positions(config.model), values.max_length
    if longest is not None and longest > 0 and asked is not None and asked > longest:
        yield (
            f"{place}: max_length={asked} is beyond the {longest} tokens this encoder has positions for; "
            f"type {phase}.recipe.max_length={longest} or less"
        )
    if format == "span_qa":
        shortest, why = SPECIAL + 1 + (values.max_query_length or 64), f"max_query_length={values.max_query_length or 64}"
    else:
        shortest, why = SHORTEST.get(format or "", 1), f"the format {format}"
    if asked is not None and 0 < asked < shortest:
        yield f"{place}: max_length={asked} has no room for text: {why} needs {shortest} or more"
    if format != "retrieval":
        return
    query = values.max_query_length
    if query is not None and 0 < query < SHORTEST["retrieval"]:
        yield f"{place}: max_query_length={query} has no room for text: expected {SHORTEST['retrieval']} or more"
    layers = number_of_layers(config.model)
    for layer in values.retrieval_layers or []:
        if layers is not None and layer > layers:
            yield (
                f"{place}: retrieval_layers: got layer {layer}, expected 0 to {layers}, the depth of this encoder; "
                f"type {phase}.recipe.retrieval_layers=[...]"
            )
