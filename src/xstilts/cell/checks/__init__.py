"""Check a config beyond its types: all problems are shown at once, before data or a model is read. No torch.

Bounds and choices of single values stand beside their fields (`xstilts.bounds`); the checks here depend on several of them.
"""

from collections.abc import Iterator

from xstilts import bounds, sources
from xstilts.babel import check as world
from xstilts.cell.checks import encoder
from xstilts.cell.checks.adapters import adapter_problems
from xstilts.cell.checks.hyperparameters import hyperparameter_problems, length_problems
from xstilts.cell.checks.places import folder_problems, name_problems
from xstilts.cell.checks.tasks import language_problems, metric_problems, task_problems
from xstilts.cell.encoder import NO_TOKENIZER
from xstilts.cell.resolve import FEW_SHOT, ResolvedCell, ResolvedTask, resolve
from xstilts.config import Config
from xstilts.errors import UserError, unknown_name
from xstilts.launch import machine
from xstilts.sources.noise import noise_problem
from xstilts.sources.shuffle import shuffling_problem
from xstilts.sources.subset import sampling_problems
from xstilts.tasks.declaration import SPLITS, Task, head_name
from xstilts.tasks.formats import format_names, format_of, formats


def check(config: Config, runs_here: bool = False) -> ResolvedCell:
    """Resolve a config; UserError with a line for each problem. `runs_here`: the cell is to be run by this machine."""
    cell = resolve(config)
    problems = _once([*_problems(cell), *(machine.problems(config.trainer) if runs_here else ())], config)
    if problems:
        raise UserError("\n".join(problems))
    return cell


def intermediate_problems(cell: ResolvedCell) -> Iterator[str]:
    """Yield a line for each problem of the intermediate tasks' declarations, languages and data."""
    for task in cell.intermediate.tasks.values() if cell.intermediate else ():
        yield from _training(task)


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


def _problems(cell: ResolvedCell) -> Iterator[str]:
    config, target = cell.config, cell.target
    yield from bounds.problems("", config)
    yield from name_problems(config)
    yield from folder_problems(config)
    yield from (
        unknown_name("recipe.formats", name, format_names()) for name in config.recipe.formats if name not in format_names()
    )
    yield from _model(cell)
    if any(source.declared.generator for source in cell.sources):
        yield from world.problems(config.data.world)
    yield from _target(cell)
    for phase in cell.phases:
        first = next(iter(phase.tasks.values()))
        if phase.number == 1 or len(phase.tasks) > 1:
            place, task = first.place.rpartition(".")[0], first if phase.number == 1 else None
            yield from hyperparameter_problems(place, phase.hyperparameters, cell, task)
        for used in phase.tasks.values():
            yield from _training(used)
            if phase.number == 1:
                yield from _without_masks(used)
            else:
                yield from hyperparameter_problems(used.place, used.hyperparameters, cell, used)
    for name in ("max_examples", "draw", "parallel"):
        if getattr(config.intermediate, name) is not None and not config.intermediate.tasks:
            yield f"intermediate.{name}: there is no intermediate task: leave it out, or type +intermediate=NAME"
    yield from _few_shot(cell)
    yield from adapter_problems(cell)
    yield from _heads(config)
    yield from encoder.problems(cell)
    yield from _target_data(cell)
    trained = [task.hyperparameters.max_length for phase in cell.training for task in phase.tasks.values()]
    if target.hyperparameters.max_length not in trained:  # else it was shown above
        yield from length_problems("target.task", target.hyperparameters, cell, target)


def _model(cell: ResolvedCell) -> Iterator[str]:
    if cell.encoder.trained and cell.pretraining is None:
        yield NO_TOKENIZER
    tiny = cell.config.model.tiny
    if tiny.num_attention_heads > 0 and tiny.hidden_size % tiny.num_attention_heads:
        heads = tiny.num_attention_heads
        yield f"model.tiny.hidden_size: got {tiny.hidden_size}, expected a multiple of model.tiny.num_attention_heads={heads}"


def _target(cell: ResolvedCell) -> Iterator[str]:
    chosen, target = cell.config.target, cell.target
    yield from task_problems(target.task, target.source, target.source_problem)
    yield from language_problems("target.languages", chosen.languages, target.task)
    if chosen.splits == []:
        yield f"target.splits: got no split, expected one or more of {', '.join(SPLITS)}; leave it out for those of the task"
    yield from metric_problems(target.task, target.languages)
    if chosen.char_noise.rate and target.task.format in format_names() and (problem := noise_problem(target.task)):
        yield f"target.char_noise: {problem}"


def _without_masks(task: ResolvedTask) -> Iterator[str]:
    """Phase 1 trains on masked text alone."""
    if task.task.format in format_names() and not format_of(task.task).masks:
        expected = " or ".join(name for name, format in formats().items() if format.masks)
        yield f"{task.place}: got a task of the format {task.task.format}, expected {expected}"


