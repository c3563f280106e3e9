"""All that a study's report tells, as tables: what the page, the figures, the exports and the notebooks read.

    scores      a row per score of a cell: target, condition, intermediate, seed, language, metric, split, layer, pooling, value,
                examples, source (whether the language is the one trained in), main (whether it is the target's main score)
    effects     a row per intermediate choice, target, condition and group of languages, against the choice `none`: group, kind,
                baseline, score, difference, low, high, p, p_corrected, seeds, languages, items, and the standard deviations
                seed_sd, language_sd, rest_sd, item_sd
    averages    a row per condition, benchmark and intermediate choice: average, sd (over seeds), tasks, seeds, gap, over
    provenance  a row per cell: cell, target, condition, intermediate, seed, artifacts, versions, recipe, model
    problems    a row per cell that failed, was interrupted or blocked, is degenerate, incomplete or left out: cell, kind, reason

Scores and differences are in percent. The baseline of a cell is the same target, condition and seed without intermediate task.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.paths import CellPaths, experiments_dir
from xstilts.reporting.averages import averages
from xstilts.reporting.comparison import BASELINE, Comparison, scored_comparisons, study_name, study_results
from xstilts.reporting.gain import Gain, Items, gains, result_items
from xstilts.reporting.groups import groups
from xstilts.reporting.naming import choice_name, options
from xstilts.reporting.problems import last_sweep, problems
from xstilts.reporting.statistics import effect, holm, scatter
from xstilts.store.results import name_of

if TYPE_CHECKING:
    from pandas import DataFrame

ALL, SOURCE, OTHERS = "all languages", "source language", "other languages"
SCORES = "target condition intermediate seed language metric split layer pooling value examples source main".split()
EFFECTS = (
    "target condition intermediate group kind baseline score difference low high p p_corrected seeds languages items "
    "seed_sd language_sd rest_sd item_sd"
).split()
PROVENANCE = "cell target condition intermediate seed artifacts versions recipe model".split()
ItemsOrNone = Callable[[Mapping[str, Any], str, str], Items | None]


@dataclass(frozen=True)
class Analysis:
    """A study's report, before it takes a form."""

    name: str
    folder: Path
    question: str
    """The header of the study's file, without the marks of a comment; empty where no such file is known."""
    synthetic: bool
    """Whether the languages are those of a synthetic world, so that nothing is said about real ones."""
    source: str
    scores: "DataFrame"
    effects: "DataFrame"
    averages: "DataFrame"
    provenance: "DataFrame"
    problems: "DataFrame"


def analyse(study: Path) -> Analysis:
    """Everything that the results in a study's folder tell. UserError for a folder without scores."""
    from pandas import DataFrame

    results = study_results(study)
    found = scored_comparisons(study, results)
    conditions = [" ".join(typed) for typed in options(found)]
    pairs = list(zip(found, conditions, strict=True))
    name, experiment = study_name(found, study), last_sweep(study)["experiment"]
    broken: list[str] = []
    effects = [row for one, told in pairs for row in _effects(one, told, _items(study, broken))]
    if broken:
        raise UserError("\n".join(dict.fromkeys(broken)))
    return Analysis(
        name=name,
        folder=study,
        question=question(name, experiment),
        synthetic=any(one.languages for one in found),
        source=found[0].source,
        scores=DataFrame([row for one, told in pairs for row in _scores(one, told)], columns=SCORES),
        effects=_corrected(DataFrame(effects, columns=EFFECTS)),
        averages=averages(pairs),
        provenance=DataFrame([row for one, told in pairs for row in _provenance(one, told)], columns=PROVENANCE),
        problems=problems(study, results, found),
    )


def question(*names: str) -> str:
    """The header of the first of some files experiments/NAME.yaml that there is; empty where there is none of them."""
    path = next((path for path in (experiments_dir() / f"{name}.yaml" for name in names) if path.is_file()), None)
    if path is None:
        return ""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if "@package" not in line:
            lines.append(line.removeprefix("#").removeprefix(" "))
    return "\n".join(lines).strip()


def _cells(one: Comparison) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    for choice, by_seed in one.cells.items():
        for seed, result in sorted(by_seed.items()):
            yield choice, seed, result


def _scores(one: Comparison, condition: str) -> Iterator[list[Any]]:
    for choice, seed, result in _cells(one):
        cell = [one.target, condition, choice_name(choice), seed]
        for row in result["rows"]:
            if row["value"] is None:
                continue
            variant = (row.get("layer"), row.get("pooling"))
            main = row["metric"] == one.key and row["split"] == one.split and variant == one.variants[0]
            own = [row["language"], row["metric"], row["split"], *variant, float(row["value"]), row["examples"]]
            yield [*cell, *own, row["language"] == one.source, main]


