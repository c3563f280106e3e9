"""A study's results, sorted into what can be compared: the cells of a target that differ in intermediate choice and seed only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any

from xstilts import metrics
from xstilts.babel.declaration import Language
from xstilts.errors import UserError
from xstilts.paths import CellPaths, results_dir
from xstilts.reporting.conditions import Settings, condition, differences, following_seed, intermediate_settings, told
from xstilts.reporting.summary import scores, source_language
from xstilts.store.results import REMEDY, name_of, read_results
from xstilts.tasks.declaration import SPLITS

LOW_RESOURCE = 0.5
"""Below this amount of text, relative to the source language's, a language is low-resource."""
BASELINE = "none"

Result = dict[str, Any]
Rows = list[Mapping[str, Any]]
Variant = tuple[int | None, str | None]
"""Layer and pooling of a retrieval score; None of all others."""


@dataclass(frozen=True)
class Comparison:
    """All cells of one target under one condition."""

    target: str
    settings: Settings
    """The condition that the cells share."""
    differing: list[str]
    """The options in which the target's conditions differ."""
    key: str
    """The main key of the target's metric."""
    metric: str
    split: str
    source: str
    languages: dict[str, Language]
    """Those of the synthetic world, the pivot first; empty without one."""
    cells: dict[str, dict[int, Result]]
    """Intermediate choice -> seed -> result; the baseline first."""
    variants: list[Variant]
    """One, of retrieval one per layer and pooling; the first is that of the predictions files."""
    following: dict[str, str]
    """As `conditions.following_seed` gives it for the study."""
    left_out: dict[str, str]
    """Name of a result -> that of a newer one of the same description, which was made from other data or by another xstilts."""

    def results(self) -> Iterator[Result]:
        """All that are compared."""
        for by_seed in self.cells.values():
            yield from by_seed.values()

    def rows(self, choice: str, seed: int, variant: Variant, split: str | None = None) -> Rows:
        """The rows of one score, a language each."""
        wanted = (self.key, split or self.split, *variant)
        found = self.cells[choice][seed]["rows"]
        return [row for row in found if (row["metric"], row["split"], row.get("layer"), row.get("pooling")) == wanted]

    def by_seed(self, choice: str, variant: Variant, split: str | None = None) -> dict[int, dict[str, float]]:
        """Seed -> language -> score."""
        return {seed: scores(self.rows(choice, seed, variant, split)) for seed in sorted(self.cells[choice])}

    def task_scores(self, choice: str, seed: int) -> dict[str, float]:
        """Language -> what XTREME averages, in the first variant; without languages that lack a part of it."""
        values: dict[str, dict[str, float]] = {}
        for row in self.cells[choice][seed]["rows"]:
            own = (row["split"], row.get("layer"), row.get("pooling")) == (self.split, *self.variants[0])
            if own and row["value"] is not None:
                values.setdefault(row["language"], {})[row["metric"]] = float(row["value"])
        scored = {code: metrics.task_score(self.metric, found) for code, found in values.items()}
        return {code: score for code, score in scored.items() if score is not None}

    def low_resource(self) -> list[str]:
        """The languages with less than half of the source language's text."""
        source = self.languages.get(self.source, Language())
        return [code for code, language in self.languages.items() if language.text < LOW_RESOURCE * source.text]


def study_results(study: Path) -> list[Result]:
    """All results of a study's folder, the oldest first. UserError for a folder without results and for broken files."""
    results = read_results(results_dir(study))
    if not results:
        raise UserError(f"no results in {results_dir(study)}: run the cells of the study first")
    return sorted(results, key=lambda result: CellPaths(study, name_of(result)).result.stat().st_mtime_ns)


def comparisons(study: Path) -> list[Comparison]:
    """The results of a study's folder, compared. UserError for a folder without results."""
    return compared(study_results(study))


def scored_comparisons(study: Path, results: Sequence[Result]) -> list[Comparison]:
    """The same of results that have been read. UserError where none of them has a score."""
    if found := compared(results):
        return found
    raise UserError(f"no result in {results_dir(study)} has a score: expected targets with gold; see `xstilts submit` for others")


def compared(results: Sequence[Result]) -> list[Comparison]:
    """Results, the oldest first, by target and condition; of two of one description the newest. Those without a score in a split
    that all of their condition have are in none of them."""
    following = following_seed(results)
    by_target: dict[str, list[Result]] = {}
    for result in results:
        by_target.setdefault(result["cell"]["target"], []).append(result)
    found = []
    for target, chosen in sorted(by_target.items()):
        conditions: dict[tuple[tuple[str, str], ...], list[Result]] = {}
        for result in chosen:
            conditions.setdefault(tuple(sorted(condition(result, following).items())), []).append(result)
        differing = differences(map(dict, conditions))
        for settings, comparable in sorted(conditions.items()):
            key = metrics.main_key(metric_of(comparable[-1]))
            comparable = [result for result in comparable if _splits(result, key)]
            if (split := _split(comparable, key)) is not None:
                found.append(_comparison(target, dict(settings), differing, split, comparable, following))
    return found


