"""Phase 4: a target task in every language that has data, zero-shot -> one result file and its predictions."""

import logging
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from xstilts import metrics, recipes
from xstilts.data.datamodule import TaskDataModule
from xstilts.data.tokenizer import load_tokenizer
from xstilts.errors import UserError
from xstilts.export import checkpoint
from xstilts.export.card_scores import add_scores, scored
from xstilts.jobs import EvaluationJob, evaluated_languages, languages_without_data
from xstilts.models.heads import build_head
from xstilts.sources.files import source_of
from xstilts.store.features import Prepared
from xstilts.store.results import Score, write_predictions, write_result
from xstilts.tasks.declaration import Task, head_name
from xstilts.tasks.formats import format_of
from xstilts.tracking.runs import tracked
from xstilts.tracking.scores import COLUMNS, gaps, main_rows, main_scores, summary, table
from xstilts.training import prediction
from xstilts.training.callbacks import progress
from xstilts.training.callbacks.graceful_stop import keep_handlers
from xstilts.training.callbacks.validation import gathered
from xstilts.training.fit import check_length, evaluated_features, load_encoder, task_features, tokenizer_place, trainer_options
from xstilts.training.memory import out_of_memory_means
from xstilts.training.module import TaskModule
from xstilts.versions import versions

log = logging.getLogger("xstilts")


@dataclass(frozen=True)
class Block:
    """The examples of one split and language: rows `start` to `end` of the whole evaluation."""

    split: str
    language: str
    start: int
    end: int
    whole_split: range
    """The rows of all languages of the split."""


def evaluate(job: EvaluationJob) -> None:
    """Predict, score and write; the result file is written last."""
    with tracked(job.logger, job.run, {"config": job.header.get("config")}) as run:
        run.used(job.artifact)
        if result := _evaluate(job):
            _note_scores(job, result)
            run.table("scores", COLUMNS, table(result))
            run.summary(summary(result))
            run.bars("score by language", "language", "score", main_scores(result))
            run.bars("transfer gap", "language", "gap", gaps(result))


def _note_scores(job: EvaluationJob, result: dict[str, Any]) -> None:
    """In the model card of the artifact that was evaluated, if it was one."""
    if job.artifact and (rows := main_rows(result)):
        synthetic = source_of(job.target.task, job.data).generator is not None
        add_scores(Path(job.artifact), result["fingerprint"], scored(result, rows, synthetic))


def _evaluate(job: EvaluationJob) -> dict[str, Any] | None:
    """The result, in the process that writes it."""
    task = replace(job.target.task, labels=job.labels or job.target.task.labels)
    tokenizer = load_tokenizer(job.artifact or tokenizer_place(job.model), None if job.artifact else job.model.revision)
    model = _model(job, task, tokenizer)
    parts = evaluated_languages(job.target, job.data)
    if missing := languages_without_data(job.target, parts):
        have = ", ".join(language for language in task.languages if language not in missing)
        log.info(f"{task.name}: no data for {' '.join(missing)}; evaluating {have}")
    made = evaluation_features(job, task, parts, tokenizer)
    blocks, examples = _blocks(parts, made), made.examples
    features = task_features(task, task.name, made, tokenizer, job.hyperparameters)
    features.occurring(len(model.encoder.word_embeddings))  # refuses tokens that the encoder has no embedding for
    evaluated = prediction.Evaluated(task, examples, features, recipes.limits(job.hyperparameters))
    trainer = pl.Trainer(**trainer_options(job.trainer), logger=False, callbacks=progress.bars(job.label, evaluation=True))
    keep_handlers(trainer)
    data = TaskDataModule(evaluation=[features], max_eval_tokens=job.trainer.max_eval_tokens)
    with out_of_memory_means(job.label):
        outputs = gathered(trainer, trainer.predict(model, datamodule=data) or [])  # type: ignore[arg-type]
    if not trainer.is_global_zero:
        return None
    rows = prediction.by_row(outputs, {task.name: evaluated})[task.name]
    device = trainer.strategy.root_device
    nearby = device if device.type == "cuda" else torch.device("cpu")  # nearest neighbours are worth a GPU
    scored = _score(prediction.Predicted(evaluated, rows, device=nearby), blocks)
    write_predictions(
        Path(job.predictions), [row for block, found in scored for row in _predictions(task, examples, block, found[0])]
    )
    result = job.header | {
        "rows": [row for block, found in scored for item in found for row in _rows(task, block, item)],
        "degenerate": _degenerate(task, scored),
        "versions": versions(),
    }
    write_result(Path(job.result), result)
    return result


