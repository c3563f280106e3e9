"""The labels are balanced, told by both texts together, and by neither alone."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from xstilts.babel.concepts import HYPERNYM
from xstilts.babel.generators.inference import LABELS
from xstilts.babel.world import World

Make = Callable[..., list[dict[str, Any]]]


def test_labels_are_balanced(make: Make) -> None:
    assert Counter(example["label"] for example in make("inference", count=300)) == dict.fromkeys(LABELS, 100)


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_neither_text_tells_the_label(many: Make, tells: Callable[..., bool], difficulty: int) -> None:
    examples = many("inference", difficulty=difficulty)
    labels = [example["label"] for example in examples]
    assert not tells([example["text_b"] for example in examples], labels)
    assert not tells([example["text_a"] for example in examples], labels)


@pytest.mark.parametrize(("difficulty", "clauses"), [(1, 1), (2, 1), (3, 2)])
def test_the_third_difficulty_has_a_second_event(make: Make, difficulty: int, clauses: int) -> None:
    for example in make("inference", difficulty=difficulty):
        assert example["text_a"].count(" .") == clauses
        assert example["text_b"].count(" .") == 1


def test_general_terms_come_with_the_third_difficulty(make: Make, world: World) -> None:
    hypernyms = {world.speakers["qaa"].lexicon.words[hypernym] for hypernym in HYPERNYM.values()}
    no = world.speakers["qaa"].lexicon.words["not"]

    def general(difficulty: int) -> list[set[str]]:
        hypotheses = [set(example["text_b"].split()) for example in make("inference", count=300, difficulty=difficulty)]
        return [words for words in hypotheses if words & hypernyms]

    assert not general(1) and not general(2)
    assert 50 < len(general(3)) < 200
    assert not [words for words in general(3) if no in words]


def test_what_is_entailed_is_told_and_what_is_neutral_is_not(make: Make) -> None:
    """As words; a contradiction may be a negation more, or another word."""
    for example in make("inference", count=300, difficulty=1):
        told = set(example["text_b"].split()) <= set(example["text_a"].split())
        assert told == {"entailment": True, "neutral": False}.get(example["label"], told)
