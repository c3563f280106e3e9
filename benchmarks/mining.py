"""Bitext mining: the nearest neighbours of every sentence in both directions, against two exact searches of FAISS.

Both get the same float32 vectors of length 1 in main memory, the same number of threads, and four neighbours to find. Sources and
targets are planted translations in random directions, in another order.
"""

import gc
import multiprocessing
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import torch
from torch import Tensor

from benchmarks.rounds import Line, compared, exponent, interleaved, timed
from xstilts.retrieval.margin import NEIGHBOURS, mine
from xstilts.retrieval.neighbours import nearest_both_ways

GROUP = "mining"
PEER = "FAISS IndexFlatIP, two searches"
SIZE = 1024
"""Dimensions of XLM-R Large."""
LAST_BITS = 1e-5
"""Two products may round so differently; scores that are closer are a tie."""

Neighbours = tuple[tuple[np.ndarray, np.ndarray], ...]


def lines(full: bool) -> Iterator[Line]:
    """Seconds by the side of FAISS; in full also growth, and memory for 50,000 sentences on each side; a GPU if there is one."""
    faiss.omp_set_num_threads(torch.get_num_threads())
    yield _beside_faiss(20_000 if full else 10_000, rounds=5 if full else 3)
    if full:
        yield _growth([5_000, 10_000, 20_000])
        yield from _alone(50_000)
    yield _on_gpu(20_000 if full else 10_000, rounds=5)


def sentences(count: int) -> tuple[Tensor, Tensor]:
    """source_ND and target_ND of length 1; made in place, so that no more memory was in use before than is afterwards."""
    generator = torch.Generator().manual_seed(count)
    source_ND = torch.empty(count, SIZE).normal_(generator=generator)
    target_ND = torch.empty(count, SIZE).normal_(generator=generator)
    for row, translated in enumerate(torch.randperm(count, generator=generator).tolist()):
        target_ND[row] += source_ND[translated]
    for chunk in (*source_ND.split(1000), *target_ND.split(1000)):
        chunk /= chunk.norm(dim=1, keepdim=True)
    return source_ND, target_ND


def ours(source_ND: Tensor, target_ND: Tensor) -> Neighbours:
    """Scores and positions, forward and backward."""
    found = nearest_both_ways(source_ND, target_ND, NEIGHBOURS)
    return tuple((scores.cpu().numpy(), positions.cpu().numpy()) for scores, positions in found)


def faiss_twice(source_ND: Tensor, target_ND: Tensor) -> Neighbours:
    """The same; an index is built for each direction, which is a copy of the vectors."""
    found = []
    for queries, indexed in ((source_ND, target_ND), (target_ND, source_ND)):
        index = faiss.IndexFlatIP(SIZE)
        index.add(indexed.numpy())
        found.append(index.search(queries.numpy(), NEIGHBOURS))
    return tuple(found)


def compare(one: Neighbours, other: Neighbours) -> None:
    """Raises AssertionError unless scores agree to their last bits, and positions wherever there is no tie within these."""
    for (scores, positions), (other_scores, other_positions) in zip(one, other, strict=True):
        np.testing.assert_allclose(scores, other_scores, rtol=0, atol=LAST_BITS)
        # What follows the last neighbour is not known, so that one may have a tie that cannot be seen.
        apart = np.diff(scores, axis=1) < -2 * LAST_BITS
        clear = np.pad(apart, ((0, 0), (1, 0)), constant_values=True) & np.pad(apart, ((0, 0), (0, 1)), constant_values=False)
        np.testing.assert_array_equal(positions[clear], other_positions[clear])


def _beside_faiss(count: int, rounds: int) -> Line:
    source_ND, target_ND = sentences(count)
    compare(ours(source_ND, target_ND), faiss_twice(source_ND, target_ND))  # and both are warm
    found = interleaved(
        {
            "ours": lambda: timed(lambda: ours(source_ND, target_ND)),
            "theirs": lambda: timed(lambda: faiss_twice(source_ND, target_ND)),
        },
        rounds,
        warm_up=0,
    )
    name = f"{NEIGHBOURS} neighbours both ways, {count:,} x {count:,} x {SIZE:,}"
    note = f"same neighbours; {torch.get_num_threads()} threads each"
    return compared(GROUP, name, "s", found["ours"], PEER, found["theirs"], goal=">= 1.0x", note=note)


