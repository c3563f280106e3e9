"""Where training curves go: a CSV file, TensorBoard, or W&B. The only file that knows wandb."""

from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from xstilts.config import LoggerConfig


def build_logger(config: LoggerConfig, folder: Path, label: str, identity: dict[str, Any]) -> Logger | bool:
    """The Lightning logger that the config asks for; False for none."""
    # A folder for each attempt: in one that exists, Lightning deletes what was logged before the kill.
    attempt = f"attempt-{len(list(folder.glob('attempt-*'))) + 1}"
    if config.name == "csv":
        return CSVLogger(folder, name="", version=attempt)
    if config.name == "tensorboard":
        return TensorBoardLogger(folder, name="", version=attempt)
    if config.name == "wandb":
        return WandbLogger(
            project=config.project,
            entity=config.entity,
            name=label,
            save_dir=folder,
            offline=config.offline,
            config=identity,
            log_model=False,
        )
    return False
