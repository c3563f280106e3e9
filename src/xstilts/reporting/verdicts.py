"""Verdicts on declared questions, and answers in words.

supported, contradicted    the corrected p-value is at most 0.05, and the sign is the expected or the other one
no consistent effect       the 90 % interval lies within plus and minus the declared margin: two one-sided tests at 5 %
                           (Schuirmann 1987). If no effect was expected, this is `supported`, and it comes first
undecided                  neither; with the number of seeds that would decide it
cannot be tested           one run on a side, or the results lack something; with the reason
"""

import math
from dataclasses import dataclass

from xstilts.analysis import QuestionConfig
from xstilts.numbering import counted
from xstilts.reporting.contrasts import Combination
from xstilts.reporting.numbers import probability, signed
from xstilts.reporting.power import MOST_SEEDS
from xstilts.reporting.statistics import ITEMS, RUNS, SIGNIFICANT, Estimated

EQUIVALENCE = 0.90
"""Level of the interval that the test of equivalence looks at."""
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
NO_EFFECT, UNTESTED = "no consistent effect", "cannot be tested"
ONE_RUN = "with one run"
LANGUAGES, SETS = "languages", "sets of languages"
"""Samples of slopes."""


@dataclass(frozen=True)
class Answer:
    """The answer to one question under one condition."""

    family: str
    """PRIMARY or EXPLORATORY."""
    name: str
    condition: str
    question: QuestionConfig
    compared: str = ""
    """The comparison in words."""
    where: str = ""
    """The languages and targets in words."""
    estimated: Estimated | None = None
    combination: Combination | None = None
    """For comparisons of which the number of seeds can be told."""
    sample: str = ""
    """The sample of a slope: LANGUAGES or SETS."""
    more: str = ""
    """A sentence about the estimate."""
    reason: str = ""
    """The reason why it cannot be tested."""


def verdict(estimated: Estimated, p_corrected: float, expect: str, margin: float) -> str:
    """Judge an estimate by the corrected p-value and the declared margin; UNTESTED for single runs."""
    if not estimated.tested:
        return UNTESTED
    within = max(map(abs, estimated.interval(EQUIVALENCE))) < margin
    if expect == "none":
        return SUPPORTED if within else CONTRADICTED if p_corrected <= SIGNIFICANT else UNDECIDED
    if p_corrected <= SIGNIFICANT:
        return SUPPORTED if (estimated.value > 0) == (expect == "positive") else CONTRADICTED
    return NO_EFFECT if within else UNDECIDED


def sentence(answer: Answer, found: Estimated, p_corrected: float, judged: str, seeds: float, margin: float, tests: int) -> str:
    """Write an answer in words, the verdict first."""
    within = max(map(abs, found.interval(EQUIVALENCE))) < margin
    told = {
        UNTESTED: f"{UNTESTED} {ONE_RUN}",
        NO_EFFECT: f"{NO_EFFECT} within \N{PLUS-MINUS SIGN}{margin:g} points",
        UNDECIDED: f"{UNDECIDED}: {_deciding(answer, seeds, margin)}",
    }.get(judged, judged)
    if within and judged in (SUPPORTED, CONTRADICTED) and answer.question.expect != "none":
        told += f", though smaller than the margin of {margin:g} points"
    one = answer.combination
    only = f", over {ITEMS}" if found.covers == ITEMS else ""
    if found.covers == RUNS and one and one.without_items:
        only = f", over runs only, as test items are not known for all runs of {', '.join(one.without_items)}"
    numbers = [] if math.isnan(found.low) else [f"95 % interval {signed(found.low)} to {signed(found.high)}{only}"]
    if found.tested:
        numbers.append(_p(found.p) + (f", {_p(p_corrected)} after correction for {tests} comparisons" if tests > 1 else ""))
    if one and one.collapsed:
        numbers.append(_without_collapsed(one))
    number = f"{signed(found.value)} points" + (f" ({'; '.join(numbers)})" if numbers else "")
    text = f"{told[0].upper()}{told[1:]}. {answer.compared} {answer.where}: {number}, expected: {answer.question.expect}."
    return f"{text} {answer.more}".strip()


def _without_collapsed(one: Combination) -> str:
    """Write the estimate without collapsed runs."""
    runs = f"{counted(one.collapsed, 'collapsed run')}"
    rest = one.without_collapsed
    if rest is None:
        return f"{runs}, without which nothing is left to compare"
    interval = "" if math.isnan(rest.low) else f", 95 % interval {signed(rest.low)} to {signed(rest.high)}"
    return f"without {runs} {signed(rest.value)}{interval}"


def _deciding(answer: Answer, seeds: float, margin: float) -> str:
    """Say what would decide an undecided question."""
    if answer.combination is None:
        return f"more {answer.sample} would decide, not more seeds"
    effect = f"an effect of {margin:g} point{'s' * (margin != 1)}"
    if math.isinf(seeds):
        or_items = ", or more test items," if answer.combination.item_variance else ""
        return f"more than {MOST_SEEDS[-1]:,} seeds{or_items} would be needed to tell {effect} from none"
    return f"about {counted(seeds, 'seed')} would tell {effect} from none"


def _p(p: float) -> str:
    text = probability(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
