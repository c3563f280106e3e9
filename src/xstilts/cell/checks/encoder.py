"""Check a cell's encoder, and that no score would come from weights that nothing trained. No torch."""

from collections.abc import Iterator
from pathlib import Path

from xstilts import encoders, recipes
from xstilts.cell.encoder_identity import folder_of, readable_config, weights_in
from xstilts.config import Config, Hyperparameters, ModelConfig
from xstilts.errors import UserError
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.tasks.formats import format_names, format_of, formats


def problems(config: Config) -> Iterator[str]:
    """One line for each problem. Of a model on the Hub, only what needs none of its files."""
    yield from _model(config.model)
    yield from _attention(config)
    yield from _mlm(config)
    yield from _untrained_head(config)
    yield from _untrained_pooler(config)


def unsuitable(name: str, folder: Path) -> str | None:
    """Why the model `name`, whose config.json is in `folder`, cannot be the encoder; None if it can."""
    values = encoders.read_config(folder)
    if values is None:
        return f"model.name_or_path={name} has no config.json; expected {encoders.EXPECTED}"
    found = encoders.refusal(values)
    return f"model.name_or_path={name} holds {found}; expected {encoders.EXPECTED}" if found else None


def _model(model: ModelConfig) -> Iterator[str]:
    try:
        folder, tokenizer = folder_of(model.name_or_path), folder_of(model.tokenizer or model.name_or_path)
        problem = unsuitable(model.name_or_path or "", folder) if folder else None
    except UserError as error:
        yield str(error)
        return
    if folder and not (folder / "config.json").is_file() and not weights_in(folder):
        yield f"the folder '{model.name_or_path}' holds no encoder: expected config.json and model.safetensors in it"
        return
    if problem:
        yield problem
        return
    if folder and not weights_in(folder):
        yield f"the folder '{model.name_or_path}' holds no weights: expected model.safetensors in it"
    if tokenizer and not encoders.has_tokenizer(file.name for file in tokenizer.iterdir()):
        name = model.tokenizer or model.name_or_path
        yield f"no tokenizer in the folder '{name}': expected {encoders.TOKENIZER_EXPECTED} in it; type model.tokenizer=FOLDER"


def _attention(config: Config) -> Iterator[str]:
    attention, trainer = config.model.attention, config.trainer
    if not encoders.attention_installed(attention):
        missing = f"the package {encoders.FLASH_PACKAGE}, which is not installed"
        yield f"model.attention={attention} needs {missing}: type model.attention=sdpa"
    elif attention == "flash_attention_2" and trainer.precision == "32-true":
        yield f"model.attention={attention} computes in half precision only: type trainer.precision=bf16-mixed"


def _mlm(config: Config) -> Iterator[str]:
    used = {**config.intermediate.tasks, **config.target.training}
    masked = [name for name, training in used.items() if _known(training.task) and format_of(training.task).masks]
    if masked and encoders.factorised(readable_config(config.model)):
        yield (
            f"task {masked[0]} has the format {used[masked[0]].task.format}, whose head is tied to the word embeddings, but "
            f"those of model.name_or_path={config.model.name_or_path} are narrower than its hidden states: choose another "
            "encoder or task"
        )


def _untrained_head(config: Config) -> Iterator[str]:
    """Phase 4 has no head of a target that nothing was trained on."""
    task = config.target.task
    of_phase_1 = [training.task for training in config.pretraining.tasks.values()]  # `pretrain` has no other target
    if config.target.training or not _known(task) or format_of(task).embeds or task in of_phase_1:
        return
    yield (
        f"target {task.name}: target.training is empty, so that its scores would come from a random head for {task.format}; "
        f"type +target={task.name} with its training, or +task@target.training.NAME.task=NAME"
    )


def _untrained_pooler(config: Config) -> Iterator[str]:
    """Phase 4 has a pooler only where the last phase that was trained hands a trained one on."""
    task, recipe = config.target.task, config.recipe
    values = recipes.for_task(recipe, task, config.target.recipe)
    if not _known(task) or not format_of(task).embeds or "pooler" not in (values.retrieval_pooling or []):
        return
    if config.model.pooler == "none":
        yield "retrieval_pooling=[pooler] with model.pooler=none: there is no pooler; type target.recipe.retrieval_pooling=[mean]"
        return
    trained = False
    phases = [(config.intermediate.tasks, config.intermediate.recipe, True)]
    phases += [({name: used}, config.target.recipe, False) for name, used in config.target.training.items()]
    for tasks, override, second in phases:
        if tasks:
            by_task = {name: recipes.for_task(recipe, used.task, override, second) for name, used in tasks.items()}
            trained = _pooler_after(tasks, by_task, trained and config.model.pooler == "carried")
    if not trained:
        read = [name for name, format in formats().items() if format.uses_pooler]
        pooled = [f"{name} with retrieval_pooling=[pooler]" for name, format in formats().items() if format.embeds]
        yield (
            f"target {task.name}: retrieval_pooling={values.retrieval_pooling}, but no phase of this cell hands on a trained "
            "pooler: scores would come from random weights; type target.recipe.retrieval_pooling=[mean] (or [cls]), or end with "
            f"a phase that trains a pooler: {', or '.join([*read, *pooled])}"
        )


def _pooler_after(tasks: dict[str, TrainingTask], by_task: dict[str, Hyperparameters], before: bool) -> bool:
    """Return whether a phase's artifact has a trained pooler; `before`: whether it starts with one."""
    needed = False
    for name, used in tasks.items():
        if not _known(used.task):
            continue
        format = format_of(used.task)
        pooling = (by_task[name].retrieval_pooling or []) if format.embeds else []
        if format.uses_pooler or pooling[:1] == ["pooler"]:  # training uses the first pooling only
            return True
        needed = needed or "pooler" in pooling
    return needed and before


def _known(task: Task) -> bool:
    """Return whether the task's format exists; one that does not is shown beside its field."""
    return task.format in format_names()
