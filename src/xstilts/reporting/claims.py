"""Tests of the claims of Phang et al. (2020, arXiv 2005.13013) on a study with real languages and targets of the paper.

Of the paper, both abstracts could be read, but not the tables: claims and figures that are known from recollection only are
marked as unconfirmed. Claims on `dev` data are about the validation split of each target or, where it has none, the only one, as
in the paper's code (nyu-mll/jiant); claims on `test` data are about XTREME's test. A target's score is its main one, the mean
over XTREME's languages.

A gain is `supported` or `contradicted` by the sign of a difference with p <= 0.05 after Holm's correction for all claims of the
table. That something does not help is supported if the 90 % interval ends below MARGIN, and contradicted by such a gain.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xstilts.reporting.averages import TEST, VALIDATION, by_condition, official_languages, rescored, split_of
from xstilts.reporting.comparison import BASELINE
from xstilts.reporting.contrasts import Part, Scored, combination
from xstilts.reporting.effects import common_languages
from xstilts.reporting.groups import ALL
from xstilts.reporting.selection import selected
from xstilts.reporting.statistics import Estimated, holm
from xstilts.reporting.submission import VERSIONS
from xstilts.reporting.verdicts import EQUIVALENCE, ONE_RUN, SUPPORTED, UNTESTED, verdict

if TYPE_CHECKING:
    from pandas import DataFrame

CLAIMS = "condition claim paper confirmed split difference low high covers p p_corrected seeds targets verdict over".split()
MARGIN = 1.0
"""Percentage points; a gain that is certainly smaller counts as none."""
DEV = "dev"
NINE = VERSIONS["xtreme"]
SINGLE = ("anli_plus", "mnli", "qqp", "squad_v1", "squad_v2", "hellaswag", "ccg", "cosmosqa", "commonsenseqa")
BEST = ("mnli", "squad_v1", "hellaswag")
HELPS, HELPS_NOT = "positive", "none or negative"


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: the mean of choices `a` minus that of choices `b`, mean over targets."""

    text: str
    a: tuple[str, ...] = ()
    """Names of intermediate choices, `|` between names of the same one; empty for the best choice per target."""
    b: tuple[str, ...] = (BASELINE,)
    targets: tuple[str, ...] = NINE
    expect: str = HELPS
    split: str = DEV
    points: float = np.nan
    """The paper's figure, in percentage points; NaN if it gives none that is known."""
    confirmed: bool = True
    """False for claims and figures that could not be checked against the paper or its abstracts."""
    every: bool = True
    """All choices of `a` are needed; otherwise those that there are count."""


PAPER = (
    Claim("SQuAD 1.1 helps on average", ("squad_v1|squad",), points=8.2, confirmed=False),
    Claim("MNLI helps on average", ("mnli",), points=7.5, confirmed=False),
    Claim("HellaSwag helps on average", ("hellaswag",), points=7.0, confirmed=False),
    Claim("MNLI, SQuAD 1.1 and HellaSwag are better than the other single tasks", BEST, tuple({*SINGLE} - {*BEST})),
    Claim("all tasks at once help on average", ("multitask",), points=8.7, confirmed=False),
    Claim("all tasks at once are better than MNLI, SQuAD 1.1 and HellaSwag alone", ("multitask",), BEST),
    Claim("BUCC gains from single tasks", SINGLE, targets=("bucc2018",), every=False),
    Claim("Tatoeba gains from single tasks", SINGLE, targets=("tatoeba",), every=False),
    Claim("question answering gains from single tasks", SINGLE, targets=("xquad", "mlqa", "tydiqa"), every=False),
    Claim("TyDiQA gains from single tasks", SINGLE, targets=("tydiqa",), confirmed=False, every=False),
    Claim("XNLI does not gain from single tasks", SINGLE, targets=("xnli",), expect=HELPS_NOT, confirmed=False, every=False),
    Claim("the best choice for each target helps on average", split=TEST, points=5.4),
    Claim(
        "masked language modelling beside a task does not help",
        ("mnli_mlm|mnli+mlm", "squad_v1_mlm|squad_v1+mlm", "hellaswag_mlm|hellaswag+mlm"),
        BEST,
        expect=HELPS_NOT,
    ),
    Claim("machine-translated inference data are no better than English ones", ("nli_translated",), ("nli",), expect=HELPS_NOT),
    Claim("machine-translated SQuAD is no better than English", ("squad_translated",), ("squad",), expect=HELPS_NOT),
)


class _Untestable(Exception):
    """Results lack something that a claim needs; the message says what."""


