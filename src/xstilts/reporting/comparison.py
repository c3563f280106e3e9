"""A study's results by target and condition: the cells that differ only in intermediate choice and seed can be compared."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from xstilts import metrics
from xstilts.babel.declaration import Language
from xstilts.errors import UserError
from xstilts.numbering import natural
from xstilts.paths import CellPaths, results_dir
from xstilts.reporting.conditions import (
    TRAINING,
    Settings,
    condition,
    differences,
    following_draws,
    following_seed,
    intermediate_settings,
    typed,
)
from xstilts.reporting.summary import MainScore, main_score, scores, source_language
from xstilts.store.results import REMEDY, name_of, read_results

BASELINE = "none"

Result = dict[str, Any]
ScoreRows = list[Mapping[str, Any]]
SortedSettings = tuple[tuple[str, str], ...]
"""Settings as a hashable key."""


@dataclass(frozen=True)
class Comparison:
    """All cells of one target under one condition."""

    target: str
    settings: Settings
    """The condition that the cells share."""
    metric: str
    main: MainScore
    source: str
    languages: dict[str, Language]
    """The languages of the synthetic world, the pivot first; empty for real languages."""
    cells: dict[str, dict[int, Result]]
    """Intermediate choice -> seed -> result; the baseline first."""
    paired: bool
    """True if every seed is another synthetic world or encoder, so that only cells with the same seed can be compared."""
    left_out: dict[str, str]
    """Name of a result -> name of a newer one with the same description, made from other data or by another xstilts."""

    @property
    def key(self) -> str:
        """The main key of the target's metric."""
        return self.main.metric

    @property
    def split(self) -> str:
        """The split of the main score."""
        return self.main.split

    @property
    def untrained(self) -> bool:
        """True if nothing is trained for the baseline, so that it has the same scores with every seed."""
        return self.settings.get(TRAINING) == json.dumps("none") and not self.paired

    def trained_in(self, choice: str) -> list[str]:
        """Return the languages that phase 2 of a choice trained in, with any seed, sorted."""
        return sorted({code for result in self.cells[choice].values() for code in trained_in(result)})

    def results(self) -> Iterator[Result]:
        """Yield all results that are compared."""
        for by_seed in self.cells.values():
            yield from by_seed.values()

    def rows(self, choice: str, seed: int) -> ScoreRows:
        """Return the rows of the main score, one per language."""
        return self.main.rows(self.cells[choice][seed])

    def by_seed(self, choice: str) -> dict[int, dict[str, float]]:
        """Return seed -> language -> main score."""
        return {seed: scores(self.rows(choice, seed)) for seed in sorted(self.cells[choice])}


def study_results(study: Path) -> list[Result]:
    """Read all results of a study's folder, the oldest first. UserError for a folder without results and for broken files."""
    results = read_results(results_dir(study))
    if not results:
        raise UserError(f"no results in {results_dir(study)}: run the cells of the study first")
    return sorted(results, key=lambda result: CellPaths(study, name_of(result)).result.stat().st_mtime_ns)


def comparisons(study: Path) -> list[Comparison]:
    """Read and sort the results of a study's folder. UserError for a folder without results."""
    return compared(study_results(study))


def scored_comparisons(study: Path, results: Sequence[Result]) -> list[Comparison]:
    """Sort results that have been read. UserError if none of them has a score."""
    if found := compared(results):
        return found
    raise UserError(f"no result in {results_dir(study)} has a score: expected targets with gold; see `xstilts submit` for others")


def compared(results: Sequence[Result]) -> list[Comparison]:
    """Sort results, the oldest first, by target and condition; of two with the same description take the newer.

    Results without a score in a split that all results of their condition have are left out.
    """
    following = following_seed(results)
    by_condition: dict[tuple[str, SortedSettings], list[Result]] = {}
    by_target: dict[str, list[Result]] = {}
    for result in results:
        by_target.setdefault(result["cell"]["target"], []).append(result)
    for target, of_target in by_target.items():
        draws = [f"{TRAINING}.{task}.draw" for task in following_draws(of_target, *TRAINING.split("."))]
        for result in of_target:
            settings = tuple(sorted(condition(result, [*following, *draws]).items()))
            by_condition.setdefault((target, settings), []).append(result)
    found = []
    for (target, settings), comparable in sorted(by_condition.items(), key=_order):
        key = metrics.main_key(metric_of(comparable[-1]))
        comparable = [result for result in comparable if main_score([result], key)]
        if main := main_score(comparable, key):
            found.append(_comparison(target, dict(settings), main, comparable, bool(following)))
    return found


