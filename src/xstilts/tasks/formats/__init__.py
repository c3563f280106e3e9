"""One module per format, whose `FORMAT` declares all that is special about it; other packages add formats by entry points.

A format has two more modules, its featurizer and its head, and no other part of the package names it or branches on its name.
"""

from typing import TYPE_CHECKING

from xstilts.errors import UserError
from xstilts.plugins import Registry
from xstilts.tasks.format import Format

if TYPE_CHECKING:
    from xstilts.tasks.declaration import Task

_REGISTRY = Registry("format", __name__, "xstilts.formats", (("FORMAT", Format),))


def format_names() -> tuple[str, ...]:
    """The names of all formats. Imports none."""
    return _REGISTRY.names()


def format_named(name: str) -> Format:
    """The format `name`. UserError if there is none, or if its plug-in cannot be used."""
    found: Format = _REGISTRY.module(name).FORMAT
    if found.name != name:
        raise UserError(f"the format '{name}' is declared with the name '{found.name}': give it one name")
    return found


def format_of(task: "Task") -> Format:
    """The format of a task. UserError as `format_named`."""
    return format_named(task.format)


def formats() -> dict[str, Format]:
    """All formats by name. UserError for a plug-in that cannot be used."""
    return {name: format_named(name) for name in format_names()}
