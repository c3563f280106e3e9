"""The tokenizer of phase 1, from its job to a published artifact. No torch."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from datasets import Dataset

from xstilts.data.bpe import train_tokenizer
from xstilts.jobs import TokenizerJob, TrainingData
from xstilts.sources.draws import values
from xstilts.sources.load import load
from xstilts.sources.subset import subset
from xstilts.store.artifacts import publish, temporary_folder
from xstilts.versions import versions

LINES = 200_000
"""A tokenizer learns from at most so many lines, taken at equal distances; more would change few of its entries."""


def make_tokenizer(job: TokenizerJob) -> None:
    """Train on the text of all tasks of the job, as much of it as the encoder sees, and publish the artifact."""
    final = Path(job.artifact)
    with TemporaryDirectory(prefix="xstilts-") as read:
        examples = [_examples(training, Path(read) / f"{number}.arrow") for number, training in enumerate(job.tasks.values())]
        count = sum(1 for _ in chain.from_iterable(map(_texts, examples)))
        texts = list(islice(chain.from_iterable(map(_texts, examples)), 0, None, -(-count // LINES)))
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


def _examples(training: TrainingData, file: Path) -> Dataset:
    read = load(training.source, training.train.expression, training.train.languages, file=file)
    return subset(read, training.task, training.used)


def _texts(examples: Dataset) -> Iterator[str]:
    for text, translation in zip(values(examples, "text"), values(examples, "translation"), strict=True):
        yield text
        if translation is not None:
            yield translation
