"""The command line before Hydra composes it: every wrong name and value is found, with the closest valid one and what to type.

Hydra's own messages for a wrong group, option or key are long and suggest nothing; this looks at the same overrides first.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, Override, QuotedString, RangeSweep, Sweep
from hydra.core.plugins import Plugins
from hydra.errors import HydraException

from xstilts.config import ROLES, Config
from xstilts.errors import UserError, unknown_name
from xstilts.launch import typed
from xstilts.launch.arguments import Arguments
from xstilts.launch.own_files import STUDIES, Folder
from xstilts.paths import conf_dir

LAUNCHER, SWEEPER = "hydra/launcher", "hydra/sweeper"
ADDED_GROUPS = ("intermediate", "target", STUDIES)
"""Groups that have no default and are chosen with a plus."""
NO_OPTION = {
    "trainer.strategy": "trainer.strategy is no option: for several devices type trainer=ddp; FSDP is not supported, because its "
    "processes must run equally many micro-batches, and here each cuts its share of a step by length; if memory is short, type "
    "trainer.gradient_checkpointing=true"
}
"""Options that people look for, and what to type instead."""
OF_WAVES = ("local", "slurm", "slurm_local")
"""Launchers whose jobs are processes that return what went wrong, and no score."""
MOST_CELLS = 100_000
"""Cells of a grid; more are a slip."""


def check_command_line(given: Arguments, config_name: str) -> None:
    """Raise one UserError with a line for each problem of the overrides, and of the user's own files that they choose."""
    if given.help or given.shows:
        return
    if given.config_dir == "":
        raise UserError("--config-dir: got an empty name, expected a folder")
    own = Path(given.config_dir).absolute() if given.config_dir else None
    if own is not None and not own.is_dir():
        raise UserError(f"--config-dir: there is no folder '{given.config_dir}'")
    if given.config_name not in (None, config_name) and not (own and (own / f"{given.config_name}.yaml").is_file()):
        raise UserError(f"--config-name: there is no config '{given.config_name}': leave it out")
    overrides, problems = parsed(given.overrides)
    groups = choices(own)
    folder = Folder(own, groups) if own else None
    for override in overrides:
        problems += _problems(override, groups, own)
        if folder is not None:
            _use(folder, override, groups)
    if folder is not None:
        studied, unreadable = parsed(folder.sweeps)
        problems += folder.problems + [f"hydra.sweeper: {problem}" for problem in unreadable]
        for override in studied:
            problems += [f"hydra.sweeper: {problem}" for problem in _problems(override, groups, own)]
            _use(folder, override, groups)
        problems += folder.problems
    problems += _together(overrides, given, groups, given.multirun or (folder is not None and folder.multirun))
    if problems:
        raise UserError("\n".join(dict.fromkeys(problems)))


def parsed(words: list[str]) -> tuple[list[Override], list[str]]:
    """The overrides, and a line for each word that is none."""
    parser = OverridesParser.create()
    overrides, problems = [], []
    for word in words:
        try:
            override = parser.parse_override(word)
            if not override.key_or_group:
                raise HydraException
            overrides.append(override)
        except HydraException:
            problems.append(f"cannot read the command line: {_unreadable(word, parser)}")
    return overrides, problems


def _unreadable(word: str, parser: OverridesParser) -> str:
    """Return why a word is no override, and what to type instead."""
    key, equal, value = word.partition("=")
    shown = ascii(word)[1:-1] if not word.isprintable() else word
    if not equal:
        return f"'{shown}': expected OPTION=VALUE, such as seed=1 or +target=xnli"
    if home := re.search(r"(?<![^\[,:{ ])~(?=[/,\]} ]|$)", value):
        typed_out = f'"{key}={value[: home.start()]}$HOME{value[home.end() :]}"'
        return f"'{shown}': the shell fills in ~ at the beginning of a word only: type {typed_out}"
    if not key.isascii():
        return f"'{shown}': a name of an option is in ASCII: set it in a file of your own, --config-dir=FOLDER"
    if value.startswith(",") or value.endswith(",") or ",," in value:
        return f"'{shown}': a value is missing beside a comma: type {key}=A,B"
    quote = "'" if "'" not in value else '"'
    fixed = f"{key}={quote}{value}{quote}"
    try:
        parser.parse_override(fixed)
    except HydraException:
        return f"'{shown}': expected OPTION=VALUE, with a list in brackets and in quotes of the shell: '{key}=[a,b]'"
    outer = '"' if quote == "'" else "'"
    return f"'{shown}': put the value into quotes: {outer}{fixed}{outer}".replace("\n", "\\n")


def _use(folder: Folder, override: Override, groups: dict[str, list[str]]) -> None:
    if override.key_or_group in folder.groups or "/" in override.key_or_group:
        for value in _values(override, groups):
            folder.use(override.key_or_group, value)


