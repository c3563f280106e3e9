"""Distances between languages of a synthetic world: structural, lexical and by script. Pure functions of their features."""

from xstilts.babel.declaration import Language, WorldConfig

FEATURES = ("order", "adjective", "adposition", "case", "determiner", "plural", "tense", "negation", "question", "time")
"""The typological features of `Language`, each with the same weight."""


def structural(a: Language, b: Language) -> float:
    """Return the share of the ten typological features in which two languages differ, 0 to 1."""
    return sum(getattr(a, name) != getattr(b, name) for name in FEATURES) / len(FEATURES)


def lexical(a: Language, b: Language) -> float:
    """Return the expected share of concepts for which two languages have different words, regardless of script, 0 to 1.

    Each language draws the words that it shares with the pivot independently; its distance to the pivot is 1 - `overlap`.
    """
    return 1 - a.overlap * b.overlap


def script(a: Language, b: Language) -> float:
    """Return 0 for the same script, 1 for different scripts."""
    return float(a.script != b.script)


MEASURES = {"structural": structural, "lexical": lexical, "script": script}
"""Kind of distance -> function of two languages."""


def distances(config: WorldConfig) -> dict[str, dict[str, float]]:
    """Return language -> its `structural`, `lexical` and `script` distance to the pivot, the world's first language."""
    languages = config.languages
    pivot = next(iter(languages.values()), Language())
    return {code: {name: measure(language, pivot) for name, measure in MEASURES.items()} for code, language in languages.items()}
