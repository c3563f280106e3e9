"""What only some studies have, as the page shows it: pictures and tables of `xstilts.reporting.extras`.

A picture is the SVG file that the export writes, inside an image: what is in it can neither run nor reach the page, and the
page's Content-Security-Policy needs no exception for it.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

from xstilts.reporting.extras import Extras, Part
from xstilts.reporting.latex import Cell
from xstilts.reporting.page.numbers import MINUS, UNKNOWN
from xstilts.reporting.table import ABSENT

MOST_BYTES = 2_000_000
"""Of all pictures of a page; those for which there is no room stay in their files."""
_NUMBER = re.compile(r"[+-]?\d[\d.]*|\[-?\d[\d.]*, -?\d[\d.]*\]")


@dataclass(frozen=True)
class Shown:
    """A picture."""

    name: str
    caption: str
    told: str
    width: int
    """In pixels."""
    height: int
    source: str
    """A data URI; empty where there is no room."""


@dataclass(frozen=True)
class Section:
    """One kind of finding; without columns there is only what is left out."""

    pictures: list[Shown]
    caption: str
    columns: list[tuple[str, bool]]
    """Of the table: title, and whether there is text below it."""
    rows: list[list[Cell]]
    left_out: str


def sections(more: Extras) -> dict[str, Section | None]:
    """`sizes`, `distances`, `published`; None for what the study has not, and would not have with anything that is missing."""
    found: dict[str, Section | None] = {}
    room = MOST_BYTES
    for name, part in (("sizes", more.sizes), ("distances", more.distances), ("published", more.published)):
        pictures = list(_shown(part, room))
        room -= sum(len(picture.source) for picture in pictures)
        found[name] = _section(part, pictures) if part.table or part.left_out else None
    return found


def _shown(part: Part, room: int) -> Iterator[Shown]:
    for picture in part.pictures:
        source = f"data:image/svg+xml;base64,{base64.b64encode(picture.svg).decode()}"
        room -= len(source)
        width, height = (round(96 * inches) for inches in picture.figure.get_size_inches())
        yield Shown(picture.name, picture.caption, picture.told, width, height, source if room >= 0 else "")


def _section(part: Part, pictures: list[Shown]) -> Section:
    if part.table is None:
        return Section(pictures, "", [], [], part.left_out)
    rows = [[Cell(_told(cell.text), _told(cell.below), cell.bold) for cell in row] for row in part.table.rows]
    columns = [(title, not all(_numeric(row[place].text) for row in rows)) for place, title in enumerate(part.table.header)]
    return Section(pictures, part.table.caption, columns, rows, part.left_out)


def _told(text: str) -> str:
    """A number or an interval with a real minus; what is no number as it is."""
    if text == ABSENT:
        return UNKNOWN
    return text.replace("-", MINUS) if _NUMBER.fullmatch(text) else text


def _numeric(text: str) -> bool:
    return text in ("", UNKNOWN) or text.lstrip(f"+{MINUS}")[:1].isdigit()
