"""Train only the word embeddings that the phase's data looks up; `xstilts.models.trimming` says why that is the same training."""

import logging
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from xstilts.errors import UserError
from xstilts.models import trimming
from xstilts.paths import WORD_EMBEDDINGS
from xstilts.store.files import atomic_write
from xstilts.training.datamodule import TaskDataModule
from xstilts.training.module import TaskModule

log = logging.getLogger("xstilts")


class TrimVocabulary(pl.Callback):
    """Trims the encoder before the training; a resumed training goes on as it was begun.

    `wanted`: null trims wherever the result is the same and the embeddings are trained; true refuses where it is not; false never
    trims. The whole matrix waits in the folder `work` for `restore`.
    """

    def __init__(self, label: str, wanted: bool | None, work: Path, resume: Path | None) -> None:
        self.label, self.wanted, self.work, self.resume = label, wanted, work, resume
        self.file = work / WORD_EMBEDDINGS

    def setup(self, trainer: pl.Trainer, pl_module: TaskModule, stage: str) -> None:  # type: ignore[override]
        """Choose the rows and leave the model only these. UserError for tokens that the encoder has no embedding for."""
        encoder, data = pl_module.encoder, trainer.datamodule  # type: ignore[attr-defined]
        rows = len(encoder.word_embeddings)
        occurring = self._occurring(data, rows)
        if why := trimming.obstacle(encoder, pl_module.heads.values()):
            if self.wanted:
                raise UserError(
                    f"model.trim_vocabulary=true: {why} in {self.label}; leave it out: each phase does what is right for it"
                )
            return
        kept = self._kept(pl_module, occurring)
        if kept is None:
            return
        if trainer.is_global_zero and not (self.resume and self.file.exists()):
            with atomic_write(self.file) as temporary:
                trimming.write_rows(encoder, temporary)
        before = trimming.gradient_bytes(pl_module)
        trimming.trim(encoder, kept)
        log.info(
            f"{self.label}: trains {len(kept):,} of {rows:,} word embeddings, all that its data has; "
            f"gradients of {trimming.gradient_bytes(pl_module) / 1e6:,.1f} MB instead of {before / 1e6:,.1f} MB"
        )

    def restore(self, module: TaskModule) -> None:
        """Give the encoder its whole matrix back."""
        trimming.restore(module.encoder, self.file)

    def _occurring(self, data: TaskDataModule, rows: int) -> np.ndarray:
        """int64 (K,), rising: the rows that the training and validation features look up."""
        features = [*data.training.values(), *data.validation.values()]
        return np.flatnonzero(np.logical_or.reduce([task.occurring(rows) for task in features]))

    def _kept(self, module: TaskModule, occurring: np.ndarray) -> torch.Tensor | None:
        if self.resume is None:
            trained = module.encoder.word_embeddings.requires_grad
            return torch.from_numpy(occurring) if (trained if self.wanted is None else self.wanted) else None
        kept = trimming.kept_in(self.resume, module.encoder)
        if kept is not None and (missing := len(np.setdiff1d(occurring, kept))):
            raise UserError(
                f"{self.resume} was written when the data had other tokens: {missing} of them have no embedding there; "
                f"delete the folder {self.work} and run the same command again"
            )
        return kept
