"""Checks of a config that its types cannot make: all problems are shown at once, before data or a model is read. No torch.

Bounds and choices of single values stand beside their fields (`xstilts.bounds`); here is what depends on several of them.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from xstilts import bounds, recipes, sources
from xstilts.babel import check as world
from xstilts.cell.checks import encoder
from xstilts.cell.checks.hyperparameters import hyperparameter_problems, length_problems
from xstilts.cell.checks.places import folder_problems, name_problems
from xstilts.cell.checks.tasks import language_problems, metric_problems, task_problems
from xstilts.cell.encoder_identity import trains_encoder
from xstilts.config import Config
from xstilts.errors import UserError, unknown_name
from xstilts.launch import machine
from xstilts.tasks.declaration import SPLITS, TrainingTask, head_name
from xstilts.tasks.formats import format_names, format_of, formats


def check(config: Config, runs_here: bool = False) -> None:
    """Raise one UserError with a line for each problem. `runs_here`: the cell is to be run by this machine."""
    problems = _once([*_problems(config), *(machine.problems(config.trainer) if runs_here else ())], config)
    if problems:
        raise UserError("\n".join(problems))


def _once(problems: list[str], config: Config) -> list[str]:
    """The problems, each once; one of a task that is used in several places is shown for the target, or for the first of them."""
    tables = {
        "pretraining.tasks": config.pretraining.tasks,
        "intermediate.tasks": config.intermediate.tasks,
        "target.training": config.target.training,
    }
    places = {f"{table}.{name}.task.": used.task.name for table, tasks in tables.items() for name, used in tasks.items()}
    places["target.task."] = config.target.task.name
    shown: dict[str, str] = {}
    for problem in problems:
        place = next((place for place in places if place in problem), "")
        key = problem.replace(place, f"{places[place]}: ") if place else problem
        if key not in shown or place == "target.task.":
            shown[key] = problem
    return list(shown.values())


def _problems(config: Config) -> Iterator[str]:
    yield from bounds.problems("", config)
    yield from name_problems(config)
    yield from folder_problems(config)
    yield from (
        unknown_name("recipe.formats", name, format_names()) for name in config.recipe.formats if name not in format_names()
    )
    yield from _model(config)
    yield from _world(config)
    yield from _target(config)
    if trains_encoder(config.model):
        yield from _pretraining(config)
    if config.intermediate.max_examples is not None and not config.intermediate.tasks:
        yield "intermediate.max_examples: there is no intermediate task: leave it out, or type +intermediate=NAME"
    for place, tasks in (("intermediate.tasks", config.intermediate.tasks), ("target.training", config.target.training)):
        second = place.startswith("intermediate")
        override = config.intermediate.recipe if second else config.target.recipe
        if len(tasks) > 1:
            yield from hyperparameter_problems(place, recipes.for_phase(config.recipe, tasks, override, second), config)
        for name, training in tasks.items():
            yield from _training(f"{place}.{name}", training, config)
            values = recipes.for_task(config.recipe, training.task, override, second)
            yield from hyperparameter_problems(f"{place}.{name}", values, config, training.task)
    yield from _heads(config)
    yield from encoder.problems(config)
    yield from _target_data(config)
    evaluation = recipes.for_task(config.recipe, config.target.task, config.target.recipe)
    trained = [recipes.for_task(config.recipe, used.task, config.target.recipe) for used in config.target.training.values()]
    if evaluation.max_length not in [values.max_length for values in trained]:  # else it was shown above
        yield from length_problems("target.task", evaluation, config, config.target.task)


def _model(config: Config) -> Iterator[str]:
    if trains_encoder(config.model) and not config.pretraining.tasks:
        yield "model=tiny has no tokenizer of its own: type model.tokenizer=FOLDER (or a Hub id)"
    tiny = config.model.tiny
    if tiny.num_attention_heads > 0 and tiny.hidden_size % tiny.num_attention_heads:
        heads = tiny.num_attention_heads
        yield f"model.tiny.hidden_size: got {tiny.hidden_size}, expected a multiple of model.tiny.num_attention_heads={heads}"


def _target(config: Config) -> Iterator[str]:
    target = config.target
    yield from task_problems(target.task, config.data)
    yield from language_problems("target.languages", target.languages, target.task)
    if target.splits == []:
        yield f"target.splits: got no split, expected one or more of {', '.join(SPLITS)}; leave it out for those of the task"
    yield from metric_problems(target.task, target.languages or target.task.languages)


def _pretraining(config: Config) -> Iterator[str]:
    """Phase 1, where it is trained."""
    pretraining = config.pretraining
    for name, training in pretraining.tasks.items():
        yield from _training(f"pretraining.tasks.{name}", training, config)
        if training.task.format in format_names() and not format_of(training.task).masks:
            expected = " or ".join(name for name, format in formats().items() if format.masks)
            yield f"pretraining.tasks.{name}: got a task of the format {training.task.format}, expected {expected}"
    if pretraining.tasks:
        values = recipes.for_pretraining(config.recipe, pretraining.recipe)
        first = next(iter(pretraining.tasks.values())).task
        yield from hyperparameter_problems("pretraining.tasks", values, config, first)


def _world(config: Config) -> Iterator[str]:
    """Problems of the synthetic world, if it makes a task."""
    used = [*config.intermediate.tasks.values(), *config.target.training.values()]
    used += config.pretraining.tasks.values() if trains_encoder(config.model) else []
    tasks = [config.target.task, *(training.task for training in used)]
    chosen = [task.sources.get(sources.source_name(task, config.data)) for task in tasks]
    if any(source and source.generator for source in chosen):
        yield from world.problems(config.data.world)


def _training(place: str, training: TrainingTask, config: Config) -> Iterator[str]:
    yield from task_problems(training.task, config.data)
    yield from language_problems(f"{place}.languages", training.languages, training.task)
    if training.fraction is not None and training.max_examples is not None:
        yield f"{place}: got both max_examples and fraction, expected one of them"
    yield from _data_map(place, training)
    if training.language_exponent is not None and training.fraction is None and training.max_examples is None:
        yield f"{place}.language_exponent shares out a sample: set {place}.max_examples or {place}.fraction too"
    source = training.task.sources.get(sources.source_name(training.task, config.data))
    if source is None or source.unusable:
        return
    for expression in (training.train, training.validation):
        yield from _raised(partial(sources.parse_split, expression))
    if source.hub and training.train.partition(":")[0] in source.files:
        return  # the driver downloads next, and says what is missing: a wrong name costs no request
    for language in training.languages:
        if language in training.task.languages:
            yield from _raised(partial(_require, training, config, language))


def _data_map(place: str, training: TrainingTask) -> Iterator[str]:
    if training.data_map.region is None:
        return
    place = f"{place}.data_map"
    if not place.startswith("intermediate"):
        yield f"{place}: data maps are for intermediate tasks: type {place}.region=null"
    if training.task.format in format_names() and not format_of(training.task).has_data_map:
        mapped = " or ".join(name for name, format in formats().items() if format.has_data_map)
        yield f"{place}: got a task of the format {training.task.format}, expected {mapped}"


def _require(training: TrainingTask, config: Config, language: str) -> None:
    split = sources.parse_split(training.train)[0]
    generator = training.task.sources[sources.source_name(training.task, config.data)].generator
    if generator is None or split not in generator.rows:  # else the driver makes it next
        sources.require(training.task, config.data, split, language)


def _heads(config: Config) -> Iterator[str]:
    shared: dict[str, TrainingTask] = {}
    for training in config.intermediate.tasks.values():
        task, first = training.task, shared.setdefault(head_name(training.task), training).task
        if (first.format, first.labels) != (task.format, task.labels):
            yield (
                f"tasks {first.name} and {task.name} share the head '{head_name(first)}' but not its format and labels: "
                f"{first.format} {first.labels} and {task.format} {task.labels}"
            )
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
    if config.target.training and not (config.target.splits or task.evaluate):
        yield f"target {task.name} is text, and not evaluated by default: type target.splits=[validation], or another target"
    source = task.sources.get(sources.source_name(task, config.data))
    if source is None or source.hub or source.unusable:
        return
    splits = [split for split in config.target.splits or task.evaluate if split in SPLITS]
    if not splits:  # none of the names is known, which is shown elsewhere
        return
    found: set[str] = set()
    try:
        for split in splits:
            there = sources.languages_with_data(task, config.data, split)
            found |= set(there)
            chosen = [language for language in there if language in (config.target.languages or there)]
            if why := sources.without_gold(task, config.data, split, chosen):
                yield why
    except UserError as error:
        yield str(error)
        return
    missing = [language for language in config.target.languages or [] if language in task.languages and language not in found]
    if missing or not found:
        have = ", ".join(language for language in task.languages if language in found) or "none"
        wanted = ", ".join(missing) or "any language"
        where = f"for {wanted} {sources.place_of(task, config.data)}"
        yield f"task {task.name} has no {' or '.join(splits)} data {where}; languages with data: {have}"


def _raised(action: Callable[[], Any]) -> Iterator[str]:
    try:
        action()
    except UserError as error:
        yield str(error)
