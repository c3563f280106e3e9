"""Check the comparisons that a study declares (`analysis:`) against its grid, before any work begins. No statistics."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from xstilts import metrics
from xstilts.analysis import AnalysisConfig, QuestionConfig
from xstilts.babel.distance import MEASURES
from xstilts.cell.resolve import ResolvedCell
from xstilts.config import Config
from xstilts.errors import unknown_name
from xstilts.launch.points import StudyFile
from xstilts.reporting.comparison import BASELINE, compared
from xstilts.reporting.declared import group_names, matching, questions
from xstilts.reporting.naming import choice_name
from xstilts.reporting.uriel import KINDS

NEEDED = {
    "contrast": ("a", "b"),
    "interaction": ("a", "b", "minus"),
    "slope": ("a", "b", "by"),
    "law": ("choices",),
    "graded": ("levels",),
}
"""Kind -> keys that it needs, beside `expect`."""
OPTIONAL = {"slope": ("distance",), "graded": ("b", "minus")}
SHARED = ("kind", "expect", "targets", "languages")
EXAMPLES = {
    "a": "[mnli]",
    "b": "[none]",
    "choices": "[mnli_*]",
    "levels": "[[easy], [hard]]",
    "minus": "near",
    "by": "distance",
    "expect": "positive",
}


@dataclass(frozen=True)
class Offered:
    """Names that a declaration can use."""

    choices: Collection[str]
    targets: Collection[str]
    groups: Collection[str]
    """Names of groups of languages, and codes; empty if no cell is known."""


def problems(declared: AnalysisConfig, cells: Sequence[ResolvedCell], configs: Sequence[Config], study: StudyFile) -> list[str]:
    """Return a line for everything in a declaration that the study cannot answer.

    `cells` are those of the grid that passed their checks, `configs` those of all cells. A part of a study's grid may be run, so
    names that the study's file offers are known, too.
    """
    if not any(questions(declared)):
        return []
    found = compared([_result(cell) for cell in cells]) if cells else []
    bases = {config.intermediate.name or choice_name("+".join(config.intermediate.tasks) or BASELINE) for config in configs}
    offered = Offered(
        choices={choice_name(name) for one in found for name in one.cells} | bases | set(study.choices),
        targets={config.target.task.name for config in configs} | set(study.targets),
        groups={name for one in found for name in group_names(one)},
    )
    return [problem for place, one in questions(declared) for problem in _question_problems(f"analysis.{place}", one, offered)]


def _question_problems(place: str, question: QuestionConfig, offered: Offered) -> Iterator[str]:
    if question.kind is None:
        yield f"{place}.kind: no value: type one of {', '.join(NEEDED)}"
    if question.kind not in NEEDED:  # an unknown kind is refused with the other choices of the config
        return
    needed, allowed = NEEDED[question.kind], (*NEEDED[question.kind], *OPTIONAL.get(question.kind, ()), *SHARED)
    for key in (*needed, "expect"):
        if getattr(question, key) in (None, []):
            yield f"{place}.{key}: no value, which {question.kind} needs: type {key}: {EXAMPLES[key]}"
    for key in (field.name for field in fields(question)):
        if key not in allowed and getattr(question, key) is not None:
            yield f"{place}.{key}: {question.kind} does not use it: leave it out"
    if question.kind == "graded" and len(question.levels or ()) == 1:
        yield f"{place}.levels: got one level, expected at least two, such as levels: {EXAMPLES['levels']}"
    if question.distance is not None and question.by != "distance":
        yield f"{place}.distance: it is used with by: distance alone: leave it out"
    elif question.distance is not None and question.distance not in (*KINDS, *MEASURES):
        yield unknown_name(f"{place}.distance", question.distance, (*KINDS, *MEASURES))
    yield from _choice_problems(place, question, offered.choices)
    for pattern in question.targets or ():
        if not matching([pattern], offered.targets):
            yield unknown_name(f"target in {place}.targets", pattern, offered.targets)
    for key in ("languages", "minus"):
        given = getattr(question, key)
        for name in [given] if isinstance(given, str) else given or ():
            if offered.groups and name not in offered.groups:
                yield unknown_name(f"group of languages in {place}.{key}", str(name), offered.groups)


def _choice_problems(place: str, question: QuestionConfig, known: Collection[str]) -> Iterator[str]:
    levels = {f"levels[{number}]": level for number, level in enumerate(question.levels or ())}
    sides = {"a": question.a, "b": question.b, "choices": question.choices, **levels}
    seen: dict[str, str] = {}
    for key, patterns in sides.items():
        for pattern in patterns or ():
            if not matching([pattern], known):
                yield unknown_name(f"choice in {place}.{key}", pattern, known)
        for choice in matching(patterns or (), known):
            if (first := seen.setdefault(choice, key)) != key:
                yield f"{place}: '{choice}' is in {first} and in {key}, expected in one of them"


def _result(cell: ResolvedCell) -> dict[str, Any]:
    """Return the result that a cell will write, as far as it is known, with a 0 in the place of each score."""
    config, target = cell.config, cell.target
    metric = metrics.main_key(target.task.metrics[0])
    return {
        "fingerprint": "",
        "cell": {
            "study": config.study,
            "intermediate": list(config.intermediate.tasks) or [BASELINE],
            "target": target.task.name,
            "seed": config.seed,
            "source_language": target.source_language,
        },
        "config": asdict(config),
        "rows": [
            {"language": language, "split": split, "metric": metric, "value": 0.0}
            for split in target.splits
            for language in target.languages
        ],
    }
