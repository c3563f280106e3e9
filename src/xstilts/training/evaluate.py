"""Phase 4: a target task in every language that has data, zero-shot -> one result file and its predictions."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from xstilts import metrics
from xstilts.data.tokenizer import load_tokenizer
from xstilts.errors import UserError
from xstilts.export import checkpoint
from xstilts.export.card_scores import add_scores, scored
from xstilts.jobs import EvaluationJob
from xstilts.models.adapters import put_on
from xstilts.models.heads import build_head
from xstilts.store.fingerprint import fingerprint
from xstilts.store.results import Score, write_predictions, write_result
from xstilts.tasks.declaration import Task, head_name
from xstilts.tasks.formats import format_of
from xstilts.tracking.runs import tracked
from xstilts.tracking.scores import COLUMNS, gaps, main_rows, main_scores, summary, table
from xstilts.training import distributed, prediction, vectors
from xstilts.training.callbacks import progress
from xstilts.training.callbacks.graceful_stop import keep_handlers
from xstilts.training.clusters import LanguageExamples, clusters, shared_texts
from xstilts.training.datamodule import LanguageSplit, TaskDataModule
from xstilts.training.given_head import load_given_head
from xstilts.training.load import check_length, load_encoder
from xstilts.training.memory import out_of_memory_means
from xstilts.training.module import TaskModule
from xstilts.training.trainer import trainer_options
from xstilts.versions import versions

log = logging.getLogger("xstilts")


def evaluate(job: EvaluationJob) -> None:
    """Predict, score and write; the result file is written last."""
    with tracked(job.logger, job.run, {"config": job.header.get("config")}) as run:
        run.used(job.artifact)
        if result := _evaluate(job):
            if not job.char_noise.rate and not job.adapters:  # a card has its checkpoint's scores on the texts as they are
                _note_scores(job, result)
            run.table("scores", COLUMNS, table(result))
            run.summary(summary(result))
            run.bars("score by language", "language", "score", main_scores(result))
            run.bars("transfer gap", "language", "gap", gaps(result))


def _note_scores(job: EvaluationJob, result: dict[str, Any]) -> None:
    """Add the scores to the model card of the evaluated artifact, if there is one."""
    if job.artifact and (rows := main_rows(result)):
        synthetic = job.source.declared.generator is not None
        add_scores(Path(job.artifact), result["fingerprint"], scored(result, rows, synthetic))


def _evaluate(job: EvaluationJob) -> dict[str, Any] | None:
    """The result, in the process that writes it."""
    tokenizer, task = load_tokenizer(job.artifact or job.tokenizer), job.task
    data = data_of(job, tokenizer)
    module = _model(job, task, tokenizer)
    if job.without_data:
        have = [language for language in task.languages if language not in job.without_data]
        log.info(f"{task.name}: no data for {' '.join(job.without_data)}; evaluating {', '.join(have)}")
    data.setup("predict")
    assert data.evaluation
    data.evaluation.occurring(len(module.encoder.word_embeddings))  # refuses tokens that the encoder has no embedding for
    kept = _kept_vectors(job)
    if kept:
        data.done = lambda: vectors.done(kept, len(data.evaluation.features) if data.evaluation else 0)
    shown = [progress.shown(job.label, evaluation=True), *([vectors.KeepVectors(kept)] if kept else [])]
    trainer = pl.Trainer(**trainer_options(job.trainer), logger=False, callbacks=shown)
    keep_handlers(trainer)
    with out_of_memory_means(job.label):
        if job.adapters:
            own = list(_with_language_adapters(job, trainer, module, data))
        else:
            predicted = trainer.predict(module, datamodule=data, return_predictions=not kept)
            own = cast("list[vectors.Outputs]", predicted or [])
        outputs = distributed.gathered_objects(own)
    if not trainer.is_global_zero:
        return None
    device = trainer.strategy.root_device
    found = vectors.stored(kept, len(data.evaluation.features)) if kept else outputs
    scored = score_splits(data, found, device if device.type == "cuda" else torch.device("cpu"))
    examples = data.evaluation.examples
    write_predictions(Path(job.predictions), _predictions(task, examples, scored, job.source.declared.translated))
    result = job.header | {
        "rows": [row for part, found in scored for item in found for row in _rows(task, part, item)],
        "degenerate": _degenerate(task, scored),
        "versions": versions(),
    }
    write_result(Path(job.result), result)
    return result


def _with_language_adapters(
    job: EvaluationJob, trainer: pl.Trainer, module: TaskModule, data: TaskDataModule
) -> Iterator[vectors.Outputs]:
    """Predict one language after the other, each with its own adapter if the job has one, else with `module`."""
    whole = data.evaluation
    assert whole
    language_N = np.asarray(whole.examples["language"][:])[np.asarray(whole.features["example"][:])]
    for language in dict.fromkeys(language_N.tolist()):
        rows = np.flatnonzero(language_N == language)
        data.evaluation = replace(whole, features=whole.features.select(rows))
        with_own = _model(job, job.task, data.tokenizer, job.adapters[language]) if language in job.adapters else module
        outputs = cast("list[vectors.Outputs]", trainer.predict(with_own, datamodule=data) or [])
        yield from ((name, rows[own].tolist(), found) for name, own, found in outputs)
    data.evaluation = whole


def _kept_vectors(job: EvaluationJob) -> Path | None:
    """The folder of the texts' vectors, of a task that compares them; those of other versions do not count."""
    if not (format_of(job.task).embeds and job.work):
        return None
    folder = Path(job.work) / "vectors" / fingerprint(versions())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def data_of(job: EvaluationJob, tokenizer: PreTrainedTokenizerBase) -> TaskDataModule:
    """The data module of the job."""
    return TaskDataModule({}, tokenizer, job.hyperparameters, target=job, trainer=job.trainer, store=job.features)


