"""Settings of `trainer` that this machine cannot run, found without torch, which would take hold of a GPU."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from xstilts.config import TrainerConfig
from xstilts.launch.pool import visible_gpus
from xstilts.numbering import counted

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
            f"trainer.devices={trainer.devices}, with {counted(len(gpus), 'visible GPU')} here: type trainer.devices=N with no "
            "more, or trainer.accelerator=cpu"
        )
    if (asked == "cpu" or not has_gpu) and trainer.devices > PER_CPU * cpus:
        most = PER_CPU * cpus
        yield f"trainer.devices={trainer.devices}, with {counted(cpus, 'CPU')} here: type trainer.devices=N with {most} or less"
    if trainer.num_nodes == 1 and trainer.start_ranks != "srun":
        return
    asked = f"trainer.num_nodes={trainer.num_nodes}" if trainer.num_nodes > 1 else "trainer.start_ranks=srun"
    if "SLURM_JOB_ID" not in os.environ:
        yield f"{asked} needs nodes of a SLURM cluster: type hydra/launcher=slurm, or start this within salloc or sbatch"
    elif shutil.which("srun") is None:
        yield f"{asked}: there is no srun here to start the ranks with: type trainer.num_nodes=1 trainer.start_ranks=lightning"
    elif (granted := int(os.environ.get("SLURM_JOB_NUM_NODES", "1"))) < trainer.num_nodes:
        yield f"{asked}, and this allocation has {granted}: ask salloc or sbatch for --nodes={trainer.num_nodes}"
