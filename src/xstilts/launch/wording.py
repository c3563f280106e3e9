"""Errors of Hydra and OmegaConf in plain words: their cause, without names of classes, in lines for a user."""

import contextlib
import re
from collections.abc import Iterator

import yaml
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from xstilts.errors import UserError

LIBRARY_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError, RecursionError)
"""Errors that are raised for configs and command lines that a user wrote."""
_IN_FILE = re.compile(r"In '(.+?)': \w+ raised while composing config:\s*(.*)", re.DOTALL)
_NOT_THERE = re.compile(r"Could not override '([^']+)'")
_NO_CHOICE = re.compile(r"(?:In '(.+?)': )?Could not find '(.+?)'")
_TWICE = re.compile(r"Multiple values for (\S+)\.")
_ADDED = re.compile(r"Could not append to config\. An item is already at '([^']+)'")
_DELETED = re.compile(r"Could not delete from config\. '?([^' ]+)'?")
_TABLE = re.compile(r"((?:pretraining|intermediate)\.tasks|target\.training)\.([^.]+)")
_INTERPOLATED = re.compile(r"Interpolation key '(.+?)' not found|Environment variable '(.+?)' not found")
_NO_GROUP = re.compile(r"looks like a config group override, but config group '(.+?)' does not exist")
_PLAINER = (
    (r"Key '(.+?)' not in '\w+'", r"unknown key '\1'"),
    (r"Key (\S+) \((\w+)\) is incompatible with.*", r"the key \1 is no text: put it into quotes"),
    (r"Value '(.*?)' is not a valid bool.*", r"got '\1', expected true or false"),
    (r"Value '(.*?)'.* could not be converted to Integer", r"got '\1', expected a whole number"),
    (r"Value '(.*?)'.* could not be converted to Float", r"got '\1', expected a number"),
    (r"Structured config of type .* has missing mandatory value: .*", "no value"),
    (r"Missing mandatory value: .*", "got '???', which stands for a value that is missing"),
    (r"no viable alternative at input '(.*)'", r"cannot read \1: put the value into quotes"),
    (
        r"Invalid type assigned: dict is not a subclass of TrainingTask.*",
        "a new entry begins with its task: type +task@TABLE.NAME.task=TASK, such as +task@target.training.mnli.task=mnli",
    ),
    (
        r"Invalid type assigned: dict is not a subclass of \w+.*",
        "there is no such entry: add it in a file of your own, such as recipe/mine.yaml in --config-dir=FOLDER",
    ),
    (r".*(?:is not a subclass of|Cannot assign|Cannot merge|incompatible with type hint|is not a ListConfig).*", None),
)
"""Reasons of the libraries that name classes -> plain words; None: a value of a kind that the option does not take."""
_OTHER_KIND = "got a list, a table or a single value where another of the three is expected"
_DEFAULTS = re.compile(r"(?:In '(.+?)': )?Could not override '(.+?)'\.\s*No match in the defaults list")


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Raise what the libraries raise in the body as UserError."""
    try:
        yield
    except LIBRARY_ERRORS as error:
        raise UserError(plain(error)) from None


def plain(error: BaseException) -> str:
    """One line that says what is wrong and where."""
    if isinstance(error, RecursionError):
        return "the config refers to itself, in ${...} or in defaults: follow what refers to what, and break the circle"
    if isinstance(error, OSError) and not isinstance(error, HydraException):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error.strerror or error)
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    text, own = str(error), str(cause)
    if found := _DEFAULTS.search(text):
        return f"{_file(found[1])}'{found[2]}' is no choice that can be overridden: leave out `override`, or name it"
    if found := _NOT_THERE.search(text):
        table = _TABLE.match(found[1])
        where, name = table.groups() if table else found[1].rpartition(".")[::2]
        return f"{found[1]}: there is no '{name}' in {where or 'the config'} of this cell"
    if found := _ADDED.search(text):
        return f"{found[1]} is there already: type {found[1]}=... without the plus"
    if found := _DELETED.search(text):
        return f"~{found[1]}: there is no '{found[1]}' that can be left out"
    if found := _TWICE.search(text):
        return f"{found[1]} is chosen twice: leave out all but one, or put several in brackets"
    if found := _NO_CHOICE.search(text):
        return f"{_file(found[1])}there is no config '{found[2]}'"
    if found := _NO_GROUP.search(text):
        return f"there is no config group '{found[1]}': the part before @ is a folder of configs, such as task"
    place = getattr(cause, "full_key", None)
    if found := _IN_FILE.match(own):
        full_key = re.search(r"full_key: (\S+)", own)
        return f"{found[1]}.yaml: {full_key[1] + ': ' if full_key else ''}{_first_line(found[2])}"
    if own.startswith("Recursive interpolation"):
        return f"{place}: ${{...}} refers to {place} itself"
    if own.startswith("field") and "is not Optional" in own:
        return f"{place}: got null, expected a value"
    if own.startswith("Incompatible value 'None'"):
        return f"{place}: got null, expected a value"
    if found := _INTERPOLATED.search(own):
        name = f"${{{found[1]}}}" if found[1] else f"${{oc.env:{found[2]}}}"
        what = "names no option" if found[1] else "names a variable of the environment that is not set"
        return f"{place + ': ' if place else ''}{name} {what}"
    return f"{place + ': ' if place else ''}{_first_line(own)}"


def _file(name: str | None) -> str:
    return f"{name}.yaml: " if name else ""


def _first_line(text: str) -> str:
    """The first line, without names of classes."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    line = lines[0] if lines else "no reason is given"
    line = re.sub(r"^(?:\w+\.)*\w*(?:Error|Exception)\w*(?: raised while \w+(?: \w+)*)?: ?", "", line)
    for pattern, words in _PLAINER:
        if found := re.fullmatch(pattern, line):
            return found.expand(words) if words else _OTHER_KIND
    return re.sub(r"\b(?:\w+\.)+(?=\w+Error)|<class '(?:\w+\.)*(\w+)'>", r"\1", line) or "no reason is given"
