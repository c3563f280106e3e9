"""Paths and patterns with a language in them: `{language}` (the code), `{iso3}` (LASER's three letters), `{name}` (lower case).

`{Name}` is the English name as it is written; `{first}` and `{second}` are the halves of a code that is a pair, such as `de-en`.
`|` parts alternatives, `&` the two files of a sentence pair.
"""

from fnmatch import fnmatchcase

from xstilts.tasks.declaration import Source, Task
from xstilts.tasks.languages import ISO3, LANGUAGES

PLACEHOLDERS = ("{language}", "{iso3}", "{name}", "{Name}", "{first}", "{second}")


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


def alternatives(task: Task, source: Source, template: str, language: str) -> list[list[str]]:
    """The template's alternatives for a language, each a list of one or two relative paths.

    A path without a placeholder is data in the first of the task's languages, or in all where `options.keep` picks the rows.
    """
    by_row = any(used(pattern) for pattern in source.options.get("keep", {}).values())
    result = []
    for alternative in template.split("|"):
        filled = fill(alternative, language)
        if filled is None or (not used(alternative) and language != task.languages[0] and not by_row):
            continue
        result.append([path.strip() for path in filled.split("&")])
    return result


def matches(path: str, pattern: str) -> bool:
    """Whether a path inside a repository fits a pattern, in which `*` stands for any text within one name."""
    names, wanted = path.split("/"), pattern.split("/")
    return len(names) == len(wanted) and all(map(fnmatchcase, names, wanted))
