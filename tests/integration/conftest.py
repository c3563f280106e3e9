"""Whole cells as a user types them: in a process of their own (`run_cell`), or quickly in this one (`run_inline`).

`toy_world` is a hand-made data folder with a tokenizer of 90 pieces, for tests that damage files or run many cells; `real_cell`
stands for the real files.
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import Config
from xstilts.signals import STOP_SIGNALS

TINY = (
    "model=tiny",
    "model.tiny.hidden_size=32",
    "model.tiny.num_attention_heads=2",
    "model.tiny.intermediate_size=64",
    "model.tiny.max_position_embeddings=130",
    "trainer.accelerator=cpu",
    "trainer.num_threads=1",
)
SHORT = tuple(
    f"{phase}.recipe.{setting}"
    for phase in ("intermediate", "target")
    for setting in ("max_steps=4", "eval_every=2", "eval_examples=20", "max_length=128", "doc_stride=48", "max_query_length=32")
)
WORDS = "red green blue one two three cat dog bird runs sleeps sings fast slowly here there now then always never".split()
LABELS = ("entailment", "neutral", "contradiction")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests that start processes as a user does as slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Ran:
    """A cell that was run in this process."""

    result: dict[str, Any]
    log: list[str]
    config: Config
    table: str


@dataclass(frozen=True)
class World:
    """A data folder, its tokenizer, and what a command line needs to use them."""

    root: Path
    tokenizer: Path

    @property
    def options(self) -> tuple[str, ...]:
        return ("data=xtreme", f"data.root={self.root}", f"model.tokenizer={self.tokenizer}", *TINY, *SHORT)

    def copy(self, folder: Path) -> "World":
        """Return a copy that a test may damage."""
        return World(Path(shutil.copytree(self.root, folder / "data")), self.tokenizer)


@contextlib.contextmanager
def preserved() -> Iterator[None]:
    """Undo what a cell changes in the process it runs in: threads, determinism, seeds, log levels, warnings, environment."""
    import datasets
    import numpy as np
    import torch
    import transformers

    loggers = {name: logging.getLogger(name) for name in ("xstilts", "pytorch_lightning", "lightning_fabric", "lightning.fabric")}
    loggers |= {"rank_zero": logging.getLogger("pytorch_lightning.utilities.rank_zero"), "root": logging.getLogger()}
    before = {name: (log.level, list(log.handlers), log.propagate) for name, log in loggers.items()}
    environment, handlers = dict(os.environ), {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGALRM)}
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    randomness = random.getstate(), np.random.get_state(), torch.get_rng_state()
    verbosity, bars = transformers.logging.get_verbosity(), datasets.are_progress_bars_disabled()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for name, (level, found, propagate) in before.items():
            for handler in set(loggers[name].handlers) - set(found):
                handler.close()  # Hydra's log file
            loggers[name].setLevel(level)
            loggers[name].handlers[:] = found
            loggers[name].propagate = propagate
        os.environ.clear()
        os.environ.update(environment)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        random.setstate(randomness[0])
        np.random.set_state(randomness[1])
        torch.set_rng_state(randomness[2])
        transformers.logging.set_verbosity(verbosity)
        if not bars:
            datasets.enable_progress_bars()


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def composed(overrides: tuple[str, ...]) -> Config:
    """The checked config of a command line."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from xstilts import train
    from xstilts.cell import checks
    from xstilts.config import register
    from xstilts.paths import conf_dir

    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        typed = train.to_schema(compose("train", list(overrides)))
    checks.check(typed)
    return typed


def inline(*overrides: str) -> Ran:
    """Run a cell in this process."""
    from xstilts.cell.run import run
    from xstilts.reporting.views.terminal import cell_text

    kept, log = Lines(), logging.getLogger("xstilts")
    with preserved():
        log.setLevel(logging.INFO)
        log.addHandler(kept)
        config = composed((*overrides, "worker=inline"))
        result = run(config)
    return Ran(result, kept.lines, config, cell_text(result))


@pytest.fixture(scope="session")
def run_inline() -> Callable[..., Ran]:
    """Run a cell in this process."""
    return inline


@pytest.fixture(scope="session")
def compose_config() -> Callable[..., Config]:
    """The checked config of a command line."""
    return lambda *overrides: composed(overrides)


