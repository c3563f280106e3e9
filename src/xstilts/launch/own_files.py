"""The YAML files of a user's own folder (`--config-dir`) that a command line uses, read before Hydra reads them.

Hydra and OmegaConf stop at the first mistake, often with a traceback, and say neither file nor line. Here all are found: a file
that is no YAML, keys and values that the schema does not have, names in `defaults` that do not exist.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from omegaconf import MISSING

from hydra_plugins.xstilts.sweeper import WavesConf
from xstilts.config import ROLES, Config
from xstilts.errors import unknown_name
from xstilts.launch import typed
from xstilts.paths import conf_dir
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_names

LARGEST = 100_000
"""Values in one file, with every alias written out."""
STUDIES = "experiments"
_PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)\s*$", re.MULTILINE)
_MERGE = "tag:yaml.org,2002:merge"
_MERGED = ":{}: << stands before a table that is merged; put it in quotes where a text is meant"
_KNOWN_TAGS = {"str", "int", "float", "bool", "null", "map", "seq", "merge", "timestamp"}


@dataclass(frozen=True)
class OwnFile:
    """A file of a config group."""

    group: str
    name: str
    path: Path
    node: yaml.Node | None

    @property
    def shown(self) -> str:
        return f"{self.group}/{self.name}.yaml"


class Folder:
    """A user's own folder: what is wrong with the files that are used, and which words a study of it gives a sweep."""

    def __init__(self, folder: Path, groups: Mapping[str, Iterable[str]]) -> None:
        self.folder, self.groups = folder, {group: set(names) for group, names in groups.items()}
        self.problems: list[str] = []
        self.multirun = False
        """A study that is used asks for a grid by itself."""
        self.sweeps: list[str] = []
        """Overrides in `hydra.sweeper` of the studies that are used."""
        self._read: dict[tuple[str, str], OwnFile] = {}

    def use(self, group: str, name: str, above: tuple[str, ...] = ()) -> None:
        """Read one file, if it is the user's own, and those that its `defaults` name."""
        path, theirs = (folder / group / f"{name}.yaml" for folder in (self.folder, conf_dir()))
        if not path.is_file():
            if group in ROLES and not theirs.is_file():  # by default the task of this name
                self.use("task", name, above)
            return
        shown = f"{group}/{name}.yaml"
        if shown in above:
            self.problems.append(f"defaults go in circles: {' -> '.join([*above[above.index(shown) :], shown])}")
            return
        if (group, name) in self._read:
            return
        node, wrong = read_yaml(path)
        file = self._read[group, name] = OwnFile(group, name, path, node)
        self.problems += [f"{shown}{place}" for place in wrong]
        if wrong:
            return
        if theirs.is_file() and theirs.read_bytes() != path.read_bytes():
            self.problems.append(f"{shown} is not read: the package has a {group} '{name}'; give the file another name")
            return
        self.problems += [f"{shown}{problem}" for problem in _content_problems(file)]
        self._defaults(file, (*above, shown))
        if group == STUDIES:
            mode = _value(_value(node, "hydra"), "mode")
            self.multirun = self.multirun or (mode is not None and mode.value == "MULTIRUN")
            self.sweeps += _sweeper_words(node)

    def _defaults(self, file: OwnFile, above: tuple[str, ...]) -> None:
        listed = _value(file.node, "defaults")
        if listed is None:
            return
        if not isinstance(listed, yaml.SequenceNode):
            self.problems.append(f"{file.shown}: defaults: expected a list in brackets, such as [schema, _self_]")
            return
        for entry in listed.value:
            for group, name in _entries(entry, file.group):
                if name in ("_self_", "schema") or "${" in name:
                    continue
                if group in self.groups and name not in self.groups[group]:
                    self.problems.append(f"{file.shown}: defaults: {unknown_name(group, name, self.groups[group])}")
                self.use(group, name, above)