def _order(item: tuple[tuple[str, SortedSettings], Any]) -> tuple[Any, ...]:
    """Return the key that sorts conditions by target and by the values of their options."""
    (target, settings), _ = item
    return natural(target), [(option, natural(value)) for option, value in settings]


def metric_of(result: Result) -> str:
    """Return the target's main metric. UserError for a result that does not name it."""
    try:
        return str(result["config"]["target"]["task"]["metrics"][0])
    except KeyError:
        raise UserError(
            f"{name_of(result)}.json is no result of a cell: config.target.task.metrics is missing; {REMEDY}"
        ) from None


def trained_in(result: Mapping[str, Any]) -> list[str]:
    """Return the languages of all intermediate tasks together, sorted."""
    tasks = result["config"].get("intermediate", {}).get("tasks", {})
    return sorted({code for used in tasks.values() for code in used.get("languages") or []})


def choice_order(name: str) -> tuple[Any, ...]:
    """Return the key that sorts intermediate choices: the baseline first, then by name, with numbers by their value."""
    return name != BASELINE, natural(name)


def study_name(found: Sequence[Comparison], study: Path) -> str:
    """Return the name that all results give their study; if they give several, the name of its folder."""
    names = {str(result["cell"]["study"]) for one in found for result in one.results()}
    return names.pop() if len(names) == 1 else study.resolve().name


def world_languages(result: Result) -> dict[str, Language]:
    """Return the languages of the synthetic world that a result comes from, the pivot first; empty for real languages."""
    data = result["config"].get("data", {})
    world = data.get("world", {}).get("languages", {}) if data.get("source") == "babel" else {}
    known = {field.name for field in fields(Language)}
    return {code: Language(**{key: given[key] for key in given if key in known}) for code, given in world.items()}


def study_wide(settings: Settings) -> Settings:
    """Return the settings that are not about the target."""
    return {key: value for key, value in settings.items() if not key.startswith("target.")}


def most_common(found: Sequence[Comparison]) -> Settings:
    """Return the study-wide condition of most cells; of several, the one that shares most with the others."""
    counts: dict[SortedSettings, int] = {}
    for one in found:
        shared = tuple(sorted(study_wide(one.settings).items()))
        counts[shared] = counts.get(shared, 0) + sum(map(len, one.cells.values()))

    def weight(settings: SortedSettings) -> tuple[int, bool, int]:
        likeness = sum(len({*settings} & {*other}) for other in counts)
        return counts[settings], ("pretraining.encoder", "false") not in settings, likeness

    most = max(counts, key=weight)
    return dict(most)


def _comparison(target: str, settings: Settings, main: MainScore, results: Sequence[Result], paired: bool) -> Comparison:
    """Sort comparable results, the oldest first, by intermediate choice and seed."""
    choices: dict[tuple[str, SortedSettings], dict[int, Result]] = {}
    left_out: dict[str, str] = {}
    named: dict[str, list[Result]] = {}
    for result in results:
        named.setdefault(_choice(result), []).append(result)
    for result in results:
        used = intermediate_settings(result, following_draws(named[name := _choice(result)]))
        by_seed = choices.setdefault((name, tuple(sorted(used.items()))), {})
        seed = result["cell"]["seed"]
        if seed in by_seed:
            left_out[name_of(by_seed[seed])] = name_of(result)
        by_seed[seed] = result
    names = _names([(name, dict(used)) for name, used in choices])
    cells = dict(sorted(zip(names, choices.values(), strict=True), key=lambda item: choice_order(item[0])))
    last = results[-1]
    source, languages = source_language(last), world_languages(last)
    return Comparison(target, settings, metric_of(last), main, source, languages, cells, paired, left_out)


def _choice(result: Result) -> str:
    """Return the name of a result's intermediate choice, without its options."""
    tasks, chosen = result["cell"]["intermediate"], result["config"].get("intermediate", {})
    return BASELINE if tasks == [BASELINE] else (chosen.get("name") or "+".join(tasks) or BASELINE)


def _names(choices: Sequence[tuple[str, Settings]]) -> list[str]:
    """Return the names of intermediate choices; choices with the same name get the options in which they differ."""
    found = []
    for name, settings in choices:
        differing = differences(other for same, other in choices if same == name)
        found.append(" ".join(part for part in (name, typed(settings, differing)) if part))
    return found
