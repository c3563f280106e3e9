"""The analysis of a study: every table that the page, the figures, the files, the terminal, W&B and the notebooks show.

    scores      a row per score of a cell: target, condition, intermediate, seed, language, metric, split, layer, pooling, value,
                examples, source (whether the language is the one trained in), main (whether it is the target's main score), seen
                (whether phase 2 trained in the language)
    effects     a row per intermediate choice, target, condition and group of languages, against the choice `none`: group, kind,
                baseline, score, difference, low, high, covers (the chance that the interval covers), p, p_corrected, seeds,
                baseline_seeds, languages, seen_languages (the number of them that phase 2 trained in), items, clusters
                (independent groups of test items), the standard deviations seed_sd, language_sd, rest_sd, item_sd, and collapsed
                (the number of collapsed runs on both sides); without them, difference_without, low_without and high_without
    layers      for retrieval with scores of several layers or poolings: layer, pooling, and the columns of effects, in languages
                other than the source language, with p_corrected over all rows; only the main layer's test items are known
    calibration the expected calibration error of the main score's split, with the columns of effects, where results have it:
                score and baseline are errors in percent, so a difference below 0 is better; intervals cover runs only
    disagreements  a row per test item that a choice gets right more or less often than the baseline: described in `disagreements`
    averages    a row per condition, benchmark, split and intermediate choice: average, sd (over seeds), and against the choice
                `none` the columns of effects, tasks, gap, over
    robustness  a row per target, condition and intermediate choice: the worst language, the spread over languages, and what
                character noise costs; described in `robustness`
    selection   a row per target, and for their average, with the gain of the choice that is the best on validation data
    claims      a row per claim of the paper that is reproduced, with the difference that tests it and a verdict
    collapses   a row per choice, target and condition: runs, collapsed (how many collapsed, by the rule of `collapses`), share in
                percent with its exact 95 % interval, low and high, and reasons
    provenance  a row per cell: cell, target, condition, intermediate, seed, artifacts, versions, recipe, model
    answers     a row per declared question and condition, primary ones first: described in `answers`; empty without a declaration
    problems    a row per cell that failed, was interrupted or blocked, is degenerate, incomplete or left out: cell, kind, reason

Scores and differences are in percent. The baseline of a choice is made of the cells of the same target and condition without
intermediate task: all of them, or those with the same seeds if every seed is another synthetic world or encoder. With one seed on
either side there is no p-value.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.numbering import natural
from xstilts.paths import experiments_dir
from xstilts.reporting.answers import ANSWERS, answers
from xstilts.reporting.averages import averages
from xstilts.reporting.claims import claims
from xstilts.reporting.collapses import collapsed_runs, collapses, constant_scores, one_answer
from xstilts.reporting.comparison import BASELINE, Comparison, scored_comparisons, study_name, study_results, trained_in
from xstilts.reporting.contrasts import Scored, scored
from xstilts.reporting.declared import Declared, newest
from xstilts.reporting.disagreements import DISAGREEMENTS, disagreements
from xstilts.reporting.effects import (
    ComparedRuns,
    GroupKey,
    VariancesByChoice,
    choice_run_variances,
    compared_runs,
    group_effects,
    without_collapsed,
)
from xstilts.reporting.groups import OTHERS
from xstilts.reporting.items import KeptItems, ReadItems, items_of
from xstilts.reporting.naming import choice_name, options
from xstilts.reporting.problems import last_sweep, problems
from xstilts.reporting.robustness import robustness
from xstilts.reporting.selection import selection
from xstilts.reporting.statistics import NOTHING, Effect, holm
from xstilts.reporting.summary import MainScore
from xstilts.store.results import name_of

if TYPE_CHECKING:
    from pandas import DataFrame

SCORES = "target condition intermediate seed language metric split layer pooling value examples source main seen".split()
EFFECTS = (
    "target condition intermediate group kind baseline score difference low high covers p p_corrected seeds baseline_seeds "
    "languages seen_languages items clusters seed_sd language_sd rest_sd item_sd collapsed difference_without low_without "
    "high_without"
).split()
LAYERS = ["layer", "pooling", *EFFECTS]
PROVENANCE = "cell target condition intermediate seed artifacts versions recipe model".split()


@dataclass(frozen=True)
class Analysis:
    """All tables of a study's report."""

    name: str
    folder: Path
    question: str
    """The header of the study's file without comment marks; empty if no such file is known."""
    synthetic: bool
    """True if the languages are those of a synthetic world."""
    source: str
    scores: "DataFrame"
    effects: "DataFrame"
    layers: "DataFrame"
    calibration: "DataFrame"
    disagreements: "DataFrame"
    averages: "DataFrame"
    robustness: "DataFrame"
    selection: "DataFrame"
    claims: "DataFrame"
    collapses: "DataFrame"
    provenance: "DataFrame"
    problems: "DataFrame"
    answers: "DataFrame"
    declared: Declared | None
    """The declaration that `answers` are to; None if nothing is declared."""


