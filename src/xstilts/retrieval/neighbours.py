"""Exact nearest neighbours by inner product, in bounded memory, with deterministic ties.

Legend: Q queries, N indexed vectors, S sources, T targets, D dimensions, k neighbours, R and C the rows and columns of one block
of scores, M some of its columns, G those of one group.
"""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize

CHUNK_ROWS = 4096
GROUP = 32
"""Columns per group. The largest score of each group is computed first; only the best groups are searched."""


class Rows(Protocol):
    """Vectors that are read some at a time: a tensor, or files."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Tensor: ...


def nearest(
    queries_QD: Tensor,
    index_ND: Rows,
    k: int,
    chunk_rows: int = CHUNK_ROWS,
    *,
    cosine: bool = False,
    later_first: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the `min(k, N)` indexed vectors with the largest inner product (`cosine`: cosine), for every query.

    Returns scores_Qk (float32, the best first) and positions_Qk (int64), on the queries' device, which does the work; an index
    on another device is copied there chunk by chunk. Among equal scores the lower position comes first (`later_first`: the
    higher), whatever `chunk_rows` is. The cosine of a zero vector is 0.
    Memory beyond inputs and results: a block of `chunk_rows` x `chunk_rows` floats, about as much again for small things, and for
    `cosine` a copy of the queries.
    The inner products are float32: another block size may round the last bit of a score another way, so `chunk_rows` is a fixed
    number and not made from the memory that happens to be free. On GPUs it needs torch's default matmul precision, `highest`:
    TF32 cannot distinguish close neighbours.
    """
    if cosine:
        queries_QD = normalize(queries_QD.detach().float(), dim=1)
    best = _Best(queries_QD, len(queries_QD), min(k, len(index_ND)))
    for row, column, scores_RC in _blocks(queries_QD, index_ND, chunk_rows, cosine, later_first):
        best.add(row, column, scores_RC)
    return best.scores_Qk, len(index_ND) - 1 - best.positions_Qk if later_first else best.positions_Qk


