"""Answers to the questions that a study declares: an estimate with its interval and p-value, and a verdict, for each.

Every value is in percentage points, so that the margin applies to it: a slope is the rise from the lowest to the highest
distance, diversity, level or size (on a logarithmic scale). P-values are corrected after Holm, primary and exploratory ones
apart. Columns of the table:

    family, question, condition, kind    PRIMARY or EXPLORATORY; the name; the options of the cells; as declared
    compared, where, expect, margin      the comparison, and the languages and targets, in words; as declared
    value, low, high                     in percentage points, with the 95 % interval
    low_90, high_90                      the interval that the test of equivalence looks at
    p, p_corrected, verdict              NaN for what is not tested; `verdicts`
    seeds                                number of seeds that would decide an undecided question; infinity if none would
    runs, covers, text                   number of runs; the chance that the interval covers; the answer in a sentence or two

Shapes: R runs, S seeds, N sizes, U units (languages, or intermediate choices).
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.analysis import QuestionConfig
from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.reporting.comparison import Comparison
from xstilts.reporting.contrasts import Part, Scored, Weights, combination, part_of, trend_weights, values_by_language
from xstilts.reporting.declared import EXPLORATORY, PRIMARY, SHORT, Declared, matching, questions
from xstilts.reporting.diversity import diversity, slope_on_diversity
from xstilts.reporting.groups import SEEN, UNSEEN, declared_groups, families
from xstilts.reporting.language_distances import distances_to
from xstilts.reporting.numbers import fixed, signed
from xstilts.reporting.power import decisive_seeds
from xstilts.reporting.regression import FEWEST, Regression, regress
from xstilts.reporting.scaling import NEITHER, example_counts, fit
from xstilts.reporting.statistics import Estimated, holm
from xstilts.reporting.verdicts import EQUIVALENCE, LANGUAGES, SETS, UNDECIDED, UNTESTED, Answer, sentence, verdict

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

ANSWERS = (
    "family question condition kind compared where expect margin value low high low_90 high_90 p p_corrected verdict seeds runs "
    "covers text"
).split()
Count = tuple[str, str, int]
"""The number of a choice's training examples, as in `example_counts`."""


def answers(analysis: "Analysis", declared: Declared, targets: Sequence[Scored]) -> "DataFrame":
    """Return a row per declared question and condition, primary ones first; `targets` are those of the study."""
    from pandas import DataFrame

    found = [
        answer for place, question in questions(declared.analysis) for answer in _answers(place, question, analysis, targets)
    ]
    margin = declared.analysis.margin
    rows = []
    for family in (PRIMARY, EXPLORATORY):
        own = [answer for answer in found if answer.family == family]
        p_values = [answer.estimated.p if answer.estimated else math.nan for answer in own]
        tests = sum(not math.isnan(p) for p in p_values)
        rows += [_row(answer, p, margin, tests) for answer, p in zip(own, holm(p_values), strict=True)]
    return DataFrame(rows, columns=ANSWERS)


def _answers(place: str, question: QuestionConfig, analysis: "Analysis", targets: Sequence[Scored]) -> Iterator[Answer]:
    """Yield the answer under each condition that has the choices; a single one that says why not, if none has."""
    family, name = place.split(".", 1)
    blank = Answer(family, name, "", question)
    answered = []
    for condition in dict.fromkeys(one.condition for one in targets):
        own = [one for one in targets if one.condition == condition]
        answered.append(_answer(replace(blank, condition=condition), analysis, own))
    yield from [one for one in answered if not one.reason] or answered[:1]


def _answer(blank: Answer, analysis: "Analysis", targets: Sequence[Scored]) -> Answer:
    question = blank.question
    names = dict.fromkeys(one.one.target for one in targets)
    if missing := [pattern for pattern in question.targets or () if not matching([pattern], names)]:
        blank = replace(blank, more=f"There are no results of {', '.join(missing)} yet.")
    try:
        if question.kind != "slope":
            return _combined(blank, linear(question, targets, lambda: example_counts(analysis)))
        chosen = chosen_by(question, targets)
        if question.by == "distance":
            return _by_distance(blank, analysis, chosen.targets, chosen.sides)
        return _by_diversity(blank, analysis, chosen.targets, chosen.sides["a"])
    except Untestable as reason:
        return replace(blank, reason=str(reason))
    except UserError as error:  # distances need an extra
        return replace(blank, reason=" ".join(str(error).split()))


