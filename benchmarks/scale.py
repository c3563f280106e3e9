"""Data of any size: CPU time, and memory beyond the imports, by lines of text, translated pairs and candidates.

Every figure is that of a process of its own, which makes its data from a seed. Pages of mapped files count as its memory.
"""

import gc
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from datasets import disable_progress_bars
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from benchmarks.rounds import Line, exponent
from xstilts.config import DataConfig, ModelConfig, Target, TinyArchitecture, TrainerConfig
from xstilts.data.featurizers import featurizer
from xstilts.hyperparameters import Hyperparameters
from xstilts.jobs import training_data
from xstilts.retrieval.protocols import Pool, answer_retrieval
from xstilts.sources import source_of
from xstilts.store.files import write_json
from xstilts.tasks.declaration import Limits, Source, Task, TrainingTask
from xstilts.training.datamodule import TaskDataModule
from xstilts.training.evaluate import score_splits
from xstilts.training.features import training_features
from xstilts.training.module import TaskModule
from xstilts.training.trainer import trainer_options
from xstilts.training.vectors import FORM, KeepVectors, Selected, done, stored

GROUP = "scale"
WORDS = [f"w{number}" for number in range(2000)]
LINE = 250
"""Words of a line of text."""
LANGUAGES = ["en", "ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh"]
SIZE = 1024
"""Dimensions of XLM-R Large."""
QUERIES = 1500
STEPS = 500
Measured = tuple[float, float]
"""Seconds of the CPU, and the most megabytes beyond what was in use before."""


def lines(full: bool) -> Iterator[Line]:
    """The growth of four kinds of work, and in full their largest sizes."""
    for what, work, least in (
        ("masked language modelling over a file, features and 500 steps: lines", text, 2_000),
        ("8,000 of translated pairs in 15 languages, parallel=rotate: pairs", pairs, 15_000),
        ("texts embedded into files and searched with 1,500 queries: candidates", texts, 5_000),
        ("vectors in files, x 1,024, searched with 1,500 queries: candidates", vectors, 20_000),
    ):
        yield _grown(what, work, [times * least for times in ((1, 4, 16) if full else (1, 4))])
    if full:
        yield from _alone("masked language modelling over 1 GB of text, features and 500 steps", text, 730_000, "< 300 MB")
        yield from _alone("8,000 of 5.9 million translated pairs, parallel=rotate", pairs, 5_890_500, "")
        yield from _alone("Mewsli-X's form: a million texts embedded into files and searched", texts, 1_000_000, "< 3,000 MB")
        yield from _alone("a million vectors in files, x 1,024, searched", vectors, 1_000_000, "< 3,000 MB")


def _measured(work: Callable[[int, Path], Callable[[], object]], count: int) -> Measured:
    spawned = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="xstilts-scale-") as folder, ProcessPoolExecutor(1, mp_context=spawned) as process:
        return process.submit(_inside, work, count, Path(folder)).result()


def _inside(work: Callable[[int, Path], Callable[[], object]], count: int, folder: Path) -> Measured:
    disable_progress_bars()
    work(64, folder / "first")()  # what libraries load at their first use
    measured = work(count, folder / "measured")
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the most memory from now on
    before, start = _megabytes("VmRSS"), time.process_time()
    measured()
    return time.process_time() - start, _megabytes("VmHWM") - before


def _megabytes(name: str) -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith(name))


def _grown(what: str, work: Callable[[int, Path], Callable[[], object]], counts: list[int]) -> Line:
    found = [_measured(work, count) for count in counts]
    note = "; ".join(f"{count:,}: {cpu:.1f} s, {mb:.0f} MB" for count, (cpu, mb) in zip(counts, found, strict=True))
    power = exponent([float(count) for count in counts], [cpu for cpu, _ in found])
    return Line(GROUP, f"exponent of the CPU's time, {what}", "", power, goal="<= 1: linear", note=note)


def _alone(what: str, work: Callable[[int, Path], Callable[[], object]], count: int, goal: str) -> Iterator[Line]:
    cpu, megabytes = _measured(work, count)
    yield Line(GROUP, what, "s", cpu, note="CPU; a single round")
    yield Line(GROUP, f"most memory of that, {what}", "MB", megabytes, goal=goal)


