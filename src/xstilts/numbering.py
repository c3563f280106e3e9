"""Numbers in text: `1 cell`, `2 cells`, and the order of names that hold numbers."""

import re

# A number by itself, as the value of an option (`=-1e-05`), or the digits within a name (`task10`).
_NUMBER = re.compile(r"((?:(?<=[=,\[( ])|^)-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])|\d+)", re.IGNORECASE)


def counted(number: float, one: str, many: str = "") -> str:
    """Write a whole number with its noun: `1 cell`, `1,200 cells`. `many`: the plural, if it is not `one` with an s."""
    return f"{number:,.0f} {one if number == 1 else many or f'{one}s'}"


def natural(text: str) -> tuple[list[str | float], str]:
    """Return the key that sorts names by the numbers in them: `task2` before `task10`, `lr=1e-05` before `lr=0.001`."""
    parts = _NUMBER.split(text)
    return [float(part) if place % 2 else part for place, part in enumerate(parts)], text