def read_yaml(path: Path) -> tuple[yaml.Node | None, list[str]]:
    """The content of a YAML file, None if it has none, and what makes it unreadable, each beginning with `:` or a line."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        return None, [f": cannot be read ({error.strerror or error})"]
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return None, [f":{line}: byte 0x{content[error.start]:02x} is not UTF-8: save the file as UTF-8"]
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        hint = "; indent with blanks, not tabs" if "\\t" in str(error.problem) else ""
        return None, [f":{line}: no YAML: {' '.join(str(error.problem).split())}{hint}"]
    except yaml.YAMLError as error:  # of single characters
        return None, [f": no YAML: {' '.join(str(error).split())}"]
    except RecursionError:
        return None, [": too deeply nested"]
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
        return None, []
    wrong = _structure_problems(node)
    return node, wrong


def _structure_problems(root: yaml.Node) -> list[str]:
    """Duplicate keys, foreign tags, aliases that contain themselves, and too many of them."""
    found: list[str] = []
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        total = 1
        if id(node) in sizes:
            if not sizes[id(node)]:
                found.append(f":{node.start_mark.line + 1}: an alias stands within what it stands for")
            return sizes[id(node)]
        sizes[id(node)] = 0
        name = node.tag.removeprefix("tag:yaml.org,2002:")
        if name not in _KNOWN_TAGS:
            found.append(f":{node.start_mark.line + 1}: unknown tag '{node.tag}': expected plain values")
        if isinstance(node, yaml.SequenceNode):
            found.extend(_MERGED.format(item.start_mark.line + 1) for item in node.value if item.tag == _MERGE)
            total += sum(size(item) for item in node.value)
        elif isinstance(node, yaml.MappingNode):
            found.extend(_repeated_keys(node))
            found.extend(_odd_keys(node))
            total += sum(size(key) + size(value) for key, value in node.value)
        sizes[id(node)] = min(total, 2 * LARGEST)
        return sizes[id(node)]

    try:
        if size(root) > LARGEST:
            found.append(f": with all its aliases it holds more than {LARGEST:,} values")
    except RecursionError:
        found.append(": too deeply nested")
    return found


def _odd_keys(node: yaml.MappingNode) -> Iterator[str]:
    for key, value in node.value:
        if key.tag.endswith(":null"):
            yield f':{key.start_mark.line + 1}: got the key {key.value or "nothing"}, expected a text; quote it: "{key.value}"'
        merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
        if value.tag == _MERGE or (key.tag == _MERGE and not all(isinstance(part, yaml.MappingNode) for part in merged)):
            yield _MERGED.format(key.start_mark.line + 1)


def _repeated_keys(node: yaml.MappingNode) -> Iterator[str]:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value in seen and not key.tag.endswith(":merge"):
            yield f":{key.start_mark.line + 1}: the key '{key.value}' is there twice"
        elif not isinstance(key, yaml.ScalarNode):
            yield f":{key.start_mark.line + 1}: got a list or a table as a key, expected a text"
        else:
            seen.add(key.value)


def _content_problems(file: OwnFile) -> Iterator[str]:
    if file.node is None:
        if file.group != "intermediate":  # there it is a baseline
            yield f": is empty, expected the options of a {file.group}"
        return
    if not isinstance(file.node, yaml.MappingNode):
        yield ": expected options, such as name: value"
        return
    header = list(_header(file.path.read_text("utf-8-sig")))
    if wrong := [line for line in header if not re.fullmatch(r"# *@\S+ +\S+", line)]:
        yield f": '{wrong[0]}' is read by Hydra: type # @package _global_, or leave the line out"
        return
    if file.group == STUDIES and not any("@package" in line for line in header):
        yield ": a study sets options of all groups: type # @package _global_ in its first line"
        return
    yield from _hydra_problems(file.node)
    if (kind := _kind(file)) is None:
        return
    options = yaml.MappingNode(file.node.tag, [pair for pair in file.node.value if pair[0].value not in ("defaults", "hydra")])
    for problem in typed.problems(options, kind):
        line = f":{problem.line}" if problem.line else ""
        yield f"{line}: {problem.place + ': ' if problem.place else ''}{problem.text}"
    if all(name in ("schema", "_self_") for name in _names_in(file.node)):
        for field in fields(kind):
            if field.default is MISSING and _value(file.node, field.name) is None:
                what = f": expected one of {', '.join(format_names())}" if field.name == "format" else ""
                yield f": no '{field.name}'{what}"


def _header(text: str) -> Iterator[str]:
    """The lines `# @...` at the beginning of a file."""
    for line in filter(None, map(str.strip, text.splitlines())):
        if not re.match(r"#\s*@", line):
            return
        yield line


def _hydra_problems(node: yaml.Node) -> Iterator[str]:
    """Problems of a study's `hydra:` and of the sweeper in it."""
    hydra = _value(node, "hydra")
    sweeper = _value(hydra, "sweeper")
    for place, part in (("hydra", hydra), ("hydra.sweeper", sweeper)):
        if part is not None and not isinstance(part, yaml.MappingNode):
            yield f":{part.start_mark.line + 1}: {place}: expected names with values, such as name: value; or leave it out"
    hints = {name: kind for name, kind in typed.hints_of(WavesConf).items() if name not in ("_target_", "only_plan")}
    for key, value in sweeper.value if isinstance(sweeper, yaml.MappingNode) else ():
        line = f":{key.start_mark.line + 1}"
        if key.value not in hints:
            yield f"{line}: {unknown_name('key of hydra.sweeper', str(key.value), hints)}"
        elif key.value != "params" or not isinstance(value, yaml.MappingNode):
            wrong = typed.problems(value, hints[key.value], f"hydra.sweeper.{key.value}")
            yield from (f":{found.line}: {found.place}: {found.text}" for found in wrong)
        else:
            for option, values in value.value:
                if not isinstance(values, yaml.ScalarNode):
                    place = f"hydra.sweeper.params.{option.value}"
                    yield f'{line}: {place}: expected values as they are typed, in quotes, such as "1,2" or "[en],[de]"'


