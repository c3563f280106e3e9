"""Our side: the model, the data and the trainer as training/fit.py and training/evaluate.py put them together."""

import logging
import os
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import transformers
from datasets import disable_progress_bars
from pytorch_lightning.loggers import CSVLogger
from torch.nn.utils import clip_grad_norm_
from transformers import XLMRobertaConfig, XLMRobertaModel

from benchmarks.corpus import Corpus, data_of
from benchmarks.workers import Turns
from xstilts.config import TrainerConfig
from xstilts.data.batches import OptimizerStep, StepLoader
from xstilts.hyperparameters import Hyperparameters
from xstilts.models import trimming
from xstilts.models.encoder import Encoder, load_backbone
from xstilts.models.heads import build_head
from xstilts.training import prediction
from xstilts.training.callbacks.graceful_stop import GracefulStop
from xstilts.training.callbacks.throughput import around
from xstilts.training.callbacks.validation import ValidateAndCheckpoint
from xstilts.training.determinism import deterministic
from xstilts.training.module import TaskModule
from xstilts.training.trainer import WholeCheckpoints, trainer_options

ENCODER = os.environ.get("XSTILTS_BENCHMARK_ENCODER", "")
"""`tiny`: whether the benchmarks run at all; their figures mean nothing then."""
RECIPE = Hyperparameters(
    learning_rate=2e-5,
    schedule="linear",
    weight_decay=0.01,
    adam_epsilon=1e-8,
    max_grad_norm=1.0,
    head_dropout=0.1,
)


def encoder_config(full: bool) -> XLMRobertaConfig:
    """XLM-R Base; not `full`: with 2 layers instead of 12."""
    shape: dict[str, int] = {} if full else {"num_hidden_layers": 2}
    if ENCODER == "tiny":
        shape = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64}
    return XLMRobertaConfig(vocab_size=16_384 if ENCODER else 250_002, max_position_embeddings=514, type_vocab_size=1, **shape)


def depth(full: bool) -> str:
    """What a line says of the encoder."""
    config = encoder_config(full)
    return f"random encoder, {config.num_hidden_layers} layers x {config.hidden_size}, {config.vocab_size:,} words"


