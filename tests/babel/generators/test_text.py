"""Each language has stories of its own, as many as its share of text says."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from xstilts.babel.concepts import QUESTIONS
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.generators.text import examples
from xstilts.babel.world import World


def test_the_share_of_text_is_the_share_of_stories() -> None:
    languages = {"qaa": Language(), "qab": Language(text=0.15), "qac": Language(text=0.0001)}
    world = World(WorldConfig(stories=100, languages=languages))
    assert [len(list(examples(world, "train", code, 7))) for code in languages] == [100, 15, 1]
    assert [len(list(examples(world, "validation", code, 7))) for code in languages] == [7, 7, 7]


def test_languages_tell_other_stories() -> None:
    world = World(WorldConfig(stories=50, languages={"qaa": Language(), "qab": Language()}))
    own, other = ([example["text"] for example in examples(world, "train", code, 1)] for code in ("qaa", "qab"))
    assert not set(own) & set(other)


def test_every_function_word_of_the_tasks_is_in_the_text(world: World) -> None:
    world = World(replace(world.config, stories=300))
    for code in ("qaa", "qaf"):
        words = world.speakers[code].lexicon.words
        seen = {word for example in examples(world, "train", code, 1) for word in example["text"].split()}
        assert {words[word] for word in (*QUESTIONS.values(), "in", "so", "then", "because", "building")} <= seen
        assert any(words["animal"] in word for word in seen)


def test_questions_can_be_left_out(declared: Callable[[str], WorldConfig]) -> None:
    def asking(questions: float) -> int:
        made: Any = examples(
            World(WorldConfig(stories=200, questions=questions, languages={"qaa": Language()})), "train", "qaa", 1
        )
        return sum("?" in example["text"] for example in made)

    assert (asking(0), asking(1)) == (0, 200)
    assert 60 < asking(0.4) < 100
