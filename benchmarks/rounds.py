"""What a benchmark measures and how: contestants take turns, and only ratios within one round are compared.

A machine that is slow in one minute and fast in the next gives both contestants of a round the same weather.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Contestant = Callable[[], float]
"""One turn; returns its seconds (or whatever is compared)."""


class Seconds(float):
    """Seconds of a turn by the clock."""

    cpu: float
    """Seconds of processor time of the turn, over all threads. Other work on the machine hardly changes them."""

    def __new__(cls, wall: float, cpu: float = 0.0) -> "Seconds":
        made = super().__new__(cls, wall)
        made.cpu = cpu
        return made


PRECISIONS = {"32-true": "float32", "bf16-mixed": "bf16"}
"""`trainer.precision` and what a line calls it."""
SCATTER = 1 / 3
"""Largest less smallest ratio of a round, by the median: beyond it, the line says that it scatters."""


@dataclass(frozen=True)
class Line:
    """One line of the table. `ours` and `theirs` are medians; `ratio` is above 1 where ours is better."""

    group: str
    """As the benchmark's file is called: `training`, `mining`, …"""
    name: str
    unit: str
    """Of `ours` and `theirs`: `examples/s`, `s`, `MB`, …"""
    ours: float
    peer: str = ""
    """What it was held against; empty: nothing, the figure stands alone."""
    theirs: float | None = None
    ratio: float | None = None
    """Median over the rounds of the ratio within a round."""
    low: float | None = None
    """Smallest ratio of a round."""
    high: float | None = None
    """Largest."""
    rounds: int = 1
    goal: str = ""
    """What it should reach, as a reader would say it: `>= 2.3x`, `< 2 s`."""
    note: str = ""
    cpu: tuple[float, float, float] | None = None
    """Median processor seconds of ours and theirs, and the median of theirs by ours."""
    precision: str = ""
    """Of the model on both sides, `float32` or `bf16`; empty where no model runs."""


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(contestants: Mapping[str, Contestant], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """What each contestant returned in each round; all have their turn in every round, in an order that rotates."""
    names = list(contestants)
    for name in names * warm_up:
        contestants[name]()
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(contestants[name]())
    return found


def compared(
    group: str,
    name: str,
    unit: str,
    ours: list[float],
    peer: str,
    theirs: list[float],
    goal: str = "",
    more_is_better: bool = False,
    note: str = "",
    cpu: tuple[list[float], list[float]] | None = None,
    precision: str = "",
) -> Line:
    """The line of two contestants' rounds. The ratio is theirs by ours (seconds, bytes) or, if more is better, ours by theirs.

    `cpu`: processor seconds of ours and theirs in each round.
    """
    ratios = [mine / other if more_is_better else other / mine for mine, other in zip(ours, theirs, strict=True)]
    spread = (max(ratios) - min(ratios)) / statistics.median(ratios)
    if spread > SCATTER:
        note = "; ".join(filter(None, [note, f"rounds scatter by {100 * spread:.0f} %: measure again on a quiet machine"]))
    return Line(
        group,
        name,
        unit,
        statistics.median(ours),
        peer,
        statistics.median(theirs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        len(ratios),
        goal,
        note,
        None if cpu is None else _cpu(*cpu),
        precision,
    )


def _cpu(ours: list[float], theirs: list[float]) -> tuple[float, float, float]:
    ratios = [other / mine for mine, other in zip(ours, theirs, strict=True)]
    return statistics.median(ours), statistics.median(theirs), statistics.median(ratios)


def exponent(sizes: list[float], costs: list[float]) -> float:
    """The b of cost = a * size ** b that fits best (least squares of the logarithms): 1 is linear."""
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    return statistics.linear_regression(xs, ys).slope
