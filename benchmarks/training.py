"""A step of training against Hugging Face's Trainer, padded, with dynamic padding and grouped by length, and a plain loop.

Every contestant does a whole optimizer step in its turn, on steps of average length of an epoch of real data. In a round all that
are free to choose have the same 32 examples; the Trainer's groups are its own.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np

from benchmarks import ours, peers
from benchmarks.corpus import LANGUAGES, LEFT_OUT, Corpus, corpus, there, typical
from benchmarks.rounds import Line, compared, interleaved
from benchmarks.workers import Worker
from xstilts.data.plan import StepPlan

GROUP = "training"


def lines(full: bool) -> Iterator[Line]:
    """XNLI pairs in steps of 32, then XQuAD windows."""
    if not there():
        yield Line(GROUP, "left out", "", 0.0, note=LEFT_OUT)
        return
    yield from _pairs(full, rounds=5 if full else 2)
    yield from _windows(full, rounds=5 if full else 2)


def _pairs(full: bool, rounds: int) -> Iterator[Line]:
    pairs, size = corpus("xnli", "train", ["en"], training=True), 32
    steps = typical(epoch(pairs, size), pairs.lengths, rounds)
    groups = typical(peers.grouped(pairs.lengths, size), pairs.lengths, rounds)
    contest = Contest(pairs, full, size, rounds)
    contest.enter("ours", "ours", steps)
    contest.enter("ours", "padded", steps)
    contest.enter("ours", "plain", steps)
    contest.enter("peers", "padded to 128", steps, padded_to=pairs.limits.max_length)
    contest.enter("peers", "dynamic padding", steps)
    contest.enter("peers", "group_by_length", groups)
    found = contest.seconds(at_once=size)
    note, name = f"{ours.depth(full)}; {_described(pairs, steps)}", "XNLI, step of 32 pairs"
    goals = {"padded to 128": ">= 2.3x", "dynamic padding": ">= 1.6x", "group_by_length": ">= 1.1x"}
    for peer, goal in goals.items():
        theirs = [size / seconds for seconds in found[peer]]
        mine = [size / seconds for seconds in found["ours"]]
        yield compared(GROUP, name, "examples/s", mine, f"Trainer, {peer}", theirs, goal, True, note)
    name = "XNLI, step of 32 pairs, padding-free"
    yield compared(GROUP, name, "s", found["ours"], "the same with padding", found["padded"], note=note)
    name, goal = "training step of 32 pairs: Lightning and our module", ">= 0.95x"
    yield compared("overheads", name, "s", found["ours"], "plain loop, same micro-batches", found["plain"], goal, note=note)


def _windows(full: bool, rounds: int) -> Iterator[Line]:
    windows, size = corpus("xquad", "test", LANGUAGES["xquad"], training=True), 8
    steps = typical(epoch(windows, size), windows.lengths, rounds)
    contest, peer = Contest(windows, full, size, rounds), "padded to 384"
    contest.enter("ours", "ours", steps)
    contest.enter("peers", peer, steps, padded_to=windows.limits.max_length)
    found = contest.seconds(at_once=size)
    note, name = f"{ours.depth(full)}; {_described(windows, steps)}", f"XQuAD, step of {size} windows"
    mine, theirs = ([size / seconds for seconds in found[who]] for who in ("ours", peer))
    yield compared(GROUP, name, "examples/s", mine, f"Trainer, {peer}", theirs, ">= 1.5x", True, note)


def epoch(data: Corpus, size: int) -> list[np.ndarray]:
    """The steps of our shuffled first epoch."""
    plan = StepPlan({data.task.name: len(data.lengths)}, size, seed=1)
    return [plan.step(number)[1] for number in range(len(plan))]


def _described(data: Corpus, steps: list[np.ndarray]) -> str:
    mean = data.lengths.mean()
    here = np.mean([data.lengths[step].mean() for step in steps])
    words = data.features.special.vocab_size
    return f"{here:.1f} tokens per example ({mean:.1f} in all); ours trains {words:,} words' embeddings"


class Contest:
    """Who takes part, in which of the two processes, and which rows each works through."""

    def __init__(self, data: Corpus, full: bool, size: int, rounds: int) -> None:
        self.data, self.full, self.rounds = data, full, rounds
        self.short = np.argsort(data.lengths, kind="stable")[:size]
        """What everybody warms up with: allocations happen at the first step, whatever its length."""
        self.entered: dict[str, tuple[str, list[np.ndarray], int]] = {}

    def enter(self, process: str, name: str, steps: list[np.ndarray], padded_to: int = 0) -> None:
        """Under a name that no other has, but for the process `ours`, where it is the mode."""
        self.entered[name] = (process, steps, padded_to)

    def seconds(self, at_once: int) -> dict[str, list[float]]:
        """Of every contestant in every round."""
        mine: list[tuple[str, np.ndarray]] = []
        theirs: list[peers.Features] = []
        for name, number in self._order():
            process, steps, padded_to = self.entered[name]
            rows = steps[number] if number >= 0 else self.short
            if process == "ours":
                mine.append((name, rows))
            else:
                features = self.data.dictionaries(rows)
                theirs.append(peers.padded(features, padded_to) if padded_to and number >= 0 else features)
        config = ours.encoder_config(self.full)
        with ExitStack() as processes:
            workers = {
                "ours": Worker(ours.train, self.data, config, mine),
                "peers": Worker(peers.train, self.data, config, theirs, at_once),
            }
            for worker in workers.values():
                processes.callback(worker.close)
            return interleaved({name: workers[process].turn for name, (process, *_) in self.entered.items()}, self.rounds)

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

        interleaved({name: note(name) for name in self.entered}, self.rounds)
        return order
