"""Vectors of training examples under an encoder that is not trained further, for scores of `xstilts.ranking`.

Legend: B rows, L tokens, D hidden size; N rows and M labelled items of all batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xstilts.data.batches import EvaluationLoader, TaskFeatures
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.tokenizer import load_tokenizer
from xstilts.jobs import TrainingData, TrainingJob
from xstilts.models.heads import Batch
from xstilts.models.heads.retrieval import pool
from xstilts.tasks.declaration import DataMap
from xstilts.tasks.formats import format_of
from xstilts.training.datamodule import ON_CPU, ON_GPU
from xstilts.training.features import training_features
from xstilts.training.load import load_encoder

ITEMS = 2000
"""Labelled items that are kept at most: words and tokens are many."""


@dataclass(frozen=True)
class Embedded:
    """A task's vectors: the mean over the tokens of each row, and one for each labelled item."""

    texts_ND: NDArray[np.float32]
    items_MD: NDArray[np.float32]
    """Rows where a row has a label; choices, right or wrong; tokens where words have labels; of spans as many tokens inside as
    outside. M is 0 for tasks without labels."""
    labels_M: NDArray[np.int64]


def embedded(job: TrainingJob, artifact: str | None, tasks: Sequence[TrainingData], examples: int) -> list[Embedded]:
    """Embed so many training examples of each task, with the encoder of an artifact, or else that of phase 1.

    `job` names encoder, tokenizer, hardware and store. UserError where the data cannot be read.
    """
    tokenizer = load_tokenizer(artifact or job.tokenizer)
    encoder = load_encoder(job.model, replace(job.trainer, compile=False), tokenizer, artifact)
    on_gpu = torch.cuda.is_available() and job.trainer.accelerator in ("auto", "gpu", "cuda")
    device = torch.device("cuda" if on_gpu else "cpu")
    if job.trainer.num_threads:
        torch.set_num_threads(job.trainer.num_threads)
    encoder.to(device).eval()
    budget = job.trainer.max_eval_tokens or (ON_GPU if on_gpu else ON_CPU)
    found = []
    for data in tasks:
        least = min(examples, data.used.max_examples or examples)
        used = replace(data.used, max_examples=least, fraction=None, data_map=DataMap())
        made = training_features(replace(data, used=used, map=None), tokenizer, job.features)
        masks = format_of(data.task).masks
        special = special_tokens(tokenizer, data.hyperparameters.mlm_probability or 0.15, masks=masks)
        features = TaskFeatures(data.task.name, data.task, made.examples, made.features, special, data.limits)
        features.occurring(len(encoder.word_embeddings))
        parts = []
        for batch in EvaluationLoader([features], budget):
            here = batch.to(device).batch
            with torch.inference_mode():
                hidden_BLD = encoder.read(here)
                texts_BD = pool(hidden_BLD, here["attention_mask"], "mean", encoder)
                parts.append((texts_BD, *labelled(here, hidden_BLD, texts_BD)))
        texts_ND, items_MD, labels_M = (torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True))
        kept = np.sort(np.random.default_rng(0).permutation(len(labels_M))[:ITEMS])
        found.append(Embedded(texts_ND, items_MD[kept], labels_M[kept]))
    return found


def labelled(batch: Batch, hidden_BLD: Tensor, texts_BD: Tensor) -> tuple[Tensor, Tensor]:
    """Return the vectors of a batch's labelled items (m, D), and their labels (m,), int64; by what the batch has, no format."""
    mask_BL = batch["attention_mask"].bool()
    if "start_positions" in batch:
        places_L = torch.arange(mask_BL.shape[1], device=mask_BL.device)
        start_B1, end_B1 = batch["start_positions"][:, None], batch["end_positions"][:, None]
        mask_BL = mask_BL & (start_B1 > 0)  # a window without an answer tells nothing
        inside_BL = mask_BL & (places_L >= start_B1) & (places_L <= end_B1)
        outside_BD = hidden_BLD[mask_BL & ~inside_BL]
        count = int(inside_BL.sum())
        drawn = np.random.default_rng(count).permutation(len(outside_BD))[:count]
        vectors = torch.cat([hidden_BLD[inside_BL], outside_BD[torch.from_numpy(drawn).to(outside_BD.device)]])
        return vectors, (torch.arange(len(vectors), device=vectors.device) < count).long()
    labels = batch.get("labels")
    if labels is None:
        return texts_BD[:0], torch.zeros(0, dtype=torch.int64, device=texts_BD.device)
    if labels.shape == mask_BL.shape:
        return hidden_BLD[labels >= 0], labels[labels >= 0]
    if "choice_counts" in batch:
        right_B = torch.zeros(len(texts_BD), dtype=torch.int64, device=labels.device)
        right_B[batch["choice_counts"].cumsum(0) - batch["choice_counts"] + labels] = 1
        return texts_BD, right_B
    return texts_BD, labels