def claims(targets: Sequence[Scored]) -> "DataFrame":
    """Return a row per condition and claim; none for a synthetic world, and under a condition without choices of the paper."""
    from pandas import DataFrame

    real = [one for one in targets if not one.one.languages and one.one.target in NINE]
    rows = [
        [condition, *row]
        for condition, own in by_condition(real).items()
        for found in [[_tested(claim, own) for claim in PAPER]]
        if any(claim.a and not isinstance(one, str) for claim, one in zip(PAPER, found, strict=True))
        for row in _rows(found)
    ]
    return DataFrame(rows, columns=CLAIMS)


@dataclass(frozen=True)
class _Tested:
    estimated: Estimated
    seeds: int
    """Number of seeds of the choice that has the fewest."""
    targets: Sequence[str]


def _tested(claim: Claim, own: Sequence[Scored]) -> _Tested | str:
    try:
        return _contrast(claim, own) if claim.a else _best(own)
    except _Untestable as reason:
        return str(reason)


def _contrast(claim: Claim, own: Sequence[Scored]) -> _Tested:
    known = {choice for one in own for choice in one.scores}
    sides = []
    for names, every in ((claim.a, claim.every), (claim.b, True)):
        found = [next((name for name in one.split("|") if name in known), None) for one in names]
        missing = [one.split("|")[0] for one, name in zip(names, found, strict=True) if name is None]
        side = [name for name in found if name is not None]
        if not side or (missing and every):
            raise _Untestable(f"no results of {', '.join(sorted(missing))}")
        sides.append(side)
    weights = dict.fromkeys(sides[0], 1 / len(sides[0])) | dict.fromkeys(sides[1], -1 / len(sides[1]))
    parts = [part for one in own if one.one.target in claim.targets and (part := _part(one, weights, claim.split))]
    if not parts:
        raise _Untestable(f"no results of {', '.join(claim.targets)} with these choices")
    result = combination(weights, parts, parts, sides)
    if result is None:
        raise _Untestable("the targets have no seed in common")
    return _Tested(result.estimated, min(result.counts.values()), [part.scored.one.target for part in parts])


def _part(one: Scored, choices: Collection[str], split: str) -> Part | None:
    """Return a target on the data of a claim, in XTREME's languages that all runs have."""
    if not set(choices) <= set(one.scores):
        return None
    used = (split_of(one, VALIDATION) if split == DEV else None) or split_of(one, TEST) or TEST
    shown = rescored(one, one.one.main.with_split(used))
    runs = [scores for choice in choices for scores in shown.scores[choice].values()]
    official = official_languages(one.one.target, "xtreme")
    codes = [code for code in common_languages(dict(enumerate(runs))) if code in official]
    return Part(shown, dict.fromkeys(codes, 1 / len(codes))) if codes else None


def _best(own: Sequence[Scored]) -> _Tested:
    candidates = {choice for one in own for choice in one.scores} - {BASELINE}
    if len(candidates) < 2:
        raise _Untestable("there are not two choices to choose from")
    for one in selected(own, ALL):
        if one.gain and len(one.targets) > 1:
            return _Tested(one.gain.estimated, one.gain.seeds, one.targets)
    raise _Untestable("no two targets have validation data to choose on beside their test data")


def _rows(found: Sequence[_Tested | str]) -> Iterator[list[Any]]:
    p_values = [np.nan if isinstance(one, str) else one.estimated.p for one in found]
    for claim, one, p in zip(PAPER, found, holm(p_values), strict=True):
        about = [claim.text, claim.points, claim.confirmed, claim.split]
        if isinstance(one, str):
            yield [*about, *[np.nan] * 3, "", np.nan, np.nan, 0, 0, f"{UNTESTED} with these results: {one}", ""]
            continue
        value = one.estimated
        missing = [name for name in claim.targets if name not in one.targets]
        over = f"{', '.join(one.targets)}" + (f"; without {', '.join(missing)}" if missing else "")
        numbers = [value.value, value.low, value.high, value.covers, value.p, p, one.seeds, len(one.targets)]
        yield [*about, *numbers, _verdict(value, p, claim.expect), over]


def _verdict(value: Estimated, p_corrected: float, expect: str) -> str:
    if not value.tested:
        return f"{UNTESTED} {ONE_RUN}"
    if expect == HELPS_NOT and value.interval(EQUIVALENCE)[1] < MARGIN:
        return SUPPORTED
    return verdict(value, p_corrected, "none" if expect == HELPS_NOT else expect, MARGIN)