def plugins(group: str, *folders: Path | None) -> list[str]:
    """The names that LAUNCHER or SWEEPER takes: those of our files, of the user's, and of all plugins that are installed."""
    Plugins.instance()  # imports the plugins, which add theirs to the store
    ours = {name for folder in folders if folder for name in _names(folder / group)}
    theirs = {name.removesuffix(".yaml") for name in ConfigStore.instance().list(group) if name.endswith(".yaml")}
    return sorted(name for name in ours | theirs if not name.endswith("_base"))


def choices(own: Path | None) -> dict[str, list[str]]:
    """Config group -> what can be chosen, of ours and of the user's `own` folder."""
    return options(conf_dir(), own)


def options(*folders: Path | None) -> dict[str, list[str]]:
    """Config group -> the names of its options, over all the folders (a user's own comes from `--config-dir`)."""
    found: dict[str, list[str]] = {}
    for folder in folders:
        for group in sorted(folder.iterdir()) if folder else []:
            if group.is_dir():
                found[group.name] = sorted({*found.get(group.name, []), *_names(group)})
    for role in ROLES:
        found[role] = sorted({*found.get(role, []), *found.get("task", [])})
    return found


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []


def _problems(override: Override, groups: dict[str, list[str]], own: Path | None) -> Iterator[str]:
    key = override.key_or_group
    if override.is_sweep_override() and not (size := _size(override, groups)):
        reason = "cannot be listed, expected a list, a range or a glob" if size is None else "gives no value: the grid is empty"
        yield f"{override.input_line} {reason}"
    elif key in (LAUNCHER, SWEEPER):
        known = plugins(key, conf_dir(), own)
        how = "Optuna's comes with pip install 'xstilts[optuna]'" if key == SWEEPER and "optuna" not in known else ""
        yield from (unknown_name(key, value, known, how) for value in _values(override, groups) if value not in known)
    elif key in ("hydra.launcher", "hydra.sweeper"):
        yield f"{key} is no option by itself: type {LAUNCHER}=NAME, or {key}.NAME=VALUE"
    elif key == "hydra":
        yield "hydra is no option by itself: type hydra.NAME=VALUE"
    elif key.split(".")[0].split("/")[0] == "hydra" or "@" in (override.get_key_element() or ""):
        return
    elif key in groups:
        yield from _group_problems(override, key, groups)
    elif "/" in key or ("." not in key and key not in _options()):
        yield unknown_name("option", key, {*groups, *_options()})
    else:
        yield from _option_problems(override, key, groups)


def _options() -> set[str]:
    return {field.name for field in fields(Config)}


def _group_problems(override: Override, group: str, groups: dict[str, list[str]]) -> Iterator[str]:
    plus, chosen = override.is_add(), list(_values(override, groups))
    first = next(iter(chosen), "NAME")
    if group not in _options() and group not in ADDED_GROUPS:  # a task
        known = [role for role in ROLES if first in groups[role]] or list(ROLES)
        yield f"{group} cannot be chosen by itself: type {' or '.join(f'+{role}={first}' for role in known)}"
    elif override.is_delete():
        yield f"~{group}: {group} cannot be left out; choose another one"
    elif group in ADDED_GROUPS and not plus and not override.is_force_add():
        yield f"{group} is chosen with a plus: type +{group}={first}"
    elif group not in ADDED_GROUPS and plus:
        yield f"{group} has a default and is chosen without a plus: type {group}={first}"
    elif not chosen:
        yield f"{group}={_raw(override)}: got no name, expected one of {', '.join(groups[group])}"
    for value in chosen:
        if group in groups and value not in groups[group]:
            yield unknown_name(f"{group}", value, groups[group])
    for several in _elements(override, groups):
        if isinstance(several, list):
            yield from _list_problems(override, group, [_text(item) for item in several])


def _list_problems(override: Override, group: str, names: list[str]) -> Iterator[str]:
    """Problems of several names in brackets, which are chosen together."""
    shown = f"{group}={_raw(override)}"
    if group != "intermediate":
        yield f"{shown}: got a list, expected one name; for a cell each, type -m and leave out the brackets"
    elif "none" in names and len(names) > 1:
        yield f"{shown}: none cannot be combined with others: leave it out, or type -m +intermediate=none,..."
    yield from (f"{shown}: {name} is there twice" for name in dict.fromkeys(names) if names.count(name) > 1)


