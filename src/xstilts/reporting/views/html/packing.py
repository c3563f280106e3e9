"""Tables as JSON for the page's program: rounded, packed by column (script.js unpacks them)."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xstilts.reporting.numbers import rounded, short

if TYPE_CHECKING:
    from pandas import DataFrame

P_VALUES = ("p", "p_corrected")


def packed(frame: "DataFrame") -> dict[str, Any]:
    """Return a table as JSON: the number of its rows, and its columns by name."""
    return {"rows": len(frame), "columns": {name: packed_column(name, frame[name].tolist()) for name in frame.columns}}


def packed_column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return a column: texts as indices into `names`, equal neighbours once with their number in `runs` if that is shorter."""
    plain_of = {value: _plain(value, name in P_VALUES) for value in set(values)}
    plain = [plain_of[value] for value in values]
    column: dict[str, Any] = {}
    if any(isinstance(value, str) for value in plain):
        column["names"] = list(dict.fromkeys(value for value in plain if value is not None))
        places: dict[Any, Any] = {text: place for place, text in enumerate(column["names"])}
        plain = [places.get(value) for value in plain]
    runs = [(value, len(list(same))) for value, same in itertools.groupby(plain)]
    if 2 * len(runs) < len(plain):
        return column | {"values": [value for value, _ in runs], "runs": [length for _, length in runs]}
    return column | {"values": plain}


def _plain(value: Any, probability: bool) -> Any:
    """Return text or a rounded number; None for NaN and None."""
    if value is None or value != value:
        return None
    if isinstance(value, str):
        return value
    number = short(value) if probability else float(rounded(value, 2))
    return int(number) if number == int(number) else number
