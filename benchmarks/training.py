"""A step of training against Hugging Face's Trainer, padded, with dynamic padding and grouped by length, and a plain loop.

Every contestant does a whole optimizer step in its turn, on steps of average length of an epoch of real data. In a round all that
are free to choose have the same 32 examples; the Trainer's groups are its own.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks import ours, peers
from benchmarks.corpus import LANGUAGES, LEFT_OUT, Corpus, corpus, there, typical
from benchmarks.rounds import PRECISIONS, Line, Seconds, compared, interleaved
from benchmarks.workers import Worker
from xstilts.config import TrainerConfig
from xstilts.data.plan import StepPlan

GROUP = "training"


ROUNDS = 5
REAL = "XSTILTS_TEST_ENCODER"
"""The variable that names the folder of a real encoder, for instance multilingual-e5-small; `--encoder` sets it."""


def lines(full: bool) -> Iterator[Line]:
    """XNLI pairs in steps of 32, then XQuAD windows; in float32 and bf16, then the same with a real encoder."""
    if not there():
        yield Line(GROUP, "left out", "", 0.0, note=LEFT_OUT)
        return
    real = os.environ.get(REAL, "")
    if not real:
        yield Line(GROUP, "real encoder", "", 0.0, note=f"left out: --encoder or {REAL} names no folder with one")
    for encoder in ("", real) if real else ("",):
        pairs = corpus("xnli", "train", ["en"], True, encoder)
        windows = corpus("xquad", "test", LANGUAGES["xquad"], True, encoder)
        for precision in PRECISIONS:
            yield from _pairs(pairs, precision, full)
            yield from _windows(windows, precision, full)


def _pairs(pairs: Corpus, precision: str, full: bool) -> Iterator[Line]:
    size = 32
    steps = typical(epoch(pairs, size), pairs.lengths, ROUNDS)
    groups = typical(peers.grouped(pairs.lengths, size), pairs.lengths, ROUNDS)
    contest = Contest(pairs, full, precision)
    contest.enter("ours", "ours", steps)
    alone = precision == "32-true" and not pairs.encoder
    if alone:
        contest.enter("ours", "padded", steps)
        contest.enter("ours", "plain", steps)
    contest.enter("peers", "padded to 128", steps, padded_to=pairs.limits.max_length)
    contest.enter("peers", "dynamic padding", steps)
    contest.enter("peers", "group_by_length", groups)
    found = contest.seconds(at_once=size)
    goals = {"padded to 128": ">= 2.3x", "dynamic padding": ">= 1.6x", "group_by_length": ">= 1.1x"}
    note = _described(pairs, steps, full)
    for peer, goal in goals.items():
        yield _against(f"XNLI, step of {size} pairs", precision, size, found, peer, goal, note)
    if not alone:
        return
    name, used = "XNLI, step of 32 pairs, padding-free", PRECISIONS[precision]
    yield compared(GROUP, name, "s", found["ours"], "the same with padding", found["padded"], note=note, precision=used)
    name, peer, goal = "training step of 32 pairs: Lightning and our module", "plain loop, same micro-batches", ">= 0.95x"
    yield compared("overheads", name, "s", found["ours"], peer, found["plain"], goal, note=note, precision=used)


def _windows(windows: Corpus, precision: str, full: bool) -> Iterator[Line]:
    size, peer = 8, "padded to 384"
    steps = typical(epoch(windows, size), windows.lengths, ROUNDS)
    contest = Contest(windows, full, precision)
    contest.enter("ours", "ours", steps)
    contest.enter("peers", peer, steps, padded_to=windows.limits.max_length)
    found, note = contest.seconds(at_once=size), _described(windows, steps, full)
    yield _against(f"XQuAD, step of {size} windows", precision, size, found, peer, ">= 1.5x", note)


def _against(name: str, precision: str, size: int, found: dict[str, list[Seconds]], peer: str, goal: str, note: str) -> Line:
    """The line of ours and a peer, in examples a second."""
    mine, theirs = ([size / seconds for seconds in found[who]] for who in ("ours", peer))
    cpu = tuple([seconds.cpu for seconds in found[who]] for who in ("ours", peer))
    peer, used = f"Trainer, {peer}", PRECISIONS[precision]
    return compared(GROUP, name, "examples/s", mine, peer, theirs, goal, True, note, (cpu[0], cpu[1]), used)


def epoch(data: Corpus, size: int) -> list[np.ndarray]:
    """The steps of our shuffled first epoch."""
    plan = StepPlan({data.task.name: len(data.lengths)}, size, seed=1)
    return [plan.step(number)[1] for number in range(len(plan))]


def _described(data: Corpus, steps: list[np.ndarray], full: bool) -> str:
    mean = data.lengths.mean()
    here = np.mean([data.lengths[step].mean() for step in steps])
    encoder = Path(data.encoder).name or ours.depth(full)
    return f"{encoder}; {here:.1f} tokens per example ({mean:.1f} in all); ours trains the embeddings of 16,000 words or more"


class Contest:
    """Who takes part, in which of the two processes, and which rows each works through."""

    def __init__(self, data: Corpus, full: bool, precision: str) -> None:
        self.data, self.full, self.precision = data, full, precision
        self.entered: dict[str, tuple[str, list[np.ndarray], int]] = {}

    def enter(self, process: str, name: str, steps: list[np.ndarray], padded_to: int = 0) -> None:
        """Under a name that no other has, but for the process `ours`, where it is the mode."""
        self.entered[name] = (process, steps, padded_to)

    def seconds(self, at_once: int) -> dict[str, list[Seconds]]:
        """Of every contestant in every round, with `at_once` examples in a step."""
        # All warm up with short steps: allocations happen at the first step, whatever its length.
        short = np.argsort(self.data.lengths, kind="stable")[:at_once]
        mine: list[tuple[str, np.ndarray]] = []
        theirs: list[peers.Features] = []
        for name, number in self._order():
            process, steps, padded_to = self.entered[name]
            rows = steps[number] if number >= 0 else short
            if process == "ours":
                mine.append((name, rows))
            else:
                features = self.data.dictionaries(rows)
                theirs.append(peers.padded(features, padded_to, self.data.encoder) if padded_to and number >= 0 else features)
        config = ours.encoder_config(self.full)
        with ExitStack() as processes:
            workers = {
                "ours": Worker(ours.train, self.data, config, mine, TrainerConfig(precision=self.precision)),
                "peers": Worker(peers.train, self.data, config, theirs, at_once, self.precision == "bf16-mixed"),
            }
            for worker in workers.values():
                processes.callback(worker.close)
            turns: dict[str, Any] = {name: workers[process].turn for name, (process, *_) in self.entered.items()}
            return cast(dict[str, list[Seconds]], interleaved(turns, ROUNDS))

    def _order(self) -> list[tuple[str, int]]:
        """Whose turn comes when, and which it is for them: -1 is the warm-up. A process must know before it begins."""
        order: list[tuple[str, int]] = []
        counts = dict.fromkeys(self.entered, -1)

        def note(name: str) -> Callable[[], float]:
            def turn() -> float:
                order.append((name, counts[name]))
                counts[name] += 1
                return 0.0

            return turn

        interleaved({name: note(name) for name in self.entered}, ROUNDS)
        return order
