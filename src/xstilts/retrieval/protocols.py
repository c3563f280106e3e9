"""The protocols of retrieval tasks: rank the ids of candidates for each query, from two pools of embedded texts.

Legend: N texts of a pool, D dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.retrieval.margin import apply_threshold, mine_texts, tune_threshold
from xstilts.retrieval.neighbours import CHUNK_ROWS, Rows, nearest

RANKED = 20
"""Number of candidates in a ranking: mAP@20 and MRR@20 look at no more."""


@dataclass(frozen=True)
class Pool:
    """The queries or the candidates of one evaluation, in one order: ids are unique, texts may repeat.

    Raises `UserError` where a vector is not finite.
    """

    ids: list[str]
    texts: Sequence[str]
    vectors_ND: Rows
    """float32, any length; the protocols normalise."""

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.texts) == len(self.vectors_ND):
            got = f"{counted(len(self.texts), 'text')} and {counted(len(self.vectors_ND), 'vector')}"
            raise ValueError(f"a pool of {counted(len(self.ids), 'id')} with {got}")
        if len(set(self.ids)) < len(self.ids):
            raise ValueError(f"{counted(len(self.ids) - len(set(self.ids)), 'repeated id')} in one pool")
        bad: list[int] = []
        for first in range(0, len(self.ids), CHUNK_ROWS):
            finite_C = torch.isfinite(self.vectors_ND[first : first + CHUNK_ROWS].detach()).all(dim=1)
            bad += (first + torch.nonzero(~finite_C).squeeze(1)).tolist()
        if bad:
            raise UserError(
                f"{len(bad)} of {counted(len(self.ids), 'embedding')} not finite (the first is that of '{self.ids[bad[0]]}'): "
                "the encoder has diverged; train it with a lower learning rate or more warm-up"
            )

    def unit_ND(self) -> Tensor:
        """Return a copy scaled to length 1 (a zero vector stays zero), float32, detached."""
        return normalize(self.vectors_ND[:].detach().float(), dim=1)


@dataclass(frozen=True)
class Found:
    """The result of a search, parallel to the queries."""

    candidates: list[list[str]]
    """Ids, the best first. Of bitext mining a query's translations: none or one, or more where one text has several ids."""
    scores: list[list[float]]
    """Cosines of those candidates; of bitext mining margins."""
    threshold: float | None = None
    """The lowest margin of a pair that counts in bitext mining; use it for the test split."""


def sentence_matching(queries: Pool, candidates: Pool, count: int = RANKED) -> Found:
    """Return the `count` candidates with the largest cosine for every query, best first (Tatoeba: XTREME's `similarity_search`).

    Officially the English sentences are the queries and the other language's the candidates, and only the first counts. Equal
    cosines: the earlier candidate first.
    """
    return _found(*nearest(queries.vectors_ND[:], candidates.vectors_ND, count, cosine=True), candidates)


def answer_retrieval(queries: Pool, candidates: Pool, count: int = RANKED) -> Found:
    """Return the `count` candidates with the largest dot product of normalised vectors for every question, best first (LAReQA).

    `candidates` holds those of all languages. Equal scores: the later candidate first, as in a stable reading of the reversed
    `argsort` of google-research/xtreme third_party/utils_lareqa.py. Numpy's default sort is not stable, so the order of ties is
    not fixed there; they come from repeated sentences of one passage, which are all relevant or none.
    """
    return _found(*nearest(queries.vectors_ND[:], candidates.vectors_ND, count, cosine=True, later_first=True), candidates)


def bitext_mining(
    queries: Pool, candidates: Pool, *, gold: Sequence[Sequence[str]] | None = None, threshold: float | None = None
) -> Found:
    """Return the translations of the queries among the candidates, if there are any (BUCC; see `margin.mine` for the score).

    Pass `gold`, the relevant candidate ids of every query, to tune the threshold on it (XTREME: on the validation split), or pass
    a tuned `threshold`. Repeated texts: see `margin.same_texts`.
    """
    if (gold is None) == (threshold is None):
        raise ValueError("bitext_mining needs either gold, to tune the threshold on it, or a threshold")
    mined = mine_texts(queries.texts[:], queries.unit_ND(), candidates.texts[:], candidates.unit_ND())
    scores = {(queries.ids[source], candidates.ids[target]): score for (source, target), score in mined.items()}
    if gold is not None:
        pairs = [(query, candidate) for query, relevant in zip(queries.ids, gold, strict=True) for candidate in relevant]
        threshold, _ = tune_threshold(scores, pairs)
    assert threshold is not None
    found: dict[str, list[str]] = {query: [] for query in queries.ids}
    for query, candidate in apply_threshold(scores, threshold):
        found[query].append(candidate)
    margins = [[scores[query, candidate] for candidate in found[query]] for query in queries.ids]
    return Found([found[query] for query in queries.ids], margins, threshold)


def _found(scores_Qk: Tensor, positions_Qk: Tensor, candidates: Pool) -> Found:
    ids = [[candidates.ids[position] for position in row] for row in positions_Qk.tolist()]
    return Found(ids, scores_Qk.tolist())
