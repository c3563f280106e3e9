"""The page of a study's report, from its analysis: the same results give the same bytes.

Differences, averages, plots, groups of languages and problems are HTML and can be read without JavaScript. The rest is JSON in
the page, which script.js shows as tables and plots. A Content-Security-Policy allows the page's own parts and nothing else.
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

from xstilts.numbering import counted
from xstilts.reporting.analysis import Analysis, place_text
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.extras import Extras
from xstilts.reporting.groups import ALL, LANGUAGE, OTHERS
from xstilts.reporting.numbers import (
    ABSENT,
    COLLAPSED_MARK,
    ITEMS_ONLY,
    MINUS,
    SEEN_EXPLAINED,
    SEEN_MARK,
    UNKNOWN,
    items_text,
    probability,
    with_minus,
)
from xstilts.reporting.numbers import fixed as plain_fixed
from xstilts.reporting.statistics import ITEMS, SIGNIFICANT, certain_part
from xstilts.reporting.tables import (
    ReportTable,
    answer_table,
    baseline_text,
    cells_note,
    collapse_tables,
    interval_heading,
    languages_text,
    summary_tables,
)
from xstilts.reporting.views.answer import answer_section
from xstilts.reporting.views.html.packing import packed
from xstilts.store.files import atomic_write

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_CELLS = 20_000
"""Number of differences above which single languages are shown by script.js only."""
MOST_BYTES = 2_000_000
"""Total size of the pictures in a page; those without room stay in their files."""
STEPS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Percentage points of difference at which a cell gets the next stronger colour: the same in every report."""
TITLES = {
    "models": "Models",
    "robustness": "Robustness",
    "averages": "Averages",
    "selection": "Best intermediate task per target",
    "claims": "The paper's claims",
}
"""Name of a table -> title of its section; see `title` for the tables of layers."""
Record = Mapping[str, Any]

fixed = partial(plain_fixed, minus=MINUS, unknown=UNKNOWN)
"""Write a number of the page, as `fixed` of script.js does."""


@dataclass(frozen=True)
class DifferenceCell:
    """The cell of one difference to the baseline."""

    row: int
    """Its row in `Analysis.effects`."""
    number: str
    interval: str
    colour: str
    significant: bool
    details: str
    """A few lines that the cell shows when asked."""


@dataclass
class GroupRow:
    """A group of languages in the table of one target: a difference for each intermediate choice."""

    name: str
    kind: str
    languages: str
    baseline: str
    cells: dict[str, DifferenceCell] = field(default_factory=dict)

    @property
    def count(self) -> str:
        """`1 language`."""
        return counted(1, "language") if self.languages == "1" else f"{self.languages} languages"


@dataclass
class TargetTable:
    """A target under one condition."""

    name: str
    condition: str
    metric: str
    place: int
    """Its number on the page."""
    groups: dict[str, GroupRow] = field(default_factory=dict)
    covers: set[str] = field(default_factory=set)
    """The sources of chance that its intervals cover."""

    @property
    def choices(self) -> list[str]:
        """The intermediate choices that have a difference."""
        return list(dict.fromkeys(choice for group in self.groups.values() for choice in group.cells))

    def any_row(self, choice: str) -> int | None:
        """Return a row of `Analysis.effects` with this choice; None if there is none."""
        return next((group.cells[choice].row for group in self.groups.values() if choice in group.cells), None)


