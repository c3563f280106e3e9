"""Bounds and choices of config fields, declared beside each field, and the check that finds values outside of them. No I/O.

batch_size: int | None = number(None, at_least=1, at_most=1_000_000)
pooler: str = one_of("carried", ("carried", "fresh", "none"))
rows: dict[str, int] = number(dict, at_least=0)        # a type is a default factory; bounds apply to each item
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from xstilts.errors import unknown_name

KEY = "bounds"
"""Key of a field's metadata under which its bounds or choices are stored."""
MANY = 1_000_000_000
"""Above any count that makes sense, and small enough for every library."""
WRITTEN = "written"
"""Key of a field's metadata under which a type that is narrower than its hint is stored."""


@dataclass(frozen=True)
class Bounds:
    """The range of a number; None means no bound on that side."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def expected(self, value: float) -> str:
        """Return the bound that `value` breaks, in words; empty if it breaks none."""
        if not math.isfinite(value):
            return "a finite number"
        if self.at_least is not None and value < self.at_least:
            return f"{_shown(self.at_least)} or more"
        if self.above is not None and value <= self.above:
            return f"more than {_shown(self.above)}"
        if self.at_most is not None and value > self.at_most:
            return f"{_shown(self.at_most)} or less"
        if self.below is not None and value >= self.below:
            return f"less than {_shown(self.below)}"
        return ""


@dataclass(frozen=True)
class Choices:
    """The texts that a field accepts: a tuple, or a function that returns it when it is needed."""

    given: tuple[str, ...] | Callable[[], tuple[str, ...]]

    @property
    def valid(self) -> tuple[str, ...]:
        """The texts."""
        return self.given() if callable(self.given) else self.given


def number(
    default: Any,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> Any:
    """Return a dataclass field for a finite number within bounds, or a list or dict of such numbers."""
    return _field(default, Bounds(at_least, above, at_most, below))


def one_of(default: Any, valid: tuple[str, ...] | Callable[[], tuple[str, ...]]) -> Any:
    """Return a dataclass field for a text out of `valid`, or a list of such texts."""
    return _field(default, Choices(valid))


def written_as(kind: Any) -> Any:
    """Return a dataclass field that users write as `kind`; OmegaConf, which has no unions, sees a dict of any values."""
    return field(default_factory=dict, metadata={WRITTEN: kind})


def problems(place: str, config: Any) -> Iterator[str]:
    """Yield a line for each value in a dataclass, nested ones included, that is outside of its field's bounds or choices.

    Lists of texts must not hold a text twice. `place` is the dotted path of `config`; empty for the whole config.
    """
    for declared in fields(config):
        name, value = f"{place}.{declared.name}".lstrip("."), getattr(config, declared.name)
        yield from _problems(name, value, declared.metadata.get(KEY))


def _problems(name: str, value: Any, allowed: Bounds | Choices | None) -> Iterator[str]:
    if is_dataclass(value):
        yield from problems(name, value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _problems(f"{name}.{key}", item, allowed)
    elif isinstance(value, list):
        for twice in dict.fromkeys(item for item in value if isinstance(item, str) and value.count(item) > 1):
            yield f"{name}: '{twice}' is there {value.count(twice)} times, expected once"
        for item in value:
            yield from _problems(name, item, allowed)
    elif isinstance(allowed, Choices) and value is not None and value not in allowed.valid:
        yield unknown_name(name, str(value), allowed.valid)
    elif isinstance(allowed, Bounds) and isinstance(value, (int, float)) and (expected := allowed.expected(value)):
        yield f"{name}: got {value}, expected {expected}"


def _field(default: Any, allowed: Bounds | Choices) -> Any:
    metadata = {KEY: allowed}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def _shown(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
