"""Pairs of translations: the same sentences in two languages, the pivot on one side of so many of them."""

from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.generators.translation import examples, languages
from xstilts.babel.world import World

SCRIPTS = {"qaa": "Latin", "qab": "Cyrillic", "qac": "Georgian", "qad": "Armenian"}


def made(pivot_pairs: float = 0.5, **text: float) -> World:
    declared = {code: Language(script=script, text=text.get(code, 1.0)) for code, script in SCRIPTS.items()}
    return World(WorldConfig(pairs=200, pivot_pairs=pivot_pairs, languages=declared))


def script(text: str) -> str:
    """The script is the language here."""
    first = next(letter for letter in text.lower() if letter.isalpha())
    return next(code for code, start in zip(SCRIPTS, "aаაա", strict=True) if 0 <= ord(first) - ord(start) < 50)


def test_the_share_of_pairs_with_the_pivot() -> None:
    for share in (0, 0.5, 1):
        pairs = [{script(pair["text"]), script(pair["translation"])} for pair in examples(made(share), "train", "qab", 1)]
        assert all("qab" in pair and len(pair) == 2 for pair in pairs)
        assert abs(sum("qaa" in pair for pair in pairs) / len(pairs) - share) < 0.1


def test_pairs_are_as_many_as_the_language_has_text() -> None:
    world = made(qab=0.15)
    assert languages(world.config) == ["qab", "qac", "qad"]
    assert [len(list(examples(world, "train", code, 7))) for code in ("qab", "qac")] == [30, 200]
    assert len(list(examples(world, "validation", "qab", 7))) == 7


def test_a_rare_language_is_a_rare_partner() -> None:
    pairs = list(examples(made(pivot_pairs=0, qad=0.1), "train", "qab", 1))
    assert sum("qad" in (script(pair["text"]), script(pair["translation"])) for pair in pairs) < 40


def test_both_sides_say_the_same() -> None:
    """Languages that differ in nothing but their text."""
    world = World(WorldConfig(pairs=50, languages={"qaa": Language(), "qab": Language(), "qac": Language()}))
    assert all(pair["text"] == pair["translation"] for pair in examples(world, "train", "qab", 1))


def test_two_languages_are_enough() -> None:
    world = World(WorldConfig(pairs=20, pivot_pairs=0, languages={"qaa": Language(), "qab": Language()}))
    assert len(list(examples(world, "train", "qab", 1))) == 20