def evaluation_features(
    job: EvaluationJob, task: Task, parts: list[tuple[str, list[str]]], tokenizer: PreTrainedTokenizerBase
) -> Prepared:
    """All examples in one table, split by split and language by language, and their features.

    Answers of one language may be candidates of another's questions, so a split is loaded with all its languages at once.
    """
    limits, taken = recipes.limits(job.hyperparameters), {"first": job.target.max_test_examples}
    return evaluated_features(task, job.data, parts, taken, tokenizer, limits, job.features)


def _blocks(parts: list[tuple[str, list[str]]], made: Prepared) -> list[Block]:
    """Where each language of each split lies."""
    blocks: list[Block] = []
    languages, start = made.examples["language"][:], 0
    for (split, chosen), size in zip(parts, made.sizes, strict=True):
        counts = Counter(languages[start : start + size])
        whole = range(start, start + size)
        for language in chosen:
            blocks.append(Block(split, language, start, start + counts[language], whole))
            start += counts[language]
    return blocks


def _model(job: EvaluationJob, task: Task, tokenizer: PreTrainedTokenizerBase) -> TaskModule:
    """The encoder and the head of the artifact. Raises UserError where a score would come from weights that nothing trained."""
    encoder = load_encoder(job, tokenizer, job.artifact)
    check_length(encoder, job.hyperparameters.max_length, task.name)
    head = build_head(task, encoder, job.hyperparameters)
    saved = checkpoint.load_heads(Path(job.artifact)) if job.artifact else {}
    embeds = format_of(task).embeds
    if head.needs_pooler and (job.model.pooler != "none" or embeds):
        encoder.add_pooler()
        if not checkpoint.restore_pooler(saved, encoder):
            raise UserError(f"{job.label}: {job.artifact or job.model.name_or_path or 'the encoder'} has no trained pooler")
    if (not embeds or job.target.training) and not checkpoint.restore_head(saved, head):
        raise UserError(f"{job.label}: {job.artifact or job.model.name_or_path or 'the encoder'} has no trained head")
    return TaskModule(encoder, {head_name(task): head}, job.hyperparameters, seed=0)


def _score(predicted: prediction.Predicted, blocks: list[Block]) -> list[tuple[Block, list[prediction.Scored]]]:
    """Each block's predictions and metrics; a threshold tuned on a language's validation split serves its test split."""
    tuned: dict[str, dict[str | None, float]] = {}
    scored = []
    for block in blocks:
        thresholds = tuned.get(block.language) if block.split == "test" else None
        found = predicted.score(range(block.start, block.end), block.language, thresholds, block.whole_split)
        if block.split == "validation":
            tuned[block.language] = {item.variant: item.threshold for item in found if item.threshold is not None}
        scored.append((block, found))
    return scored


def _rows(task: Task, block: Block, scored: prediction.Scored) -> list[dict[str, Any]]:
    """The result rows of one block: one per metric, or one without a value where there is no gold."""
    layer, pooling = scored.variant.split("-") if scored.variant is not None else (None, None)
    values: dict[str, float | None] = {**scored.values} or {metrics.main_key(task.metrics[0]): None}
    return [
        Score(
            task=task.name,
            language=block.language,
            split=block.split,
            metric=metric,
            value=value,
            examples=len(scored.rows),
            layer=None if layer is None else int(layer),
            pooling=pooling,
            threshold=scored.threshold,
        ).as_dict()
        for metric, value in values.items()
    ]


def _predictions(task: Task, examples: Dataset, block: Block, scored: prediction.Scored) -> list[dict[str, Any]]:
    ids = examples.select(scored.rows)["id"][:]
    return [
        {
            "task": task.name,
            "language": block.language,
            "split": block.split,
            "id": identifier,
            "prediction": prediction,
            "gold": gold,
        }
        for identifier, prediction, gold in zip(ids, scored.predictions, scored.gold, strict=True)
    ]


def _degenerate(task: Task, scored: list[tuple[Block, list[prediction.Scored]]]) -> list[str]:
    """A model that gives every example the same answer has learnt nothing, whatever its score: one text per split.

    Of lists, the answers are their items: the tags of all words.
    """
    format = format_of(task)
    if format.embeds or format.gold is None:  # no answers to choose from
        return []
    found: dict[str, list[str]] = {}
    for block, (first, *_) in scored:
        answers = {str(answer) for given in first.predictions for answer in (given if isinstance(given, list) else [given])}
        if len(first.predictions) > 1 and len(answers) == 1:
            found.setdefault(block.split, []).append(block.language)
    return [f"{split}: one answer for every example in {' '.join(languages)}" for split, languages in found.items()]
