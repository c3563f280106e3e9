"""Pages of the documentation that are made from the program, and links from its pages to the repository. A hook of MkDocs."""

import ast
import dataclasses
import inspect
import itertools
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from mkdocs.structure.files import File, Files

import xstilts.api
from xstilts.bounds import KEY, WRITTEN, Bounds, Choices

ROOT = Path(__file__).resolve().parents[1]
NONSENSE = 1e6
"""From here on, the limit of a number only refuses mistakes, and the page of options leaves it out."""
TYPES = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "anything"}
LINK = re.compile(r"\[([^\]\n]*)\]\((\.\./[^)\s]+)\)")
API = f"""# Python API

Here you find every function and class that `import xstilts` offers. How to use them: [work from Python](../python.md).

::: xstilts.api
    options:
      members: {xstilts.api.__all__}
      show_labels: false
"""
CONFIGURATION = f"""# Configuration

Here you find every option of a cell, as typed on the command line, with its type, its default and its meaning. [The options used
most](../options.md) have a page of their own.

- Files under `conf/` and of studies change the defaults; what you type counts most.
- `xstilts train ... --cfg job --resolve` shows all values of a command.
- Hyperparameters that are `null` come from the recipe, a file in `conf/recipe`
  ([which value counts](../training.md#which-hyperparameter-counts)).
- `null` means unset. `NAME` stands for a name of yours or of a task.
- Limits of {NONSENSE:,.0f} and more, which only refuse mistakes, are left out.
"""
OUTSIDE = {"CHANGELOG.md": "reference/changelog.md"}
"""Files at the top of the repository that are pages of the site too."""


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    pages = {
        "reference/commands.md": commands(),
        "reference/configuration.md": configuration(),
        "reference/python.md": API,
        "reference/changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](../"),
    }
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Show links to files that are no pages of the site as paths in the repository."""

    def shown(found: re.Match[str]) -> str:
        text, place = found[1], found[2].removeprefix("../").partition("#")[0]
        if place in OUTSIDE:
            return f"[{text}]({OUTSIDE[place]})"
        if not (ROOT / place).exists():
            raise FileNotFoundError(f"{page.file.src_path}: no file {place}")
        return text if place in text else f"{text} (`{place}`)"

    return markdown if page.file.generated_by else LINK.sub(shown, markdown)


def commands() -> str:
    """Return the page of all commands: what each says to `--help`, but for the choices, which are long."""
    from xstilts.cli import COMMANDS

    parts = ["# Commands\n\nHere you find every command, as its `--help` explains it. `python -m xstilts.NAME` is the same.\n"]
    for name, about in COMMANDS.items():
        ran = subprocess.run(
            [sys.executable, "-m", "xstilts", name, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
        )
        text = ran.stdout.partition("Choices:")[0].strip()
        parts += [f"## xstilts {name}", "", f"{about[0].upper()}{about[1:]}.", "", "```text", text, "```", ""]
    return "\n".join(parts)


def configuration() -> str:
    """Return the page of all options: each with type, default and meaning, from the dataclasses and their source."""
    from xstilts.config import Config

    parts = [CONFIGURATION]
    places: dict[type, list[str]] = {}
    waiting: list[tuple[str, type]] = [("", Config)]
    while waiting:
        place, of = waiting.pop(0)
        if of not in places:
            waiting += _table(place, of)[1]
        places.setdefault(of, []).append(place)
    for of, (place, *others) in places.items():
        rows, _ = _table(place, of)
        parts += [f"## {place.rstrip('.') or 'Options without a group'}", "", " ".join((inspect.getdoc(of) or "").split()), ""]
        if others:
            parts += [f"The same options: {', '.join(f'`{other}*`' for other in others)}.", ""]
        if rows:
            head = ["| option | type | default | meaning |", "|---|---|---|---|"]
            parts += ['<div class="options" markdown>', "", *head, *rows, "", "</div>", ""]
    return "\n".join(parts)


def _table(place: str, of: type) -> tuple[list[str], list[tuple[str, type]]]:
    """Return a row for each value of a dataclass, and its fields that are dataclasses themselves, or name -> dataclass."""
    hints, about = get_type_hints(of), _meanings(of)
    rows, below = [], []
    for field in dataclasses.fields(of):
        kind, name = hints[field.name], f"{place}{field.name}"
        of_each = get_args(kind)[1] if get_origin(kind) is dict else kind
        nested = next((part for part in (of_each, *get_args(of_each)) if dataclasses.is_dataclass(part)), None)
        if nested:
            below.append((f"{name}.NAME." if get_origin(kind) is dict else f"{name}.", nested))
        if nested is not kind:
            cells = (f"`{name}`", _type(kind, field), _default(field), about.get(field.name, ""))
            rows.append(f"| {' | '.join(cells)} |")
    return rows, below


def _meanings(of: type) -> dict[str, str]:
    """Return field -> the text below it in the source."""
    body = ast.parse(textwrap.dedent(inspect.getsource(of))).body[0].body
    return {
        field.target.id: " ".join(text.value.value.split()).replace("|", "\\|")
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


def _type(kind: Any, field: dataclasses.Field[Any]) -> str:
    """Return the type in words, with its bounds or choices."""
    text, rule = _words(field.metadata.get(WRITTEN, kind)), field.metadata.get(KEY)
    if isinstance(rule, Choices):
        return text.replace("text", ", ".join(f"`{choice}`" for choice in rule.valid))
    if isinstance(rule, Bounds):
        bounds = ((word, getattr(rule, word)) for word in ("at_least", "above", "at_most", "below"))
        told = [f"{word.replace('_', ' ')} {value:,g}" for word, value in bounds if value is not None and abs(value) < NONSENSE]
        return ", ".join([text, *told])
    return text


def _words(kind: Any) -> str:
    """Return a type without its bounds, in words."""
    if get_origin(kind) is dict:
        return f"name: {_words(get_args(kind)[1])}"
    if get_origin(kind) is list:
        return f"list of {_words(get_args(kind)[0])}"
    if get_args(kind):
        return " or ".join(map(_words, get_args(kind)))
    return "null" if kind is type(None) else "options (below)" if dataclasses.is_dataclass(kind) else TYPES[kind]


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
    if value is dataclasses.MISSING or value == "???":
        return "required"
    if isinstance(value, (list, dict)):
        shown = [f"`{one}`" for one in value][:5]
        return ", ".join(shown) + (f", ... ({len(value)})" if len(value) > len(shown) else "") or "empty"
    return (
        f"`{'null' if value is None else str(value).lower() if isinstance(value, bool) else value}`" if value != "" else "empty"
    )
