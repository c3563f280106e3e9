"""The command line before Hydra composes it: every wrong name is told in one line, with the closest valid one.

Hydra's own messages for a wrong group, option or key are long and suggest nothing; this looks at the same overrides first.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, QuotedString
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from xstilts.config import Config
from xstilts.errors import UserError, unknown_name
from xstilts.paths import conf_dir, experiments_dir

LAUNCHER = "hydra/launcher"
ADDED_GROUPS = ("intermediate", "target", "experiments")
"""Groups that have no default and are chosen with a plus."""


def check_command_line(arguments: list[str], config_name: str) -> None:
    """Raise UserError for the first override that names something unknown, or that does not compose."""
    parsed = get_args_parser().parse_args(arguments)
    if parsed.help or parsed.hydra_help or parsed.info or parsed.shell_completion:
        return
    if parsed.multirun and parsed.cfg:
        raise UserError("--cfg shows the config of one cell: leave out -m and give one value for each choice")
    try:
        overrides = OverridesParser.create().parse_overrides(parsed.overrides)
    except HydraException as error:
        raise UserError(f"cannot read the command line: {_first_line(error)}") from None
    own = Path(parsed.config_dir).absolute() if parsed.config_dir else None
    if own is not None and not own.is_dir():
        raise UserError(f"--config-dir: there is no folder '{parsed.config_dir}'")
    groups = choices(own)
    for override in overrides:
        _check(override, groups)
        if override.key_or_group == LAUNCHER:
            for value in _values(override):
                if value not in (known := launchers(conf_dir(), own)):
                    raise UserError(unknown_name(LAUNCHER, value, known))
    if not parsed.multirun:
        _compose([*parsed.overrides, *([f"hydra.searchpath=[file://{own}]"] if own else [])], config_name)


def launchers(*folders: Path | None) -> list[str]:
    """The names that `hydra/launcher=` takes: those of our files, of the user's, and of all plugins that are installed."""
    Plugins.instance()  # imports the plugins, which add theirs to the store
    ours = {name for folder in folders if folder for name in _names(folder / LAUNCHER)}
    theirs = {name.removesuffix(".yaml") for name in ConfigStore.instance().list(LAUNCHER)}
    return sorted(name for name in ours | theirs if not name.endswith("_base"))


def choices(own: Path | None) -> dict[str, list[str]]:
    """Config group -> what can be chosen, of ours and of the user's `own` folder; with `experiments`, which is not in conf/."""
    found = options(conf_dir(), own)
    return found | {"experiments": sorted({*found.get("experiments", []), *_names(experiments_dir())})}


def options(*folders: Path | None) -> dict[str, list[str]]:
    """Config group -> the names of its options, over all the folders (a user's own comes from `--config-dir`)."""
    found: dict[str, list[str]] = {}
    for folder in folders:
        for group in sorted(folder.iterdir()) if folder else []:
            if group.is_dir():
                found[group.name] = sorted({*found.get(group.name, []), *_names(group)})
    return found


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []


def _check(override: Override, groups: dict[str, list[str]]) -> None:
    key = override.key_or_group
    if key.split(".")[0].split("/")[0] == "hydra" or "@" in (override.get_key_element() or ""):
        return
    if key in groups:
        plus = override.is_add()
        first = next(iter(_values(override)), "NAME")
        if key in ADDED_GROUPS and not plus:
            raise UserError(f"{key} is chosen with a plus: type +{key}={first}")
        if key not in ADDED_GROUPS and plus:
            raise UserError(f"{key} has a default and is chosen without a plus: type {key}={first}")
        for value in _values(override):
            if value not in groups[key]:
                raise UserError(unknown_name(f"{key}", value, groups[key]))
    elif "/" in key or ("." not in key and key not in {field.name for field in fields(Config)}):
        raise UserError(unknown_name("option", key, {*groups, *(field.name for field in fields(Config))}))
    else:
        _check_key(key)


def _check_key(key: str) -> None:
    """Walk the schema along a dotted key."""
    kind: Any = Config
    done: list[str] = []
    for part in key.split("."):
        kind = _without_none(kind)
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif is_dataclass(kind):
            hints = get_type_hints(kind)
            if part not in hints:
                raise UserError(unknown_name("option", ".".join([*done, part]), [".".join([*done, name]) for name in hints]))
            kind = hints[part]
        elif kind is not Any:
            raise UserError(f"unknown option '{key}': {'.'.join(done)} is a value and has no parts")
        done.append(part)


def _without_none(kind: Any) -> Any:
    parts = [part for part in get_args(kind) if part is not type(None)]
    return parts[0] if get_origin(kind) not in (dict, list) and len(parts) == 1 else kind


def _values(override: Override) -> Iterator[str]:
    value = override.value()
    elements = value.list if isinstance(value, ChoiceSweep) else [value]
    for element in elements:
        for item in element if isinstance(element, list) else [element]:
            if item is not None:
                yield item.text if isinstance(item, QuotedString) else str(item)


def _compose(overrides: list[str], config_name: str) -> None:
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            compose(config_name, overrides)
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
        where = getattr(cause, "full_key", None)
        raise UserError((f"{where}: " if where else "") + _first_line(cause)) from None


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
