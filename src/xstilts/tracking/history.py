"""What was logged of a training, kept beside it until it is finished, so that a second attempt can carry on its curves.

W&B writes to disk late: of a run that was killed its last rows are lost, or all of them. And a second attempt starts at its last
checkpoint, before the last row of the first. So every row is also kept here: an attempt begins with the rows of those before it
(`rows`), and what it logs again is left out (`add`); a resumed training repeats its numbers exactly.
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
        """The training is finished: another one of the same id starts anew."""
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