def analyse(study: Path) -> Analysis:
    """Analyse the results in a study's folder. UserError for a folder without scores and for broken results or predictions."""
    from pandas import DataFrame

    results = study_results(study)
    found = scored_comparisons(study, results)
    pairs = [(one, " ".join(typed)) for one, typed in zip(found, options(found), strict=True)]
    sweep = last_sweep(study)
    name, declared = study_name(found, study), newest(sweep)
    broken: list[str] = []
    read = KeptItems(items_of(study, broken))
    targets: list[Scored] = []
    collapsed = collapsed_runs(found, constant_scores(study, broken))
    runs = [replace(compared_runs(one), collapsed=own) for one, own in zip(found, collapsed, strict=True)]
    effects: list[list[Any]] = []
    layers: list[list[Any]] = []
    calibration: list[list[Any]] = []
    disagreeing: list[list[Any]] = []
    for (one, condition), own, known in zip(pairs, runs, choice_run_variances(runs), strict=True):
        effects += (compared := list(_effects(one, condition, own, known, read)))
        layers += _layers(one, condition, own, compared)
        calibration += _other_effects(one, condition, own, one.main.with_metric(metrics.ECE))
        items = read.take()
        disagreeing += disagreements(one, condition, items)
        targets.append(scored(one, condition, items, own.collapsed))
    if broken:
        raise UserError("\n".join(dict.fromkeys(broken)))
    analysis = Analysis(
        name=name,
        folder=study,
        question=question(name, sweep["experiment"]),
        synthetic=any(one.languages for one in found),
        source=found[0].source,
        scores=DataFrame([row for one, condition in pairs for row in _scores(one, condition)], columns=SCORES),
        effects=_corrected(DataFrame(effects, columns=EFFECTS)),
        layers=_corrected(DataFrame(layers, columns=LAYERS)),
        calibration=_corrected(DataFrame(calibration, columns=EFFECTS)),
        disagreements=DataFrame(disagreeing, columns=DISAGREEMENTS),
        averages=averages(targets),
        robustness=robustness(targets),
        selection=selection(targets),
        claims=claims(targets),
        collapses=collapses(pairs, collapsed),
        provenance=DataFrame([row for one, condition in pairs for row in _provenance(one, condition)], columns=PROVENANCE),
        problems=problems(study, results, found),
        answers=DataFrame([], columns=ANSWERS),
        declared=declared,
    )
    return replace(analysis, answers=answers(analysis, declared, targets)) if declared else analysis


def question(*names: str) -> str:
    """Return the header of the first existing file experiments/NAME.yaml; empty if none exists."""
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


def place_text(analysis: Analysis, score: Mapping[str, Any], without: str = "") -> str:
    """Return the split of a row of `Analysis.scores`, unless it is `without`, and its layer if the target has several."""
    layers = analysis.scores.loc[analysis.scores["target"] == score["target"], "layer"].nunique()
    split = [score["split"]] if score["split"] != without else []
    return ", ".join([*split, *([f"layer {int(score['layer'])}"] if layers > 1 else [])])


def _cells(one: Comparison) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    for choice, by_seed in one.cells.items():
        for seed, result in sorted(by_seed.items()):
            yield choice, seed, result


def _scores(one: Comparison, condition: str) -> Iterator[list[Any]]:
    for choice, seed, result in _cells(one):
        cell, trained = [one.target, condition, choice_name(choice), seed], trained_in(result)
        for row in result["rows"]:
            if row["value"] is None:
                continue
            place = (row["metric"], row["split"], row.get("layer"), row.get("pooling"))
            main = place == one.main
            own = [row["language"], *place, float(row["value"]), row["examples"]]
            yield [*cell, *own, row["language"] == one.source, main, row["language"] in trained]


