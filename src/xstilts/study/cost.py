"""Estimate the cost of a job from declared sizes, before it runs: an upper bound, without data and without torch.

An encoder layer's weights take 2 FLOP per token forwards and 4 backwards (Kaplan et al. 2020, section 2.1); attention itself
and the vocabulary are left out, and every example counts as `max_length` tokens, which few have: on the whole "at most".
"""

from xstilts import recipes, sources
from xstilts.cell.encoder_identity import config_of
from xstilts.config import DataConfig, ModelConfig
from xstilts.data.plan import StepPlan
from xstilts.jobs import EvaluationJob, TrainingJob
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.tasks.formats import format_of


def training_steps(job: TrainingJob) -> int | None:
    """Optimizer steps; None where the size of the data is not declared."""
    values = job.hyperparameters
    if values.max_steps is not None:
        return values.max_steps
    sizes = {name: examples(training, job.data) for name, training in job.tasks.items()}
    known = {name: size for name, size in sizes.items() if size is not None}
    if len(known) < len(sizes):
        return None
    return len(StepPlan(known, values.batch_size or 1, job.seed, values.epochs or 0, None, job.mixture))


def training_flop(job: TrainingJob) -> float | None:
    """FLOP of all steps, at most."""
    steps, weights = training_steps(job), layer_parameters(job.model)
    if steps is None or weights is None:
        return None
    rows = max(format_of(training.task).rows for training in job.tasks.values())
    length = max(recipes.limits(values).max_length for values in job.by_task.values())
    # Training dynamics are an evaluation of all examples after each epoch: once more forwards for every example trained on.
    per_weight = 8.0 if job.dynamics else 6.0
    return per_weight * weights * steps * (job.hyperparameters.batch_size or 1) * rows * length


def evaluation_flop(job: EvaluationJob) -> float | None:
    """FLOP of the evaluation of all languages, at most."""
    task, weights = job.target.task, layer_parameters(job.model)
    total = 0
    for split in job.target.splits or task.evaluate:
        for language in job.target.languages or task.languages:
            total += min(rows(task, job.data, split, language) or 0, job.target.max_test_examples or 10**9)
    if weights is None or not total:
        return None
    return 2.0 * weights * total * format_of(task).rows * recipes.limits(job.hyperparameters).max_length


def examples(training: TrainingTask, data: DataConfig) -> int | None:
    """Training examples that are used, over all languages; None where their number is not declared."""
    split = sources.parse_split(training.train)[0]
    counts = [rows(training.task, data, split, language) for language in training.languages]
    total = sum(count for count in counts if count is not None)
    mapped = training.data_map.fraction if training.data_map.region else 1.0
    if not total:
        return round(training.max_examples * mapped) if training.max_examples else None
    total = round(total * (training.fraction or 1.0))
    return round(min(total, training.max_examples or total) * mapped)


def rows(task: Task, data: DataConfig, split: str, language: str) -> int | None:
    """Examples of a split in a language, as its source declares them, or else any other source."""
    chosen = task.sources.get(sources.source_name(task, data))
    for source in [chosen, *task.sources.values()]:
        if source is None:
            continue
        if source.generator and data.source == "babel":
            return source.generator.rows.get(split)
        if expected := source.expect.get(split):
            return expected.rows.get(language, expected.rows.get("*"))
    return None


def layer_parameters(model: ModelConfig) -> int | None:
    """Weights of all layers, without embeddings: as declared, of `tiny`, or by the config.json of a folder."""
    if model.layer_parameters is not None:
        return model.layer_parameters
    if model.name_or_path is None:
        return _layers(model.tiny.num_hidden_layers, model.tiny.hidden_size, model.tiny.intermediate_size)
    shape = config_of(model)
    if shape is None:
        return None
    names = ("num_hidden_layers", "hidden_size", "intermediate_size")
    return _layers(*(shape[name] for name in names)) if all(name in shape for name in names) else None


def _layers(layers: int, width: int, inner: int) -> int:
    # Query, key, value, output; the two layers of the feed-forward part; two LayerNorms.
    return layers * (4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width)
