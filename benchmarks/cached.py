"""The second start of a training: from its job to the first step of features that are in the store, in a process of its own."""

import gc
import os
import time
from collections.abc import Iterable
from pathlib import Path

from datasets import disable_progress_bars

import benchmarks.corpus as real
from xstilts.config import DataConfig, TrainerConfig
from xstilts.data.featurizers import featurizer
from xstilts.hyperparameters import Hyperparameters
from xstilts.paths import conf_dir
from xstilts.tasks.catalogue import load_task
from xstilts.tasks.declaration import TrainingTask
from xstilts.training.datamodule import TaskDataModule

TASK = "xnli"
LONG_AGO = 3600
"""Seconds. A file's checksum is remembered once the file has not changed for a while."""


def repeated(folder: Path, number: int) -> None:
    """Make `folder` a data root whose training split has so many pairs: the real ones over and over."""
    lines = (real.SHARED / "xtreme" / TASK / "train-en.tsv").read_text(encoding="utf-8").splitlines()
    file = folder / TASK / "train-en.tsv"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"{lines[row % len(lines)]}\n" for row in range(number)), encoding="utf-8")
    os.utime(file, (time.time() - LONG_AGO,) * 2)


def first_step(folder: Path) -> tuple[float, float]:
    """Seconds until the first step is there, and the most memory in megabytes beyond what was in use before.

    What is imported, and the tokenizer, is there before. Where the store of `folder` has no features yet, they are made.
    """
    disable_progress_bars()
    tokenizer, task = real.tokenizer(), load_task(conf_dir(), TASK)
    values = Hyperparameters(max_length=real.LIMITS[TASK].max_length, batch_size=32, epochs=2)
    data = TaskDataModule(
        {TASK: TrainingTask(task=task)},
        tokenizer,
        values,
        DataConfig(root=str(folder), expect=False),
        trainer=TrainerConfig(max_tokens=4096),
        validate=False,
        store=str(folder / "store"),
    )
    featurizer(task.format)
    gc.collect()
    # Linux: the most memory from now on; the imports had more.
    Path("/proc/self/clear_refs").write_text("5")
    before, start = _megabytes("VmRSS"), time.perf_counter()
    data.setup("fit")
    next(iter(data.train_dataloader()))
    return time.perf_counter() - start, _megabytes("VmHWM") - before


def _megabytes(name: str) -> float:
    status: Iterable[str] = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith(name))