def nearest_both_ways(
    source_SD: Tensor, target_TD: Tensor, k: int, chunk_rows: int = CHUNK_ROWS
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return `nearest(source, target, k)` and `nearest(target, source, k)` for one matrix product instead of two.

    Each block of scores serves its rows and its columns, so a pair has one score in both directions. Two searches may differ from
    that in the last bit, where the product rounds X Y' and Y X' differently. All results are on the sources' device.
    """
    forward = _Best(source_SD, len(source_SD), min(k, len(target_TD)))
    backward = _Best(source_SD, len(target_TD), min(k, len(source_SD)))
    for row, column, scores_RC in _blocks(source_SD, target_TD, chunk_rows):
        forward.add(row, column, scores_RC)
        backward.add(column, row, scores_RC.T)
    return (forward.scores_Qk, forward.positions_Qk), (backward.scores_Qk, backward.positions_Qk)


def _blocks(
    queries_QD: Tensor, index_ND: Rows, chunk_rows: int, cosine: bool = False, later_first: bool = False
) -> Iterator[tuple[int, int, Tensor]]:
    """Yield every block of scores with its first row and column, in ascending order of rows and columns.

    `cosine`: the index is divided by its lengths; `later_first`: it is read from its end. All blocks lie in the same memory, one
    after the other: the system takes about as long to hand out fresh memory as it takes to go through a block.
    """
    tall, wide, end = min(chunk_rows, len(queries_QD)), min(chunk_rows, len(index_ND)), len(index_ND)
    memory = torch.empty(tall * wide, dtype=torch.float32, device=queries_QD.device)
    for column in range(0, end, chunk_rows):
        # The outer loop, so that each chunk of the index is made ready once.
        chunk = slice(max(0, end - column - chunk_rows), end - column) if later_first else slice(column, column + chunk_rows)
        index_CD = index_ND[chunk].detach().to(queries_QD.device, torch.float32)
        index_CD = index_CD.flip(0) if later_first else index_CD
        index_CD = normalize(index_CD, dim=1) if cosine else index_CD
        for row in range(0, len(queries_QD), chunk_rows):
            queries_RD = queries_QD[row : row + chunk_rows].detach().float()
            scores_RC = memory[: len(queries_RD) * len(index_CD)].view(len(queries_RD), len(index_CD))
            yield row, column, torch.mm(queries_RD, index_CD.T, out=scores_RC)


class _Best:
    """The k best scores so far and their positions, for every query."""

    def __init__(self, like: Tensor, queries: int, k: int) -> None:
        self.scores_Qk = torch.empty((queries, k), dtype=torch.float32, device=like.device)
        self.positions_Qk = torch.empty((queries, k), dtype=torch.int64, device=like.device)

    def add(self, row: int, column: int, scores_RC: Tensor) -> None:
        """Add the scores of the queries from `row` with the indexed vectors from `column`, which must ascend by calls."""
        k, rows = self.scores_Qk.shape[1], slice(row, row + len(scores_RC))
        if not k:
            return
        scores_RK, positions_RK = _largest(scores_RC, k)
        positions_RK += column
        if column:
            # Earlier entries precede their equals in a stable sort: their positions are lower.
            known = min(column, k)
            scores_RK = torch.cat([self.scores_Qk[rows, :known], scores_RK], dim=1)
            positions_RK = torch.cat([self.positions_Qk[rows, :known], positions_RK], dim=1)
            order_Rk = torch.sort(scores_RK, dim=1, descending=True, stable=True).indices[:, :k]
            scores_RK, positions_RK = scores_RK.gather(1, order_Rk), positions_RK.gather(1, order_Rk)
        found = scores_RK.shape[1]
        self.scores_Qk[rows, :found], self.positions_Qk[rows, :found] = scores_RK, positions_RK


def _largest(scores_RC: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest scores of every row and their columns; ties in the order of columns; all columns if C <= k.

    The k groups with the largest maxima (of equal ones the first) hold them all: a score in another group has k maxima before it.
    Finding maxima is as fast as reading the block, by rows and by columns; `topk` of the whole block takes many times as long.
    """
    columns = scores_RC.shape[1]
    if columns < 2 * k * GROUP:
        columns_Rk = _columns_of_largest(scores_RC.contiguous(), min(k, columns))
    else:
        groups_Rk = _columns_of_largest(_maxima(scores_RC), k)
        inside_G = torch.arange(GROUP, device=scores_RC.device)
        candidates_RM = (groups_Rk[:, :, None] * GROUP + inside_G).flatten(1)
        if columns % GROUP:  # the last group is smaller
            scores_RM = scores_RC.gather(1, candidates_RM.clamp(max=columns - 1))
            scores_RM.masked_fill_(candidates_RM >= columns, -torch.inf)
        else:
            scores_RM = scores_RC.gather(1, candidates_RM)
        columns_Rk = candidates_RM.gather(1, _columns_of_largest(scores_RM, k))
    scores_Rk, order_Rk = torch.sort(scores_RC.gather(1, columns_Rk), dim=1, descending=True, stable=True)
    return scores_Rk, columns_Rk.gather(1, order_Rk)


def _maxima(scores_RC: Tensor) -> Tensor:
    """Return maxima_RM: the largest score in every GROUP columns; the last group may be smaller."""
    rows, whole = len(scores_RC), scores_RC.shape[1] // GROUP * GROUP
    if scores_RC.stride(1) == 1:
        maxima_RM = scores_RC[:, :whole].view(rows, -1, GROUP).amax(2)
    else:  # in the order of memory: along its columns `amax` would take as long as the matrix product
        maxima_RM = scores_RC.T[:whole].view(-1, GROUP, rows).amax(1).T.contiguous()
    rest_RC = scores_RC[:, whole:]
    return torch.cat([maxima_RM, rest_RC.amax(1, keepdim=True)], dim=1) if rest_RC.shape[1] else maxima_RM


def _columns_of_largest(scores_RC: Tensor, k: int) -> Tensor:
    """Return columns_Rk, ascending: the columns of the k largest scores of every row; of ties the first ones.

    `topk` returns any of several equal scores. It computes one score more than needed: only rows whose k-th and next score are
    equal are ambiguous, and only these are searched again.
    """
    columns = scores_RC.shape[1]
    top_scores, top_columns_Rk = torch.topk(scores_RC, min(k + 1, columns), dim=1)
    top_columns_Rk = top_columns_Rk[:, :k].contiguous()
    if columns > k:
        tied = torch.nonzero(top_scores[:, k - 1] == top_scores[:, k]).squeeze(1)
        if len(tied):
            last_T1 = top_scores[tied, k - 1].unsqueeze(1)
            above_TC, equal_TC = scores_RC[tied] > last_T1, scores_RC[tied] == last_T1
            room_T1 = k - above_TC.sum(dim=1, keepdim=True)
            chosen_TC = above_TC | (equal_TC & (equal_TC.cumsum(dim=1) <= room_T1))
            top_columns_Rk[tied] = torch.nonzero(chosen_TC)[:, 1].view(-1, k)
    return top_columns_Rk.sort(dim=1).values