def write_page(analysis: Analysis, path: Path, more: Extras) -> None:
    """Write the page whole or not at all."""
    text = render(analysis, more)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def render(analysis: Analysis, more: Extras) -> str:
    """Return the page of an analysis and its `extras` as text. Names are escaped: none can become part of the page's program."""
    from jinja2 import Environment, StrictUndefined
    from jinja2.utils import htmlsafe_json_dumps
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"fixed": fixed, "minus": _minus}
    script, style = _part("script.js"), _part("style.css")
    found = targets(analysis)
    tables = {"effects": analysis.effects, "scores": analysis.scores, "provenance": analysis.provenance}
    if (examples := more.predictions.examples) is not None:
        tables["examples"] = examples
    data = {"tables": {name: packed(frame) for name, frame in tables.items()}, "group": first_group(found)}
    dumps = partial(json.dumps, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return environment.from_string(_part("page.html.jinja")).render(
        study=analysis.name,
        question=paragraphs(analysis.question),
        answer=answer_section(analysis),
        answer_table=answer_table(analysis.answers) if len(analysis.answers) else None,
        synthetic=analysis.synthetic,
        source=analysis.source,
        seeds=sorted(analysis.scores["seed"].unique().tolist()),
        cells=len(analysis.provenance),
        baseline=BASELINE,
        seen=SEEN_EXPLAINED if analysis.effects["seen_languages"].any() else "",
        interval_note=cells_note(analysis.effects),
        collapses=list(collapse_tables(analysis)),
        interval_heading=lambda shown: interval_heading(source for target in shown for source in target.covers),
        has_baseline=BASELINE in set(analysis.scores["intermediate"]),
        group=data["group"],
        conditions=_by_condition(found),
        targets=found,
        with_languages=len(analysis.effects) <= MOST_CELLS,
        steps=STEPS,
        summaries=list(summary_tables(analysis)),
        title=title,
        extras=more,
        shows_predictions=bool(more.predictions.tables) or examples is not None,
        sources=sources(more),
        problems=_records(analysis.problems),
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        data=htmlsafe_json_dumps(data, dumps=dumps),
    )


def targets(analysis: Analysis) -> list[TargetTable]:
    """Return the targets that have differences, each with its groups of languages, in the order of `Analysis.effects`."""
    main = analysis.scores[analysis.scores["main"]].drop_duplicates(["target", "condition"])
    metrics = {(row["target"], row["condition"]): f"{row['metric']}, {place_text(analysis, row)}" for row in _records(main)}
    by_group = analysis.effects.groupby(["target", "condition", "group"], sort=False)
    texts = {key: (languages_text(part), _minus(baseline_text(part))) for key, part in by_group}
    found: dict[tuple[str, str], TargetTable] = {}
    for number, row in enumerate(_records(analysis.effects)):
        key = row["target"], row["condition"]
        target = found.setdefault(key, TargetTable(*key, metrics.get(key, ""), len(found)))
        if row["group"] not in target.groups:
            target.groups[row["group"]] = GroupRow(row["group"], row["kind"], *texts[*key, row["group"]])
        target.covers.add(row["covers"])
        target.groups[row["group"]].cells[row["intermediate"]] = cell(number, row)
    return list(found.values())


def cell(number: int, row: Record) -> DifferenceCell:
    """Make the cell of a row of `Analysis.effects`."""
    many = counted(row["languages"], "language") if row["kind"] != LANGUAGE else ""
    tested = row["p"] == row["p"]
    p_values = f"p {probability(row['p'])}, corrected {probability(row['p_corrected'], UNKNOWN)}"
    details = [
        f"{row['intermediate']} \N{RIGHTWARDS ARROW} {row['target']}, {row['group']}" + (f" ({many})" if many else ""),
        f"difference {fixed(row['difference'], 2, True)} {interval(row, 2)}".strip(),
        f"score {fixed(row['score'], 2)}, {BASELINE} {fixed(row['baseline'], 2)}",
        p_values if tested else untested(row),
        f"seeds {row['seeds']}, test items {items_text(row['items'], row['clusters'])}",
    ]
    if row["collapsed"]:
        details.append(collapsed_text(row))
    if row["seen_languages"]:
        details.append(f"phase 2 trained in {row['seen_languages']} of {row['languages']}")
    return DifferenceCell(
        row=number,
        number=fixed(row["difference"], 1, True)
        + (SEEN_MARK if row["kind"] == LANGUAGE and row["seen_languages"] else "")
        + (COLLAPSED_MARK if row["collapsed"] else ""),
        interval=interval(row, 1),
        colour=step(certain_part(row["low"], row["high"], row["covers"])),
        significant=row["p_corrected"] <= SIGNIFICANT,
        details="\n".join(details),
    )


def untested(row: Record) -> str:
    """Tell why a difference has no p-value."""
    return "nothing was learnt, not tested" if min(row["seeds"], row["baseline_seeds"]) > 1 else "one run, not tested"


def collapsed_text(row: Record) -> str:
    """Tell how many runs collapsed, and the difference without them."""
    without = {"difference": row["difference_without"], "low": row["low_without"], "high": row["high_without"], "covers": ""}
    known = without["difference"] == without["difference"]
    rest = f"; without them {fixed(without['difference'], 2, True)} {interval(without, 2)}".rstrip() + ", not tested"
    return f"collapsed runs {row['collapsed']}{rest if known else ''}"


def interval(row: Record, digits: int) -> str:
    """Write `[-0.3, +2.7]`, with a mark if it covers test items only; empty if it is unknown."""
    if row["low"] != row["low"]:
        return ""
    mark = ITEMS_ONLY if row["covers"] == ITEMS else ""
    return f"[{fixed(row['low'], digits, True)}, {fixed(row['high'], digits, True)}]{mark}"


def step(difference: float) -> str:
    """Return the class of a colour: `down3`, `zero`, `up1`."""
    strength = sum(abs(difference) >= least for least in STEPS)
    return f"{'up' if difference > 0 else 'down'}{strength}" if strength else "zero"


def sources(more: Extras) -> dict[str, str]:
    """Return each picture's name and data URI, an empty one if there is no room.

    A picture is its SVG file inside an image: its content cannot run or reach the page, and the page's Content-Security-Policy
    needs no exception for it.
    """
    found, room = {}, MOST_BYTES
    for picture in (picture for part in more.parts for picture in part.pictures):
        source = f"data:image/svg+xml;base64,{base64.b64encode(picture.svg).decode()}"
        room -= len(source)
        found[picture.name] = source if room >= 0 else ""
    return found


def title(table: ReportTable) -> str:
    """Return the title of the section of one of the summary tables: `Layers of tatoeba` for `layers_tatoeba`."""
    return TITLES.get(table.name) or table.name.replace("layers_", "Layers of ")


def first_group(found: Iterable[TargetTable]) -> str:
    """Return the group of languages that the heat map shows first."""
    known = dict.fromkeys(name for target in found for name in target.groups)
    return next((name for name in (OTHERS, ALL) if name in known), next(iter(known), OTHERS))


def paragraphs(text: str) -> list[tuple[bool, str]]:
    """Split a text at empty lines; each part with True if some of its lines are indented, so that its line breaks stay."""
    parts = [part.strip("\n") for part in text.split("\n\n") if part.strip()]
    kept = [any(line.startswith("  ") for line in part.splitlines()) for part in parts]
    return [(keep, part if keep else " ".join(part.split())) for keep, part in zip(kept, parts, strict=True)]


def _by_condition(found: Sequence[TargetTable]) -> dict[str, tuple[list[TargetTable], list[str]]]:
    """Return, for each condition, its targets and the intermediate choices that any of them was compared with."""
    conditions: dict[str, list[TargetTable]] = {}
    for target in found:
        conditions.setdefault(target.condition, []).append(target)
    return {name: (own, list(dict.fromkeys(choice for one in own for choice in one.choices))) for name, own in conditions.items()}


def _records(frame: "DataFrame") -> list[dict[str, Any]]:
    return frame.to_dict("records")


def _minus(text: str) -> str:
    return UNKNOWN if text == ABSENT else with_minus(text)


def _part(name: str) -> str:
    return files("xstilts.reporting.views.html").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the hash by which a Content-Security-Policy allows a script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