def _model(job: EvaluationJob, task: Task, tokenizer: PreTrainedTokenizerBase, adapters: Sequence[str] = ()) -> TaskModule:
    """Load the artifact's encoder and head. Raises UserError if a score would depend on untrained weights.

    `adapters`: folders of those that make up the encoder, with the job's base.
    """
    folder = job.base if adapters else job.artifact
    encoder = load_encoder(job.model, job.trainer, tokenizer, folder, only_embeds=format_of(task).embeds)
    if adapters:
        put_on(encoder.backbone, job.hyperparameters, 0, adapters, kept=True).merge()
    if job.trainer.precision == "bf16-mixed":
        encoder.hold_in_bfloat16()
    check_length(encoder, job.hyperparameters.max_length, task.name)
    if job.head:
        given = load_given_head(job.head, task, encoder, job.hyperparameters)
        return TaskModule(encoder, {head_name(task): given}, job.hyperparameters, seed=0)
    head = build_head(task, encoder, job.hyperparameters)
    saved = checkpoint.load_heads(Path(job.artifact)) if job.artifact else {}
    embeds = format_of(task).embeds
    if head.needs_pooler and (job.model.pooler != "none" or embeds):
        encoder.add_pooler()
        if not checkpoint.restore_pooler(saved, encoder):
            raise UserError(f"{job.label}: {job.artifact or job.model.name_or_path or 'the encoder'} has no trained pooler")
    if (not embeds or job.trained) and not checkpoint.restore_head(saved, head):
        raise UserError(f"{job.label}: {job.artifact or job.model.name_or_path or 'the encoder'} has no trained head")
    return TaskModule(encoder, {head_name(task): head}, job.hyperparameters, seed=0)


def score_splits(
    data: TaskDataModule, outputs: list[vectors.Outputs] | vectors.Vectors, device: torch.device | None = None
) -> list[tuple[LanguageSplit, list[prediction.Scored]]]:
    """The predictions and metrics of each language and split of the data module's target.

    `outputs` are those of `predict`, or the vectors of a retrieval task's texts.

    A threshold tuned on a language's validation split serves its test split. `device` searches for nearest neighbours; None: CPU.
    """
    assert data.evaluation
    name = data.evaluation.name
    rows = outputs if isinstance(outputs, vectors.Vectors) else prediction.by_row(outputs, {name: data.evaluation})[name]
    predicted = prediction.Predicted(data.evaluation, rows, device=device or torch.device("cpu"))
    tuned: dict[str, dict[str | None, float]] = {}
    scored = []
    for part in data.language_splits:
        thresholds = tuned.get(part.language) if part.split == "test" else None
        found = predicted.score(range(part.start, part.end), part.language, thresholds, part.whole_split)
        found = [predicted.with_confidences(item, part.language) for item in found]
        if part.split == "validation":
            tuned[part.language] = {item.variant: item.threshold for item in found if item.threshold is not None}
        scored.append((part, found))
    return scored


def _rows(task: Task, part: LanguageSplit, scored: prediction.Scored) -> list[dict[str, Any]]:
    """The result rows of one language and split: one per metric, or one without a value where there is no gold."""
    layer, pooling = scored.variant.split("-") if scored.variant is not None else (None, None)
    values: dict[str, float | None] = {**scored.values} or {metrics.main_key(task.metrics[0]): None}
    return [
        Score(
            task=task.name,
            language=part.language,
            split=part.split,
            metric=metric,
            value=value,
            examples=len(scored.rows),
            layer=None if layer is None else int(layer),
            pooling=pooling,
            threshold=scored.threshold,
        ).as_dict()
        for metric, value in values.items()
    ]


def _predictions(
    task: Task, examples: Dataset, scored: list[tuple[LanguageSplit, list[prediction.Scored]]], translated: bool
) -> Iterator[dict[str, Any]]:
    """Yield a row for every example, with the predictions of the first variant; a split's clusters need all its languages."""
    for split in dict.fromkeys(part.split for part, _ in scored):
        own = [(part.language, found[0]) for part, found in scored if part.split == split]
        ids = [examples.select(found.rows)["id"][:] for _, found in own]
        members = (
            LanguageExamples(language, ids_N, shared_texts(task, examples.select(found.rows)))
            for (language, found), ids_N in zip(own, ids, strict=True)
        )
        for (language, found), *columns in zip(own, ids, clusters(members, translated), strict=True):
            columns += [found.predictions, found.gold, found.confidences or [None] * len(found.predictions)]
            for identifier, cluster, *answer in zip(*columns, strict=True):
                about = {"task": task.name, "language": language, "split": split, "id": identifier, "cluster": cluster}
                yield about | dict(zip(("prediction", "gold", "confidence"), answer, strict=True))


def _degenerate(task: Task, scored: list[tuple[LanguageSplit, list[prediction.Scored]]]) -> list[str]:
    """Report, in a line per split, the languages in which the model predicts the same answer for every example.

    Such a model has learnt nothing, whatever its score. The answers of a list are its items, such as the tags of all words.
    """
    format = format_of(task)
    if format.embeds or format.gold is None:  # no answers to choose from
        return []
    found: dict[str, list[str]] = {}
    for part, (first, *_) in scored:
        answers = {str(answer) for given in first.predictions for answer in (given if isinstance(given, list) else [given])}
        if len(first.predictions) > 1 and len(answers) == 1:
            found.setdefault(part.split, []).append(part.language)
    return [f"{split}: one answer for every example in {' '.join(languages)}" for split, languages in found.items()]