def metric_of(result: Result) -> str:
    """The target's main metric. UserError for a result that does not name it."""
    try:
        return str(result["config"]["target"]["task"]["metrics"][0])
    except KeyError:
        raise UserError(
            f"{name_of(result)}.json is no result of a cell: config.target.task.metrics is missing; {REMEDY}"
        ) from None


def study_name(found: Sequence[Comparison], study: Path) -> str:
    """The name that all results give their study; of several that of its folder."""
    names = {str(result["cell"]["study"]) for one in found for result in one.results()}
    return names.pop() if len(names) == 1 else study.resolve().name


def mean_scores(by_seed: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
    """Language -> the mean of its scores over seeds, for the languages that every seed has."""
    seeds = list(by_seed.values())
    codes = [code for code in (seeds[0] if seeds else ()) if all(code in one for one in seeds)]
    return {code: fmean(one[code] for one in seeds) for code in codes}


def world_languages(result: Result) -> dict[str, Language]:
    """The languages of the synthetic world that a result comes from, the pivot first; empty without one."""
    data = result["config"].get("data", {})
    world = data.get("world", {}).get("languages", {}) if data.get("source") == "babel" else {}
    known = {field.name for field in fields(Language)}
    return {code: Language(**{key: given[key] for key in given if key in known}) for code, given in world.items()}


def study_wide(settings: Settings) -> Settings:
    """Without what is about the target."""
    return {key: value for key, value in settings.items() if not key.startswith("target.")}


def most_common(found: Sequence[Comparison]) -> Settings:
    """The condition of most of a study's cells, without what is about the target; of equals, the one most like the others."""
    counts: dict[tuple[tuple[str, str], ...], int] = {}
    for one in found:
        shared = tuple(sorted(study_wide(one.settings).items()))
        counts[shared] = counts.get(shared, 0) + sum(map(len, one.cells.values()))

    def weight(settings: tuple[tuple[str, str], ...]) -> tuple[int, bool, int]:
        likeness = sum(len({*settings} & {*other}) for other in counts)
        return counts[settings], ("pretraining.encoder", "false") not in settings, likeness

    most = max(counts, key=weight)
    return dict(most)


def _comparison(
    target: str, settings: Settings, differing: list[str], split: str, results: Sequence[Result], following: dict[str, str]
) -> Comparison:
    """Of comparable results, the oldest first."""
    choices: dict[tuple[str, tuple[tuple[str, str], ...]], dict[int, Result]] = {}
    left_out: dict[str, str] = {}
    for result in results:
        tasks, chosen = result["cell"]["intermediate"], result["config"].get("intermediate", {})
        named = ((chosen.get("name") or "+".join(tasks)) if tasks != [BASELINE] else "") or BASELINE
        of_seed = choices.setdefault((named, tuple(sorted(intermediate_settings(result).items()))), {})
        seed = result["cell"]["seed"]
        if seed in of_seed:
            left_out[name_of(of_seed[seed])] = name_of(result)
        of_seed[seed] = result
    names = _names([(name, dict(used)) for name, used in choices])
    cells = dict(sorted(zip(names, choices.values(), strict=True), key=lambda item: (item[0] != BASELINE, item[0])))
    last = results[-1]
    metric = metric_of(last)
    key = metrics.main_key(metric)
    first = [row for row in last["rows"] if row["metric"] == key and row["split"] == split]
    variants = list(dict.fromkeys((row.get("layer"), row.get("pooling")) for row in first))
    source, languages = source_language(last), world_languages(last)
    return Comparison(target, settings, differing, key, metric, split, source, languages, cells, variants, following, left_out)


def _split(results: Sequence[Result], key: str) -> str | None:
    """The last split that every result has gold for; None where there is none."""
    with_gold = [_splits(result, key) for result in results]
    return next((split for split in reversed(SPLITS) if with_gold and all(split in found for found in with_gold)), None)


def _splits(result: Result, key: str) -> set[str]:
    """The splits with a score."""
    return {row["split"] for row in result["rows"] if row["value"] is not None and row["metric"] == key}


def _names(choices: Sequence[tuple[str, Settings]]) -> list[str]:
    """Names of intermediate choices; where one name stands for several, with what they differ in."""
    found = []
    for name, settings in choices:
        differing = differences(other for same, other in choices if same == name)
        found.append(" ".join(part for part in (name, told(settings, differing)) if part))
    return found
