"""Check a cell's encoder, and that no score would come from weights that nothing trained. No torch."""

from collections.abc import Collection, Iterator

from xstilts import encoders
from xstilts.cell.encoder import ResolvedEncoder, unsuitable, weights_in
from xstilts.cell.given_head import given_head
from xstilts.cell.resolve import ResolvedCell, ResolvedPhase
from xstilts.config import Config
from xstilts.errors import UserError
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_names, format_of, formats


def problems(cell: ResolvedCell) -> Iterator[str]:
    """One line for each problem. Of a model on the Hub, only what needs none of its files."""
    unusable = list(_model(cell.encoder, cell.config))
    yield from unusable
    yield from _attention(cell.config)
    if not unusable:
        yield from _given_head(cell)
    yield from _untrained_head(cell.config)
    yield from _untrained_pooler(cell)


def _model(encoder: ResolvedEncoder, config: Config) -> Iterator[str]:
    model, folder, tokenizer = encoder.model, encoder.folder, encoder.tokenizer_folder
    if encoder.problem:
        yield encoder.problem
        return
    if folder and not (folder / "config.json").is_file() and not weights_in(folder):
        yield f"the folder '{model.name_or_path}' holds no encoder: expected config.json and model.safetensors in it"
        return
    if folder and (problem := unsuitable(model.name_or_path or "", encoder.values, config)):
        yield problem
        return
    if folder and not weights_in(folder):
        yield f"the folder '{model.name_or_path}' holds no weights: expected model.safetensors in it"
    kind = (encoder.values or {}).get("model_type") if tokenizer == folder else None
    if tokenizer and not encoders.has_tokenizer((file.name for file in tokenizer.iterdir()), kind):
        name = model.tokenizer or model.name_or_path
        yield (
            f"no fast tokenizer in the folder '{name}': expected {encoders.TOKENIZER_EXPECTED} in it; type model.tokenizer=FOLDER"
        )


def _attention(config: Config) -> Iterator[str]:
    attention, trainer = config.model.attention, config.trainer
    if not encoders.attention_installed(attention):
        missing = f"the package {encoders.FLASH_PACKAGE}, which is not installed"
        yield f"model.attention={attention} needs {missing}: type model.attention=sdpa"
    elif attention == "flash_attention_2" and trainer.precision == "32-true":
        yield f"model.attention={attention} computes in half precision only: type trainer.precision=bf16-mixed"


def _given_head(cell: ResolvedCell) -> Iterator[str]:
    """A checkpoint's own head must fit the target, and with target.head=given the checkpoint is evaluated as it is."""
    config = cell.config
    if config.target.head == "given" and config.intermediate.tasks:
        yield "target.head=given evaluates a checkpoint as it is, without training: leave +intermediate out"
    if not _known(config.target.task) or not all(_known(used.task) for used in config.target.training.values()):
        return
    try:
        given_head(config, cell.encoder.values)
    except UserError as error:
        yield str(error)


def _untrained_head(config: Config) -> Iterator[str]:
    """Phase 4 has no head of a target that nothing was trained on."""
    task = config.target.task
    of_phase_1 = [training.task for training in config.pretraining.tasks.values()]  # `pretrain` has no other target
    if config.target.training or config.target.head == "given" or not _known(task):
        return
    if format_of(task).embeds or task in of_phase_1:
        return
    yield (
        f"target {task.name}: target.training is empty, so that its scores would come from a random head for {task.format}; "
        f"type +target={task.name} with its training, or +task@target.training.NAME.task=NAME; for a checkpoint with a head of "
        f"its own, xstilts evaluate (target.head=given)"
    )


def _untrained_pooler(cell: ResolvedCell) -> Iterator[str]:
    """Phase 4 has a pooler only where the last phase that was trained hands a trained one on."""
    config, task, values = cell.config, cell.target.task, cell.target.hyperparameters
    if not _known(task) or not format_of(task).embeds or "pooler" not in (values.retrieval_pooling or []):
        return
    if config.model.pooler == "none":
        yield "retrieval_pooling=[pooler] with model.pooler=none: there is no pooler; type target.recipe.retrieval_pooling=[mean]"
        return
    trained, classes = False, encoders.family((cell.encoder.values or {}).get("model_type")).pooled
    for phase in [*([cell.intermediate] if cell.intermediate else []), *cell.training]:
        trained = _pooler_after(phase, trained and config.model.pooler == "carried", classes)
    if not trained:
        read = [name for name, format in formats().items() if format.transformers in classes]
        pooled = [f"{name} with retrieval_pooling=[pooler]" for name, format in formats().items() if format.embeds]
        yield (
            f"target {task.name}: retrieval_pooling={values.retrieval_pooling}, but no phase of this cell hands on a trained "
            "pooler: scores would come from random weights; type target.recipe.retrieval_pooling=[mean] (or [cls]), or end with "
            f"a phase that trains a pooler: {', or '.join([*read, *pooled])}"
        )


def _pooler_after(phase: ResolvedPhase, before: bool, classes: Collection[str]) -> bool:
    """Return whether a phase's artifact has a trained pooler. `before`: it starts with one; `classes`: those that read it."""
    needed = False
    for task in phase.tasks.values():
        if not _known(task.task):
            continue
        format = format_of(task.task)
        pooling = (task.hyperparameters.retrieval_pooling or []) if format.embeds else []
        if format.transformers in classes or pooling[:1] == ["pooler"]:  # training uses the first pooling only
            return True
        needed = needed or "pooler" in pooling
    return needed and before


def _known(task: Task) -> bool:
    """Return whether the task's format exists; one that does not is shown beside its field."""
    return task.format in format_names()
