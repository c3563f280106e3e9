"""The words of every language: pseudo-words made of syllables, some of them shared with the pivot, in the language's script."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from xstilts.babel.declaration import Language, WorldConfig

_LATIN = "abdefghiklmnoprstuvz"
SCRIPTS: dict[str, str] = {
    "Latin": _LATIN,
    "Cyrillic": "абдефгхиклмнопрстувз",
    "Georgian": "აბდეფგჰიკლმნოპრსტუვზ",
    "Armenian": "աբդեֆգհիկլմնոպրստուվզ".replace("ու", "ւ"),
}
"""Script -> its letters in the order of the Latin ones."""
AFFIXES = ("plural", "tense", "case", "negation")
"""The grammatical features that have a prefix or suffix; no concept has such a name."""
_CONSONANTS, _VOWELS = "bdfghklmnprstvz", "aeiou"


@dataclass(frozen=True)
class Lexicon:
    """One language's words."""

    words: dict[str, str]
    """Concept or name -> word; names begin with a capital where the script has them."""
    affixes: dict[str, str]
    """One of AFFIXES -> the letters of its prefix or suffix."""


def lexicons(config: WorldConfig, concepts: Sequence[str], names: Sequence[str]) -> dict[str, Lexicon]:
    """Language -> lexicon. No word means two things, in one language or in two of one script; the pivot's come first."""
    used: set[str] = set()
    found: dict[str, Lexicon] = {}
    pivot: dict[str, str] = {}
    for code, language in config.languages.items():
        rng = random.Random(f"{config.seed}-{code}-lexicon")
        letters = _Letters(rng)
        shared = _shared(rng, concepts, language.overlap) | _shared(rng, names, language.names) if pivot else set()
        own = {word: letters.new_word(used) for word in (*concepts, *names)}
        own |= {feature: letters.syllable(closed=True) for feature in AFFIXES}
        shared |= _shared(rng, AFFIXES, language.overlap) if pivot else set()
        latin = {word: pivot[word] if word in shared else own[word] for word in own}
        pivot = pivot or latin
        found[code] = Lexicon(
            {word: written(latin[word], language, capital=word in names) for word in (*concepts, *names)},
            {feature: written(latin[feature], language) for feature in AFFIXES},
        )
    return found


def written(latin: str, language: Language, capital: bool = False) -> str:
    """Latin letters in the language's script."""
    text = latin.translate(str.maketrans(_LATIN, SCRIPTS[language.script]))
    return text.capitalize() if capital and language.script != "Georgian" else text


def _shared(rng: random.Random, words: Sequence[str], share: float) -> set[str]:
    return set(rng.sample(list(words), round(share * len(words))))


class _Letters:
    """The sounds of one language."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.consonants = rng.sample(_CONSONANTS, 11)
        self.vowels = rng.sample(_VOWELS, 4)

    def syllable(self, closed: bool) -> str:
        onset, nucleus = self.rng.choice(self.consonants), self.rng.choice(self.vowels)
        return onset + nucleus + (self.rng.choice(self.consonants) if closed else "")

    def new_word(self, used: set[str]) -> str:
        while True:
            word = self.syllable(closed=False) + self.syllable(closed=True)
            if word not in used:
                used.add(word)
                return word
