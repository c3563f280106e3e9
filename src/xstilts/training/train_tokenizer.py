"""The tokenizer of phase 1, from its job to a published artifact. No torch."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from xstilts.data.bpe import train_tokenizer
from xstilts.jobs import TokenizerJob, TrainingData
from xstilts.sources.load import load
from xstilts.sources.subset import subset
from xstilts.store.artifacts import publish, temporary_folder
from xstilts.versions import versions

LINES = 200_000
"""A tokenizer learns from at most so many lines, taken at equal distances; more would change few of its entries."""


def make_tokenizer(job: TokenizerJob) -> None:
    """Train on the text of all tasks of the job, as much of it as the encoder sees, and publish the artifact."""
    texts = list(chain.from_iterable(_texts(training) for training in job.tasks.values()))
    texts = texts[:: -(-len(texts) // LINES)]
    final = Path(job.artifact)
    with temporary_folder(final) as folder:
        entries = train_tokenizer(texts, job.vocabulary, folder)
        metadata = {
            "label": job.label,
            "fingerprint": final.name,
            "identity": job.identity,
            "entries": entries,
            "lines": len(texts),
            "versions": versions(),
        }
        publish(folder, final, metadata)


def _texts(training: TrainingData) -> Iterator[str]:
    examples = subset(load(training.source, training.train.expression, training.train.languages), training.task, training.used)
    for text, translation in zip(examples["text"][:], examples["translation"][:], strict=True):
        yield text
        if translation is not None:
            yield translation
