"""Find the stored artifact that is closest to a missing one, and how the two differ: why it cannot be reused."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from xstilts.errors import UserError
from xstilts.store.artifacts import is_done, read_metadata

MOST = 3
"""Artifacts with more differences are not reported as near misses."""


class Neighbour(NamedTuple):
    """An artifact that differs in a few values from the requested one."""

    fingerprint: str
    differences: list[str]
    """`hyperparameters.learning_rate: got 1e-05, asked for 2e-05`."""


def identities(folder: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return fingerprint -> (label, identity) of every finished artifact in `folder`, which holds one kind of artifact."""
    known = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.name.startswith(".") and is_done(path):
            try:
                metadata = read_metadata(path)
            except UserError:
                continue
            known[path.name] = metadata.get("label", ""), metadata.get("identity", {})
    return known


def nearest(known: Mapping[str, tuple[str, dict[str, Any]]], label: str, identity: Mapping[str, Any]) -> Neighbour | None:
    """Return the artifact of this label and seed with the fewest differences, at most MOST; None if there is none."""
    best: Neighbour | None = None
    for fingerprint, (other_label, other) in known.items():
        if other_label != label or other.get("seed") != identity.get("seed"):
            continue
        different = list(differences(other, identity))
        if different and len(different) <= MOST and (best is None or len(different) < len(best.differences)):
            best = Neighbour(fingerprint, different)
    return best


def differences(got: Any, asked: Any, place: str = "") -> Iterator[str]:
    """Yield a line for every leaf in which two JSON values differ, with its path."""
    if isinstance(got, Mapping) and isinstance(asked, Mapping):
        for key in sorted({*got, *asked}):
            yield from differences(got.get(key), asked.get(key), f"{place}.{key}" if place else str(key))
    elif _plain(got) != _plain(asked):
        yield f"{place}: got {_short(got)}, asked for {_short(asked)}"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _short(value: Any) -> str:
    if value is None:
        return "the default"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
