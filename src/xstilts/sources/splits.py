"""Parse names of splits and of their parts: `train`, `validation:90%`, `train:-10%`."""

import re
from dataclasses import dataclass, field

from xstilts.errors import UserError, unknown_name
from xstilts.tasks.declaration import SPLITS

_PART = re.compile(r"(-?)([0-9]{1,3})%")


@dataclass(frozen=True)
class DataSplit:
    """A split of a task, or a part of it, in some languages, and the files that it is read from."""

    expression: str
    """The split and perhaps a part of it, as `parse_split` reads them."""
    languages: list[str]
    checksums: dict[str, str] = field(default_factory=dict)
    """`split/language/role` -> SHA-256 of the file."""

    @property
    def name(self) -> str:
        """The split without its part."""
        return parse_split(self.expression)[0]


def parse_split(expression: str) -> tuple[str, int, int]:
    """Return (split, from per cent, to per cent) of a split expression.

    `validation:90%` is the first 90 % -> ("validation", 0, 90); `train:-10%` the last 10 % -> ("train", 90, 100), so that
    `train:90%` and `train:-10%` share no example. Raises UserError for anything else.
    """
    split, colon, part = expression.partition(":")
    if split not in SPLITS:
        raise UserError(unknown_name("split", split, SPLITS, f"(in '{expression}')"))
    if not colon:
        return split, 0, 100
    match = _PART.fullmatch(part)
    percent = int(match[2]) if match else 0
    if not match or not 1 <= percent <= 100:
        raise UserError(
            f"split '{expression}': expected a part from 1% to 100% after the colon, such as '{split}:90%' (the first 90 %) "
            f"or '{split}:-10%' (the last 10 %), got '{part}'"
        )
    return (split, 100 - percent, 100) if match[1] else (split, 0, percent)


def bounds(count: int, from_percent: int, to_percent: int) -> tuple[int, int]:
    """Return start and end (exclusive) of a part of `count` examples; neighbouring parts neither overlap nor leave a gap."""
    return count * from_percent // 100, count * to_percent // 100
