"""Exact nearest neighbours by inner product, in bounded memory and with one answer where scores tie.

Legend: Q queries, N indexed vectors, D dimensions, k neighbours, R and C the rows of one block of queries and of the index.
"""

import torch
from torch import Tensor


def nearest(queries_QD: Tensor, index_ND: Tensor, k: int, chunk_rows: int = 4096) -> tuple[Tensor, Tensor]:
    """The `min(k, N)` indexed vectors with the largest inner product, for every query.

    Returns scores_Qk (float32, the best first) and positions_Qk (int64), on the queries' device. Among equal scores the lower
    position comes first, whatever `chunk_rows` is. Memory beyond the inputs: a few blocks of `chunk_rows` x `chunk_rows` floats.
    The inner products are float32: another block size may round the last bit of a score another way, so `chunk_rows` is a fixed
    number and not made from the memory that happens to be free. On GPUs it needs torch's default matmul precision, `highest`:
    under TF32 close neighbours cannot be told apart.
    """
    queries_QD, index_ND = queries_QD.float(), index_ND.float()
    k = min(k, len(index_ND))
    scores_Qk = queries_QD.new_empty((len(queries_QD), k))
    positions_Qk = torch.empty((len(queries_QD), k), dtype=torch.int64, device=queries_QD.device)
    if k == 0:
        return scores_Qk, positions_Qk
    for start in range(0, len(queries_QD), chunk_rows):
        rows = slice(start, start + chunk_rows)
        scores_Qk[rows], positions_Qk[rows] = _nearest_of_chunk(queries_QD[rows], index_ND, k, chunk_rows)
    return scores_Qk, positions_Qk


def _nearest_of_chunk(queries_RD: Tensor, index_ND: Tensor, k: int, chunk_rows: int) -> tuple[Tensor, Tensor]:
    best_scores_Rk = queries_RD.new_empty((len(queries_RD), 0))
    best_positions_Rk = torch.empty((len(queries_RD), 0), dtype=torch.int64, device=queries_RD.device)
    for start in range(0, len(index_ND), chunk_rows):
        scores_RC = queries_RD @ index_ND[start : start + chunk_rows].T
        scores_Rk, positions_Rk = _largest(scores_RC, k)
        # The index is read upwards, so what is already there stands before its equals in a stable sort.
        scores = torch.cat([best_scores_Rk, scores_Rk], dim=1)
        positions = torch.cat([best_positions_Rk, positions_Rk + start], dim=1)
        order = torch.sort(scores, dim=1, descending=True, stable=True).indices[:, :k]
        best_scores_Rk, best_positions_Rk = scores.gather(1, order), positions.gather(1, order)
    return best_scores_Rk, best_positions_Rk


def _largest(scores_RC: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest scores of every row with their columns, equals in the order of their columns; all columns if C <= k.

    `topk` takes any of several equal scores. It is asked for one more than is needed: only a row whose k-th and next score are
    equal had a choice, and only such rows are looked through again.
    """
    columns = scores_RC.shape[1]
    k = min(k, columns)
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
    top_columns_Rk = top_columns_Rk.sort(dim=1).values
    scores_Rk, order_Rk = torch.sort(scores_RC.gather(1, top_columns_Rk), dim=1, descending=True, stable=True)
    return scores_Rk, top_columns_Rk.gather(1, order_Rk)
