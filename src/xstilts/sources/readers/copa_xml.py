"""XML of COPA and Balanced COPA: `<item id asks-for most-plausible-alternative><p/><a1/><a2/></item>`."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.sources.raw import RawExample, lines
from xstilts.tasks.declaration import Source

FORMATS = ("multiple_choice",)


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Yield rows with the fields of SuperGLUE's COPA: id, premise, question, choice1, choice2, label ("0" or "1")."""
    path = files["data"]
    text = "\n".join(line for _, line in lines(path))
    try:
        items = list(ElementTree.fromstring(text).iter("item"))
    except ElementTree.ParseError as error:
        raise UserError(f"{path}:{error.position[0]}: not XML ({error})") from None
    for item in items:
        where = f"{path}: item '{item.get('id')}'"
        texts = {tag: (item.findtext(tag) or "").strip() for tag in ("p", "a1", "a2")}
        plausible, question = item.get("most-plausible-alternative"), item.get("asks-for")
        if not all(texts.values()) or not item.get("id") or question not in ("cause", "effect"):
            raise UserError(f"{where}: expected id, asks-for (cause or effect), and texts in p, a1 and a2")
        if plausible not in ("1", "2", None):
            raise UserError(f"{where}: most-plausible-alternative '{plausible}', expected 1 or 2")
        yield RawExample(
            where,
            {
                "id": item.get("id"),
                "premise": texts["p"],
                "question": question,
                "choice1": texts["a1"],
                "choice2": texts["a2"],
                "label": {"1": "0", "2": "1", None: None}[plausible],
            },
        )