def _growth(counts: list[int]) -> Line:
    pairs = {str(count): sentences(count) for count in counts}
    found = interleaved({name: _turn(mine, pair) for name, pair in pairs.items()}, rounds=3, warm_up=1)
    seconds = [statistics.median(values) for values in found.values()]
    note = ", ".join(f"{count:,}: {value:.1f} s" for count, value in zip(counts, seconds, strict=True))
    power = exponent([float(count) for count in counts], seconds)
    return Line(GROUP, "exponent of mining's time by sentences", "", power, rounds=3, goal="2: every pair is scored", note=note)


def _turn(work: Callable[[Tensor, Tensor], object], pair: tuple[Tensor, Tensor]) -> Callable[[], float]:
    return lambda: timed(lambda: work(*pair))


def _alone(count: int) -> Iterator[Line]:
    """One round, each contestant in a process of its own, so that its peak memory can be measured."""
    figures = {}
    for name, work in (("ours", mine), ("theirs", faiss_twice)):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            figures[name] = process.submit(_seconds_and_megabytes, work, count, torch.get_num_threads()).result()
    name = f"mining from vectors to pairs, {count:,} x {count:,} x {SIZE:,}"
    note = "a single round, for a turn takes minutes; ours selects the pairs too, theirs finds neighbours only"
    yield compared(GROUP, name, "s", [figures["ours"][0]], PEER, [figures["theirs"][0]], goal=">= 1.0x", note=note)
    name = f"peak memory of that, beyond the {2 * count * SIZE * 4 / 1e6:,.0f} MB of vectors"
    note = "FAISS copies the vectors that it searches"
    yield compared(GROUP, name, "MB", [figures["ours"][1]], PEER, [figures["theirs"][1]], goal="< 2,000 MB", note=note)


def _seconds_and_megabytes(work: Callable[[Tensor, Tensor], object], count: int, threads: int) -> tuple[float, float]:
    """Of one call: seconds, and by how much the most memory ever in use exceeds what was in use before."""
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    work(*sentences(100))  # what libraries load at their first use
    pair = sentences(count)
    gc.collect()
    before = _megabytes("VmRSS")
    seconds = timed(lambda: work(*pair))
    return seconds, _megabytes("VmHWM") - before


def _megabytes(name: str) -> float:
    """A figure of Linux about this process (`getrusage` would count what its parent had): in use now, or ever."""
    return next(
        int(line.split()[1]) * 1024 / 1e6 for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)
    )


def _on_gpu(count: int, rounds: int) -> Line:
    name = f"{NEIGHBOURS} neighbours both ways on the GPU, {count:,} x {count:,} x {SIZE:,}"
    if not torch.cuda.is_available():
        return Line(GROUP, name, "", 0.0, note="left out: no GPU")
    source_ND, target_ND = (side.cuda() for side in sentences(count))

    def plain(source_ND: Tensor, target_ND: Tensor) -> Neighbours:
        scores_NN = source_ND @ target_ND.T
        found = (scores_NN.topk(NEIGHBOURS, dim=dim) for dim in (1, 0))
        forward, backward = ([part.cpu().numpy() for part in top] for top in found)
        return (forward[0], forward[1]), (backward[0].T, backward[1].T)

    compare(ours(source_ND, target_ND), plain(source_ND, target_ND))
    contestants = {"ours": _turn(ours, (source_ND, target_ND)), "theirs": _turn(plain, (source_ND, target_ND))}
    found = interleaved(contestants, rounds)  # the answers come to main memory, so that the GPU has finished
    note = f"theirs holds {count * count * 4 / 1e6:,.0f} MB of scores, ours one block"
    return compared(GROUP, name, "s", found["ours"], "whole matrix and torch.topk", found["theirs"], goal=">= 1.0x", note=note)