def _effects(one: Comparison, condition: str, items: ItemsOrNone) -> Iterator[list[Any]]:
    """Every choice against the baseline, over the seeds that both have, in every group of languages that both have."""
    if BASELINE not in one.cells:
        return
    variant = one.variants[0]
    tables = {choice: one.by_seed(choice, variant) for choice in one.cells}
    languages = _common(tables[BASELINE].values())
    groups_of = _groups(one, languages)
    places_of = {key: [languages.index(code) for code in codes] for key, codes in groups_of.items()}
    seeds_of = {choice: [seed for seed in by_seed if seed in tables[BASELINE]] for choice, by_seed in tables.items()}
    whole = [
        choice for choice, seeds in seeds_of.items() if all(code in tables[choice][seed] for seed in seeds for code in languages)
    ]
    if whole == [BASELINE]:
        return
    complete = [seed for seed in tables[BASELINE] if all(seed in tables[choice] for choice in whole)]
    scatters = {}
    if len(complete) > 1:
        every_CSL = np.array([_scores_SL(tables[choice], complete, languages) for choice in whole])
        scatters = {key: scatter(every_CSL.take(places, axis=2).mean(axis=2)) for key, places in places_of.items()}
    of_baseline = {seed: items(one.cells[BASELINE][seed], one.metric, one.split) for seed in tables[BASELINE]}
    for choice in whole:
        seeds = seeds_of[choice]
        if choice == BASELINE or not seeds:
            continue
        of_items = _item_gains(one, choice, {seed: of_baseline[seed] for seed in seeds}, groups_of, items)
        sides = [_scores_SL(tables[side], seeds, languages) for side in (BASELINE, choice)]
        for (group, kind), places in places_of.items():
            baseline_SL, treated_SL = (side_SL.take(places, axis=1) for side_SL in sides)
            gain = of_items.get(group)
            told = effect(baseline_SL, treated_SL, gain.variance if gain else None, scatters.get((group, kind)))
            means = [float(baseline_SL.mean()), float(treated_SL.mean()), told.value, told.low, told.high, told.p, np.nan]
            sizes = [len(seeds), len(places), gain.items if gain else 0]
            parts = [told.seed_sd, told.language_sd, told.rest_sd, told.item_sd]
            yield [one.target, condition, choice_name(choice), group, kind, *means, *sizes, *parts]


def _scores_SL(by_seed: Mapping[int, Mapping[str, float]], seeds: Sequence[int], languages: Sequence[str]) -> Any:
    return np.array([[by_seed[seed][code] for code in languages] for seed in seeds])


def _common(by_seed: Any) -> list[str]:
    tables = list(by_seed)
    return [code for code in tables[0] if all(code in table for table in tables)] if tables else []


def _groups(one: Comparison, languages: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Name and kind of a group -> its languages: all, source, others, each language, and by what they have in common."""
    others = [code for code in languages if code != one.source]
    named = {(ALL, "whole"): list(languages), (SOURCE, "whole"): [one.source], (OTHERS, "whole"): others}
    if one.source not in languages:
        named = {(OTHERS, "whole"): others}
    named |= {(code, "language"): [code] for code in languages}
    named |= {(name, kind): [code for code in codes if code in others] for (name, kind), codes in groups(one).items()}
    return {name: codes for name, codes in named.items() if codes}


def _items(study: Path, broken: list[str]) -> ItemsOrNone:
    """Reads the scores of a result's test items; None where its predictions are missing or its metric is no sum over items.
    What is wrong with predictions is added to `broken`.

    They are of a size that only those that are compared are held at a time.
    """

    def found(result: Mapping[str, Any], metric: str, split: str) -> Items | None:
        there = metrics.scored_by_item(metric) and CellPaths(study, name_of(result)).predictions.exists()
        try:
            return result_items(study, result, metric, split) if there else None
        except UserError as error:
            broken.append(" ".join(str(error).splitlines()))
            return None

    return found


def _item_gains(
    one: Comparison,
    choice: str,
    of_baseline: Mapping[int, Items | None],
    groups_of: Mapping[tuple[str, str], list[str]],
    items: ItemsOrNone,
) -> dict[str, Gain]:
    """Group -> gain with its variance over test items; empty where these are not known of every cell."""
    baseline = {seed: found for seed, found in of_baseline.items() if found is not None}
    treated = {}
    for seed in baseline if len(baseline) == len(of_baseline) else ():
        if (found := items(one.cells[choice][seed], one.metric, one.split)) is not None:
            treated[seed] = found
    if len(treated) < len(of_baseline):
        return {}
    return gains(baseline, treated, {name: codes for (name, _), codes in groups_of.items()})


def _corrected(effects: "DataFrame") -> "DataFrame":
    """With p-values corrected for all cells of the grid that are told of one group of languages."""
    if len(effects):
        effects["p_corrected"] = effects.groupby("group")["p"].transform(lambda p: holm(p.tolist()))
    return effects


def _provenance(one: Comparison, condition: str) -> Iterator[list[Any]]:
    for choice, seed, result in _cells(one):
        lineage = " -> ".join(f"{artifact['label']} {artifact['fingerprint']}" for artifact in result["artifacts"])
        versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        cell = result["cell"]
        own = [one.target, condition, choice_name(choice), seed, lineage, versions]
        yield [name_of(result), *own, str(cell.get("recipe", "")), str(cell.get("model", ""))]
