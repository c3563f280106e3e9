"""Numbers of the page: as text, and packed as columns for its program (script.js writes and reads them alike)."""

import itertools
import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

MINUS = "\N{MINUS SIGN}"
UNKNOWN = "\N{EN DASH}"
P_VALUES = ("p", "p_corrected")
STEPS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Percentage points of difference, from which on a cell has the next stronger colour: the same in every report."""
_UNITS = [Decimal(1).scaleb(-digits) for digits in range(4)]
"""Of the last of some digits."""


def fixed(value: float, digits: int, signed: bool = False) -> str:
    """`+1.3`, as JavaScript's toFixed rounds; nothing has the sign of a zero."""
    if math.isnan(value):
        return UNKNOWN
    rounded = _rounded(value, digits)
    sign = "" if rounded == 0 else MINUS if rounded < 0 else "+" if signed else ""
    return f"{sign}{abs(rounded):f}"


def interval(low: float, high: float, digits: int) -> str:
    """`[-0.3, +2.7]`; empty where it is unknown."""
    return "" if math.isnan(low) else f"[{fixed(low, digits, True)}, {fixed(high, digits, True)}]"


def probability(p: float) -> str:
    """Of a p-value three digits."""
    short = _short(p)
    return "< 0.001" if short < 0.001 else fixed(short, 3)


def step(difference: float) -> str:
    """The class of a cell by its colour: `down3`, `zero`, `up1`."""
    strength = sum(abs(difference) >= least for least in STEPS)
    return f"{'up' if difference > 0 else 'down'}{strength}" if strength else "zero"


def packed(frame: "DataFrame") -> dict[str, Any]:
    """A table as JSON: the number of its rows, and its columns by name."""
    return {"rows": len(frame), "columns": {name: packed_column(name, frame[name].tolist()) for name in frame.columns}}


def packed_column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Texts as places in a list of `names`, neighbours that are equal as one with its number in `runs`, where that is shorter."""
    short = {value: _plain(value, name in P_VALUES) for value in set(values)}
    plain = [short[value] for value in values]
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
    """Text or a rounded number; None for what is not known."""
    if value is None or value != value:
        return None
    if isinstance(value, str):
        return value
    number = _short(value) if probability else float(_rounded(value, 2))
    return int(number) if number == int(number) else number


def _rounded(value: float, digits: int) -> Decimal:
    return Decimal(value).quantize(_UNITS[digits], ROUND_HALF_UP)


def _short(p: float) -> float:
    return float(f"{p:.3g}")
