"""Fine-tuning an encoder of XLM-R Base's size with the word embeddings of its data alone, against all 250,002 of them.

`python -m benchmarks.trimming on|off STEPS` is one contestant's turn: a process that builds the encoder (random weights), trims
it or not, takes real optimizer steps of 32 XNLI pairs through our own model, loader, clipping and AdamW, puts the matrix together
again, and prints what it measured. Kept are as many rows as the tokenizer at hand has; the excerpt of the data uses fewer.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.rounds import Line, compared, interleaved

GROUP = "trimming"
HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("XSTILTS_SHARED_DATA") or HERE.parents[1] / "shared" / "data")
PAIRS = SHARED / "xtreme" / "xnli" / "train-en.tsv"
TOKENIZER = SHARED / "tokenizers" / "multilingual16k"
VOCABULARY = 250_002
BATCH = 32
SHAPES = {"base": (768, 12), "large": (1024, 24)}
"""Hidden size and layers; a head has 64, and the layer between is four times as wide."""


def lines(full: bool) -> Iterator[Line]:
    """Peak memory, seconds of clipping and AdamW, seconds of a step, and the bytes of gradients of a step."""
    if not PAIRS.is_file() or not TOKENIZER.is_dir():
        yield Line(GROUP, "left out", "", 0.0, note="no real data: xtreme/xnli/train-en.tsv and tokenizers/multilingual16k")
        return
    steps, rounds = (4, 5) if full else (2, 1)
    found: dict[str, list[dict[str, float]]] = {"on": [], "off": []}

    def turn(setting: str) -> float:
        words = [sys.executable, "-m", "benchmarks.trimming", setting, str(steps)]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
        found[setting].append(json.loads(done.stdout.splitlines()[-1]))
        return found[setting][-1]["step"]

    interleaved({setting: lambda setting=setting: turn(setting) for setting in found}, rounds, warm_up=0)  # type: ignore[misc]
    rows = int(found["on"][0]["rows"])
    note = f"{rows:,} of {VOCABULARY:,} rows, base size, {BATCH} pairs, {steps} steps after one to warm up"
    for measured, unit, name, goal in (
        ("memory", "GB", "peak memory of the process, from loading to the whole matrix", ">= 1.67x (-40 %)"),
        ("optimizer", "s", "clipping and AdamW, one step", ">= 2.5x (-60 %)"),
        ("step", "s", "a whole step", ">= 1.11x (-10 %)"),
    ):
        on, off = ([turn[measured] for turn in found[setting]] for setting in ("on", "off"))
        yield compared(GROUP, name, unit, on, "trim_vocabulary=false", off, goal, note=note)
    for size in SHAPES:
        off_bytes, on_bytes = gradients(size, VOCABULARY), gradients(size, rows)
        name = f"gradients that the processes sum in a step, {size} size"
        yield compared(
            GROUP, name, "MB", [on_bytes / 1e6], "trim_vocabulary=false", [off_bytes / 1e6], note=f"counted; {rows:,} rows"
        )


def backbone(size: str, vocabulary: int) -> Any:
    """An encoder of XLM-R's shape with random weights."""
    import torch
    from transformers import AutoModel, XLMRobertaConfig

    width, layers = SHAPES[size]
    config = XLMRobertaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
    )
    return AutoModel.from_config(
        config, attn_implementation="sdpa", dtype=torch.float32, add_pooling_layer=False, trust_remote_code=False
    )


def gradients(size: str, rows: int) -> int:
    """Bytes of the gradients of the encoder with that many word embeddings, and of a head for three labels."""
    import torch
    from torch import nn

    from xstilts.models.trimming import gradient_bytes

    width, _ = SHAPES[size]
    with torch.device("meta"):
        return gradient_bytes(nn.ModuleList([backbone(size, rows), nn.Linear(width, width), nn.Linear(width, 3)]))


