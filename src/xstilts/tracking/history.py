"""Keep the logged values of a training until it is finished, so that a second attempt can continue its curves.

W&B writes to disk late: a killed run loses its last rows, or all of them. A second attempt starts at the last checkpoint, before
the last row of the first. So every row is also kept here: an attempt begins with the rows of earlier attempts (`rows`) and
skips values that it logs again (`add`); a resumed training repeats its values exactly.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STEP = "trainer/global_step"


class History:
    """The rows of one training, in the file `path`, a JSON object per line; `rows` are those of earlier attempts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = _read(path)
        self._known = {_key(row) for row in self.rows}

    def add(self, row: Mapping[str, Any]) -> bool:
        """Keep a row with a STEP, unless these values of this step are known."""
        if _key(row) in self._known:
            return False
        self._known.add(_key(row))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        return True

    def forget(self) -> None:
        """Delete the rows of a finished training; the next training with its id starts anew."""
        self.path.unlink(missing_ok=True)


def _key(row: Mapping[str, Any]) -> tuple[int, frozenset[str]]:
    return row[STEP], frozenset(row)


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue  # cut off when the process was killed
    return [row for row in rows if isinstance(row, dict) and STEP in row]