def _option_problems(override: Override, key: str, groups: dict[str, list[str]]) -> Iterator[str]:
    """Walk the schema along a dotted key, and hold the value against the type at its end."""
    kind: Any = Config
    done: list[str] = []
    in_table = False
    for part in key.split("."):
        kind, _ = typed.parts_of(kind)
        in_table = get_origin(kind) is dict
        if in_table:
            kind = get_args(kind)[1]
        elif is_dataclass(kind):
            hints = typed.hints_of(kind)
            if part not in hints:
                yield NO_OPTION.get(key) or unknown_name(
                    "option", ".".join([*done, part]), [".".join([*done, name]) for name in hints]
                )
                return
            kind = hints[part]
        elif tables := [inner for inner in get_args(kind) if get_origin(inner) is dict]:
            kind = get_args(tables[0])[1]
        elif kind is not Any:
            yield f"unknown option '{key}': {'.'.join(done)} is a value and has no parts"
            return
        done.append(part)
    if override.is_delete():
        if not in_table and kind is not Any:
            yield f"~{key}: {key} cannot be left out: type {key}=VALUE"
        return
    for element in _elements(override, groups):
        if element == {} and (in_table or get_origin(kind) is dict or is_dataclass(kind)):  # Hydra merges it
            yield f"{key}={{}} changes nothing: leave out single entries with ~{key}.NAME"
        for problem in typed.problems(typed.node_of(element, override.input_line or ""), kind, key):
            yield f"{problem.place + ': ' if problem.place else ''}{_for_shell(problem.text)}"


def _for_shell(text: str) -> str:
    """Convert the advice to quote a text in YAML into quotes for Hydra within quotes of the shell."""
    before, hint, value = text.partition("quote it: ")
    return before + hint + value.replace('"', "'")


def _together(overrides: list[Override], given: Arguments, groups: dict[str, list[str]], multirun: bool) -> Iterator[str]:
    """Overrides that do not go with each other, or with the flags. `multirun`: a flag or a study asks for a grid."""
    keys = [override.key_or_group for override in overrides]
    yield from (f"{key} is chosen twice: leave out all but one" for key in ADDED_GROUPS if keys.count(key) > 1)
    sweeps = [override for override in overrides if override.is_sweep_override()]
    if multirun:
        yield from (f"{override.input_line}: the options of Hydra have one value" for override in sweeps if is_of_hydra(override))
        modes = [mode for override in overrides if override.key_or_group == "hydra.mode" for mode in _values(override, groups)]
        yield from (f"hydra.mode={mode}: this is a grid: leave it out" for mode in modes if mode != "MULTIRUN")
        if math.prod(_size(override, groups) or 1 for override in sweeps) > MOST_CELLS:
            yield f"the grid has more than {MOST_CELLS:,} cells: give fewer values"
        yield from _of_search(overrides, groups)
    elif "hydra.mode" not in keys:
        yield from (f"{override.input_line} gives several values, for a cell each: type -m" for override in sweeps)
        studies = [name for override in overrides if override.key_or_group == STUDIES for name in _values(override, groups)]
        if set(studies) & set(groups[STUDIES]) and "target" not in keys and not given.cfg:
            yield "a study of experiments is a grid: type -m (or `xstilts plan` to see it first)"


def _of_search(overrides: list[Override], groups: dict[str, list[str]]) -> Iterator[str]:
    """Intervals are for a sweeper that searches them, which needs the scores of its jobs."""
    chosen = {override.key_or_group: value for override in overrides for value in _values(override, groups)}
    sweeper, launcher = chosen.get(SWEEPER, "waves"), chosen.get(LAUNCHER, "basic")
    if sweeper == "waves":
        intervals = [override for override in overrides if isinstance(override.value(), IntervalSweep)]
        yield from (f"{override.input_line} cannot be listed, expected a list, a range or a glob" for override in intervals)
    elif launcher in OF_WAVES:
        yield f"{LAUNCHER}={launcher} hands no scores to {SWEEPER}={sweeper}: leave it out"


def is_of_hydra(override: Override) -> bool:
    """Return whether the override is an option or a group of Hydra itself."""
    return override.key_or_group.split(".")[0].split("/")[0] == "hydra"


def _size(override: Override, groups: dict[str, list[str]]) -> int | None:
    """The number of values of a sweep, without listing them; None: they cannot be listed."""
    value = override.value()
    if isinstance(value, RangeSweep):
        start, stop, step = (float(number or 0) for number in (value.start, value.stop, value.step))
        return max(0, math.ceil((stop - start) / step)) if step and math.isfinite(start + stop + step) else None
    if isinstance(value, IntervalSweep):
        return 1
    if isinstance(value, (ChoiceSweep, Glob)):
        return len(_elements(override, groups))
    return None


def _elements(override: Override, groups: dict[str, list[str]]) -> list[Any]:
    """The values of an override: one, or those of a sweep; of a range the first."""
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return list(value.list)
    if isinstance(value, Glob):
        return value.filter(groups.get(override.key_or_group, []))
    if isinstance(value, RangeSweep):
        real = any(isinstance(number, float) for number in (value.start, value.stop, value.step))
        return [float(value.start) if real and value.start is not None else value.start]
    return [] if isinstance(value, Sweep) else [value]


def _values(override: Override, groups: dict[str, list[str]]) -> Iterator[str]:
    for element in _elements(override, groups):
        for item in element if isinstance(element, list) else [element]:
            if item is not None:
                yield _text(item)


def _text(item: Any) -> str:
    return item.text if isinstance(item, QuotedString) else str(item)


def _raw(override: Override) -> str:
    return (override.input_line or "").partition("=")[2]