def phase(work: Path, trims: bool, steps: int) -> tuple[Any, Any, Any]:
    """The model, its data and its trainer, as a training phase puts them together."""
    import pytorch_lightning as pl
    import torch
    from datasets import Dataset

    from xstilts.config import TrainerConfig
    from xstilts.data.batches import TaskFeatures
    from xstilts.data.featurizers import featurizer
    from xstilts.data.featurizers.special import special_tokens
    from xstilts.data.plan import StepPlan
    from xstilts.data.tokenizer import load_tokenizer
    from xstilts.hyperparameters import Hyperparameters
    from xstilts.models import trimming
    from xstilts.models.encoder import Encoder
    from xstilts.models.heads import build_head
    from xstilts.recipes import limits
    from xstilts.tasks.declaration import Task
    from xstilts.tasks.formats import format_named
    from xstilts.training.datamodule import TaskDataModule
    from xstilts.training.module import TaskModule
    from xstilts.training.trainer import trainer_options

    values = Hyperparameters(
        learning_rate=1e-5,
        batch_size=BATCH,
        weight_decay=0.01,
        adam_epsilon=1e-8,
        schedule="linear",
        max_grad_norm=1.0,
        head_dropout=0.1,
        max_length=128,
    )
    task = Task(name="xnli", format="classification", labels=["contradiction", "entailment", "neutral"])
    read = (line.rstrip("\r\n").split("\t") for line in PAIRS.read_text(encoding="utf-8").splitlines())
    examples = [
        {"id": str(number), "language": "en", "text_a": a, "text_b": b, "label": label, "genre": None}
        for number, (a, b, label) in enumerate(row for row in read if len(row) == 3 and row[2] in task.labels)
    ]
    tokenizer = load_tokenizer(str(TOKENIZER))
    table = Dataset.from_list(examples, features=format_named(task.format).features)
    made = featurizer(task.format).featurize(table, tokenizer, task, limits(values), True)
    features = TaskFeatures(task.name, task, table, made, special_tokens(tokenizer, 0.15), limits(values))
    torch.manual_seed(0)
    encoder = Encoder(backbone("base", VOCABULARY))
    encoder.leave_padding_out()
    if trims:
        trimming.write_rows(encoder, work / "rows.npy")
        occurring = torch.from_numpy(features.occurring(VOCABULARY))
        occurring[: len(tokenizer)] = True
        trimming.trim(encoder, occurring.nonzero()[:, 0])
    plan = StepPlan({task.name: len(made)}, BATCH, 1, max_steps=steps)
    model = TaskModule(encoder, {"xnli": build_head(task, encoder, values)}, values, 1, steps).train()
    options = trainer_options(TrainerConfig(accelerator="cpu"))
    trainer = pl.Trainer(**options, max_epochs=1, logger=False, default_root_dir=work, callbacks=[_clock()])
    data = TaskDataModule({}, tokenizer, values, validate=False)
    data.training, data.plan = {"xnli": features}, plan
    return model, data, trainer


def _clock() -> Any:
    """A callback that notes the seconds of every step, and of clipping and AdamW in it."""
    import pytorch_lightning as pl

    from xstilts.training import optimizer

    clip = optimizer.clip_gradients

    class Clock(pl.Callback):
        def __init__(self) -> None:
            self.steps: list[float] = []
            self.optimizer: list[float] = []

        def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            def clipped(*words: Any) -> Any:
                self.clip_started = time.perf_counter()
                return clip(*words)

            def stepped(*_: Any) -> None:
                self.optimizer.append(time.perf_counter() - self.clip_started)

            optimizer.clip_gradients = clipped  # type: ignore[assignment]
            trainer.optimizers[0].register_step_post_hook(stepped)

        def on_train_batch_start(self, *_: Any) -> None:
            self.started = time.perf_counter()

        def on_train_batch_end(self, *_: Any) -> None:
            self.steps.append(time.perf_counter() - self.started)

    return Clock()


def turn(setting: str, steps: int) -> dict[str, float]:
    """What one contestant's process measures of itself; the first step, which makes AdamW's state, does not count."""
    from xstilts.models import trimming

    with tempfile.TemporaryDirectory() as folder:
        model, data, trainer = phase(Path(folder), setting == "on", steps + 1)
        rows = len(model.encoder.word_embeddings)
        trainer.fit(model, datamodule=data)
        if setting == "on":
            trimming.restore(model.encoder, Path(folder) / "rows.npy")
        assert len(model.encoder.word_embeddings) == VOCABULARY
    (clock,) = (callback for callback in trainer.callbacks if type(callback).__name__ == "Clock")
    # Not getrusage: there a child starts with the peak of the process that started it.
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return {
        "memory": int(peak.split()[1]) * 1024 / 1e9,
        "optimizer": statistics.median(clock.optimizer[1:]),
        "step": statistics.median(clock.steps[1:]),
        "rows": rows,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(turn(sys.argv[1], int(sys.argv[2]))) + "\n")