class Untestable(Exception):
    """Cells lack something that a question needs; the message says what."""


@dataclass(frozen=True)
class Chosen:
    """The choices and targets that a question names."""

    sides: Mapping[str, Sequence[str]]
    """`a`, `b` and `choices` -> names of choices."""
    levels: Sequence[Sequence[str]]
    targets: Sequence[Scored]


@dataclass(frozen=True)
class Linear:
    """A question about a linear combination of choices."""

    weights: Weights
    parts: Sequence[Part]
    """The targets that have all choices."""
    grid: Sequence[Part]
    sides: Sequence[Collection[str]]
    """Sets of choices, each of which needs several runs."""
    words: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    """For a law: choice -> number of training examples."""


def chosen_by(question: QuestionConfig, targets: Sequence[Scored]) -> Chosen:
    """Return the choices and targets that a question names. Untestable if there is no cell of one of the choices."""
    known = dict.fromkeys(choice for one in targets for choice in one.scores)
    sides = {key: matching(getattr(question, key) or [], known) for key in ("a", "b", "choices")}
    levels = [matching(level, known) for level in question.levels or ()]
    declared = [*(question.a or ()), *(question.b or ()), *(question.choices or ()), *chain(*(question.levels or ()))]
    if missing := [pattern for pattern in declared if not matching([pattern], known)]:  # the others alone answer another question
        raise Untestable(f"no cell has a choice like {', '.join(missing)}")
    names = matching(question.targets or ["*"], dict.fromkeys(one.one.target for one in targets))
    return Chosen(sides, levels, [one for one in targets if one.one.target in names])


def linear(question: QuestionConfig, targets: Sequence[Scored], counts: Callable[[], Mapping[str, Count]]) -> Linear:
    """Return the combination that a question of any kind but `slope` is about. Untestable if cells lack something.

    `targets`: those of the study; `counts`: returns numbers of examples as `example_counts` does.
    """
    chosen, sizes = chosen_by(question, targets), {}
    sides: Sequence[Collection[str]]
    if question.kind == "law":
        sizes = _sizes(counts(), chosen.sides["choices"])
        weights = trend_weights([(math.log(size), [choice]) for choice, size in sizes.items()])
        words = f"from {min(sizes.values()):,} to {max(sizes.values()):,} examples ({_side(question.choices)})"
        sides = [[choice] for choice in weights]
    elif question.kind == "graded":
        weights = trend_weights([(float(number), level) for number, level in enumerate(chosen.levels)])
        declared = question.levels or [[]]
        words = f"from {_side(declared[0])} to {_side(declared[-1])} over {counted(len(chosen.levels), 'level')}"
        sides = chosen.levels
    else:
        a, b = chosen.sides["a"], chosen.sides["b"]
        weights = dict.fromkeys(a, 1 / len(a)) | dict.fromkeys(b, -1 / len(b))
        words = f"{_side(question.a, len(a))} minus {_side(question.b, len(b))}"
        sides = [a, b]
    parts = _parts(chosen.targets, list(weights), question)
    grid = [part for one in targets if (part := _grid_part(one, weights, question)) is not None]
    return Linear(weights, parts, grid, sides, words, sizes)


def _combined(blank: Answer, one: Linear) -> Answer:
    """Answer a question about a linear combination of choices."""
    more = " ".join(filter(None, [_law(one.parts, one.sizes) if one.sizes else "", blank.more]))
    found = combination(one.weights, one.parts, one.grid, one.sides)
    if found is None:
        raise Untestable(f"{', '.join(part.scored.one.target for part in one.parts)} have no seed in common")
    where = _where(one.parts, blank.question)
    return replace(blank, compared=one.words, where=where, estimated=found.estimated, combination=found, more=more)


def _grid_part(one: Scored, weights: Mapping[str, float], question: QuestionConfig) -> Part | None:
    """Return a target with the same group of languages, for the choices that it has."""
    known = [choice for choice in weights if choice in one.scores]
    return part_of(one, known, question.languages, question.minus) if known else None


