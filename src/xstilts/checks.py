"""What a type cannot say about a config: every problem of it is found and told at once, before any model loads. No torch."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any

from xstilts import recipes, sources
from xstilts.babel import check as world
from xstilts.config import LOGGERS, POOLINGS, PRECISIONS, Config, Hyperparameters, Mixture
from xstilts.errors import UserError, unknown_name
from xstilts.metrics import METRICS
from xstilts.phases.pretrained import max_positions, trains_encoder
from xstilts.tasks.declaration import FORMATS, PROTOCOLS, REGIONS, SPLITS, Task, TrainingTask

CHOICES: dict[str, tuple[str, ...]] = {
    "trainer.precision": PRECISIONS,
    "model.pooler": ("carried", "fresh", "none"),
    "logger.name": LOGGERS,
    "store.refresh": ("never", "results", "all"),
    "trainer.start_ranks": ("lightning", "srun"),
    "worker": ("process", "logged", "inline"),
}
HYPERPARAMETER_CHOICES = {"schedule": ("linear", "constant"), "selection": ("best", "last")}
POSITIVE = (
    "learning_rate",
    "batch_size",
    "epochs",
    "max_steps",
    "max_length",
    "max_query_length",
    "n_best",
    "max_answer_length",
    "doc_stride",
)
NOT_NEGATIVE = (
    "weight_decay adam_epsilon max_grad_norm head_dropout dropout eval_every eval_examples patience warmup_steps warmup_fraction "
    "mlm_probability"
).split()
MAPPED = ("classification", "multiple_choice")
"""Formats whose examples have one label each, of which a model gives a probability."""
NEEDED = ("learning_rate", "batch_size", "weight_decay", "adam_epsilon", "schedule", "selection", "max_length")


def check(config: Config) -> None:
    """Raise one UserError with a line for each problem."""
    problems = list(dict.fromkeys(_problems(config)))
    if problems:
        raise UserError("\n".join(problems))


def _problems(config: Config) -> Iterator[str]:
    for name, valid in CHOICES.items():
        yield from _one_of(name, _get(config, name), valid)
    yield from _machine(config)
    yield from _world(config)
    yield from _task(config.target.task, sources.source_name(config.target.task, config.data))
    yield from _languages("target.languages", config.target.languages or [], config.target.task)
    for split in config.target.splits or []:
        yield from _one_of("target.splits", split, SPLITS)
    yield from _count("target.max_test_examples", config.target.max_test_examples)
    if trains_encoder(config.model):
        yield from _pretraining(config)
    for place, tasks in (("intermediate.tasks", config.intermediate.tasks), ("target.training", config.target.training)):
        second = place.startswith("intermediate")
        override = config.intermediate.recipe if second else config.target.recipe
        if len(tasks) > 1:
            yield from _hyperparameters(place, recipes.for_phase(config.recipe, tasks, override, second), config)
        for name, training in tasks.items():
            yield from _training(f"{place}.{name}", training, config)
            values = recipes.for_task(config.recipe, training.task, override, second)
            yield from _hyperparameters(f"{place}.{name}", values, config)
    yield from _heads(config)
    yield from _mixture("intermediate.mixture", config.intermediate.mixture)
    yield from _target_data(config)
    evaluation = recipes.for_task(config.recipe, config.target.task, config.target.recipe)
    trained = [recipes.for_task(config.recipe, used.task, config.target.recipe) for used in config.target.training.values()]
    if evaluation.max_length not in [values.max_length for values in trained]:  # else it was told above
        yield from _length("target.task", evaluation, config)


def _machine(config: Config) -> Iterator[str]:
    if trains_encoder(config.model) and not config.pretraining.tasks:
        yield "model=tiny has no tokenizer of its own: type model.tokenizer=FOLDER (or a Hub id)"
    for name in ("devices", "num_nodes", "max_tokens", "max_eval_tokens", "checkpoint_every", "num_threads"):
        yield from _count(f"trainer.{name}", getattr(config.trainer, name))
    tiny = config.model.tiny
    if tiny.hidden_size % tiny.num_attention_heads:
        heads = tiny.num_attention_heads
        yield f"model.tiny.hidden_size: got {tiny.hidden_size}, expected a multiple of model.tiny.num_attention_heads={heads}"


def _pretraining(config: Config) -> Iterator[str]:
    """Phase 1, where it is trained."""
    pretraining = config.pretraining
    for name, training in pretraining.tasks.items():
        yield from _training(f"pretraining.tasks.{name}", training, config)
        if training.task.format != "mlm":
            yield f"pretraining.tasks.{name}: got a task of the format {training.task.format}, expected mlm"
    if pretraining.tasks:
        yield from _hyperparameters("pretraining.tasks", recipes.for_pretraining(config.recipe, pretraining.recipe), config)
    yield from _mixture("pretraining.mixture", pretraining.mixture)
    yield from _count("pretraining.vocabulary", pretraining.vocabulary)


def _mixture(place: str, mixture: Mixture) -> Iterator[str]:
    if mixture.temperature <= 0:
        yield f"{place}.temperature: got {mixture.temperature}, expected more than 0"
    yield from _count(f"{place}.cap", mixture.cap)


def _world(config: Config) -> Iterator[str]:
    """What is wrong with the synthetic world, if a task is made by it."""
    used = [*config.intermediate.tasks.values(), *config.target.training.values()]
    used += config.pretraining.tasks.values() if trains_encoder(config.model) else []
    tasks = [config.target.task, *(training.task for training in used)]
    chosen = [task.sources.get(sources.source_name(task, config.data)) for task in tasks]
    if any(source and source.generator for source in chosen):
        yield from world.problems(config.data.world)


def _task(task: Task, source: str) -> Iterator[str]:
    yield from _one_of(f"format of task {task.name}", task.format, FORMATS)
    for metric in task.metrics:
        yield from _one_of(f"metric of task {task.name}", metric, METRICS)
    if not task.metrics:
        yield f"task {task.name} declares no metrics: expected one or more of {', '.join(METRICS)}"
    if task.format == "retrieval":
        yield from _one_of(f"protocol of task {task.name}", task.protocol or "", PROTOCOLS)
    if source not in task.sources:
        yield unknown_name(f"source of task {task.name}", source, task.sources, f"It is chosen by data={source}.")
    elif task.sources[source].unusable:
        yield f"task {task.name} cannot be read from data={source}: {task.sources[source].unusable}"


def _training(place: str, training: TrainingTask, config: Config) -> Iterator[str]:
    yield from _task(training.task, sources.source_name(training.task, config.data))
    yield from _languages(f"{place}.languages", training.languages, training.task)
    if not training.languages:
        yield f"{place}.languages: got no language, expected one or more of {', '.join(training.task.languages)}"
    yield from _count(f"{place}.max_examples", training.max_examples)
    if training.fraction is not None and not 0 < training.fraction <= 1:
        yield f"{place}.fraction: got {training.fraction}, expected more than 0 and at most 1"
    if training.fraction is not None and training.max_examples is not None:
        yield f"{place}: got both max_examples and fraction, expected one of them"
    yield from _data_map(place, training)
    if training.language_exponent is not None and training.fraction is None and training.max_examples is None:
        yield f"{place}.language_exponent shares out a sample: set {place}.max_examples or {place}.fraction too"
    source = training.task.sources.get(sources.source_name(training.task, config.data))
    if source is None or source.unusable:
        return
    for expression in (training.train, training.validation):
        yield from _told(partial(sources.parse_split, expression))
    if source.hub:
        return  # the driver downloads next, and says what is missing: a wrong name costs no request
    for language in training.languages:
        if language in training.task.languages:
            yield from _told(partial(_require, training, config, language))


def _data_map(place: str, training: TrainingTask) -> Iterator[str]:
    chosen = training.data_map
    if chosen.region is None:
        return
    place = f"{place}.data_map"
    yield from _one_of(f"{place}.region", chosen.region, REGIONS)
    if not place.startswith("intermediate"):
        yield f"{place}: data maps are for intermediate tasks: type {place}.region=null"
    if training.task.format not in MAPPED:
        yield f"{place}: got a task of the format {training.task.format}, expected {' or '.join(MAPPED)}"
    if not 0 < chosen.fraction <= 1:
        yield f"{place}.fraction: got {chosen.fraction}, expected more than 0 and at most 1"
    if chosen.epochs < 2:
        yield f"{place}.epochs: got {chosen.epochs}, expected 2 or more: the variability is that from epoch to epoch"


def _require(training: TrainingTask, config: Config, language: str) -> None:
    split = sources.parse_split(training.train)[0]
    generator = training.task.sources[sources.source_name(training.task, config.data)].generator
    if generator is None or split not in generator.rows:  # else the driver makes it next
        sources.require(training.task, config.data, split, language)


def _heads(config: Config) -> Iterator[str]:
    formats = {training.task.format for training in config.target.training.values()}
    if len(formats) > 1:
        yield f"target.training: got tasks of the formats {', '.join(sorted(formats))}, expected one: each hands its head on"
    if not config.target.training:
        return
    last = list(config.target.training.values())[-1].task
    target = config.target.task
    if last.format != target.format:
        yield f"target {target.name} has the format {target.format}, but trains on {last.name}, whose format is {last.format}"
    elif set(last.labels) != set(target.labels):
        yield f"target {target.name} has the labels {target.labels}, but trains on {last.name} with {last.labels}"


def _target_data(config: Config) -> Iterator[str]:
    task = config.target.task
    source = task.sources.get(sources.source_name(task, config.data))
    if source is None or source.hub or source.unusable:
        return
    splits = [split for split in config.target.splits or task.evaluate if split in SPLITS]
    if not splits:  # none of the names is known, which is told elsewhere
        return
    found: set[str] = set()
    try:
        for split in splits:
            found |= set(sources.languages_with_data(task, config.data, split))
    except UserError as error:
        yield str(error)
        return
    missing = [language for language in config.target.languages or [] if language in task.languages and language not in found]
    if missing or not found:
        have = ", ".join(language for language in task.languages if language in found) or "none"
        wanted = ", ".join(missing) or "any language"
        where = f"for {wanted} {sources.place_of(task, config.data)}"
        yield f"task {task.name} has no {' or '.join(splits)} data {where}; languages with data: {have}"


def _hyperparameters(place: str, values: Hyperparameters, config: Config) -> Iterator[str]:
    for name in NEEDED:
        if getattr(values, name) is None:
            yield f"{place}: no value for {name}; the recipe '{config.recipe.name}' gives none: type recipe.default.{name}=..."
    if values.epochs is None and values.max_steps is None:
        yield f"{place}: neither epochs nor max_steps in the recipe '{config.recipe.name}': type recipe.default.epochs=..."
    for name, valid in HYPERPARAMETER_CHOICES.items():
        if getattr(values, name) is not None:
            yield from _one_of(f"{place}: {name}", getattr(values, name), valid)
    for pooling in values.retrieval_pooling or []:
        yield from _one_of(f"{place}: retrieval_pooling", pooling, POOLINGS)
    for field in fields(Hyperparameters):
        value = getattr(values, field.name)
        if value is None:
            continue
        if (field.name in POSITIVE and value <= 0) or (field.name in NOT_NEGATIVE and value < 0):
            yield f"{place}: {field.name}: got {value}, expected {'more than 0' if field.name in POSITIVE else '0 or more'}"
    yield from _length(place, values, config)


def _length(place: str, values: Hyperparameters, config: Config) -> Iterator[str]:
    longest = max_positions(config.model)
    if longest is not None and (values.max_length or 0) > longest:
        phase = place.split(".")[0]
        yield (
            f"{place}: max_length={values.max_length} is beyond the {longest} subwords this encoder has positions for; "
            f"type {phase}.recipe.max_length={longest} or less"
        )


def _languages(place: str, got: list[str], task: Task) -> Iterator[str]:
    for language in got:
        if language not in task.languages:
            yield unknown_name(f"language in {place}", language, task.languages)


def _one_of(place: str, got: str, valid: tuple[str, ...]) -> Iterator[str]:
    if got not in valid:
        yield unknown_name(place, got, valid)


def _count(place: str, value: int | None) -> Iterator[str]:
    if value is not None and value < 1:
        yield f"{place}: got {value}, expected 1 or more"


def _told(action: Callable[[], Any]) -> Iterator[str]:
    try:
        action()
    except UserError as error:
        yield str(error)


def _get(config: Config, path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value