def device() -> torch.device:
    """Where models are made: a GPU if there is one, which draws their random weights in no time."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


SETTINGS = TrainerConfig()


@dataclass
class Planned:
    """Steps that are known beforehand, in the place of a StepPlan that draws them."""

    task: str
    rows: list[np.ndarray]
    seed: int = 1

    def __len__(self) -> int:
        return len(self.rows)

    def step(self, number: int) -> tuple[str, np.ndarray]:
        return self.task, self.rows[number]


def task_model(corpus: Corpus, config: XLMRobertaConfig, steps: int = 0) -> TaskModule:
    """The encoder, padding-free, with a fresh head: the real one of the corpus, or a random one of this config."""
    torch.manual_seed(1)
    with device():
        random = None if corpus.encoder else XLMRobertaModel(config, add_pooling_layer=False)
    encoder = Encoder(load_backbone(corpus.encoder, "sdpa") if random is None else random)
    encoder.leave_padding_out()
    head = build_head(corpus.task, encoder, RECIPE)
    return TaskModule(encoder, {corpus.features.head: head}, RECIPE, seed=1, total_steps=steps)


def trim(model: TaskModule, corpus: Corpus) -> None:
    """Leave the model the word embeddings of the whole small tokenizer, of which the corpus has a part, or 16,000 rows more.

    A training phase keeps what its data looks up, unless it is told otherwise. These files are a fortieth of MNLI: what they look
    up is less than what a user's data does.
    """
    kept = corpus.features.occurring(len(model.encoder.word_embeddings))
    kept[: 16_002 if corpus.encoder else corpus.features.special.vocab_size] = True
    trimming.trim(model.encoder, torch.from_numpy(np.flatnonzero(kept)))


def train(
    turns: Turns,
    corpus: Corpus,
    config: XLMRobertaConfig,
    layout: list[tuple[str, np.ndarray]],
    settings: TrainerConfig = SETTINGS,
    trimmed: bool = True,
) -> None:
    """The work of a worker: one step for each entry of the layout, which is its mode and the rows of its features.

    `ours`: a step of our trainer; `padded`: the same with padding in the encoder; `plain`: a plain loop on the same weights.
    """
    quiet()
    planned = Planned(corpus.features.name, [rows for mode, rows in layout if mode != "plain"])
    model = task_model(corpus, config, len(layout))
    if trimmed:
        trim(model, corpus)
    if settings.compile:
        model.encoder.compile_layers()
    model.train()
    deterministic()  # as a phase has it
    with tempfile.TemporaryDirectory() as folder:
        selection = ValidateAndCheckpoint(Path(folder), False, 0, 0, False, settings.checkpoint_every, len(planned))
        callbacks = around([selection, GracefulStop(selection.resume_path, len(planned))], every=10)
        trainer = pl.Trainer(
            **trainer_options(settings, WholeCheckpoints()),
            max_epochs=1,
            logger=CSVLogger(folder),
            log_every_n_steps=10,
            callbacks=[*callbacks, TakesTurns(turns, corpus, layout)],
            default_root_dir=folder,
        )
        data = data_of(corpus.features, planned, settings, padding_free=True)
        trainer.fit(model, datamodule=data)


class TakesTurns(pl.Callback):
    """Holds the trainer back between two steps until it is its turn, and takes the turns of the plain loop."""

    def __init__(self, turns: Turns, corpus: Corpus, layout: list[tuple[str, np.ndarray]]) -> None:
        self.turns, self.layout, self.next = turns, layout, 0
        rows = Planned(corpus.features.name, [rows for mode, rows in layout if mode == "plain"])
        tasks, budget = {corpus.features.name: corpus.features}, TrainerConfig().max_tokens
        self.plain = iter(StepLoader(tasks, rows, budget, padding_free=True))  # type: ignore[arg-type]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._wait(trainer, pl_module)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.turns.done()
        self._wait(trainer, pl_module)

    def _wait(self, trainer: pl.Trainer, model: Any) -> None:
        while self.next < len(self.layout):
            mode, _ = self.layout[self.next]
            self.next += 1
            self.turns.wait()
            model.encoder.padding_free = mode != "padded"
            if mode != "plain":
                return
            torch.use_deterministic_algorithms(False)
            plain_step(model, next(self.plain), trainer.optimizers[0], trainer.lr_scheduler_configs[0].scheduler)
            self.turns.done()
            deterministic()


def plain_step(model: TaskModule, step: OptimizerStep, adam: Any, schedule: Any) -> float:
    """What a loop without Lightning and without our module would do with the same micro-batches; the loss."""
    head, total = model.head(step.head), 0.0
    micro_batches = [{name: values.to(model.device) for name, values in batch.items()} for batch in step.micro_batches]
    items = sum(head.items(batch) for batch in micro_batches)
    for batch in micro_batches:
        loss = head.loss_sum(model.encoder, batch) / items
        loss.backward()
        total += loss.item()
    clip_grad_norm_(model.parameters(), RECIPE.max_grad_norm or 0.0)
    adam.step()
    schedule.step()
    adam.zero_grad()
    return total


def predict(
    model: TaskModule, corpus: Corpus, max_eval_tokens: int, precision: str = SETTINGS.precision
) -> list[dict[str, np.ndarray]]:
    """The outputs of all features, in their order."""
    trainer = pl.Trainer(**trainer_options(TrainerConfig(precision=precision)), logger=False)
    data = data_of(corpus.features, settings=TrainerConfig(max_eval_tokens=max_eval_tokens))
    outputs = trainer.predict(model, datamodule=data) or []
    return prediction.by_row(outputs, {corpus.features.name: corpus.features})[corpus.features.name]


def quiet() -> None:
    """Nothing that libraries say besides errors."""
    warnings.simplefilter("ignore")
    disable_progress_bars()
    transformers.logging.set_verbosity_error()
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
