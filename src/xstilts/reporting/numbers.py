"""Text of numbers in tables, figures, the terminal and the page. The only module that rounds for a reader.

Ties are rounded away from zero, as JavaScript's toFixed does, so that the page's program writes the same text as this module.
"""

import math
import re
from decimal import ROUND_HALF_UP, Decimal

from xstilts.numbering import counted

ABSENT = "-"
MINUS = "\N{MINUS SIGN}"
UNKNOWN = "\N{EN DASH}"
"""Shown on the page for a number that is not known."""
ITEMS_ONLY = "°"
"""Marks an interval that covers the choice of test items but not another run."""
SEEN_MARK = "‡"
SEEN_EXPLAINED = f"{SEEN_MARK} phase 2 trained in this language"
COLLAPSED_MARK = "§"
COLLAPSED_EXPLAINED = f"{COLLAPSED_MARK} some of the compared runs collapsed, that is, learnt nothing"
_UNITS = [Decimal(1).scaleb(-digits) for digits in range(4)]
"""One unit of the last digit, by the number of digits after the point."""


def rounded(value: float, digits: int) -> Decimal:
    """Round a finite number to 0 to 3 digits after the point."""
    return Decimal(value).quantize(_UNITS[digits], ROUND_HALF_UP)


def fixed(value: float, digits: int = 1, signed: bool = False, minus: str = "-", unknown: str = ABSENT) -> str:
    """Write a number with so many digits after the point, without a negative zero; `unknown` for NaN.

    `signed` writes a plus before a positive number, and none before zero.
    """
    if math.isnan(value):
        return unknown
    number = rounded(value, digits)
    sign = "" if number == 0 else minus if number < 0 else "+" if signed else ""
    return f"{sign}{abs(number):f}"


def signed(value: float, digits: int = 1) -> str:
    """Write a difference: `+1.3`, `-0.4`, `0.0`."""
    return fixed(value, digits, signed=True)


def interval(low: float, high: float) -> str:
    """Write `[-0.3, 2.7]`; empty if it is unknown."""
    return "" if math.isnan(low) else f"[{fixed(low)}, {fixed(high)}]"


def items_text(items: int, clusters: int) -> str:
    """Write how many test items were compared: `1190 in 240 clusters`, `300` if each is a cluster, `not compared`."""
    if not items:
        return "not compared"
    return f"{items} in {counted(clusters, 'cluster')}" if clusters < items else str(items)


def probability(p: float, unknown: str = ABSENT) -> str:
    """Write a p-value with three digits after the point."""
    return "< 0.001" if short(p) < 0.001 else fixed(short(p), 3, unknown=unknown)


def with_minus(text: str) -> str:
    """Replace the hyphens of negative numbers in a text by minus signs."""
    return re.sub(r"(?<![\w.])-(?=\d)", MINUS, text)


def is_number(text: str) -> bool:
    """Return True for the text of a number, an absent one, and nothing at all: such columns are aligned to the right.

    `2 of 3 [9, 99] %` counts as a number, `21 languages of tatoeba` does not.
    """
    return text in ("", ABSENT) or (text.lstrip("*+-")[:1].isdigit() and not re.search(r"[^\W\d_]{3}", text))


def short(p: float) -> float:
    """Round a p-value to three significant digits."""
    return float(f"{p:.3g}")
