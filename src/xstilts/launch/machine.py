"""Settings of `trainer` that this machine cannot run, found without torch, which would take hold of a GPU."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from xstilts.config import TrainerConfig
from xstilts.launch.pool import visible_gpus

DEVICE_FILES = ("/dev/nvidiactl", "/dev/nvmap", "/dev/kfd", "/dev/dxg")
"""Files that drivers make where there is a GPU: of NVIDIA's cards and boards, of AMD's, of Linux within Windows."""
PER_CPU = 4
"""Processes for each CPU: more than one is slow, and still of use to try what several devices do."""


def problems(trainer: TrainerConfig) -> Iterator[str]:
    """One line for each setting that cannot work where this process runs."""
    has_gpu = any(Path(name).exists() for name in DEVICE_FILES) or sys.platform == "darwin"
    gpus, asked, cpus = visible_gpus(), trainer.accelerator, os.cpu_count() or 1
    if asked in ("gpu", "cuda") and not has_gpu:
        yield f"trainer.accelerator={asked}, and there is no GPU here: type trainer.accelerator=cpu"
    elif asked == "mps" and sys.platform != "darwin":
        yield "trainer.accelerator=mps, and this is no Mac: type trainer.accelerator=auto"
    elif asked in ("gpu", "cuda", "auto") and has_gpu and gpus is not None and trainer.devices > max(1, len(gpus)):
        yield (
            f"trainer.devices={trainer.devices}, and {len(gpus)} GPUs are visible here: type trainer.devices=N with no more, "
            "or trainer.accelerator=cpu"
        )
    if (asked == "cpu" or not has_gpu) and trainer.devices > PER_CPU * cpus:
        most = PER_CPU * cpus
        yield f"trainer.devices={trainer.devices}, and there are {cpus} CPUs here: type trainer.devices=N with {most} or less"
