"""Retrieval: what is relevant is there, in every language, and nothing else translates a query."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from xstilts.babel.generators import answers, matching, mining
from xstilts.babel.world import World

Make = Callable[..., list[dict[str, Any]]]


def sides(examples: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    queries = [example for example in examples if example["side"] == "query"]
    candidates = [example for example in examples if example["side"] == "candidate"]
    assert len(queries) + len(candidates) == len(examples)
    return queries, candidates


@pytest.mark.parametrize("generator", [matching, mining])
def test_the_pivot_is_the_other_side(world: World, generator: Any) -> None:
    assert generator.languages(world.config) == list(world.config.languages)[1:]


def test_matching_is_one_to_one(make: Make) -> None:
    queries, candidates = sides(make("matching", language="qag", count=300))
    assert len(queries) == len(candidates) == 300
    assert sorted(one for query in queries for one in query["relevant"]) == sorted(one["id"] for one in candidates)
    assert len({one["text"] for one in candidates}) == len({one["text"] for one in queries}) == 300


@pytest.mark.parametrize("count", [40, 41])
def test_half_of_what_is_mined_has_no_translation(make: Make, count: int) -> None:
    queries, candidates = sides(make("mining", language="qag", count=count))
    assert (len(queries), len(candidates)) == (count, count)
    relevant = [one for query in queries for one in query["relevant"]]
    assert len(relevant) == len(set(relevant)) == count - count // 2
    assert set(relevant) < {one["id"] for one in candidates}
    assert [len(query["relevant"]) for query in queries].count(0) == count // 2
    order = [query["relevant"] != [] for query in queries]
    assert order not in (sorted(order), sorted(order, reverse=True)), "the hidden pairs stand apart from the others"


def test_mined_texts_differ(make: Make) -> None:
    for side in sides(make("mining", language="qah", count=300)):
        assert len({one["text"] for one in side}) == 300


def test_an_answer_is_relevant_in_every_language(world: World, make: Make) -> None:
    made = {code: sides(make("answers", language=code, count=20)) for code in world.config.languages}
    candidates = {one["id"]: one for _, some in made.values() for one in some}
    assert len(candidates) == len(made) * 20 * answers.SENTENCES
    for code, (queries, _) in made.items():
        assert len(queries) == 20
        for query in queries:
            assert len(query["relevant"]) == len(made) and query["relevant"][0].startswith(f"{code}/")
            assert {candidates[one]["id"].split("/")[0] for one in query["relevant"]} == set(made)
            assert len({one.split("/")[1] for one in query["relevant"]}) == 1
            own = candidates[query["relevant"][0]]
            assert own["text"] in own["context"] and own["context"].count(" .") == answers.SENTENCES


def test_the_relevant_sentence_tells_what_is_asked(make: Make) -> None:
    queries, candidates = sides(make("answers", count=100))
    texts = {one["id"]: set(one["text"].split()) for one in candidates}
    for query in queries:
        relevant = query["relevant"][0]
        own, number = relevant.rsplit("-", 1)
        words = set(query["text"].split())
        assert len(words & texts[relevant]) > len(words & texts[f"{own}-{1 - int(number)}"])


def test_an_entailed_sentence_says_nothing_new(make: Make) -> None:
    queries, candidates = sides(make("entailment", count=100))
    for query, candidate in zip(queries, candidates, strict=True):
        assert query["relevant"] == [candidate["id"]]
        whole, part = Counter(query["text"].split()), Counter(candidate["text"].split())
        assert part < whole and len(candidate["text"].split()) > len(query["text"].split()) / 2