@pytest.fixture(scope="session")
def start_cell(repository: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Start `python -m xstilts.train`, in a process group of its own, as a shell does."""

    def start(*overrides: str, cwd: Path = repository, error: int = subprocess.PIPE) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "xstilts.train", *overrides],
            cwd=cwd,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=error,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.fixture(scope="session")
def run_cell(start_cell: Callable[..., "subprocess.Popen[str]"]) -> Callable[..., tuple[int, str, str]]:
    """Run `python -m xstilts.train` to its end: exit code, standard output, standard error."""

    def run(*overrides: str, **more: Any) -> tuple[int, str, str]:
        process = start_cell(*overrides, **more)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    return run


@pytest.fixture
def in_this_process() -> Callable[..., contextlib.AbstractContextManager[None]]:
    """While in the body, an entry point may run here: what Hydra and a cell change is undone."""
    from hydra.core.global_hydra import GlobalHydra

    @contextlib.contextmanager
    def prepared() -> Iterator[None]:
        GlobalHydra.instance().clear()
        arguments = list(sys.argv)
        try:
            with preserved():
                yield
        finally:
            sys.argv[:] = arguments

    return prepared


@pytest.fixture
def main_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Run the entry point in this process; it must end with code 2, and what it wrote to standard error is returned in lines."""
    from hydra.core.global_hydra import GlobalHydra

    from xstilts import train

    def run(*overrides: str) -> list[str]:
        arguments = [f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", "worker=inline", *overrides]
        monkeypatch.setattr(sys, "argv", ["train", *arguments])
        monkeypatch.setattr(train, "failures", [])
        GlobalHydra.instance().clear()
        errors = io.StringIO()
        with preserved(), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as ended:
            train.main()
        lines = errors.getvalue().splitlines()
        assert ended.value.code == 2, "\n".join(lines[-25:])
        assert not any("Traceback" in line for line in lines), lines
        return lines

    return run


@pytest.fixture(scope="session")
def weights_of() -> Callable[[Path], dict[str, str]]:
    """Artifact folder -> sha256 of its weights."""

    def read(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.safetensors"))}

    return read


@pytest.fixture(scope="session")
def real_options(shared_data: Path) -> tuple[str, ...]:
    """Return the options of a small cell on the real files."""
    return (
        "data=xtreme",
        f"data.root={shared_data / 'xtreme'}",
        f"data.extra_roots=[{shared_data / 'originals'},{shared_data / 'gold'}]",
        f"model.tokenizer={shared_data / 'tokenizers' / 'multilingual16k'}",
        *TINY,
        *SHORT,
        "target.max_test_examples=6",
    )


@pytest.fixture(scope="session")
def toy_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """PAWS-X, XNLI, SNLI, PAN-X, SQuAD, XQuAD, MLQA, Tatoeba and plain text in a hundred made-up lines each."""
    folder = tmp_path_factory.mktemp("toy")
    chance = random.Random(0)

    def sentence(words: int = 5) -> str:
        return " ".join(chance.choice(WORDS) for _ in range(words))

    def write(name: str, text: str) -> None:
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")

    def pairs(count: int, labels: tuple[str, ...], gold: bool = True) -> str:
        rows = []
        for number in range(count):
            first, label = sentence(), labels[number % len(labels)]
            second = {labels[0]: sentence(), labels[1]: first}.get(label, " ".join(reversed(first.split())))
            rows.append("\t".join([first, second, label] if gold else [first, second]))
        return "".join(f"{row}\r\n" for row in rows)

    def tagged(count: int) -> str:
        tags = {"cat": "B-PER", "dog": "B-ORG", "bird": "B-LOC"}
        return "\n".join("".join(f"{word}\t{tags.get(word, 'O')}\n" for word in sentence(6).split()) for _ in range(count))

    def squad(count: int) -> str:
        paragraphs = []
        for number in range(count):
            context, asked = sentence(12), chance.randrange(12)
            answer = context.split()[asked]
            answers = [{"text": answer, "answer_start": len(" ".join([*context.split()[:asked], ""]))}]
            paragraphs.append(
                {"context": context, "qas": [{"id": f"q{number}", "question": f"where {answer}?", "answers": answers}]}
            )
        return json.dumps({"version": "1.1", "data": [{"title": "toy", "paragraphs": paragraphs}]})

    for language in ("en", "de", "fr"):
        write(f"pawsx/dev-{language}.tsv", pairs(30, ("0", "1")))
        write(f"pawsx/test-{language}.tsv", pairs(30, ("0", "1"), gold=False))
        write(f"xnli/dev-{language}.tsv", pairs(30, LABELS))
        write(f"xnli/test-{language}.tsv", pairs(30, LABELS, gold=False))
        write(f"panx/dev-{language}.tsv", tagged(30))
        write(f"mlm/{language}.txt", "".join(f"{sentence(10)}\n" for _ in range(40)))
        write(f"mlm/{language}.validation.txt", "".join(f"{sentence(10)}\n" for _ in range(8)))
    for language in ("en", "de"):
        write(f"xquad/xquad.{language}.json", squad(12))
        for split in ("dev", "test"):
            write(f"mlqa/MLQA_V1/{split}/{split}-context-{language}-question-{language}.json", squad(12))
    write("pawsx/train-en.tsv", pairs(96, ("0", "1")))
    write("xnli/train-en.tsv", pairs(96, LABELS))
    write("panx/train-en.tsv", tagged(96))
    write("squad/train-v1.1.json", squad(40))
    write("squad/dev-v1.1.json", squad(12))
    for side in ("de", "en"):
        write(f"tatoeba/de-en.{side}", "".join(f"{sentence()} {number}\n" for number in range(20)))
    write("tatoeba/test-de.tsv", "".join(f"{number}\n" for number in range(20)))
    for split, count in (("train", 96), ("dev", 30)):
        rows = [
            {"pairID": f"{split}{number}", "sentence1": sentence(), "sentence2": sentence(), "gold_label": LABELS[number % 3]}
            for number in range(count)
        ]
        write(f"snli/snli_1.0_{split}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    from transformers import XLMRobertaTokenizer

    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -2.0) for word in [*WORDS, "where"]]
    pieces += [(character, -8.0) for character in "▁abcdefghijklmnopqrstuvwxyz0123456789?."]
    XLMRobertaTokenizer(vocab=[*pieces, ("<mask>", 0.0)]).save_pretrained(folder / "tokenizer")
    return World(folder / "data", folder / "tokenizer")
