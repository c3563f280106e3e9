"""How far apart two languages of a synthetic world are: in structure, in words, in script. Pure functions of their features."""

from xstilts.babel.declaration import Language, WorldConfig

FEATURES = ("order", "adjective", "adposition", "case", "determiner", "plural", "tense", "negation", "question", "time")
"""The typological features of `Language`, each with the same weight."""


def structural(a: Language, b: Language) -> float:
    """The share of the ten typological features in which two languages differ, 0 to 1."""
    return sum(getattr(a, name) != getattr(b, name) for name in FEATURES) / len(FEATURES)


def lexical(a: Language, b: Language) -> float:
    """The expected share of concepts for which two different languages have other words, whatever their scripts: 0 to 1.

    Each language draws the words that it shares with the pivot by itself; for the pivot and another it is 1 - `overlap`.
    """
    return 1 - a.overlap * b.overlap


def script(a: Language, b: Language) -> float:
    """0 for the same script, 1 for two."""
    return float(a.script != b.script)


def distances(config: WorldConfig) -> dict[str, dict[str, float]]:
    """Language -> `structural`, `lexical` and `script` distance to the pivot, the world's first language, whose own are all 0."""
    languages = config.languages
    pivot = next(iter(languages.values()), Language())
    measures = {"structural": structural, "lexical": lexical, "script": script}
    return {code: {name: of(language, pivot) for name, of in measures.items()} for code, language in languages.items()}