def tokenizer() -> PreTrainedTokenizerFast:
    """Every word is a token."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate([*special, *WORDS])}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos": "<s>", "cls": "<s>", "pad": "<pad>", "eos": "</s>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **{f"{name}_token": token for name, token in names.items()})


def _texts(count: int, words: int, different: int) -> Iterator[str]:
    """So many texts, of which as many are different: what repeats within a chunk is tokenized once."""
    random = np.random.default_rng(count)
    made = [" ".join(WORDS[number] for number in random.integers(len(WORDS), size=words)) for _ in range(different)]
    return (made[row % different] for row in range(count))


def text(count: int, folder: Path) -> Callable[[], object]:
    """Features of a file of lines, and the first steps."""
    folder.mkdir()
    with (folder / "en.txt").open("w") as file:
        file.writelines(f"{line}\n" for line in _texts(count, LINE, 40))
    source = Source(reader="text", files={"train": "en.txt"})
    task = Task(name="lines", format="mlm", languages=["en"], metrics=["perplexity"], sources={"xtreme": source})
    values = Hyperparameters(max_length=128, batch_size=32, max_steps=STEPS)
    training = {"lines": TrainingTask(task=task)}
    data = TaskDataModule(
        training, tokenizer(), values, DataConfig(root=str(folder)), validate=False, store=str(folder / "store")
    )

    def work() -> None:
        data.setup("fit")
        for _ in data.train_dataloader():
            pass

    return work


def pairs(count: int, folder: Path) -> Callable[[], object]:
    """Features of 8,000 pairs, each in one of 15 languages, from files with all of them."""
    folder.mkdir()
    for language in LANGUAGES:
        sides = zip(_texts(count // 15, 20, 40), _texts(count // 15, 10, 41), strict=True)
        with (folder / f"{language}.tsv").open("w") as file:
            file.writelines(f"{first}\t{second}\t{'yes' if row % 2 else 'no'}\n" for row, (first, second) in enumerate(sides))
    source = Source(reader="delimited", files={"train": "{language}.tsv"}, options={"names": ["text_a", "text_b", "label"]})
    task = Task(name="pairs", format="classification", languages=LANGUAGES, labels=["no", "yes"], sources={"xtreme": source})
    used = TrainingTask(task=task, languages=LANGUAGES, parallel="rotate", max_examples=8000)
    limits = Limits(max_length=128)
    found = source_of(task, DataConfig(root=str(folder)))
    data = training_data(used, found, Hyperparameters(), limits, False, None)
    return lambda: training_features(data, tokenizer(), str(folder / "store"))


def texts(count: int, folder: Path) -> Callable[[], object]:
    """Queries and candidates in Mewsli-X's form, embedded by a small encoder into files, and searched."""
    folder.mkdir()
    with (folder / "entities.jsonl").open("w") as file:
        for row, line in enumerate(_texts(count, 12, min(count, 997))):
            described = f"e{row} {line}"
            spans = [{"start": 0, "end": len(described)}]
            file.write(json.dumps({"entity_id": f"Q{row}", "description": described, "sentence_spans": spans}) + "\n")
    with (folder / "en.jsonl").open("w") as file:
        for row, line in enumerate(_texts(min(count, QUERIES), 12, 97)):
            mention = {"example_id": f"m{row}", "mention_span": {"start": 0, "end": 1, "text": "w"}, "entity_id": f"Q{row}"}
            context = {"text": line, "sentence_spans": [{"start": 0, "end": len(line)}]}
            file.write(json.dumps({"context": context, "mentions": [mention]}) + "\n")
    source = Source(reader="mewslix", files={"test": "{language}.jsonl & entities.jsonl"})
    task = Task(
        name="entities",
        format="retrieval",
        protocol="answer_retrieval",
        languages=["en"],
        metrics=["mrr_at_20"],
        evaluate=["test"],
        sources={"xtreme": source},
    )
    words, values = tokenizer(), Hyperparameters(max_length=32)
    tiny = ModelConfig(tiny=TinyArchitecture(hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64))
    module = TaskModule.from_tasks(task, words, values, tiny)
    module.encoder.eval()
    trainer = TrainerConfig(accelerator="cpu", max_eval_tokens=16_384)
    data = TaskDataModule(
        {}, words, values, DataConfig(root=str(folder)), target=Target(task=task), trainer=trainer, store=str(folder / "store")
    )
    kept = folder / "vectors"
    kept.mkdir()

    def work() -> None:
        data.setup("predict")
        rows = len(data.evaluation.features) if data.evaluation else 0
        data.done = lambda: done(kept, rows)
        predicting = pl.Trainer(**trainer_options(trainer), logger=False, callbacks=[KeepVectors(kept)])
        predicting.predict(module, datamodule=data, return_predictions=False)
        score_splits(data, stored(kept, rows))

    return work


def vectors(count: int, folder: Path) -> Callable[[], object]:
    """Candidates in files, in another order than their numbers, and queries: the search alone."""
    folder.mkdir()
    random = np.random.default_rng(count)
    rows = random.permutation(QUERIES + count)
    rows.tofile(folder / "0.rows")
    with (folder / "0.vectors").open("wb") as file:
        for first in range(0, len(rows), 4096):
            random.standard_normal((len(rows[first : first + 4096]), SIZE), dtype=np.float32).tofile(file)
    write_json(folder / FORM, {"variants": ["24-mean"], "dimensions": SIZE})

    def work() -> None:
        found = stored(folder, len(rows))
        every, cpu = np.arange(len(rows)), torch.device("cpu")
        sides = (every[:QUERIES], every[QUERIES:])
        pools = [Pool(side.astype(str).tolist(), [""] * len(side), Selected(found, 0, side, cpu)) for side in sides]
        answer_retrieval(*pools)

    return work


featurizer("mlm")  # imported before memory is measured
