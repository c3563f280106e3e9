"""The page of a study's report, from its analysis: the same results give the same bytes.

What is asked first (differences, averages, plots, groups of languages, problems) is HTML and can be read without JavaScript. The
rest is JSON in the page, which script.js shows as tables and plots. A Content-Security-Policy lets nothing in but the page's own
parts.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.reporting.analysis import ALL, OTHERS, Analysis
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.extras import Extras, extras
from xstilts.reporting.page.numbers import STEPS, fixed, interval, packed, probability, step
from xstilts.reporting.page.sections import sections
from xstilts.reporting.statistics import SIGNIFICANT
from xstilts.store.files import atomic_write

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_CELLS = 20_000
"""Differences in the tables of all targets; with more, those of single languages are left to the tables of script.js."""
LANGUAGE = "language"
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One difference to the baseline."""

    row: int
    """In `Analysis.effects`."""
    number: str
    interval: str
    colour: str
    significant: bool
    told: str
    """All about it, in a few lines."""


@dataclass
class Group:
    """A group of languages in the table of one target: a difference for each intermediate choice."""

    name: str
    kind: str
    languages: int
    baseline: str
    seeds: int
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def count(self) -> str:
        """`1 language`."""
        return f"{self.languages} language{'s' if self.languages > 1 else ''}"


@dataclass
class Target:
    """A target under one condition."""

    name: str
    condition: str
    metric: str
    place: int
    """Its number on the page."""
    groups: dict[str, Group] = field(default_factory=dict)

    @property
    def choices(self) -> list[str]:
        """The intermediate choices that there is a difference of."""
        return list(dict.fromkeys(choice for group in self.groups.values() for choice in group.cells))

    def any_row(self, choice: str) -> int | None:
        """A row of `Analysis.effects` that is about the choice; None without one."""
        return next((group.cells[choice].row for group in self.groups.values() if choice in group.cells), None)


def write_page(analysis: Analysis, path: Path, more: Extras | None = None) -> None:
    """Write the page whole or not at all."""
    text = render(analysis, more)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def render(analysis: Analysis, more: Extras | None = None) -> str:
    """The page as text. All names are shown as they are: none of them can become a part of the page's program. `more`: what
    `extras` has made of the analysis; without it, it is made here."""
    from jinja2 import Environment, StrictUndefined
    from jinja2.utils import htmlsafe_json_dumps
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["fixed"] = fixed
    script, style = _part("script.js"), _part("style.css")
    found = targets(analysis)
    tables = {"effects": analysis.effects, "scores": analysis.scores, "provenance": analysis.provenance}
    data = {"tables": {name: packed(frame) for name, frame in tables.items()}, "group": first_group(found)}
    dumps = partial(json.dumps, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return environment.from_string(_part("page.html.jinja")).render(
        study=analysis.name,
        question=paragraphs(analysis.question),
        synthetic=analysis.synthetic,
        source=analysis.source,
        seeds=sorted(analysis.scores["seed"].unique().tolist()),
        cells=len(analysis.provenance),
        baseline=BASELINE,
        has_baseline=BASELINE in set(analysis.scores["intermediate"]),
        group=data["group"],
        conditions=_by_condition(found),
        targets=found,
        with_languages=len(analysis.effects) <= MOST_CELLS,
        steps=STEPS,
        averages=_records(analysis.averages),
        **sections(more or extras(analysis)),
        problems=_records(analysis.problems),
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=htmlsafe_json_dumps(data, dumps=dumps),
    )


def targets(analysis: Analysis) -> list[Target]:
    """The targets that have differences, each with its groups of languages, in the order of `Analysis.effects`."""
    main = analysis.scores[analysis.scores["main"]].drop_duplicates(["target", "condition"])
    metrics = {(row["target"], row["condition"]): f"{row['metric']}, {row['split']}" for row in _records(main)}
    found: dict[tuple[str, str], Target] = {}
    for number, row in enumerate(_records(analysis.effects)):
        key = row["target"], row["condition"]
        target = found.setdefault(key, Target(*key, metrics.get(key, ""), len(found)))
        group = target.groups.setdefault(row["group"], Group(row["group"], row["kind"], row["languages"], "", 0))
        if row["seeds"] > group.seeds:  # choices may have been run with fewer seeds, and are then compared over these only
            group.seeds, group.baseline = row["seeds"], fixed(row["baseline"], 1)
        group.cells[row["intermediate"]] = cell(number, row)
    return list(found.values())


def cell(number: int, row: Record) -> Cell:
    """What is shown of the row of `Analysis.effects` that has this number."""
    many = f"{row['languages']} languages" if row["kind"] != LANGUAGE else ""
    told = [
        f"{row['intermediate']} \N{RIGHTWARDS ARROW} {row['target']}, {row['group']}" + (f" ({many})" if many else ""),
        f"difference {fixed(row['difference'], 2, True)} {interval(row['low'], row['high'], 2)}".strip(),
        f"score {fixed(row['score'], 2)}, {BASELINE} {fixed(row['baseline'], 2)}",
        f"p {probability(row['p'])}, corrected {probability(row['p_corrected'])}",
        f"seeds {row['seeds']}, test items {row['items'] or 'not compared'}",
    ]
    return Cell(
        row=number,
        number=fixed(row["difference"], 1, True),
        interval=interval(row["low"], row["high"], 1),
        colour=step(row["difference"]),
        significant=row["p_corrected"] <= SIGNIFICANT,
        told="\n".join(told),
    )


def first_group(found: Iterable[Target]) -> str:
    """The group of languages that the heat map shows first."""
    known = dict.fromkeys(name for target in found for name in target.groups)
    return next((name for name in (OTHERS, ALL) if name in known), next(iter(known), OTHERS))


def paragraphs(text: str) -> list[tuple[bool, str]]:
    """The parts of a text between empty lines, and whether a part's lines stay as they are, since some are indented."""
    parts = [part.strip("\n") for part in text.split("\n\n") if part.strip()]
    kept = [any(line.startswith("  ") for line in part.splitlines()) for part in parts]
    return [(keep, part if keep else " ".join(part.split())) for keep, part in zip(kept, parts, strict=True)]


def _by_condition(found: Sequence[Target]) -> dict[str, tuple[list[Target], list[str]]]:
    """Condition -> its targets, and the intermediate choices that any of them was compared with."""
    conditions: dict[str, list[Target]] = {}
    for target in found:
        conditions.setdefault(target.condition, []).append(target)
    return {told: (own, list(dict.fromkeys(name for one in own for name in one.choices))) for told, own in conditions.items()}


def _records(frame: "DataFrame") -> list[dict[str, Any]]:
    return frame.to_dict("records")


def _part(name: str) -> str:
    return files("xstilts.reporting.page").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names what may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
