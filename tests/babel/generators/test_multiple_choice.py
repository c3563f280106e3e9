"""The correct choice is the usual consequence in this world, and the choices alone do not reveal it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from xstilts.babel.concepts import NOUN_CLASS, VERB_GROUP
from xstilts.babel.world import World

Make = Callable[..., list[dict[str, Any]]]
KINDS = [("ending", 4), ("reason", 4), ("cause_effect", 3), ("concept", 5)]


@pytest.mark.parametrize(("kind", "choices"), KINDS)
def test_every_place_is_as_often_right(make: Make, kind: str, choices: int) -> None:
    examples = make("multiple_choice", count=60, kind=kind, choices=choices)
    assert Counter(example["label"] for example in examples) == dict.fromkeys(range(choices), 60 // choices)
    assert all(len(set(example["choices"])) == choices for example in examples)


@pytest.mark.parametrize(("kind", "choices"), KINDS)
def test_the_choices_alone_do_not_tell(many: Make, choices_tell: Callable[..., bool], kind: str, choices: int) -> None:
    assert not choices_tell(many("multiple_choice", kind=kind, choices=choices))


@pytest.mark.parametrize(("kind", "choices"), KINDS[:-1])
def test_what_follows_follows(world: World, make: Make, kind: str, choices: int) -> None:
    """The verbs of the pivot stand with its suffix of the past."""
    lexicon = world.speakers["qaa"].lexicon
    verb_of = {lexicon.words[verb] + lexicon.affixes["tense"]: verb for verb in VERB_GROUP}
    links = set()
    for example in make("multiple_choice", kind=kind, choices=choices):
        told = [verb_of[word] for word in example["prompt"].split() if word in verb_of]
        [right] = [verb_of[word] for word in example["choices"][example["label"]].split() if word in verb_of]
        link = example["choices"][example["label"]].split()[0]
        links.add(link)
        assert {choice.split()[0] for choice in example["choices"]} == {link}
        assert right == (world.cause if link == lexicon.words["because"] else world.consequence)[told[-1]]
        assert len(told) == 1
    wanted = {"reason": {"because"}, "cause_effect": {"because", "then"}}.get(kind, {"then"})
    assert links == {lexicon.words[link] for link in wanted}


def test_a_concept_is_of_the_kind_told(world: World, make: Make) -> None:
    words = world.speakers["qaa"].lexicon.words
    kind_of = {words[noun]: words[hypernym] for noun, hypernym in NOUN_CLASS.items()}
    for example in make("multiple_choice", kind="concept", choices=5):
        fitting = [kind_of[choice] in example["prompt"].split() for choice in example["choices"]]
        assert fitting.index(True) == example["label"]
        assert sum(fitting) == 1
