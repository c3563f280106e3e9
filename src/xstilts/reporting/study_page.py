"""What a study found, as one page in Markdown, from its result and prediction files: `docs/` holds such pages."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from xstilts.babel.world import VERSION
from xstilts.paths import experiments_dir
from xstilts.reporting.comparison import Comparison, scored_comparisons, study_name, study_results
from xstilts.reporting.markdown import code, table, text
from xstilts.reporting.naming import choice_name, options
from xstilts.reporting.study_parts import Part, by_condition, control, gains, layers, parallel_text
from xstilts.reporting.transfer import gains_over_baseline, items_of
from xstilts.reporting.transfer_table import GAIN_EXPLAINED
from xstilts.reporting.world_parts import features, languages, typology

SYNTHETIC = (
    "These numbers are about a [synthetic world](babel.md), in which its maker decided what can be learnt from what. "
    "They show how the method behaves and **are no evidence about real languages**."
)
SECTIONS = (
    (
        "Pretraining, or none",
        "Without an intermediate task: the encoder with random weights (`pretraining.encoder=false`) beside the pretrained one. "
        "`source` is the score in the source language, `others` the mean of all other languages.",
        control,
    ),
    ("What intermediate tasks gain", f"{GAIN_EXPLAINED}. Bold: the interval excludes 0.", gains),
    (
        "Distance and transfer",
        "Spearman's rank correlation, over the languages other than the source language, between distance to it and the score "
        "without an intermediate task: of the scores' means over seeds and, in parentheses, of every seed. `enough text` leaves "
        "out the languages with less than half of the text; `languages` tells how many there are with and without them. Where "
        "nothing is related, about one correlation in twenty is beyond 0.75 or -0.75 with 7 languages, and beyond 0.52 or -0.52 "
        "with 15.",
        typology,
    ),
    (
        "One feature at a time",
        "Without an intermediate task, the score minus the source language's; of a target that has no score in the source "
        "language, the score itself. Bold: the source language's own score.",
        features,
    ),
    (
        "Every language",
        "Scores without an intermediate task, with the language's distances to the source language, script and amount of text.",
        languages,
    ),
    (
        "Retrieval by layer",
        "Mean of the languages other than the source language. The last column is the test score at the layer that each seed's "
        "validation split chooses; a target without validation split has none.",
        layers,
    ),
    (
        "How much parallel text",
        "Without an intermediate task, the mean of the languages other than the source language, by the number of translation "
        "pairs per language in pretraining; 0: `pretraining=mlm`.",
        parallel_text,
    ),
)


def write(study: Path) -> str:
    """The page of a study's folder. UserError for a folder without scores."""
    found, items = scored_comparisons(study, study_results(study)), items_of(study)
    parts = [
        Part(comparison, told, gains_over_baseline(comparison, items))
        for comparison, told in zip(found, options(found), strict=True)
    ]
    parts.sort(key=lambda part: (part.comparison.target, len(part.options)))
    texts = [
        f"<!-- Written by `python -m xstilts.demo --page {shlex.quote(study.as_posix())}`: change nothing here. -->\n",
        f"# What the study {text(study_name(found, study))} found\n",
    ]
    if any(one.languages for one in found):
        texts.append(SYNTHETIC + "\n")
    texts += [_seeds(found), _commands(parts), _cells(parts), _versions(found)]
    for title, about, tables in SECTIONS:
        if made := tables(parts):
            texts += [f"## {title}\n", f"{about}\n", *made]
    return "\n".join(text for text in texts if text)


def _seeds(found: Sequence[Comparison]) -> str:
    seeds = {seed for one in found for cells in one.cells.values() for seed in cells}
    following = " and ".join(f"another {what}" for one in found[:1] for what in one.following.values())
    several = "Scores are means over seeds, with every seed's in parentheses. " if len(seeds) > 1 else ""
    return several + (f"Every seed is {following}.\n" if following and several else "\n" if several else "")


def _commands(parts: Sequence[Part]) -> str:
    """What was typed, as far as results tell: one command for each condition."""
    lines = []
    for own in by_condition(parts).values():
        cells = [part.comparison.cells for part in own]
        choices = dict.fromkeys(choice_name(choice).split(" ")[0] for one in cells for choice in one)
        targets = dict.fromkeys(part.comparison.target for part in own)
        seeds = sorted({seed for one in cells for by_seed in one.values() for seed in by_seed})
        name = study_name([part.comparison for part in own], Path())
        known = (experiments_dir() / f"{name}.yaml").is_file()
        study = [f"+experiments={name}"] if known else []
        if not known or own[0].options:
            study += [f"+intermediate={','.join(choices)}", f"+target={','.join(targets)}"]
        words = [*study, f"seed={','.join(map(str, seeds))}", *own[0].options]
        lines.append(f"python -m xstilts.train -m {shlex.join(words)}\n")
    return f"<!-- needs: hours of two CPU cores -->\n```bash\n{''.join(lines)}```\n"


def _cells(parts: Sequence[Part]) -> str:
    """What there is: a row per target and condition."""
    rows = []
    for part in parts:
        one = part.comparison
        results = [result for cells in one.cells.values() for result in cells.values()]
        counted = [row for result in results for row in result["rows"] if row["split"] == one.split and row["metric"] == one.key]
        sizes = sorted({row["examples"] for row in counted})
        seeds = sorted({seed for cells in one.cells.values() for seed in cells})
        rows.append(
            [
                text(one.target),
                part.condition,
                f"{one.key}, {one.split}",
                str(len({row["language"] for row in counted})),
                "-".join(map(str, dict.fromkeys((sizes[0], sizes[-1])))),
                " ".join(map(str, seeds)),
                str(len(results)),
                str(sum(any(text.startswith(f"{one.split}:") for text in result["degenerate"]) for result in results)),
            ]
        )
    header = ["target", "options", "score", "languages", "test items per language", "seeds", "cells", "degenerate cells"]
    return table(header, rows) + "\nA cell is degenerate where it gives one answer for every test item of some language.\n"


def _versions(found: Sequence[Comparison]) -> str:
    every: dict[str, dict[str, None]] = {}
    for one in found:
        for result in (result for cells in one.cells.values() for result in cells.values()):
            for package, version in result["versions"].items():
                every.setdefault(package, {})[version] = None
    told = [text(f"{package} {' and '.join(versions)}") for package, versions in every.items()]
    if any(one.languages for one in found):
        told.append(f"version {VERSION} of the world's generator")
    older = dict.fromkeys(code(name) for one in found for name in one.left_out)
    left_out = f"Left out, as there is a newer result of the same description: {' '.join(older)}.\n" if older else ""
    return f"Made with {', '.join(told)}.\n{left_out}" if told else left_out
