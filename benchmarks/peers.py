"""Hugging Face's Trainer as its own example scripts (run_glue, run_qa) set it up."""

import os
import tempfile
from typing import Any

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    XLMRobertaConfig,
    XLMRobertaForQuestionAnswering,
    XLMRobertaForSequenceClassification,
)
from transformers.trainer_pt_utils import LengthGroupedSampler

from benchmarks import ours
from benchmarks.corpus import Corpus, tokenizer
from benchmarks.workers import Turns

Features = list[dict[str, Any]]


def model_of(corpus: Corpus, config: XLMRobertaConfig) -> Any:
    """Hugging Face's model for the task."""
    torch.manual_seed(1)
    if corpus.encoder:
        qa = corpus.task.format == "span_qa"
        auto: Any = AutoModelForQuestionAnswering if qa else AutoModelForSequenceClassification
        options = {} if qa else {"num_labels": len(corpus.task.labels)}
        return auto.from_pretrained(corpus.encoder, trust_remote_code=False, **options)
    with ours.device():
        return _model_of(corpus, config)


def _model_of(corpus: Corpus, config: XLMRobertaConfig) -> Any:
    if corpus.task.format == "span_qa":
        return XLMRobertaForQuestionAnswering(config)
    config.num_labels = len(corpus.task.labels)
    return XLMRobertaForSequenceClassification(config)


def padded(features: Features, length: int, encoder: str = "") -> Features:
    """As the scripts' default `pad_to_max_length` leaves them, with the tokenizer of the encoder in this folder."""
    pad = tokenizer(encoder).pad_token_id
    return [
        feature
        | {
            "input_ids": feature["input_ids"] + [pad] * (length - len(feature["input_ids"])),
            "attention_mask": feature["attention_mask"] + [0] * (length - len(feature["input_ids"])),
        }
        for feature in features
    ]


def grouped(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """The batches of an epoch of `train_sampling_strategy="group_by_length"`."""
    generator = torch.Generator().manual_seed(1)
    sampler: Sampler[int] = LengthGroupedSampler(batch_size, lengths=lengths.tolist(), generator=generator)
    order = np.fromiter(sampler, dtype=np.int64)
    return np.split(order, range(batch_size, len(order), batch_size))


class TakesTurns(TrainerCallback):
    """Holds the trainer back between two steps until it is its turn."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.turns.wait()

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.turns.done()
        if state.global_step < state.max_steps:
            self.turns.wait()


def train(
    turns: Turns,
    corpus: Corpus,
    config: XLMRobertaConfig,
    steps: list[Features],
    at_once: int,
    bf16: bool = False,
    compiled: bool = False,
) -> None:
    """The work of a worker: one optimizer step for each entry, `at_once` examples on the device.

    `compiled`: by torch.compile, one layer for all of them and for any length, which takes the least time to get ready.

    All ways of padding and ordering take the same Trainer: they differ only in what lies in the data set, and where. A batch
    that was padded beforehand has nothing to be padded any more.
    """
    ours.quiet()
    if compiled:
        os.environ |= {"ACCELERATE_DYNAMO_USE_REGIONAL_COMPILATION": "true", "ACCELERATE_DYNAMO_USE_DYNAMIC": "true"}
    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            folder,
            torch_compile=compiled,
            per_device_train_batch_size=at_once,
            gradient_accumulation_steps=len(steps[0]) // at_once,
            learning_rate=2e-5,
            max_grad_norm=1.0,
            bf16=bf16,
            use_cpu=not gpu,
            num_train_epochs=1,
            train_sampling_strategy="sequential",  # the steps lie in order: they were drawn before
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(
            model_of(corpus, config),
            options,
            data_collator=DataCollatorWithPadding(tokenizer(corpus.encoder), pad_to_multiple_of=8 if gpu and bf16 else None),
            train_dataset=[feature for step in steps for feature in step],  # type: ignore[arg-type]
            callbacks=[TakesTurns(turns)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()


def predict(
    model: Any, features: Features, batch_size: int, encoder: str = "", bf16: str = ""
) -> np.ndarray | tuple[np.ndarray, ...]:
    """What the model gives for these features, as `Trainer.predict` gives it.

    `encoder`: the folder of the real encoder whose tokenizer made the features.
    `bf16`: the option that switches it on: `bf16` for products alone, or `bf16_full_eval`, which casts the model for good.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            folder,
            per_device_eval_batch_size=batch_size,
            use_cpu=not torch.cuda.is_available(),
            report_to="none",
            disable_tqdm=True,
            **({bf16: True} if bf16 else {}),
        )
        trainer = Trainer(model, options, data_collator=DataCollatorWithPadding(tokenizer(encoder)))
        return trainer.predict(features).predictions  # type: ignore[arg-type]
