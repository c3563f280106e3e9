"""Words and tags, as many of each; the tags of a language follow its grammar."""

from collections.abc import Callable
from typing import Any

from xstilts.babel.concepts import NAMES
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.generators.tags import examples, labels
from xstilts.babel.world import World

Make = Callable[..., list[dict[str, Any]]]


def test_entities_are_the_names(make: Make, world: World) -> None:
    names = {world.speakers["qad"].lexicon.words[name] for name in NAMES}
    for example in make("tags", language="qad", kind="entity"):
        assert [tag != "O" for tag in example["tags"]] == [word in names for word in example["words"]]


def test_kinds_are_kinds_of_tags(make: Make) -> None:
    seen = {
        kind: {tag for one in make("tags", count=300, kind=kind) for tag in one["tags"]}
        for kind in ("part_of_speech", "entity", "category")
    }
    assert seen["entity"] == {"O", "B-PER", "B-ORG", "B-LOC"}
    assert {"NOUN", "VERB", "PROPN", "DET", "ADP", "PUNCT", "NUM", "ADJ", "ADV", "PART", "PRON"} <= seen["part_of_speech"]
    assert {"(S\\NP)/NP", "NP/N", "N"} <= seen["category"]


def test_categories_follow_the_word_order() -> None:
    orders = {"SVO": "(S\\NP)/NP", "SOV": "(S\\NP)\\NP", "VSO": "(S/NP)/NP"}
    for order, category in orders.items():
        config = WorldConfig(languages={"qaa": Language(order=order)})
        found = labels(config)
        assert category in found and not set(found) & (set(orders.values()) - {category})
        assert {tag for one in examples(World(config), "test", "qaa", 200, "category") for tag in one["tags"]} <= set(found)
