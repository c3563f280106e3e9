"""Resolve a config: derive everything that follows from it, once, for checks, fetching, planning, costs and jobs. No torch.

`resolve` needs no data and raises nothing, so that the checks can show all problems of a config at once. When the data is on this
disk, `data_of` adds the checksums of its files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from xstilts import recipes
from xstilts.cell.encoder import ResolvedEncoder, resolve_encoder
from xstilts.config import Config, DataConfig, Mixture, Target
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.jobs import TrainingData, training_data
from xstilts.sources import TaskSource, parse_split, source_of
from xstilts.sources.subset import pool_size, sample_size
from xstilts.tasks.declaration import DataMap, Limits, Task, TrainingTask

FEW_SHOT = "target.few_shot"
"""Place of the few-shot examples in the config."""
FEW_SHOT_EPOCHS = 10.0
"""Passes over few-shot examples, whose number no published recipe is about; our choice."""


@dataclass(frozen=True)
class ResolvedTask:
    """One task that a phase trains on."""

    place: str
    """The task's place in the config, such as `intermediate.tasks.mnli`."""
    used: TrainingTask
    source: TaskSource | None
    """None where the task cannot be read."""
    source_problem: str
    """The reason why it cannot."""
    splits: dict[str, str]
    """Expression of `train` and of `validation` -> name of the split; without those that cannot be read."""
    split_problems: list[str]
    validates: bool
    """The phase is evaluated on `validation` while it trains."""
    hyperparameters: Hyperparameters
    limits: Limits
    examples: int | None
    """Training examples by the task's declaration, over all languages; None where their number is not declared."""

    @property
    def task(self) -> Task:
        """The task's declaration."""
        return self.used.task


@dataclass(frozen=True)
class ResolvedPhase:
    """One training phase."""

    number: int
    label: str
    tasks: dict[str, ResolvedTask]
    hyperparameters: Hyperparameters
    """The optimisation of the whole phase; lengths and masking are those of each task."""
    mixture: Mixture
    seed: int
    pooler: str
    carry_head: bool = False
    dynamics: bool = False
    """Record the training dynamics of the only task."""


@dataclass(frozen=True)
class ResolvedTarget:
    """The evaluation of the target task."""

    task: Task
    source: TaskSource | None
    source_problem: str
    splits: list[str]
    """The splits to evaluate, those without data too."""
    split_problems: list[str]
    """Problems of the split that few-shot examples are drawn from."""
    languages: list[str]
    """The languages to evaluate, those without data too."""
    labels: list[str]
    """The labels in the order in which the head was trained."""
    source_language: str
    """The language that the target was last trained in; without training, the pivot of the synthetic world, else English."""
    hyperparameters: Hyperparameters
    limits: Limits
    examples: dict[str, dict[str, int]]
    """Split -> language -> number of examples by the task's declaration, without languages whose number is not declared."""


@dataclass(frozen=True)
class ResolvedCell:
    """A config and everything that follows from it."""

    config: Config
    encoder: ResolvedEncoder
    pretraining: ResolvedPhase | None
    """Phase 1, where it is trained."""
    maps: dict[str, ResolvedPhase]
    """Intermediate task -> the training that makes its data map, where one region of the map is trained on."""
    intermediate: ResolvedPhase | None
    language_adapters: dict[str, ResolvedPhase]
    """Language of the target -> phase 2 in this language, whose adapter it is evaluated with."""
    training: list[ResolvedPhase]
    """Phase 3, one for each training task of the target, and one for few-shot examples."""
    target: ResolvedTarget

    @property
    def phases(self) -> list[ResolvedPhase]:
        """All training phases but those of data maps, in order."""
        first = [phase for phase in (self.pretraining, self.intermediate) if phase]
        return [*first, *self.language_adapters.values(), *self.training]

    @property
    def validated(self) -> bool:
        """Return whether phase 3 gives the cell a validation score."""
        return bool(self.training) and any(task.validates for task in self.training[-1].tasks.values())

    @property
    def sources(self) -> Iterator[TaskSource]:
        """The sources of all tasks that can be read."""
        for used in [task for phase in self.phases for task in phase.tasks.values()] + [self.target]:
            if used.source is not None:
                yield used.source


def resolve(config: Config) -> ResolvedCell:
    """Derive all that needs no data; whatever is wrong is kept as a problem for the checks to show."""
    encoder = resolve_encoder(config.model)
    return ResolvedCell(
        config=config,
        encoder=encoder,
        pretraining=_pretraining(config) if encoder.trained and config.pretraining.tasks else None,
        maps={name: _data_map(config, name) for name, used in config.intermediate.tasks.items() if used.data_map.used},
        intermediate=_intermediate(config) if config.intermediate.tasks else None,
        language_adapters=_language_adapters(config),
        training=[_target_training(config, name, number > 0) for number, name in enumerate(config.target.training)]
        + ([_few_shot(config)] if config.target.few_shot.language and config.target.few_shot.k else []),
        target=_target(config),
    )


