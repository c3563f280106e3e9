"""Answers stand where they are said to stand, in every language; the context alone does not tell which of them is asked for."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.babel.check import CHOICES
from xstilts.babel.concepts import QUESTIONS
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.generators.question_answering import distinct_events, examples
from xstilts.babel.grammar import ROLES
from xstilts.babel.world import World

Make = Callable[..., list[dict[str, Any]]]
VALUES: dict[str, Any] = {name: st.sampled_from(values) for name, values in CHOICES.items()} | {"determiner": st.booleans()}


def role_of(question: str, world: World, language: str) -> str:
    words = world.speakers[language].lexicon.words
    [role] = [role for role, word in QUESTIONS.items() if words[word] in question.split()]
    return role


@settings(max_examples=40)
@given(st.builds(Language, **VALUES, overlap=st.floats(0, 1)), st.sampled_from(("train", "test")), st.integers(1, 3))
def test_the_answer_stands_at_its_place_in_every_language(language: Language, split: str, difficulty: int) -> None:
    world = World(WorldConfig(languages={"qaa": Language(), "qab": language}))
    speaker = world.speakers["qab"]
    for example in examples(world, split, "qab", 6, difficulty):
        [answer] = example["answers"]
        start, end = answer["start"], answer["start"] + len(answer["text"])
        assert f" {example['context']} "[start : end + 2] == f" {answer['text']} "
        assert example["context"].count(" .") == difficulty + 1
        role = role_of(example["question"], world, "qab")
        # The question and its answer, put together, are one of the statements: what is asked for is what is answered.
        given = set(example["question"].split()) - {speaker.lexicon.words[QUESTIONS[role]], "?"}
        clause = example["context"][:start].count(" .")
        statement = set(example["context"].split(" .")[clause].split())
        left = statement - given
        assert left <= {*answer["text"].split(), speaker.lexicon.words["in"], speaker.lexicon.words["the"]}


@pytest.mark.slow
def test_every_span_is_asked_for_as_often(many: Make, tells: Callable[..., bool], world: World) -> None:
    made = many("question_answering")
    spans = [
        (example["context"][: example["answers"][0]["start"]].count(" ."), role_of(example["question"], world, "qaa"))
        for example in made
    ]
    counts = Counter(spans)
    assert set(counts) == {(event, role) for event in (0, 1) for role in QUESTIONS}
    assert max(counts.values()) / len(spans) < 1 / 8 + 0.02
    contexts = [example["context"] for example in made]
    assert not tells(contexts, spans)
    assert not tells(contexts, [event for event, _ in spans])


@pytest.mark.slow
def test_unanswerable_questions_look_like_the_others(make: Make, many: Make, tells: Callable[..., bool]) -> None:
    made = many("question_answering", unanswerable=0.5)
    answerable = [bool(example["answers"]) for example in made]
    assert 0.45 < sum(answerable) / len(made) < 0.55
    assert not tells([example["question"] for example in made], answerable)
    assert not tells([example["context"] for example in made], answerable)
    assert all(example["answers"] for example in make("question_answering"))


def test_no_two_events_of_a_context_have_a_constituent_in_common(world: World) -> None:
    for number in range(30):
        events = distinct_events(world, world.rng(number), "train", 3)
        assert all(len({getattr(event, role) for event in events}) == 3 for role in ROLES)


@pytest.mark.parametrize("given", [1, 2, 4])
def test_a_question_tells_as_much_as_it_is_to(make: Make, world: World, given: int) -> None:
    lengths = [len(example["question"].split()) for example in make("question_answering", given=given)]
    assert 2 + given <= min(lengths) and max(lengths) <= 2 + 1 + 3 * 4
    words = dict(world.speakers["qaa"].lexicon.words)
    agents = [
        any(words[agent] in example["question"].split() for agent in world.agents)
        for example in make("question_answering", given=given, count=200)
    ]
    assert abs(sum(agents) / 200 - 0.75 * given / 4) < 0.12