def _training(task: ResolvedTask) -> Iterator[str]:
    place, used = task.place, task.used
    yield from task_problems(used.task, task.source, task.source_problem)
    if place != FEW_SHOT:
        yield from language_problems(f"{place}.languages", used.languages, used.task)
    yield from sampling_problems(place, used)
    if used.shuffle_labels and used.task.format in format_names() and (problem := shuffling_problem(used.task)):
        yield f"{place}.shuffle_labels: {problem}"
    yield from _data_map(task)
    if task.source is None:
        return
    if used.parallel and not task.source.declared.translated:
        yield f"{place}.parallel: ids of task {used.task.name} do not name translations: type {place}.parallel=null"
    yield from task.split_problems
    declared, split = task.source.declared, task.splits.get(used.train)
    if split is None or (declared.hub and split in declared.files) or (declared.generator and split in declared.generator.rows):
        return  # the driver downloads or makes it next, and shows what is missing: a wrong name costs no request
    for language in used.languages:
        if language in used.task.languages:
            try:
                sources.require(task.source, split, language)
            except UserError as error:
                yield str(error)


def _few_shot(cell: ResolvedCell) -> Iterator[str]:
    target, task, chosen = cell.config.target, cell.target.task, cell.config.target.few_shot
    if chosen.language is None:
        for name in ("k", "from_seed"):
            if getattr(chosen, name) is not None:
                yield f"{FEW_SHOT}.{name}: there is no language: type {FEW_SHOT}.language=CODE, such as {task.languages[-1]}"
        return
    if chosen.k is None:
        yield f"{FEW_SHOT}.k: no value: type {FEW_SHOT}.k=20, the number of examples in {chosen.language}"
    yield from language_problems(f"{FEW_SHOT}.language", [chosen.language], task)
    if not target.training:
        yield f"{FEW_SHOT} goes on from phase 3, and target {task.name} has none: leave it out, or choose a target with training"
    if task.format in format_names() and (format_of(task).candidate or format_of(task).masks):
        yield f"{FEW_SHOT}: got a target of the format {task.format}, expected one whose examples have labels or answers"
    for name in ("selection", "eval_every", "patience"):
        if getattr(chosen.recipe, name) is not None:
            yield f"{FEW_SHOT}.recipe.{name}: few-shot training has no validation examples: leave it out"
    yield from cell.target.split_problems
    if chosen.split in (target.splits or cell.target.task.evaluate) and (target.splits or not cell.target.splits):
        yield f"{FEW_SHOT}.split={chosen.split} cannot be evaluated too: type a part of it, {FEW_SHOT}.split={chosen.split}:20%"
    known = [used.examples for phase in cell.training for used in phase.tasks.values() if used.place == FEW_SHOT]
    if chosen.split in SPLITS and known and known[0] is not None and known[0] < (chosen.k or 0):
        yield f"{FEW_SHOT}.k: got {chosen.k}, expected {known[0]} or less, the examples of {chosen.split} in {chosen.language}"


def _data_map(task: ResolvedTask) -> Iterator[str]:
    chosen, place = task.used.data_map, f"{task.place}.data_map"
    if not chosen.used:
        return
    if chosen.bin is not None and chosen.region is not None:
        yield f"{place}: got both region and bin, expected one of them"
    if chosen.bin is not None and chosen.bin > chosen.bins:
        yield f"{place}.bin: got {chosen.bin}, expected 1 to {chosen.bins}, the number of {place}.bins"
    if not place.startswith("intermediate"):
        yield f"{place}: data maps are for intermediate tasks: type {place}.{'bin' if chosen.bin else 'region'}=null"
    if task.task.format in format_names() and not format_of(task.task).has_data_map:
        mapped = " or ".join(name for name, format in formats().items() if format.has_data_map)
        yield f"{place}: got a task of the format {task.task.format}, expected {mapped}"


def _heads(config: Config) -> Iterator[str]:
    shared: dict[str, Task] = {}
    for training in config.intermediate.tasks.values():
        task, first = training.task, shared.setdefault(head_name(training.task), training.task)
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


def _target_data(cell: ResolvedCell) -> Iterator[str]:
    target, asked = cell.target, cell.config.target.languages
    task, source = target.task, target.source
    if cell.training and not (target.splits or task.evaluate):
        yield f"target {task.name} is text, and not evaluated by default: type target.splits=[validation], or another target"
    if source is None or source.declared.hub:
        return
    splits = [split for split in target.splits if split in SPLITS]
    if not splits:  # all names are unknown, which is shown elsewhere
        return
    present: set[str] = set()
    try:
        for split in splits:
            languages = sources.languages_with_data(source, split)
            present |= set(languages)
            if why := sources.without_gold(source, split, [name for name in languages if name in (asked or languages)]):
                yield why
    except UserError as error:
        yield str(error)
        return
    missing = [language for language in asked or [] if language in task.languages and language not in present]
    if missing or not present:
        have = ", ".join(language for language in task.languages if language in present) or "none"
        wanted = ", ".join(missing) or "any language"
        where = f"for {wanted} {sources.place_of(source)}"
        yield f"task {task.name} has no {' or '.join(splits)} data {where}; languages with data: {have}"