def _pretraining(config: Config) -> ResolvedPhase:
    # Neither the cell's seed nor its pooler matters: all cells share one encoder.
    chosen, seed = config.pretraining, config.model.tiny.seed
    values = recipes.for_pretraining(config.recipe, chosen.recipe)
    tasks = {name: _task(f"pretraining.tasks.{name}", used, values, values, config.data) for name, used in chosen.tasks.items()}
    return ResolvedPhase(1, f"phase 1: {'+'.join(tasks)}", tasks, values, chosen.mixture, seed, pooler="none")


def _intermediate(config: Config) -> ResolvedPhase:
    chosen = config.intermediate
    values = recipes.for_phase(config.recipe, chosen.tasks, chosen.recipe, intermediate=True)
    values = recipes.with_adapter(values, config.model)
    tasks = {
        name: _task(
            f"intermediate.tasks.{name}",
            replace(used, language_adapters=False),  # which is about other trainings
            values,
            recipes.for_task(config.recipe, used.task, chosen.recipe, intermediate=True),
            config.data,
        )
        for name, used in chosen.tasks.items()
    }
    label = f"phase 2: {'+'.join(tasks)}"
    return ResolvedPhase(2, label, tasks, values, chosen.mixture, _seed(config), config.model.pooler)


def _language_adapters(config: Config) -> dict[str, ResolvedPhase]:
    """Phase 2 in each language of the target but its own, where its only task asks for it."""
    tasks = config.intermediate.tasks
    if len(tasks) != 1 or not any(used.language_adapters for used in tasks.values()):
        return {}
    phases = {}
    (used,) = tasks.values()
    for language in config.target.languages or config.target.task.languages:
        own = {name: replace(used, languages=[language]) for name in tasks}
        if own != tasks and language in used.task.languages:
            phase = _intermediate(replace(config, intermediate=replace(config.intermediate, tasks=own)))
            phases[language] = replace(phase, label=f"{phase.label} in {language}")
    return phases


def _data_map(config: Config, name: str) -> ResolvedPhase:
    """The training on all examples of an intermediate task; all but its length is as in phase 2."""
    used = config.intermediate.tasks[name]
    values = replace(
        recipes.with_adapter(
            recipes.for_task(config.recipe, used.task, config.intermediate.recipe, intermediate=True), config.model
        ),
        epochs=used.data_map.epochs,
        max_steps=None,
        selection="last",  # after all epochs, and without any evaluation
        eval_every=0,
        patience=0,
    )
    whole = replace(used, data_map=DataMap(), shuffle_labels=False)  # the map is that of the task
    tasks = {name: _task(f"intermediate.tasks.{name}", whole, values, values, config.data)}
    label = f"phase 2: map of {name}"
    return ResolvedPhase(2, label, tasks, values, Mixture(), _seed(config), config.model.pooler, dynamics=True)


def _target_training(config: Config, name: str, carry_head: bool) -> ResolvedPhase:
    used = config.target.training[name]
    values = recipes.with_adapter(recipes.for_task(config.recipe, used.task, config.target.recipe), config.model)
    tasks = {name: _task(f"target.training.{name}", used, values, values, config.data)}
    return ResolvedPhase(3, f"phase 3: {name}", tasks, values, Mixture(), _seed(config), config.model.pooler, carry_head)


def _seed(config: Config) -> int:
    """The seed of phases 2 and 3, few-shot training aside."""
    chosen = config.target.few_shot.from_seed
    return config.seed if chosen is None else chosen


def _few_shot(config: Config) -> ResolvedPhase:
    """The training on few-shot examples. There are no others of their language, so the last checkpoint is kept."""
    target, chosen = config.target, config.target.few_shot
    languages = [chosen.language or ""]
    used = TrainingTask(replace(target.task, labels=_labels(target)), languages, chosen.split, chosen.split, chosen.k)
    values = replace(
        recipes.for_task(config.recipe, target.task, target.recipe), epochs=FEW_SHOT_EPOCHS, max_steps=None, warmup_steps=None
    )
    values = replace(recipes.layered(values, chosen.recipe), selection="last", eval_every=0, patience=0)
    values = recipes.with_adapter(values, config.model)
    tasks = {target.task.name: _task(FEW_SHOT, replace(used, draw=config.seed), values, values, config.data)}
    label = f"phase 3: {chosen.k} of {target.task.name} in {chosen.language}"
    return ResolvedPhase(3, label, tasks, values, Mixture(), config.seed, config.model.pooler, carry_head=True)


