"""Metrics, readers and formats by name: modules of this package, and those that other installed packages add by entry points.

A package adds one with a line in its pyproject.toml, `NAME = "MODULE"`, under `[project.entry-points."xstilts.metrics"]`,
`"xstilts.readers"` or `"xstilts.formats"`. docs/plugins.md has an example of each.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from xstilts.errors import UserError, unknown_name


@dataclass(frozen=True)
class Registry:
    """The modules of one kind."""

    kind: str
    """The word for such a module in messages."""
    package: str
    """Holds ours: all of its modules whose names begin without an underscore."""
    group: str
    """The group of entry points that add others."""
    needs: tuple[tuple[str, type], ...]
    """Names that each module defines, and their types."""

    def names(self) -> tuple[str, ...]:
        """Ours in alphabetical order, then those of plug-ins. Imports none of them. UserError for a name that is taken twice."""
        return (*_ours(self.package), *_plugins(self))

    def module(self, name: str, how: str = "") -> ModuleType:
        """The module called `name`. UserError if there is none (`how`: what to type instead), or if a plug-in cannot be used."""
        if name in _ours(self.package):
            return importlib.import_module(f"{self.package}.{name}")
        plugin = _plugins(self).get(name)
        if plugin is None:
            raise UserError(unknown_name(self.kind, name, self.names(), how))
        try:
            module: ModuleType = plugin.load()
        except (Exception, SystemExit) as error:  # whatever another package raises
            raise UserError(f"the {self.kind} {_shown(plugin)} {_not_imported(error)}") from error
        if missing := [need for need, _ in self.needs if not hasattr(module, need)]:
            raise UserError(f"the {self.kind} {_shown(plugin)} has no {', '.join(missing)}, expected a module that defines it")
        for need, kind in self.needs:
            if not isinstance(value := getattr(module, need), kind):
                raise UserError(f"the {self.kind} {_shown(plugin)}: {need}: got {value!r}, expected a {kind.__name__}")
        return module


@cache
def _ours(package: str) -> tuple[str, ...]:
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return tuple(sorted(module.name for module in found if not module.name.startswith("_")))


@cache
def _plugins(registry: Registry) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for plugin in sorted(entry_points(group=registry.group), key=lambda plugin: (plugin.name, _package(plugin))):
        other = _shown(found[plugin.name]) if plugin.name in found else "xstilts has one"
        if plugin.name in found or plugin.name in _ours(registry.package):
            raise UserError(
                f"two {registry.kind}s are called '{plugin.name}': {_shown(plugin)}, and {other}; uninstall a package"
            )
        found[plugin.name] = plugin
    return found


def _shown(plugin: EntryPoint) -> str:
    return f"'{plugin.name}' of the package {_package(plugin)} (entry point {plugin.name} = {plugin.value})"


def _package(plugin: EntryPoint) -> str:
    return plugin.dist.name if plugin.dist else "?"


def _not_imported(error: BaseException) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"cannot be imported: {reason}; mend the package, or uninstall it"


def load_object(place: str) -> Any:
    """The module `MODULE`, or the object `MODULE:NAME`, that a format names. UserError if there is none."""
    module, _, name = place.partition(":")
    try:
        imported = importlib.import_module(module)
        return getattr(imported, name) if name else imported
    except (Exception, SystemExit) as error:  # whatever another package raises
        raise UserError(f"{place} {_not_imported(error)}") from error
