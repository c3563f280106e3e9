from xstilts.metrics.retrieval_accuracy import score


def test_only_the_first_candidate_counts() -> None:
    gold = [["a"], ["b", "c"], ["d"], ["e"]]
    assert score(gold, [["a", "x"], ["c"], ["x", "d"], []], "sw") == {"accuracy": 50.0}