def _effects(
    one: Comparison, condition: str, runs: ComparedRuns, variances: VariancesByChoice, read_items: ReadItems
) -> Iterator[list[Any]]:
    """Compare every choice with the baseline; if seeds are paired, over those of both."""
    if len(runs.by_choice) < 2:
        return
    baseline = runs.by_choice[BASELINE]
    items = {seed: read_items(one.cells[BASELINE][seed], one.metric, one.split) for seed in baseline}
    for choice, own in runs.by_choice.items():
        if choice == BASELINE:
            continue
        seeds = list(own if one.paired else baseline)
        sides = {seed: baseline[seed] for seed in seeds}, own
        of_items = {seed: items[seed] for seed in seeds}
        of_items_treated = {seed: read_items(one.cells[choice][seed], one.metric, one.split) for seed in own}
        groups = {**runs.groups, **runs.own_groups.get(choice, {})}
        known = {key: (of.of(BASELINE), of.of(choice)) for key, of in variances[choice].items()}
        left = without_collapsed(runs, choice, sides)
        collapsed = sum(
            seed in runs.collapsed.get(side, ())
            for side, by_seed in zip((BASELINE, choice), sides, strict=True)
            for seed in by_seed
        )
        rest: dict[GroupKey, Effect] = {}
        if collapsed and all(left):
            items_left = {seed: of_items[seed] for seed in left[0]}, {seed: of_items_treated[seed] for seed in left[1]}
            known_left = {
                key: (of.without_collapsed(BASELINE), of.without_collapsed(choice)) for key, of in variances[choice].items()
            }
            rest = {(found.group, found.kind): found.effect for found in group_effects(*left, groups, items_left, known_left)}
        answers = [
            one_answer(one.cells[side][seed], one.split)
            for side, by_seed in zip((BASELINE, choice), sides, strict=True)
            for seed in by_seed
        ]
        trained = set(one.trained_in(choice))
        for found in group_effects(*sides, groups, (of_items, of_items_treated), known):
            key, result = (found.group, found.kind), found.effect
            count = collapsed
            if not any(left) or set(groups[key]) <= set.intersection(*answers):  # nothing was learnt on either side
                result, count = replace(result, error=np.nan, covers=NOTHING, tested=False), sum(map(len, sides))
            values = [found.baseline, found.score, result.value, result.low, result.high, result.covers, result.p, np.nan]
            parts = [result.seed_sd, result.language_sd, result.rest_sd, result.item_sd]
            sizes = [len(own), len(seeds), found.languages, len(trained & set(groups[key])), found.items, found.clusters]
            alone = [rest[key].value, rest[key].low, rest[key].high] if key in rest else [np.nan] * 3
            about = [one.target, condition, choice_name(choice), *key]
            yield [*about, *values, *sizes, *parts, count, *alone]


def _layers(one: Comparison, condition: str, runs: ComparedRuns, compared: Sequence[list[Any]]) -> Iterator[list[Any]]:
    """Compare every choice with the baseline on each layer and pooling, in the languages other than the source language.

    `compared` are the rows of the main score, the only one whose test items are known.
    """
    rows = [row for result in one.results() for row in result["rows"] if row["metric"] == one.key and row["split"] == one.split]
    places = sorted({(row.get("layer"), row.get("pooling")) for row in rows}, key=lambda place: natural(str(place)))
    group = EFFECTS.index("group")
    for layer, pooling in places if len(places) > 1 else []:
        main = one.main.with_place(layer, pooling)
        if main == one.main:
            found: Iterable[list[Any]] = compared
        else:
            found = _other_effects(one, condition, runs, main)
        yield from ([layer, pooling, *row] for row in found if row[group] == OTHERS)


def _other_effects(one: Comparison, condition: str, runs: ComparedRuns, main: MainScore) -> Iterator[list[Any]]:
    """Compare every choice with the baseline in another score than the main one, whose test items are not known."""
    other = replace(one, main=main)
    own = replace(compared_runs(other), collapsed=runs.collapsed)
    (known,) = choice_run_variances([own])
    return _effects(other, condition, own, known, lambda *_: {})


def _corrected(effects: "DataFrame") -> "DataFrame":
    """Add p-values that are corrected for all cells of the grid in the same group of languages."""
    if len(effects):
        effects["p_corrected"] = effects.groupby("group")["p"].transform(lambda p: holm(p.tolist()))
    return effects


def _provenance(one: Comparison, condition: str) -> Iterator[list[Any]]:
    for choice, seed, result in _cells(one):
        lineage = " -> ".join(f"{artifact['label']} {artifact['fingerprint']}" for artifact in result["artifacts"])
        versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        cell = result["cell"]
        own = [one.target, condition, choice_name(choice), seed, lineage or "evaluated as given", versions]
        yield [name_of(result), *own, str(cell.get("recipe", "")), str(cell.get("model", ""))]
