"""Options of every `pl.Trainer` that a worker makes, and checkpoints that are complete or absent."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.environments import LightningEnvironment, SLURMEnvironment  # type: ignore[attr-defined]
from pytorch_lightning.plugins.io import TorchCheckpointIO

from xstilts.config import TrainerConfig
from xstilts.launch.slurm import starts_by_srun
from xstilts.paths import LAST_STEP
from xstilts.store.files import atomic_write
from xstilts.training import distributed


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are complete or absent: written beside their place, then renamed.

    Lightning's own go by way of memory and the system's temporary folder. The move from there to another disk, which a store
    shared by many machines always is, can be cut off half-way.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write the checkpoint, and beside it a small file with its step."""
        with atomic_write(Path(path)) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)
        with atomic_write(Path(path).with_suffix(LAST_STEP)) as temporary:
            temporary.write_text(str(checkpoint["global_step"]))


def trainer_options(trainer: TrainerConfig, *plugins: Any) -> dict[str, Any]:
    """Arguments of `pl.Trainer`. By default, Lightning would take any process in a SLURM job for one of its ranks.

    UserError where processes on other nodes could not reach this one.
    """
    if trainer.num_nodes > 1:
        distributed.check_address()
    ranks = SLURMEnvironment(auto_requeue=False) if starts_by_srun(trainer) else LightningEnvironment()
    return {
        "accelerator": trainer.accelerator,
        "devices": trainer.devices,
        "num_nodes": trainer.num_nodes,
        "precision": trainer.precision,
        "strategy": "auto" if trainer.devices * trainer.num_nodes == 1 else distributed.ManualDDPStrategy(),
        "use_distributed_sampler": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "num_sanity_val_steps": 0,
        "limit_val_batches": 0,  # the callback ValidateAndCheckpoint validates
        "plugins": [ranks, *plugins],
    }
