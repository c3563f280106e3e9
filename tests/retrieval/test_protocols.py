import pytest
import torch
from torch import Tensor

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.retrieval.protocols import Found, Pool, answer_retrieval, bitext_mining, sentence_matching


def pool(prefix: str, vectors_ND: Tensor, texts: list[str] | None = None) -> Pool:
    ids = [f"{prefix}{i}" for i in range(len(vectors_ND))]
    return Pool(ids, texts or [f"text of {name}" for name in ids], vectors_ND)


def random_vectors(rows: int, seed: int = 0) -> Tensor:
    return torch.randn(rows, 24, generator=torch.Generator().manual_seed(seed))


def test_sentence_matching_ranks_by_cosine_and_not_by_length() -> None:
    queries = pool("en", torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    candidates = pool("de", torch.tensor([[0.0, 0.1], [50.0, 50.0], [0.2, 0.0]]))
    found = sentence_matching(queries, candidates)
    assert found.candidates == [["de2", "de1", "de0"], ["de0", "de1", "de2"]]
    assert found.scores == [pytest.approx([1, 0.5**0.5, 0]), pytest.approx([1, 0.5**0.5, 0])]


def test_sentence_matching_of_a_noisy_copy_is_perfect_and_holds_twenty() -> None:
    vectors = random_vectors(50)
    ranked = sentence_matching(pool("en", vectors), pool("sw", 3 * vectors + 0.1 * random_vectors(50, 1))).candidates
    assert all(len(row) == 20 for row in ranked)
    assert metrics.score("retrieval_accuracy", [[f"sw{i}"] for i in range(50)], ranked, "sw") == {"accuracy": 100.0}


def test_ties_go_to_the_earlier_candidate_in_matching_and_to_the_later_one_in_answer_retrieval() -> None:
    queries = pool("q", torch.tensor([[1.0, 0.0]]))
    candidates = pool("c", torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]))
    assert sentence_matching(queries, candidates).candidates == [["c1", "c2", "c0", "c3"]]
    assert answer_retrieval(queries, candidates).candidates == [["c2", "c1", "c0", "c3"]]


def test_answer_retrieval_pools_languages() -> None:
    vectors = random_vectors(8)
    candidates = Pool(
        [f"{language}{i}" for language in ("en", "ar", "zh") for i in range(8)],
        [f"{language} {i}" for language in ("en", "ar", "zh") for i in range(8)],
        torch.cat([vectors + 0.05 * random_vectors(8, seed) for seed in (1, 2, 3)]),
    )
    ranked = answer_retrieval(pool("q", 2 * vectors), candidates).candidates
    gold = [[f"en{i}", f"ar{i}", f"zh{i}"] for i in range(8)]
    assert all(set(row[:3]) == set(relevant) for row, relevant in zip(ranked, gold, strict=True))
    assert metrics.score("map_at_20", gold, ranked, "en") == {"map_at_20": 100.0}


def test_bitext_mining_tunes_on_one_split_and_applies_to_the_other() -> None:
    def split(seed: int) -> tuple[Pool, Pool, list[list[str]]]:
        vectors = random_vectors(80, seed)
        queries = pool("de", 2 * vectors)
        candidates = pool("en", torch.cat([vectors[:30] + 0.2 * random_vectors(30, seed + 1), random_vectors(60, seed + 2)]))
        return queries, candidates, [[f"en{i}"] if i < 30 else [] for i in range(80)]

    queries, candidates, gold = split(10)
    tuned = bitext_mining(queries, candidates, gold=gold)
    assert metrics.score("bitext_f1", gold, tuned.candidates, "de")["f1"] > 95
    assert all(score >= tuned.threshold > 1 for scores in tuned.scores for score in scores)
    assert [len(row) for row in tuned.scores] == [len(row) for row in tuned.candidates]
    again = bitext_mining(queries, candidates, threshold=tuned.threshold)
    assert again == tuned

    queries, candidates, gold = split(20)
    applied = bitext_mining(queries, candidates, threshold=tuned.threshold)
    assert applied.threshold == tuned.threshold
    assert metrics.score("bitext_f1", gold, applied.candidates, "de")["f1"] > 90


def test_bitext_mining_of_repeated_texts() -> None:
    vectors = random_vectors(6)
    queries = pool("de", torch.cat([vectors, vectors[:1]]), [*(f"t{i}" for i in range(6)), "t0"])
    mined = bitext_mining(queries, pool("en", vectors), threshold=0.0)
    assert mined.candidates == [["en0"], ["en1"], ["en2"], ["en3"], ["en4"], ["en5"], ["en0"]]
    assert mined.scores[0] == mined.scores[6]
    mined = bitext_mining(pool("en", vectors), queries, threshold=0.0)
    assert mined.candidates[0] == ["de0", "de6"]


def test_bitext_mining_needs_gold_or_a_threshold() -> None:
    queries = pool("de", random_vectors(2))
    with pytest.raises(ValueError, match="either gold.* or a threshold"):
        bitext_mining(queries, queries)
    with pytest.raises(ValueError, match="either gold.* or a threshold"):
        bitext_mining(queries, queries, gold=[[], []], threshold=1.0)


def test_empty_candidates() -> None:
    queries, nothing = pool("de", random_vectors(2)), pool("en", torch.zeros(0, 24))
    assert sentence_matching(queries, nothing) == answer_retrieval(queries, nothing) == Found([[], []], [[], []])
    assert bitext_mining(queries, nothing, threshold=1.0).candidates == [[], []]


def test_pools_are_checked() -> None:
    with pytest.raises(ValueError, match="2 ids with 1 text and 2 vectors"):
        Pool(["a", "b"], ["x"], torch.zeros(2, 3))
    with pytest.raises(ValueError, match="1 repeated id"):
        Pool(["a", "a"], ["x", "y"], torch.zeros(2, 3))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_embeddings_that_are_not_finite_are_told(value: str) -> None:
    vectors = random_vectors(4)
    vectors[2, 5] = float(value)
    with pytest.raises(UserError, match="1 of 4 embeddings not finite .*'sw2'.*diverged"):
        sentence_matching(pool("en", random_vectors(4)), pool("sw", vectors))


def test_gradients_do_not_travel_through_retrieval() -> None:
    vectors = random_vectors(3).requires_grad_()
    found = sentence_matching(pool("a", vectors), pool("b", vectors))
    assert [row[0] for row in found.candidates] == ["b0", "b1", "b2"]
