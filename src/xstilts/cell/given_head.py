"""The head of a checkpoint: whether it fits the target, and which of its outputs is which label, from config.json. No torch."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.config import Config
from xstilts.errors import UserError
from xstilts.jobs import GivenHead
from xstilts.numbering import counted
from xstilts.tasks.declaration import Task
from xstilts.tasks.format import Format
from xstilts.tasks.formats import format_of

UNNAMED = re.compile(r"LABEL_\d+")
"""The names that transformers gives to labels without a name."""


def given_head(config: Config, values: Mapping[str, Any] | None) -> GivenHead | None:
    """The head of the checkpoint `model.name_or_path`; None where a fresh one or none is used. `values`: its config.json.

    Without `values`, of a checkpoint that is not on this disk, its labels are not known yet. UserError for a head that does not
    fit the target.
    """
    target, name = config.target, config.model.name_or_path
    if target.head not in ("kept", "given"):
        if target.head_labels is not None:
            raise UserError(
                "target.head_labels are those of a checkpoint's head: type target.head=kept or given, or leave them out"
            )
        return None
    if name is None:
        raise UserError(f"target.head={target.head}: there is no checkpoint: type model.name_or_path=FOLDER (or a Hub id)")
    task = next((used.task for used in target.training.values()), target.task)
    format = format_of(task)
    if format.embeds:
        return None
    if values is None:
        return GivenHead(name)
    _check_class(name, values, task, format)
    if not format.fewest_labels:
        if target.head_labels is not None:
            raise UserError(f"target.head_labels: the head of {format.name} has no labels: leave them out")
        return GivenHead(name)
    found = head_labels(name, values)
    outputs = _outputs(name, found, target.head_labels, task)
    return GivenHead(name, outputs, _in_words(task.labels, target.head_labels or found, outputs))


def head_labels(name: str, values: Mapping[str, Any]) -> list[str]:
    """The labels of the head's outputs in order, from config.json. UserError where their numbers are not 0, 1, 2, ..."""
    named = values.get("id2label")
    if named is None:
        return [f"LABEL_{number}" for number in range(int(values.get("num_labels") or values.get("_num_labels") or 2))]
    if sorted(named) != sorted(str(number) for number in range(len(named))):
        shown = ", ".join(map(str, named))
        raise UserError(f"model.name_or_path={name}: id2label in its config.json has the numbers {shown}, expected 0, 1, 2, ...")
    return [str(named[str(number)]) for number in range(len(named))]


def matched(wanted: Sequence[str], found: Sequence[str]) -> list[int] | None:
    """For each of the `wanted` labels the place of its name in `found`, the same or without regard to case; None if one has none.

    Neither may a name be found twice, nor two labels in one place.
    """
    places = []
    for label in wanted:
        same = [place for place, other in enumerate(found) if other == label]
        alike = same or [place for place, other in enumerate(found) if other.strip().casefold() == label.strip().casefold()]
        if len(alike) != 1:
            return None
        places += alike
    return places if len(set(places)) == len(places) else None


def _check_class(name: str, values: Mapping[str, Any], task: Task, format: Format) -> None:
    """Refuse a checkpoint whose class in transformers has no head of the format."""
    if format.transformers is None:
        raise UserError(
            f"task {task.name} has the format {format.name}, for which no checkpoint has a head: type target.head=fresh"
        )
    classes = [str(item) for item in values.get("architectures") or []]
    if any(item.endswith(f"For{format.transformers}") for item in classes):
        return
    others = sorted(path.name for path in Path(name).glob("heads/*") if (path / "config.json").is_file())
    instead = f"it has the heads {', '.join(others)}, each a checkpoint: type model.name_or_path={name.rstrip('/')}/heads/NAME"
    train = f"choose another, or type `xstilts train +target={task.name}`, which trains a head"
    raise UserError(
        f"model.name_or_path={name} holds a {' and '.join(classes) or 'model without a class'}, which has no head for "
        f"{format.name}; expected a ...For{format.transformers}: {instead if others else train}"
    )


def _outputs(name: str, found: Sequence[str], said: Sequence[str] | None, task: Task) -> list[int]:
    """The output for each label of the task. `said`: the names that the user gives to the outputs, in place of `found`."""
    place = f"model.name_or_path={name}"
    if said is not None and len(said) != len(found):
        raise UserError(
            f"target.head_labels: got {counted(len(said), 'label')}, expected {len(found)}, one for each output of {place}"
        )
    outputs = matched(task.labels, said or found)
    if outputs is not None:
        return outputs
    typed = f"type target.head_labels=[...] with {', '.join(task.labels)} in the order of its outputs"
    if said is None and len(found) >= len(task.labels) and all(UNNAMED.fullmatch(label) for label in found):
        raise UserError(f"{place}: its labels have no names ({', '.join(found)}) to match with those of {task.name}: {typed}")
    source = "target.head_labels are" if said else f"{place} has the labels"
    more = f", or {typed}" if said is None and len(found) >= len(task.labels) else ""
    raise UserError(
        f"{source} {', '.join(said or found)}, and task {task.name} has {', '.join(task.labels)}: choose another checkpoint{more}"
    )


def _in_words(labels: Sequence[str], names: Sequence[str], outputs: Sequence[int]) -> str:
    """For each label its output, with the name there where it is written in another way, and the names that are left out."""
    pairs = [
        f"{label} = output {output}" + (f" ({names[output]})" if names[output] != label else "")
        for label, output in zip(labels, outputs, strict=True)
    ]
    rest = [name for output, name in enumerate(names) if output not in outputs]
    return ", ".join(pairs) + (f"; left out: {', '.join(rest)}" if rest else "")
