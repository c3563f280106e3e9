"""Examples -> features against Hugging Face's batched path, the second start from the store, and how both grow.

Both sides begin with the same examples in memory and end with a dataset in memory; features per second of the same tokenizer,
length and (nearly) the same windows. Ours has what evaluation needs besides: lengths, max-context flags, positions of words.
"""

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from datasets import Dataset, concatenate_datasets, disable_progress_bars

import benchmarks.corpus as real
from benchmarks import cached, mapped
from benchmarks.rounds import Line, compared, exponent, interleaved, timed
from xstilts.config import DataConfig
from xstilts.data.featurizers import featurizer, tables
from xstilts.paths import conf_dir
from xstilts.sources import languages_with_data, source_of
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task
from xstilts.tasks.declaration import Limits, Task

GROUP = "preprocessing"
PEER = "Dataset.map(batched=True)"
THREADS = "TOKENIZERS_PARALLELISM"
QA_LENGTH, LENGTH = 384, 128
LINEAR = "about 1: linear"
QUICK = 60
"""Examples of each language where the whole split would take too long."""


def lines(full: bool) -> Iterator[Line]:
    """Every format against its peer, the cached load, and the growth of both."""
    if not real.there():
        yield Line(GROUP, "left out", "", 0.0, note=real.LEFT_OUT)
        return
    disable_progress_bars()
    for threads in ("false", "true") if full else ("false",):
        os.environ[THREADS] = threads
        yield from _against_map(full, "all threads" if threads == "true" else "one thread")
    os.environ[THREADS] = "false"
    for task in ("xnli", "xquad", "udpos"):
        yield _growth(task, full)
    yield from _from_the_store(full)


def examples_of(name: str, split: str, most: int | None) -> tuple[Task, Dataset]:
    """The task and its examples with gold in all languages that are there, the first `most` of each."""
    task, data = load_task(conf_dir(), name), DataConfig(root=str(real.SHARED / "xtreme"))
    return task, load(source_of(task, data), split, languages_with_data(source_of(task, data), split), max_examples=most)


def _against_map(full: bool, threads: str) -> Iterator[Line]:
    tokenizer, most = real.tokenizer(), None if full else QUICK
    for name, split in (("xquad", "test"), ("mlqa", "validation")):
        task, examples = examples_of(name, split, most)
        limits = _same_windows(examples)
        for training, windows in ((True, mapped.span_qa_training), (False, mapped.span_qa_evaluation)):
            what = f"{name}, features of {'training' if training else 'evaluation'}, {threads}"
            yield _speed(what, task, examples, limits, training, windows(tokenizer, QA_LENGTH), full, ">= 1.0x")
    task, examples = examples_of("udpos", "validation", most)
    tags = mapped.tagging(tokenizer, LENGTH, task.labels)
    yield _speed(f"udpos, {threads}", task, examples, Limits(max_length=LENGTH), False, tags, full, ">= 1.0x")
    task, examples = examples_of("xnli", "validation", most)
    pairs = mapped.classification(tokenizer, LENGTH, task.labels)
    yield _speed(f"xnli, {threads}", task, examples, Limits(max_length=LENGTH), False, pairs, full)
    task, examples = examples_of("siqa", "validation", most and 4 * most)
    choices = mapped.multiple_choice(tokenizer, LENGTH)
    yield _speed(f"siqa, {threads}", task, examples, Limits(max_length=LENGTH), False, choices, full)


def _same_windows(examples: Dataset) -> Limits:
    """run_qa counts the tokens that two windows share, XTREME and we those from start to start: equal for a median question."""
    questions = real.tokenizer()(examples["question"][:], add_special_tokens=False)["input_ids"]
    question = int(statistics.median(len(ids) for ids in questions))
    return Limits(max_length=QA_LENGTH, doc_stride=QA_LENGTH - 4 - question - mapped.OVERLAP)


