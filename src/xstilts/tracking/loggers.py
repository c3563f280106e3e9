"""Loggers of training curves: a CSV file, TensorBoard, or W&B."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from xstilts.config import LoggerConfig
from xstilts.tracking.runs import TrackedRun


class RunLogger(Logger):
    """Logs Lightning's curves to an open W&B run."""

    def __init__(self, run: TrackedRun) -> None:
        super().__init__()
        self.run = run

    @property
    def name(self) -> str:
        return "wandb"

    @property
    def version(self) -> int:
        return 0

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.run.log(metrics, step or 0)

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run's config comes from the job."""


def build_logger(config: LoggerConfig, folder: Path, run: TrackedRun) -> Logger | bool:
    """Return the Lightning logger of the config; False for none. `run`: the phase's run in W&B."""
    # A new folder for each attempt: Lightning deletes the logs in a folder that exists.
    attempt = f"attempt-{len(list(folder.glob('attempt-*'))) + 1}"
    if config.name == "csv":
        return CSVLogger(folder, name="", version=attempt)
    if config.name == "tensorboard":
        return TensorBoardLogger(folder, name="", version=attempt)
    return RunLogger(run) if config.name == "wandb" else False
