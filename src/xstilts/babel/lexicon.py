"""Generate the words of every language: pseudo-words of syllables, some shared with the pivot, in the language's script."""

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
"""The grammatical features that have a prefix or suffix; no concept has the same name."""
_CONSONANTS, _VOWELS = "bdfghklmnprstvz", "aeiou"


@dataclass(frozen=True)
class Lexicon:
    """The words and affixes of a language."""

    words: dict[str, str]
    """Concept or name -> word; names begin with a capital where the script has them."""
    affixes: dict[str, str]
    """Feature in AFFIXES -> the letters of its prefix or suffix."""


def lexicons(config: WorldConfig, concepts: Sequence[str], names: Sequence[str]) -> dict[str, Lexicon]:
    """Return language -> lexicon. No word has two meanings, not even in different languages of the same script."""
    used: set[str] = set()
    by_language: dict[str, Lexicon] = {}
    pivot: dict[str, str] = {}
    for code, language in config.languages.items():
        rng = random.Random(f"{config.seed}-{code}-lexicon")
        letters = _Letters(rng)
        shared = _shared(rng, concepts, language.overlap) | _shared(rng, names, language.names) if pivot else set()
        new = {word: letters.new_word(used) for word in (*concepts, *names)}
        new |= {feature: letters.syllable(closed=True) for feature in AFFIXES}
        shared |= _shared(rng, AFFIXES, language.overlap) if pivot else set()
        latin = {word: pivot[word] if word in shared else new[word] for word in new}
        pivot = pivot or latin
        by_language[code] = Lexicon(
            {word: written(latin[word], language, capital=word in names) for word in (*concepts, *names)},
            {feature: written(latin[feature], language) for feature in AFFIXES},
        )
    return by_language


def written(latin: str, language: Language, capital: bool = False) -> str:
    """Transliterate Latin letters to the language's script."""
    text = latin.translate(str.maketrans(_LATIN, SCRIPTS[language.script]))
    return text.capitalize() if capital and language.script != "Georgian" else text


def _shared(rng: random.Random, words: Sequence[str], share: float) -> set[str]:
    return set(rng.sample(list(words), round(share * len(words))))


class _Letters:
    """The consonants and vowels of a language, from which its words are drawn."""

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
