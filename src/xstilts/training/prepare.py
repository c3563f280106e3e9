"""The features of a job, made ahead of it and left in the store, where its worker finds them."""

from dataclasses import replace

from xstilts.data.tokenizer import load_tokenizer
from xstilts.jobs import EvaluationJob, TrainingJob, evaluated_languages, wants_validation
from xstilts.training.evaluate import evaluation_features
from xstilts.training.fit import tokenizer_place, training_features, validation_features
from xstilts.training.libraries import quiet_libraries


def training(job: TrainingJob, name: str) -> str:
    """Training and validation features of one of the job's tasks; how many there are."""
    quiet_libraries()
    tokenizer = load_tokenizer(tokenizer_place(job.model), job.model.revision)
    made = {"training": training_features(job, name, tokenizer)}
    if wants_validation(job):
        made["validation"] = validation_features(job, name, tokenizer)
    return ", ".join(f"{len(prepared.features)} {what}" for what, prepared in made.items())


def evaluation(job: EvaluationJob) -> str:
    """The features of phase 4; how many there are."""
    quiet_libraries()
    tokenizer = load_tokenizer(tokenizer_place(job.model), job.model.revision)
    task = replace(job.target.task, labels=job.labels or job.target.task.labels)
    return f"{len(evaluation_features(job, task, evaluated_languages(job.target, job.data), tokenizer).features)} evaluation"
