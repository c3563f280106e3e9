"""Fill placeholders for a language into paths and patterns.

`{language}` is the code, `{iso3}` LASER's three letters, `{Name}` the English name, `{name}` the same in lower case; `{first}`
and `{second}` are the halves of a pair such as `de-en`. `|` separates alternatives, `&` the two files of a sentence pair.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from xstilts.tasks.languages import ISO3, LANGUAGES

PLACEHOLDERS = ("{language}", "{iso3}", "{name}", "{Name}", "{first}", "{second}")
OTHERS = "*"
"""Key of a map language -> path that stands for all languages that are not listed."""


def used(template: str) -> list[str]:
    """Return the placeholders in a text."""
    return [placeholder for placeholder in PLACEHOLDERS if placeholder in template]


def fill(template: str, language: str) -> str | None:
    """Return the text with its placeholders filled in for a language; None if the language lacks one of these names."""
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
    """Return the alternatives of `Source.files` or `Source.gold` for a split and language: lists of one or two relative paths."""
    declared = paths.get(split, "")
    template = declared.get(language, declared.get(OTHERS, "")) if isinstance(declared, Mapping) else declared
    filled = [fill(alternative, language) for alternative in template.split("|")]
    return [[path.strip() for path in alternative.split("&")] for alternative in filled if alternative]


def matches(path: str, pattern: str) -> bool:
    """Return whether a path inside a repository matches a pattern; `*` matches any text within one folder or file name."""
    names, wanted = path.split("/"), pattern.split("/")
    return len(names) == len(wanted) and all(map(fnmatchcase, names, wanted))
