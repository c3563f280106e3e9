"""Paths and patterns with a language in them: `{language}` (the code), `{iso3}` (LASER's three letters), `{name}` (lower case).

`{Name}` is the English name as it is written; `{first}` and `{second}` are the halves of a code that is a pair, such as `de-en`.
`|` parts alternatives, `&` the two files of a sentence pair.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from xstilts.tasks.languages import ISO3, LANGUAGES

PLACEHOLDERS = ("{language}", "{iso3}", "{name}", "{Name}", "{first}", "{second}")
OTHERS = "*"
"""In a map language -> path: every language that is not named."""


def used(template: str) -> list[str]:
    """The placeholders in a text."""
    return [placeholder for placeholder in PLACEHOLDERS if placeholder in template]


def fill(template: str, language: str) -> str | None:
    """The text for one language; None if the language has no such name."""
    name = LANGUAGES.get(language, "")
    first, _, second = language.partition("-")
    known = (language, ISO3.get(language), name.lower() or None, name or None, first, second or None)
    values = dict(zip(PLACEHOLDERS, known, strict=True))
    for placeholder in used(template):
        value = values[placeholder]
        if value is None:
            return None
        template = template.replace(placeholder, value)
    return template


def alternatives(paths: Mapping[str, Any], split: str, language: str) -> list[list[str]]:
    """The alternatives of `Source.files` or `Source.gold` for a split and a language: lists of one or two relative paths."""
    declared = paths.get(split, "")
    template = declared.get(language, declared.get(OTHERS, "")) if isinstance(declared, Mapping) else declared
    filled = [fill(alternative, language) for alternative in template.split("|")]
    return [[path.strip() for path in one.split("&")] for one in filled if one]


def matches(path: str, pattern: str) -> bool:
    """Return whether a path inside a repository fits a pattern, in which `*` stands for any text within one name."""
    names, wanted = path.split("/"), pattern.split("/")
    return len(names) == len(wanted) and all(map(fnmatchcase, names, wanted))
