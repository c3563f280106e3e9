"""The words of a command line that takes a cell's options: flags in any place, the other words, and what Hydra is to read.

Hydra reads flags only before or behind all overrides, and its grammar takes values in ASCII alone unless they are quoted.
"""

import argparse
import re
from dataclasses import dataclass
from typing import NoReturn

from xstilts.errors import UserError, unknown_name

SHOWN_BY_HYDRA = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
UNUSABLE = {
    "config_path": "type --config-dir=FOLDER, for a folder of your own beside the package's",
    "experimental_rerun": "it would run a pickle; type the overrides of the job again",
}
"""Flags of Hydra that make no sense here, and what to do instead."""
SWITCHES = ("-h --help", "--hydra-help", "--version", "--resolve", "-r --run", "-m --multirun", "-sc --shell-completion")
WITH_VALUE = ("-p --package", "-cp --config-path", "-cn --config-name", "-cd --config-dir", "--experimental-rerun")
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_FILLED = r"\$\{[^{}]*\}"
_PARTS = re.compile(rf"{_QUOTED}|(?:{_FILLED}|[^,\[\]{{}}()'\"=:\\])+|.", re.DOTALL)
"""A quoted text, a bare text, or a sign between them."""


@dataclass(frozen=True)
class Arguments:
    """A command line, read."""

    overrides: list[str]
    flags: list[str]
    """The overrides as Hydra is to read them."""
    help: bool = False
    multirun: bool = False
    shows: bool = False
    """Something is shown by Hydra, and nothing is run."""
    cfg: bool = False
    config_dir: str | None = None
    config_name: str | None = None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"cannot read the command line: {message}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("overrides", nargs="*")
    for flag in SWITCHES:
        parser.add_argument(*flag.split(), action="store_true")
    parser.add_argument("-c", "--cfg", choices=("job", "hydra", "all"))
    parser.add_argument("-i", "--info", nargs="?", const="all", choices=SHOWN_BY_HYDRA)
    for flag in WITH_VALUE:
        parser.add_argument(*flag.split())
    return parser


def read(words: list[str]) -> Arguments:
    """Read a command line. Raises UserError for flags that are unknown, or that do not go together."""
    given, unknown = _parser().parse_known_intermixed_args(words)
    if unknown:
        known = " ".join([*SWITCHES, *WITH_VALUE, "--cfg --info"]).split()
        raise UserError(unknown_name("flag", unknown[0].partition("=")[0], known))
    for name, instead in UNUSABLE.items():
        if getattr(given, name) is not None:
            raise UserError(f"--{name.replace('_', '-')} cannot be used: {instead}")
    commands = {
        "--run": given.run,
        "--multirun": given.multirun,
        "--cfg": given.cfg is not None,
        "--info": given.info is not None,
        "--shell-completion": given.shell_completion,
    }
    chosen = [name for name, is_chosen in commands.items() if is_chosen]
    if {"--multirun", "--cfg"} <= set(chosen):
        raise UserError("--cfg shows the config of one cell: leave out -m and give one value for each choice")
    if len(chosen) > 1:
        raise UserError(f"{' and '.join(chosen)} cannot be used together: leave out all but one")
    if given.resolve and given.cfg is None and not given.help:
        raise UserError("--resolve is for --cfg alone: type --cfg job --resolve, or leave it out")
    if given.package is not None and given.cfg is None:
        raise UserError("--package is for --cfg alone: type --cfg job --package=NAME, or leave it out")
    values = {"cfg": given.cfg, "info": given.info, "package": given.package}
    values |= {"config-name": given.config_name, "config-dir": given.config_dir}
    switches = ("hydra_help", "version", "resolve", "run", "multirun", "shell_completion")
    return Arguments(
        overrides=[quoted(word) for word in given.overrides],
        flags=[f"--{name.replace('_', '-')}" for name in switches if getattr(given, name)]
        + [f"--{name}={value}" for name, value in values.items() if value is not None],
        help=given.help,
        multirun=given.multirun,
        shows=given.hydra_help or given.version or given.shell_completion or given.info is not None,
        cfg=given.cfg is not None,
        config_dir=given.config_dir,
        config_name=given.config_name,
    )


def quoted(word: str) -> str:
    """The override with quotes around bare texts that hold letters beyond ASCII: `study=日本語` becomes `study='日本語'`."""
    key, equal, value = word.partition("=")
    if value.isascii():
        return word
    parts = [part.group() for part in _PARTS.finditer(value)]
    if not {"[", "{", "(", "="} & set(parts) and "," not in parts and not any(part[0] in "'\"\\" for part in parts):
        return key + equal + _in_quotes(value)
    return key + equal + "".join(part if part.isascii() or part[0] in "'\"" else _in_quotes(part) for part in parts)


def _in_quotes(text: str) -> str:
    bare = text.strip()
    return text.replace(bare, f"'{bare}'", 1)