def _labels(target: Target) -> list[str]:
    """The labels in the order in which the target's head is trained."""
    last = list(target.training.values())[-1].task if target.training else None
    return last.labels if last and last.labels else target.task.labels


def _task(place: str, used: TrainingTask, of_phase: Hyperparameters, values: Hyperparameters, data: DataConfig) -> ResolvedTask:
    source, problem = _source(used.task, data)
    validates = of_phase.selection == "best" or bool(of_phase.eval_every)
    splits, split_problems = _parsed(used.train, used.validation)
    return ResolvedTask(
        place=place,
        used=used,
        source=source,
        source_problem=problem,
        splits=splits,
        split_problems=split_problems,
        validates=validates,
        hyperparameters=values,
        limits=recipes.limits(values),
        examples=_declared_examples(used, source, splits.get(used.train, ""), data),
    )


def _parsed(*expressions: str) -> tuple[dict[str, str], list[str]]:
    """Expression -> name of its split, of those that can be read, and the problems of the others."""
    splits, problems = {}, []
    for expression in expressions:
        try:
            splits[expression] = parse_split(expression)[0]
        except UserError as error:
            problems.append(str(error))
    return splits, problems


def _source(task: Task, data: DataConfig) -> tuple[TaskSource | None, str]:
    """The task's source, or None and the reason why it has none."""
    try:
        return source_of(task, data), ""
    except UserError as error:
        return None, str(error)


def _target(config: Config) -> ResolvedTarget:
    target, task = config.target, config.target.task
    source, problem = _source(task, config.data)
    held_out = target.few_shot.split if target.few_shot.language else None
    splits = list(target.splits or [split for split in task.evaluate if split != held_out])
    languages = list(target.languages or task.languages)
    values = recipes.for_task(config.recipe, task, target.recipe)
    last = list(target.training.values())[-1] if target.training else None
    if last:
        source_language = next(iter(last.languages), "")
    else:
        source_language = next(iter(config.data.world.languages), "en") if config.data.source == "babel" else "en"
    examples: dict[str, dict[str, int]] = {}
    for split in splits:
        counts = {language: _declared_rows(task, source, config.data, split, language) for language in languages}
        examples[split] = {code: min(count, target.max_test_examples or count) for code, count in counts.items() if count}
    return ResolvedTarget(
        task=task,
        source=source,
        source_problem=problem,
        splits=splits,
        split_problems=_parsed(held_out)[1] if held_out else [],
        languages=languages,
        labels=_labels(target),
        source_language=source_language,
        hyperparameters=values,
        limits=recipes.limits(values),
        examples=examples,
    )


def _declared_examples(used: TrainingTask, source: TaskSource | None, split: str, data: DataConfig) -> int | None:
    counts = [_declared_rows(used.task, source, data, split, language) for language in used.languages]
    pool = pool_size([count for count in counts if count is not None], used)
    size = sample_size(pool, replace(used, fraction=_share(used.fraction))) if pool else used.max_examples
    return round(size * _mapped(used.data_map)) if size else None


def _mapped(chosen: DataMap) -> float:
    """The share of examples that are selected by a data map; all without one."""
    if not chosen.used:
        return 1.0
    return _share(chosen.fraction) if chosen.bin is None else 1 / max(1, chosen.bins)


def _share(value: float | None) -> float:
    """A share of examples; all where none is chosen, and where the checks will refuse the value."""
    return value if value is not None and 0 < value <= 1 else 1.0


def _declared_rows(task: Task, chosen: TaskSource | None, data: DataConfig, split: str, language: str) -> int | None:
    """Examples of a split in a language, as the chosen source declares them, or else any other source."""
    for source in [*([chosen.declared] if chosen else []), *task.sources.values()]:
        if source.generator and data.source == "babel":
            made = source.generator.rows.get(split)
            return None if made is None else max(1, round(made * data.world.rows))
        expected = source.expect.get(split)
        if expected and (rows := expected.rows.get(language, expected.rows.get("*"))) is not None:
            return rows
    return None


def data_of(phase: ResolvedPhase, cache: Path | None, maps: Mapping[str, str] | None = None) -> dict[str, TrainingData]:
    """The data of each task of a phase, with the checksums of its files. `maps`: task -> the artifact with its data map.

    UserError where a task cannot be read.
    """
    data = {}
    for name, task in phase.tasks.items():
        if task.source is None:
            raise UserError(task.source_problem)
        data_map = (maps or {}).get(name)
        data[name] = training_data(
            task.used, task.source, task.hyperparameters, task.limits, task.validates, cache, data_map, task.examples
        )
    return data


def readable(target: ResolvedTarget) -> TaskSource:
    """The target's source; UserError where it cannot be read."""
    if target.source is None:
        raise UserError(target.source_problem)
    return target.source