def _speed(
    name: str,
    task: Task,
    examples: Dataset,
    limits: Limits,
    training: bool,
    peer: mapped.Prepare,
    full: bool,
    goal: str = "",
) -> Line:
    """Features per second of both."""
    counts: dict[str, int] = {}

    def rate(side: str, make: Callable[[], Dataset]) -> float:
        start = time.perf_counter()
        counts[side] = len(make())
        return counts[side] / (time.perf_counter() - start)

    featurize = featurizer(task.format).featurize
    found = interleaved(
        {
            "ours": lambda: rate("ours", lambda: featurize(examples, real.tokenizer(), task, limits, training)),
            "theirs": lambda: rate("theirs", lambda: mapped.mapped(examples, peer)),
        },
        rounds=5 if full else 3,
    )
    note = f"{len(examples):,} examples; {counts['ours']:,} features, theirs {counts['theirs']:,}"
    return compared(GROUP, name, "features/s", found["ours"], PEER, found["theirs"], goal, more_is_better=True, note=note)


def _growth(name: str, full: bool) -> Line:
    """Time of featurizing by the number of examples: a chunk of them over and over, so that only their number changes."""
    task, examples = examples_of(name, "test" if name == "xquad" else "validation", 500)
    chunk = examples.select([row * len(examples) // tables.CHUNK for row in range(tables.CHUNK)]).flatten_indices()
    limits = Limits(max_length=QA_LENGTH if task.format == "span_qa" else LENGTH)
    sizes, rounds = ((1, 3, 9), 5) if full else ((1, 2, 4), 2)
    featurize = featurizer(task.format).featurize

    def turn(times: int) -> Callable[[], float]:
        more = concatenate_datasets([chunk] * times)
        return lambda: timed(lambda: featurize(more, real.tokenizer(), task, limits, False))

    found = interleaved({str(times): turn(times) for times in sizes}, rounds, warm_up=0)
    seconds = [statistics.median(found[str(times)]) for times in sizes]
    power = exponent([float(times) for times in sizes], seconds)
    note = ", ".join(f"{times * tables.CHUNK:,}: {value:.2f} s" for times, value in zip(sizes, seconds, strict=True))
    return Line(GROUP, f"exponent of featurizing's time, {name}", "", power, rounds=rounds, goal=LINEAR, note=note)


def _from_the_store(full: bool) -> Iterator[Line]:
    """Seconds and memory of the second start, of three sizes."""
    sizes, rounds = ((100_000, 200_000, 400_000), 5) if full else ((5_000, 10_000, 20_000), 1)
    with tempfile.TemporaryDirectory() as folder:
        roots = {size: Path(folder) / str(size) for size in sizes}
        for size, root in roots.items():
            cached.repeated(root, size)
        with _process() as process:
            made = {size: process.submit(cached.first_step, root).result()[0] for size, root in roots.items()}
        found: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
        for _ in range(rounds):
            for size, root in roots.items():
                with _process() as process:  # a fresh one for each: what a process has read, it may still have
                    found[size].append(process.submit(cached.first_step, root).result())
    seconds = [statistics.median(turn[0] for turn in found[size]) for size in sizes]
    megabytes = [statistics.median(turn[1] for turn in found[size]) for size in sizes]
    for size, second, megabyte in zip(sizes, seconds, megabytes, strict=True):
        name, goal = f"from the store to the first step, {size:,} pairs", size == 400_000
        note = f"imports and tokenizer were there; reading, featurizing and keeping them had taken {made[size]:.1f} s"
        yield Line(GROUP, name, "s", second, rounds=rounds, goal="< 2 s" if goal else "", note=note)
        note = "the most before the first step is there, pages of the mapped files among it"
        yield Line(
            GROUP, f"memory of that, {size:,} pairs", "MB", megabyte, rounds=rounds, goal="< 300 MB" if goal else "", note=note
        )
    note = ", ".join(f"{size:,}: {second:.2f} s" for size, second in zip(sizes, seconds, strict=True))
    power = exponent([float(size) for size in sizes], seconds)
    yield Line(GROUP, "exponent of the load's time by pairs", "", power, rounds=rounds, goal=LINEAR, note=note)
    note = ", ".join(f"{size:,}: {made[size]:.1f} s" for size in sizes)
    power = exponent([float(size) for size in sizes], list(made.values()))
    yield Line(GROUP, "exponent of making's time by pairs: reading, featurizing, keeping", "", power, goal=LINEAR, note=note)


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