def _kind(file: OwnFile) -> Any:
    """The part of the schema that the file fills in; None: not ours."""
    package = _PACKAGE.search(file.path.read_text("utf-8-sig").partition("\n\n")[0])
    if package and package[1] == "_global_":
        return Config
    if package:
        return None
    if file.group == "task":
        return Task
    return get_type_hints(Config).get(file.group)


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def _names_in(node: yaml.Node) -> list[str]:
    listed = _value(node, "defaults")
    entries = listed.value if isinstance(listed, yaml.SequenceNode) else []
    return [entry.value if isinstance(entry, yaml.ScalarNode) else "other" for entry in entries]


def _entries(entry: yaml.Node, group: str) -> Iterator[tuple[str, str]]:
    """Group and name of what one entry of `defaults` names."""
    if isinstance(entry, yaml.ScalarNode):
        yield group, entry.value
    elif isinstance(entry, yaml.MappingNode):
        for key, value in entry.value:
            words = key.value.split("@")[0].split()
            path = words[-1] if words else ""
            absolute = path.startswith("/") or words[0] == "override" or group == STUDIES
            for item in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(item, yaml.ScalarNode) and not item.tag.endswith(":null"):
                    yield (path.lstrip("/") if absolute else f"{group}/{path}"), item.value


def _sweeper_words(node: yaml.Node | None) -> list[str]:
    """The overrides of a study's grid and of its alternatives."""
    sweeper = _value(_value(node, "hydra"), "sweeper")
    params, alternatives = _value(sweeper, "params"), _value(sweeper, "alternatives")
    words = []
    if isinstance(params, yaml.MappingNode):
        words += [f"{key.value}={value.value}" for key, value in params.value if isinstance(value, yaml.ScalarNode)]
    if isinstance(alternatives, yaml.MappingNode):
        lists = [value.value for _, value in alternatives.value if isinstance(value, yaml.SequenceNode)]
        words += [item.value for items in lists for item in items if isinstance(item, yaml.ScalarNode)]
    return words
