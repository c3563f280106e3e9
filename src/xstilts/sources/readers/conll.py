"""CoNLL columns: one word per line with its tag, a blank line between sentences; or words alone if a split has no tags.

Columns are separated by TABs or by blanks, as in most lines, and their number is that of most lines. Two columns are `words` and
`tags`. If there are more, the source's `columns` selects the two, by number or by a name from `names`; if they are selected by
number and separated by TABs, lines may differ after the last selected column. Lines that begin with `-DOCSTART-` end a sentence
and are skipped. Comments are skipped too: before the first word of a sentence, lines of the form `# key = value`, and lines that
begin with `# ` and have another number of columns than the words.

A word may be any text, including quotes and, in TAB-separated files, the empty text. With `prefix`, words are cut at the first
colon, as in the raw WikiANN files (google-research/xtreme utils_preprocess.py, panx_preprocess).
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.sources.options import Option, shown, tab
from xstilts.sources.raw import RawExample, excerpt, lines
from xstilts.tasks.declaration import Source

FORMATS = ("tagging",)
NUMBERED = True

OPTIONS = {
    "delimiter": Option(
        "a text", 'separator of the columns; `" "` is any run of blanks and TABs', 'TAB or `" "`, as in most lines'
    ),
    "names": Option("a list of names", "names of the columns, in order", "`words`, `tags`; of more: their numbers"),
    "comment": Option("a text", "lines that begin with it are skipped everywhere", "comments before a sentence are skipped"),
    "prefix": Option("true or false", "words are written `xx:word`, as in the raw WikiANN files", "false"),
}
_BLANKS = re.compile(r"[ \t]+")
_KEY_AND_VALUE = re.compile(r"# *[\w.:-]+ += ")
_DOCUMENT = "-DOCSTART-"


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample | UserError]:
    """Yield sentences: for each column a list of cells.

    A UserError stands for a line with another number of columns than most; its sentence is left out. Raises UserError if the
    columns cannot be those of words and tags.
    """
    path, options = files["data"], source.options
    comment = options.get("comment")
    numbered = [(number, line) for number, line in lines(path) if not (comment and line.startswith(comment))]
    filled = [(number, line) for number, line in numbered if line.strip() and not _is_document(line)]
    certain = [(number, line) for number, line in filled if not line.startswith("#")] or filled  # no comments
    if not certain:
        return
    delimiter = tab(options["delimiter"]) if "delimiter" in options else _delimiter([line for _, line in certain])
    widths = [len(_cells(line, delimiter)) for _, line in certain]
    width = Counter(widths).most_common(1)[0][0]
    last = _last_numbered(source) if delimiter == "\t" else 0
    first = certain[widths.index(width)][0]
    names = _names(f"{path}:{first}", min(width, last or width), delimiter, source, split)
    place = _place(source.columns.get("words", "words"), names) or 0
    all_marked, broken = True, False
    sentence: list[list[str]] = []
    word_lines: list[int] = []
    for number, line in [*numbered, (0, "")]:
        if not line.strip() or _is_document(line):
            if sentence and not broken:
                columns = map(list, zip(*sentence, strict=True))
                yield RawExample(f"{path}:{word_lines[0]}", dict(zip(names, columns, strict=True)), word_lines)
            sentence, word_lines, broken = [], [], False
            continue
        cells = _cells(line, delimiter)
        other_width = line.startswith("# ") and line[1:].strip() and len(cells) != width
        if not (sentence or broken) and (_KEY_AND_VALUE.match(line) or other_width):
            continue
        cells = cells[: last or None]
        problem = _other_width(line, cells, names, delimiter) if len(cells) != len(names) else None
        if problem is None and "delimiter" not in options and delimiter == " " and "\t" in line.strip():
            problem = "a TAB between columns, expected blanks, as in most lines: use one of them in the whole file"
        if problem is None:
            all_marked = all_marked and cells[place].startswith(f"{language}:")
            if options.get("prefix"):
                mark, colon, cells[place] = cells[place].partition(":")
                problem = None if colon else f"token '{mark}' without a language prefix, expected '{language}:token'"
        if problem:
            yield UserError(f"{path}:{number}: {problem}; got {excerpt(line)}")
            broken = True
            continue
        sentence.append(cells)
        word_lines.append(number)
    if all_marked and not options.get("prefix"):
        raise UserError(f"{path}: every word begins with '{language}:', as in the raw WikiANN files: set options.prefix=true")


def _is_document(line: str) -> bool:
    return line[: len(_DOCUMENT)].upper() == _DOCUMENT


def _mark(line: str) -> str:
    """Return the beginning of a comment, up to a blank, `=` or colon."""
    return re.split(r"[\s=:]", line)[0]


def _last_numbered(source: Source) -> int:
    """Return the last column that is read, if `columns` gives numbers; else 0: then all lines must have equally many columns."""
    chosen = [number for number in (source.columns.get("words"), source.columns.get("tags")) if isinstance(number, int)]
    return max(chosen) if len(chosen) == 2 else 0


def _delimiter(every: list[str]) -> str | None:
    """Return the delimiter of the columns; None if lines are words alone."""
    tabs = sum("\t" in line for line in every)
    blanks = sum("\t" not in line and " " in line.strip(" ") for line in every)
    return "\t" if tabs and tabs >= blanks else " " if blanks else None


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter == " ":
        return _BLANKS.split(line.strip(" \t"))
    return line.split(delimiter) if delimiter else [line]


def _names(where: str, width: int, delimiter: str | None, source: Source, split: str) -> list[str]:
    """Return the names of the columns. Raises UserError if the first line has more or fewer, or none is for words or tags."""
    if "names" in source.options:
        names = list(source.options["names"])
        missing = names[width:]
        if width > len(names) or not set(missing) <= set(map(str, source.options.get("optional", []))):
            raise UserError(
                f"{where}: {counted(width, 'column')}, expected {len(names)} ({', '.join(names)}){_separated(delimiter)}"
            )
        names = names[:width]
    else:
        names = ["words", "tags"][:width] if width <= 2 else [str(number) for number in range(1, width + 1)]
    words, tags = (_place(source.columns.get(field, field), names) for field in ("words", "tags"))
    if words is None or (tags is None and width > 1 and "tags" not in source.columns):
        raise UserError(
            f"{where}: {width} columns{_separated(delimiter)}; name those of words and tags in the source's `columns`, for "
            f"instance columns: {{words: 1, tags: {width}}}"
        )
    if tags is None and split != "test" and split not in source.options.get("no_gold", []):
        raise UserError(
            f"{where}: no tags in the {split} split, expected two columns, word and tag, separated by TAB or blanks; if this "
            f"split has no gold, set options.no_gold=[{split}]"
        )
    return names


def _place(column: Any, names: list[str]) -> int | None:
    """Return the index of a column, given by name or by number from 1; None if the file does not have it."""
    if isinstance(column, int):
        return column - 1 if column <= len(names) else None
    return names.index(column) if column in names else None


def _separated(delimiter: str | None) -> str:
    return f" separated by {shown(delimiter)}" if delimiter else ""


def _other_width(line: str, cells: list[str], names: list[str], delimiter: str | None) -> str:
    expected = "a word alone, as in most lines" if len(names) == 1 else f"{len(names)} ({', '.join(names)})"
    message = f"{counted(len(cells), 'column')}, expected {expected}{_separated(delimiter) if len(names) > 1 else ''}"
    if delimiter == "\t" and len(names) == 1:
        return f"{message}; if they have tags too, separate the columns by TAB, as in this line"
    if delimiter == "\t" and len(_cells(line, " ")) == len(names) > 1:
        return f"{message}; this line is separated by blanks, others by TAB: use one of them in the whole file"
    if line.startswith("#") and len(cells) < len(names):
        return f"{message}; if this line is a comment, set options.comment='{_mark(line)}'"
    if delimiter == " " and len(cells) > len(names):
        return f"{message}; if a word contains blanks, separate all columns by TAB"
    return message