def _by_distance(blank: Answer, analysis: "Analysis", compared: Sequence[Scored], sides: Mapping[str, Sequence[str]]) -> Answer:
    """Regress a minus b on the distance of each language, which is a unit of the sample."""
    question, a, b = blank.question, sides["a"], sides["b"]
    weights = dict.fromkeys(a, 1 / len(a)) | dict.fromkeys(b, -1 / len(b))
    parts = _parts(compared, list(weights), question)
    codes = list(dict.fromkeys(code for part in parts for code in part.languages))
    known = distances_to(analysis, blank.condition, parts[0].scored.one.source, codes)
    kind = question.distance or next(iter(known), "")
    if kind not in known:
        raise Untestable(f"no '{kind}' distance is known here: {', '.join(known) or 'none'} are")
    rows = [row for part in parts for row in values_by_language(weights, part)]
    values_RU = [[row.get(code, math.nan) for code in codes] for row in rows]
    distance_U = [known[kind].get(code, math.nan) for code in codes]
    line = regress(values_RU, distance_U, None if analysis.synthetic else families(codes))
    single = min(len(part.scored.scores[choice]) for part in parts for choice in weights) < 2
    words = f"{_side(question.a, len(a))} minus {_side(question.b, len(b))}"
    ends = f"from the nearest to the farthest language ({kind} distance"
    blank = replace(blank, where=_where(parts, question), sample=LANGUAGES)
    return _slope(blank, line, distance_U, f"{words}, {ends}", single)


def _by_diversity(blank: Answer, analysis: "Analysis", compared: Sequence[Scored], a: Sequence[str]) -> Answer:
    """Regress the scores of choices on the diversity of their languages, in languages that their phase 2 did not train in."""
    from pandas import DataFrame

    question = blank.question
    table = diversity(analysis)
    table = table[table["condition"] == blank.condition]
    kind = question.distance or (table["kind"].iloc[0] if len(table) else "")
    parts = _parts(compared, a, question)
    rows = [
        [part.scored.one.target, choice, seed, code, of_seed[code]]
        for part in parts
        for choice in a
        for seed, of_seed in part.scored.scores[choice].items()
        for code in part.languages
        if code not in part.scored.one.trained_in(choice)
    ]
    own = table.loc[table["kind"] == kind, ["intermediate", "languages", "diversity"]]
    scores = DataFrame(rows, columns=["target", "intermediate", "seed", "language", "value"]).merge(own, on="intermediate")
    _, line = slope_on_diversity(scores)
    words = f"{_side(question.a, len(a))}, from the least to the most diverse languages of phase 2 ({kind} distance"
    blank = replace(blank, where=_where(parts, question), sample=SETS)
    return _slope(blank, line, list(scores["diversity"]), words, single=False)


def _slope(blank: Answer, line: Regression | None, at_U: Sequence[float], words: str, single: bool) -> Answer:
    """Turn a regression line into its rise over the range of the predictor."""
    known = [value for value in at_U if not math.isnan(value)]
    if line is None:
        raise Untestable(f"a slope needs at least {FEWEST} {blank.sample}, and different values of {blank.question.by}")
    rise = max(known) - min(known)
    found = Estimated(line.slope * rise, line.slope_error * rise, line.slope_freedom, f"{blank.sample} as a sample", not single)
    more = f"That is {signed(line.slope / 10)} points for each 0.1, over {line.units} {blank.sample}. {blank.more}".strip()
    words = f"{words} {fixed(min(known), 2)} to {fixed(max(known), 2)}),"
    return replace(blank, compared=words, estimated=found, more=more)


def _parts(targets: Sequence[Scored], choices: Sequence[str], question: QuestionConfig) -> list[Part]:
    """Return the targets that have all choices and languages of all groups."""
    found = [part for one in targets if (part := part_of(one, choices, question.languages, question.minus)) is not None]
    if not found:
        groups = " and ".join(str(group) for group in (question.languages, question.minus) if group is not None)
        raise Untestable(f"no target has all of {', '.join(choices)} in {groups}")
    return found


