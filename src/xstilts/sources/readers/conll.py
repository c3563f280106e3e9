"""Token TAB tag, one per line, a blank line between sentences; tokens alone where a test has no gold.

Option `prefix: true`: tokens are written `xx:token`, cut at the first colon, as in the raw WikiANN files
(google-research/xtreme utils_preprocess.py, panx_preprocess). A token may be any string, also quotes or an empty one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.raw import Row, lines
from xstilts.tasks.declaration import Source


def _fields(sentence: list[list[str]]) -> dict[str, Any]:
    tagged = len(sentence[0]) == 2
    return {"words": [cells[0] for cells in sentence], "tags": [cells[1] for cells in sentence] if tagged else None}


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """Rows with `words` and `tags` (None where the file has tokens only); `where` is a sentence's first line."""
    path, prefix = files["data"], source.options.get("prefix", False)
    sentence: list[list[str]] = []
    first = width = 0
    for number, line in lines(path):
        if not line.strip():
            if sentence:
                yield Row(f"{path}:{first}", _fields(sentence))
            sentence = []
            continue
        cells = line.split("\t")
        width = width or len(cells)
        if len(cells) != width or width > 2:
            expected = {1: "a token alone, as in the lines above", 2: "token TAB tag"}.get(
                width, "token TAB tag, or a token alone"
            )
            raise UserError(f"{path}:{number}: {len(cells)} column(s), expected {expected}")
        if prefix:
            mark, colon, cells[0] = cells[0].partition(":")
            if not colon:
                raise UserError(f"{path}:{number}: token '{mark}' without a language prefix, expected '{language}:token'")
        if not sentence:
            first = number
        sentence.append(cells)
    if sentence:
        yield Row(f"{path}:{first}", _fields(sentence))
