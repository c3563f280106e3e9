"""Pretraining text: a story per example. The split `train` has `WorldConfig.stories` times the language's amount of text."""

from collections.abc import Iterator
from typing import Any

from xstilts.babel.grammar import text_of
from xstilts.babel.stories import story
from xstilts.babel.world import World


def examples(world: World, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield the stories of a language, which differ between languages; `count` is used for `validation` only."""
    speaker = world.speakers[language]
    rng = world.rng("text", split, language)
    if split == "train":
        count = max(1, round(world.config.stories * world.config.languages[language].text))
    for number in range(count):
        clauses = [clause for sentence in story(world, rng, split) for clause in sentence.say(speaker)]
        yield {"id": f"{split}-{number}", "text": text_of(*clauses)}
