"""A small made world for every format: a tokenizer of words, examples, an encoder of 2 x 32, and a phase that trains on them."""

import os
import pickle
import random
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import PreTrainedTokenizerFast

from xstilts.config import ModelConfig, TinyArchitecture, TrainerConfig
from xstilts.data.batches import StepLoader, TaskFeatures
from xstilts.data.featurizers import featurizer
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.plan import StepPlan
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.models.encoder import Encoder, build_encoder
from xstilts.models.heads import build_head
from xstilts.recipes import limits
from xstilts.tasks.declaration import Task, head_name
from xstilts.tasks.formats import format_named
from xstilts.training.datamodule import TaskDataModule
from xstilts.training.module import TaskModule
from xstilts.training.trainer import trainer_options

WORDS = [f"w{number}" for number in range(60)]
TASKS = {
    "classification": Task(name="nli", format="classification", labels=["no", "yes", "maybe"], metrics=["accuracy"]),
    "span_qa": Task(name="qa", format="span_qa", metrics=["squad"]),
    "multiple_choice": Task(name="choice", format="multiple_choice", metrics=["accuracy"]),
    "tagging": Task(name="pos", format="tagging", labels=["A", "B", "C"], metrics=["tagging_f1"]),
    "retrieval": Task(name="pairs", format="retrieval", protocol="sentence_matching", metrics=["retrieval_accuracy"]),
    "mlm": Task(name="lines", format="mlm", metrics=["perplexity"]),
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Bit-identical sums need one order of adding; and tests share few cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A word is a token; special tokens as XLM-R's."""
    names = ["<s>", "<pad>", "</s>", "<unk>", *WORDS, "<mask>"]
    words = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    special = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", pad_token="<pad>", mask_token="<mask>", model_max_length=128, **special
    )


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


@pytest.fixture(scope="session")
def bert_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of the same words with special tokens and segment ids as BERT's."""
    names = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", *WORDS, "[MASK]"]
    words = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 0), ("[SEP]", 2)]
    )
    special = {"unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=128, model_input_names=inputs, **special)


def _rows(format: str, count: int) -> list[dict[str, Any]]:
    """Examples of very different lengths."""
    draw = random.Random(0)

    def text(least: int, most: int) -> list[str]:
        return draw.choices(WORDS, k=draw.randint(least, most))

    rows = []
    for number in range(count):
        row: dict[str, Any] = {"id": str(number), "language": "en"}
        words = text(3, 40)
        if format == "classification":
            pair = " ".join(text(1, 15)) if number % 3 else None
            row |= {"text_a": " ".join(words), "text_b": pair, "label": TASKS[format].labels[number % 3], "genre": None}
        elif format == "span_qa":
            first = draw.randrange(len(words) - 2)
            start = len(" ".join([*words[:first], ""]))
            answer = {"text": " ".join(words[first : first + 2]), "start": start}
            row |= {"question": " ".join(text(1, 6)), "context": " ".join(words), "answers": [answer]}
        elif format == "multiple_choice":
            choices = [" ".join(text(1, 8)) for _ in range(2 + number % 3)]
            row |= {"prompt": " ".join(words), "context": None, "choices": choices, "label": number % len(choices)}
        elif format == "tagging":
            row |= {"words": words, "tags": ["ABC"[int(word[1:]) % 3] for word in words]}
        elif format == "retrieval":
            row |= {"side": "query", "text": " ".join(words), "context": None, "relevant": [f"c{number}"]}
            candidate = {"id": f"c{number}", "side": "candidate", "text": " ".join(text(3, 40)), "relevant": None}
            rows.append(row | candidate)
        else:
            row |= {"text": " ".join(words), "translation": None}
        rows.append(row)
    return rows


def make_examples(format: str, count: int = 8) -> tuple[Task, Dataset]:
    """A task of the format and that many examples."""
    return TASKS[format], Dataset.from_list(_rows(format, count), features=format_named(format).features)


def tiny(**shape: Any) -> ModelConfig:
    """An encoder of 2 layers of 32."""
    small = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 130}
    return ModelConfig(tiny=TinyArchitecture(**small | shape))


@dataclass
class Phase:
    """A training phase in memory."""

    task: Task
    examples: Dataset
    features: TaskFeatures
    encoder: Encoder
    head: nn.Module
    model: TaskModule
    data: TaskDataModule
    plan: StepPlan


def data_of(
    *training: TaskFeatures,
    plan: StepPlan | None = None,
    validation: Sequence[TaskFeatures] = (),
    padding_free: bool = False,
    **budgets: int,
) -> TaskDataModule:
    """A data module whose features are made already."""
    data = TaskDataModule(
        {}, None, Hyperparameters(), trainer=TrainerConfig(**budgets), padding_free=padding_free, validate=bool(validation)
    )
    data.training, data.plan = {task.name: task for task in training}, plan
    data.validation = {task.name: task for task in validation}
    return data


@dataclass
class Recorder(pl.Callback):
    """The loss of each step, the gradients of the last one before they are used, and the loader of the steps."""

    loader: StepLoader | None = None

    losses: list[float] = field(default_factory=list)
    gradients: dict[str, torch.Tensor | None] = field(default_factory=dict)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(trainer.callback_metrics[f"train/loss/{batch.task}"].item())

    def on_train_start(self, trainer, pl_module):
        self.loader = trainer.train_dataloader

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.gradients = {
            name: None if parameter.grad is None else parameter.grad.clone() for name, parameter in pl_module.named_parameters()
        }


