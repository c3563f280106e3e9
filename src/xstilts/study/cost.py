"""Estimate the cost of a job from declared sizes, before it runs: an upper bound, without data and without torch.

An encoder layer's weights take 2 FLOP per token forwards and 4 backwards (Kaplan et al. 2020, section 2.1); attention itself
and the vocabulary are left out, and every example counts as `max_length` tokens, which few have: on the whole "at most".
"""

from xstilts.data.plan import StepPlan
from xstilts.jobs import EvaluationJob, TrainingJob
from xstilts.tasks.formats import format_of


def training_steps(job: TrainingJob) -> int | None:
    """Optimizer steps; None where the size of the data is not declared."""
    values = job.hyperparameters
    if values.max_steps is not None:
        return values.max_steps
    sizes = {name: data.examples for name, data in job.tasks.items() if data.examples is not None}
    if len(sizes) < len(job.tasks):
        return None
    return len(StepPlan(sizes, values.batch_size or 1, job.seed, values.epochs or 0, None, job.mixture))


def training_flop(job: TrainingJob) -> float | None:
    """FLOP of all steps, at most."""
    steps, weights = training_steps(job), job.model.layer_parameters
    if steps is None or weights is None:
        return None
    rows = max(format_of(data.task).rows for data in job.tasks.values())
    length = max(data.limits.max_length for data in job.tasks.values())
    # Training dynamics are an evaluation of all examples after each epoch: once more forwards for every example trained on.
    per_weight = 8.0 if job.dynamics else 6.0
    return per_weight * weights * steps * (job.hyperparameters.batch_size or 1) * rows * length


def evaluation_flop(job: EvaluationJob) -> float | None:
    """FLOP of the evaluation of all languages, at most."""
    examples = sum(count for by_language in job.examples.values() for count in by_language.values())
    if job.model.layer_parameters is None or not examples:
        return None
    return 2.0 * job.model.layer_parameters * examples * format_of(job.task).rows * job.limits.max_length


def validation_flop(job: TrainingJob) -> float | None:
    """FLOP of all validations while the phase trains, at most; None where their number or size is not known."""
    if not job.validates:
        return 0.0
    values, steps, weights = job.hyperparameters, training_steps(job), job.model.layer_parameters
    if steps is None or weights is None or values.eval_examples is None:
        return None
    times = -(-steps // values.eval_every) if values.eval_every else 1
    tokens = sum(format_of(data.task).rows * data.limits.max_length for data in job.tasks.values() if data.validation)
    return 2.0 * weights * times * values.eval_examples * tokens
