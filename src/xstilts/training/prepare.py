"""Make the features of a job ahead of it; its worker finds them in the store."""

from xstilts.data.tokenizer import load_tokenizer
from xstilts.jobs import EvaluationJob, TrainingJob
from xstilts.training import evaluate, fit
from xstilts.training.libraries import quiet_libraries


def training(job: TrainingJob, name: str) -> str:
    """Make the training and validation features of one of the job's tasks; return how many there are."""
    quiet_libraries()
    data = fit.data_of(job, load_tokenizer(job.tokenizer))
    data.tasks = {name: data.tasks[name]}
    data.setup("fit")
    made = {"training": data.training, "validation": data.validation}
    return ", ".join(f"{len(tasks[name].features)} {kind}" for kind, tasks in made.items() if tasks)


def evaluation(job: EvaluationJob) -> str:
    """Make the features of phase 4; return how many there are."""
    quiet_libraries()
    data = evaluate.data_of(job, load_tokenizer(job.tokenizer))
    data.setup("predict")
    assert data.evaluation
    return f"{len(data.evaluation.features)} evaluation"
