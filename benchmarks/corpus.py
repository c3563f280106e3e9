"""Real examples of XTREME, featurized as a phase does it: what the benchmarks of training and evaluation work through."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from xstilts.config import DataConfig, TrainerConfig
from xstilts.data.batches import TaskFeatures
from xstilts.data.featurizers import featurizer
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.tokenizer import load_tokenizer
from xstilts.hyperparameters import Hyperparameters
from xstilts.paths import conf_dir
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task
from xstilts.tasks.declaration import Limits, Task
from xstilts.training.datamodule import TaskDataModule

SHARED = Path(os.environ.get("XSTILTS_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
LIMITS = {"xnli": Limits(max_length=128), "xquad": Limits(max_length=384, doc_stride=128, max_query_length=64)}
LANGUAGES = {"xnli": ["ar", "de", "en", "hi", "sw", "tr", "vi", "zh"], "xquad": ["ar", "de", "en", "es", "hi", "zh"]}
"""Those with data there."""
LEFT_OUT = (
    f"no real data: xtreme/ and tokenizers/multilingual16k in {SHARED.name}/, or in the folder that XSTILTS_SHARED_DATA names"
)


@dataclass(frozen=True)
class Corpus:
    """The examples of a task and their features."""

    task: Task
    examples: Dataset
    features: TaskFeatures
    limits: Limits
    encoder: str = ""
    """The folder of the real encoder whose tokenizer was used; empty: the small tokenizer."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each feature."""
        return np.asarray(self.features.features["length"][:])

    def rows_of(self, language: str) -> np.ndarray:
        """The features in this language, in the order of its file."""
        languages = np.asarray(self.examples["language"][:])[np.asarray(self.features.features["example"][:])]
        return np.flatnonzero(languages == language)

    def dictionaries(self, rows: Iterable[int], gold: bool = True) -> list[dict[str, Any]]:
        """The same features as Hugging Face's models want them, not padded."""
        names = {"label": "labels", "start_position": "start_positions", "end_position": "end_positions"} if gold else {}
        read = self.features.features.select_columns(
            ["input_ids", *(name for name in names if name in self.features.features.column_names)]
        )
        found = []
        for row in rows:
            feature = read[int(row)]
            found.append(
                {"input_ids": feature["input_ids"], "attention_mask": [1] * len(feature["input_ids"])}
                | {names[name]: value for name, value in feature.items() if name in names}
            )
        return found


def there() -> bool:
    """Whether the real data can be found."""
    return (SHARED / "xtreme" / "xnli" / "train-en.tsv").is_file() and (SHARED / "tokenizers" / "multilingual16k").is_dir()


@cache
def tokenizer(encoder: str = "") -> PreTrainedTokenizerBase:
    """That of the encoder in this folder; without one, one of 16,000 tokens, with XLM-R's special tokens."""
    return load_tokenizer(encoder or str(SHARED / "tokenizers" / "multilingual16k"))


def corpus(name: str, split: str, languages: list[str], training: bool, encoder: str = "") -> Corpus:
    """The examples of the task in these languages, in tokens of the encoder in this folder."""
    task, limits = load_task(conf_dir(), name), LIMITS[name]
    examples = load(source_of(task, DataConfig(root=str(SHARED / "xtreme"))), split, languages)
    made = featurizer(task.format).featurize(examples, tokenizer(encoder), task, limits, training)
    features = TaskFeatures(name, task, examples, made, special_tokens(tokenizer(encoder), 0.15), limits)
    return Corpus(task, examples, features, limits, encoder)


def data_of(
    features: TaskFeatures, plan: Any = None, settings: TrainerConfig | None = None, padding_free: bool = False
) -> TaskDataModule:
    """A data module whose features, to train on by the plan or to predict, are made already."""
    data = TaskDataModule({}, tokenizer(), Hyperparameters(), trainer=settings, padding_free=padding_free, validate=False)
    data.training, data.plan, data.evaluation = {features.name: features}, plan, features
    return data


def typical(batches: list[np.ndarray], lengths: np.ndarray, number: int) -> list[np.ndarray]:
    """Of the batches of an epoch those `number` that are nearest to its mean, in real and in padded tokens.

    A few steps then stand for all of them; drawn blindly, they would be longer or shorter by a tenth.
    """
    whole = [batch for batch in batches if len(batch) == max(map(len, batches))]
    costs = np.array([[lengths[batch].sum(), lengths[batch].max() * len(batch)] for batch in whole], dtype=float)
    distance = np.abs(costs / costs.mean(axis=0) - 1).sum(axis=1)
    return [whole[place] for place in np.argsort(distance, kind="stable")[:number]]