def _sizes(known: Mapping[str, Count], choices: Sequence[str]) -> dict[str, int]:
    """Return choice -> number of training examples of the intermediate task whose size differs."""
    found = {choice: known[choice][2] for choice in choices if choice in known}
    if missing := [choice for choice in choices if choice not in found]:
        raise Untestable(f"{', '.join(missing)} differ from the others in more than the number of examples, or it is not known")
    if len(set(found.values())) < 2:
        raise Untestable("all choices have the same number of examples")
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _law(parts: Sequence[Part], sizes: Mapping[str, int]) -> str:
    """Say which law describes the scores by size, if there are enough sizes with the same seeds."""
    seeds = parts[0].scored.scores[next(iter(sizes))]
    scores_SN = np.array([[_score(parts, choice, seed) for choice in sizes] for seed in seeds])
    scores_SN = scores_SN[~np.isnan(scores_SN).any(axis=1)]
    if len(set(sizes.values())) < FEWEST or not len(scores_SN):
        return ""
    law = fit(list(sizes.values()), scores_SN)
    if law.name == NEITHER:
        return "Neither a logarithm nor a power law describes the scores."
    return f"Of a logarithm and a power law, {law.formula()} is the more probable."


def _score(parts: Sequence[Part], choice: str, seed: int) -> float:
    """Return the combined score of a run, mean over targets; NaN if a target lacks it."""
    scores = [part.scored.scores[choice].get(seed) for part in parts]
    sums = [
        math.nan if own is None else sum(weight * own[code] for code, weight in part.languages.items())
        for part, own in zip(parts, scores, strict=True)
    ]
    return float(np.mean(sums))


def _row(answer: Answer, p_corrected: float, margin: float, tests: int) -> list[Any]:
    question, found = answer.question, answer.estimated
    expect = question.expect or "positive"
    start = [answer.family, answer.name, answer.condition, question.kind, answer.compared, answer.where, expect, margin]
    if found is None:
        text = f"{UNTESTED.capitalize()}, as {answer.reason}."
        return [*start, *[math.nan] * 7, UNTESTED, math.nan, 0, "", text]
    judged = verdict(found, p_corrected, expect, margin)
    seeds = math.nan
    if judged == UNDECIDED and answer.combination and answer.combination.runs:
        one = answer.combination
        seeds = decisive_seeds(one.runs, min(one.counts.values()), found.freedom, one.item_variance or 0.0, margin, tests)
    inner = found.interval(EQUIVALENCE)
    runs = sum(answer.combination.counts.values()) if answer.combination else 0
    numbers = [found.value, found.low, found.high, *inner, found.p, p_corrected]
    text = sentence(answer, found, p_corrected, judged, seeds, margin, tests)
    return [*start, *numbers, judged, seeds, runs, found.covers, text]


def _side(patterns: Sequence[str] | None, choices: int = 0) -> str:
    """Write the choices of a side as they are declared: `far_* (mean of 8)`."""
    names = ", ".join(patterns or ())
    return f"{names} (mean of {choices})" if choices > 1 else names


def _where(parts: Sequence[Part], question: QuestionConfig) -> str:
    """Write the languages and targets: `in far less near languages (7), mean over xnli and udpos`."""
    groups = [_group(group, parts[0].scored.one) for group in (question.languages, question.minus) if group is not None]
    counts = [sum(weight > 0 for weight in part.languages.values()) for part in parts]
    least, most = min(counts), max(counts)
    number = f" ({least} to {most})" if least < most else f" ({most})" if most > 1 else ""
    targets = [part.scored.one.target for part in parts]
    over = targets[0] if len(targets) == 1 else f"mean over {', '.join(targets[:-1])} and {targets[-1]}"
    return f"in {' less '.join(groups)}{number}, {over}"


def _group(group: object, one: Comparison) -> str:
    """Write a group of languages: `far languages`, `languages unseen in phase 2`, `sw`."""
    if not isinstance(group, str):
        return ", ".join(map(str, group)) if isinstance(group, Collection) else ""
    name = SHORT.get(group, group)
    if name in (SEEN, UNSEEN):
        return f"languages {name}"
    return f"{name} languages" if name in declared_groups(one) else name
