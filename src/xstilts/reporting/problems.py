"""Problems of a study: cells that failed, whose scores mean little, or that are left out of the report, each with a reason."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xstilts.errors import UserError
from xstilts.paths import sweep_summary
from xstilts.reporting.comparison import BASELINE, Comparison, Result
from xstilts.reporting.naming import choice_name
from xstilts.reporting.summary import scores
from xstilts.store.files import read_json_object
from xstilts.store.results import name_of

if TYPE_CHECKING:
    from pandas import DataFrame

PROBLEMS = "cell kind reason".split()
BROKEN = ("failed", "interrupted", "blocked")
"""States of a sweep's unit without result."""


def problems(study: Path, results: Sequence[Result], found: Sequence[Comparison]) -> "DataFrame":
    """Return a row per problem; `found` are the comparisons of `results`. UserError if the last sweep's summary is broken."""
    from pandas import DataFrame

    units = last_sweep(study)["units"]
    rows = [
        *_degenerate(found),
        *_not_compared(results, found),
        *(row for one in found for row in _without_score(one)),
        *([unit["label"], unit["state"], unit["reason"]] for unit in units if unit["state"] in BROKEN),
    ]
    return DataFrame(rows, columns=PROBLEMS)


def last_sweep(study: Path) -> dict[str, Any]:
    """Read the record of the study's sweeps. UserError if it is broken.

    `experiment` and `file`, the study's file; `declared`; `units`, how the last sweep ended. All are empty without a sweep.
    """
    path, remedy = sweep_summary(study), "delete it; the report is then without the failures of the last sweep"
    empty: dict[str, Any] = {"experiment": "", "file": "", "declared": [], "units": []}
    if not path.exists():
        return empty
    summary = empty | read_json_object(path, "summary of a sweep", remedy)
    shapes: dict[str, dict[str, type]] = {
        "units": dict.fromkeys(("label", "state", "reason"), str),
        "declared": {"hash": str, "results": int, "analysis": dict},
    }
    for name, keys in shapes.items():
        if not isinstance(rows := summary[name], list) or not all(
            isinstance(row, dict) and all(isinstance(row.get(key), kind) for key, kind in keys.items()) for row in rows
        ):
            raise UserError(f"{path} is no summary of a sweep: expected {name}, each with {', '.join(keys)}; {remedy}")
    if wrong := [name for name in ("experiment", "file") if not isinstance(summary[name], str)]:
        raise UserError(f"{path} is no summary of a sweep: {wrong[0]} is no text; {remedy}")
    return summary


def _degenerate(found: Sequence[Comparison]) -> Iterator[list[str]]:
    for one in found:
        for result in one.results():
            if result["degenerate"]:
                yield [name_of(result), "degenerate", "; ".join(result["degenerate"])]


def _not_compared(results: Sequence[Result], found: Sequence[Comparison]) -> Iterator[list[str]]:
    """Yield results that are not in the report."""
    compared = {name_of(result) for one in found for result in one.results()}
    older = {name: newer for one in found for name, newer in one.left_out.items()}
    for result in results:
        name = name_of(result)
        if name in older:
            reason = f"{older[name]} has the same description and is newer: made from other data or by another xstilts"
            yield [name, "left out", reason]
        elif name not in compared:
            yield [name, "left out", "no split has gold in all cells of its target"]


def _without_score(one: Comparison) -> Iterator[list[str]]:
    """Yield languages that some cells of a target have and others lack, and languages without gold in all cells."""
    runs = [(choice, seed) for choice, by_seed in one.cells.items() for seed in by_seed]
    rows = {run: one.rows(*run) for run in runs}
    scored = {run: scores(of_run) for run, of_run in rows.items()}
    every = list(dict.fromkeys(code for of_run in scored.values() for code in of_run))
    for (choice, seed), of_run in scored.items():
        if missing := [code for code in every if code not in of_run]:
            lost = "differences and" if choice == BASELINE else f"no difference of {choice_name(choice)} is shown, and"
            reason = f"no {one.key} on {one.split} in {' '.join(missing)}, which other cells of {one.target} have"
            yield [name_of(one.cells[choice][seed]), "incomplete", f"{reason}: {lost} averages leave these languages out"]
    blind = dict.fromkeys(str(row["language"]) for of_run in rows.values() for row in of_run if row["language"] not in every)
    if blind:
        yield [one.target, "no gold", f"no gold on {one.split} in {' '.join(blind)}: no number is over these languages"]