@pytest.fixture(scope="session")
def examples_of():
    return make_examples


@pytest.fixture(scope="session")
def tiny_model():
    return tiny


@pytest.fixture(scope="session")
def build(tokenizer):
    """build(format, ...) -> Phase, freshly initialised."""

    def phase(
        format: str,
        steps: int = 20,
        dropout: float = 0.1,
        max_tokens: int = 8192,
        batch_size: int = 4,
        seed: int = 1,
        count: int = 8,
        encoder: Encoder | None = None,
        pooler: bool = True,
        initializer_range: float = 0.02,
        words: PreTrainedTokenizerFast = tokenizer,
        **hyperparameters: Any,
    ) -> Phase:
        task, examples = make_examples(format, count)
        values = Hyperparameters(
            **{
                "learning_rate": 1e-3,
                "batch_size": batch_size,
                "weight_decay": 0.01,
                "adam_epsilon": 1e-8,
                "schedule": "linear",
                "warmup_fraction": 0.1,
                "max_grad_norm": 1.0,
                "head_dropout": dropout,
                "max_length": 64,
                "doc_stride": 16,
                "max_query_length": 8,
            }
            | hyperparameters
        )
        encoder = encoder or build_encoder(tiny(dropout=dropout, initializer_range=initializer_range), words)
        torch.manual_seed(seed)
        head = build_head(task, encoder, values)
        if pooler and head.needs_pooler:
            encoder.add_pooler()
        made = featurizer(format).featurize(examples, words, task, limits(values), True)
        features = TaskFeatures(task.name, task, examples, made, special_tokens(words, 0.15), limits(values))
        plan = StepPlan({task.name: len(features.features)}, batch_size, seed, max_steps=steps)
        model = TaskModule(encoder, {head_name(task): head}, values, seed, len(plan))
        return Phase(task, examples, features, encoder, head, model, data_of(features, plan=plan, max_tokens=max_tokens), plan)

    return phase


@pytest.fixture
def fit(tmp_path: Path):
    """fit(phase) -> what was recorded of its training."""

    def run(
        phase: Phase,
        callbacks: tuple[pl.Callback, ...] = (),
        resume: Path | None = None,
        devices: int = 1,
        precision: str = "32-true",
        accelerator: str = "cpu",
        **options: Any,
    ) -> Recorder:
        recorder = Recorder()
        trainer = pl.Trainer(
            **trainer_options(TrainerConfig(accelerator=accelerator, devices=devices, precision=precision)) | options,
            max_epochs=1,
            logger=False,
            callbacks=[recorder, *callbacks],
            default_root_dir=tmp_path,
        )
        trainer.fit(phase.model, datamodule=phase.data, ckpt_path=resume, weights_only=True)
        return recorder

    return run


@pytest.fixture(scope="session")
def batch_of():
    """batch_of(phase) -> all its features as one batch."""
    return lambda phase: phase.features.collate(list(range(len(phase.features.features))), mask_seed=7)


@pytest.fixture(scope="session")
def short_of_memory():
    """short_of_memory(phase, tokens) -> sizes that were refused: the encoder has no memory for more tokens at once."""

    def refuse(phase: Phase, tokens: int, moment: str = "forward") -> list[int]:
        refused: list[int] = []

        def fail(size: int) -> None:
            refused.append(size)
            raise torch.OutOfMemoryError("CUDA out of memory.")

        def hook(module: nn.Module, inputs: Any, keywords: dict[str, Any], output: Any) -> None:
            size = keywords["input_ids"].numel()
            if size > tokens and (moment == "forward" or not output.last_hidden_state.requires_grad):
                fail(size)
            elif size > tokens:
                output.last_hidden_state.register_hook(lambda gradient: fail(size))

        phase.encoder.backbone.register_forward_hook(hook, with_kwargs=True)
        return refused

    return refuse


def ending(work: Callable[[], Any]) -> str | int | None:
    """Return how work ended: the text of a UserError, the code of an exit, or "went on"."""
    try:
        work()
    except UserError as error:
        return str(error)
    except SystemExit as end:
        return end.code  # type: ignore[return-value]
    return "went on"


@pytest.fixture
def in_processes(tmp_path: Path):
    """in_processes(number, work) -> what `work(rank)` returned in each of that many processes, which find each other as ranks."""

    def run(number: int, work: Callable[[int], Any]) -> list[Any]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        children = []
        for rank in range(number):
            child = os.fork()
            if child == 0:
                _as_rank(rank, number, port, work, tmp_path / f"rank{rank}")
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert codes == [0] * number
        return [pickle.loads((tmp_path / f"rank{rank}").read_bytes()) for rank in range(number)]

    return run


def _as_rank(rank: int, number: int, port: int, work: Callable[[int], Any], answer: Path) -> None:
    """In a copy of the test's process: what torchrun tells a rank, the work, its answer, and the end."""
    try:
        told = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": number, "LOCAL_WORLD_SIZE": number}
        told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
        os.environ |= {name: str(value) for name, value in told.items()}
        answer.write_bytes(pickle.dumps(work(rank)))
        os._exit(0)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(1)
