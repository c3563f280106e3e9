"""Views of a study's predictions: confusion matrices, calibration, and test items on which choices disagree.

    confusions  a row per target, condition, intermediate choice, group of languages, gold label and predicted label: examples
                (of tags: words) of all seeds, and share, their percentage of those with the gold label
    examples    a row per test item, language and intermediate choice: target, condition, item, language, text, gold,
                intermediate, prediction (the most frequent one over seeds), right (the number of seeds that are right), runs, and
                confidence (the probability of what was predicted, or the score of the best candidate; mean over seeds)

The items are those of `Analysis.disagreements`, as many as `MOST_BYTES` has room for.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

from xstilts import metrics
from xstilts.calibration import KINDS, of_answer
from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.paths import CellPaths
from xstilts.reporting.analysis import Analysis
from xstilts.reporting.comparison import BASELINE, Comparison, scored_comparisons, study_results
from xstilts.reporting.example_texts import ItemText, excerpt, item_texts
from xstilts.reporting.groups import OTHERS, SOURCE
from xstilts.reporting.items import item_hashes, item_name
from xstilts.reporting.naming import choice_name, options
from xstilts.reporting.prediction_tables import calibration_table, confusion_tables
from xstilts.reporting.tables import ReportTable
from xstilts.store.results import CONFIDENCE, cell_predictions, name_of

if TYPE_CHECKING:
    from pandas import DataFrame

CONFUSIONS = "target condition intermediate languages gold predicted examples share".split()
EXAMPLES = "target condition item language text gold intermediate prediction right runs confidence".split()
MOST_BYTES = 1_000_000
"""Size of all examples of a report, which the targets share evenly."""
MOST_LABELS = 20
"""Number of labels in a confusion matrix; rarer ones are `OTHER`."""
OTHER = "other labels"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Predictions:
    """The views of a study's predictions."""

    calibration: ReportTable | None = None
    confusions: tuple[ReportTable, ...] = ()
    examples: "DataFrame | None" = field(default=None, compare=False)
    """Without any, None."""
    shown: str = ""
    """A sentence about the number of items among the examples, and of all on which choices disagree."""
    left_out: tuple[str, ...] = ()
    """Targets whose examples have no texts, each with the reason."""

    @property
    def tables(self) -> tuple[ReportTable, ...]:
        """The tables that a paper may show."""
        return (*((self.calibration,) if self.calibration else ()), *self.confusions)


@dataclass
class _Answers:
    """The answers of one choice to one item in one language."""

    predictions: list[str] = field(default_factory=list)
    right: int = 0
    confidences: list[float] = field(default_factory=list)


@dataclass
class _Item:
    """One item in one language."""

    name: str
    row: Row
    answers: dict[str, _Answers] = field(default_factory=dict)


@dataclass
class _Target:
    """All that is collected from the predictions of a target under one condition, cell by cell."""

    one: Comparison
    condition: str
    wanted: Mapping[int, int]
    """Hash of each wanted item -> its rank."""
    counts: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """By choice, group of languages, gold and predicted label."""
    found: dict[int, dict[str, _Item]] = field(default_factory=dict)
    """Hash -> language -> item."""

    @property
    def kind(self) -> str:
        """The kind of the target's predictions."""
        return metrics.kind_of(self.one.metric)


def predictions(analysis: Analysis, target: str | None = None) -> Predictions:
    """Read the predictions of a study that are still there, or of one target. UserError if a file is broken."""
    from pandas import DataFrame

    found = scored_comparisons(analysis.folder, study_results(analysis.folder))
    disagreements, calibration = (
        frame if target is None else frame[frame["target"] == target] for frame in (analysis.disagreements, analysis.calibration)
    )
    confusions: list[list[Any]] = []
    examples: list[list[Any]] = []
    left_out: list[str] = []
    wanted = disagreements.groupby(["target", "condition"], sort=False)["item"].unique()
    room = MOST_BYTES // max(1, len(wanted))
    for one, typed in zip(found, options(found), strict=True):
        condition = " ".join(typed)
        items = wanted.get((one.target, condition), [])
        own = _Target(one, condition, {int(item): rank for rank, item in enumerate(items)})
        if target not in (None, one.target) or not (own.wanted or _has_labels(own)):
            continue
        _collect(own, analysis)
        confusions += _confusions(own)
        texts: dict[tuple[str, str], ItemText] = {}
        if own.found:
            try:
                texts = item_texts(next(one.results()), one.split, _named(own))
            except UserError as error:
                left_out.append(f"{one.target}: {' '.join(str(error).splitlines())}")
        examples += _within(room, _examples(own, texts))
    frame = DataFrame(examples, columns=EXAMPLES)
    return Predictions(
        calibration=calibration_table(calibration),
        confusions=tuple(confusion_tables(analysis, DataFrame(confusions, columns=CONFUSIONS))),
        examples=frame if examples else None,
        shown=_shown_items(frame, disagreements) if examples else "",
        left_out=tuple(dict.fromkeys(left_out)),
    )


def _shown_items(examples: "DataFrame", disagreements: "DataFrame") -> str:
    """Write the number of items among the examples, and of all on which choices disagree."""
    items = examples.drop_duplicates(["target", "condition", "item"])
    choices = disagreements.drop_duplicates(["target", "condition", "intermediate"])
    total = int(choices["gained"].sum() + choices["lost"].sum())
    every = counted(total, "is gained or lost", "are gained or lost")
    return f"{counted(len(items), 'item is', 'items are')} shown; counted for each choice, {every}"


def selected(examples: "DataFrame | None", intermediate: str | None, languages: Sequence[str], words: str) -> "list[DataFrame]":
    """Return the rows of each item that has all words, and on which a choice (None: any) and the baseline disagree.

    Of its rows those in the given languages (none: in all), of the baseline and the choice (None: of all).
    """
    found: list[DataFrame] = []
    if examples is None:
        return found
    for _, own in examples.groupby(["target", "condition", "item"], sort=False):
        text = " ".join(map(str, own[["item", "language", "text", "gold", "prediction"]].to_numpy().ravel())).lower()
        kept = own[own["language"].isin(languages)] if languages else own
        if intermediate:
            kept = kept[kept["intermediate"].isin((BASELINE, intermediate))]
        shares = (kept["right"] / kept["runs"]).groupby(kept["intermediate"]).sum().round(9)
        if all(word in text for word in words.lower().split()) and shares.nunique() > 1:
            found.append(kept)
    return found


def _has_labels(target: _Target) -> bool:
    return target.kind in ("label", "tags")


def _collect(target: _Target, analysis: Analysis) -> None:
    """Read every cell of a target once: count labels, and keep the answers to wanted items."""
    for choice, by_seed in target.one.cells.items():
        for result in by_seed.values():
            if not CellPaths(analysis.folder, name_of(result)).predictions.exists():
                continue
            by_language: dict[str, list[Row]] = {}
            for row in cell_predictions(analysis.folder, result, confidence=bool(target.wanted)):
                if row["split"] == target.one.split and row["gold"] is not None:
                    by_language.setdefault(row["language"], []).append(row)
            for language, rows in by_language.items():
                _count(target, choice_name(choice), language, rows)
                _keep(target, choice_name(choice), language, rows)


def _count(target: _Target, choice: str, language: str, rows: Sequence[Row]) -> None:
    if not _has_labels(target):
        return
    group = SOURCE if language == target.one.source else OTHERS
    pairs: Iterable[tuple[Any, Any]] = ((row["gold"], row["prediction"]) for row in rows)
    if target.kind == "tags":
        pairs = (pair for gold, given in pairs for pair in zip(gold, given, strict=True))
    for (gold, given), times in Counter(pairs).items():
        if isinstance(gold, str):  # the number of a choice is no label
            target.counts[choice, group, gold, given] += times


def _keep(target: _Target, choice: str, language: str, rows: Sequence[Row]) -> None:
    chosen = [(int(item), row) for item, row in zip(item_hashes(rows), rows, strict=True) if int(item) in target.wanted]
    if not chosen:
        return
    gold, given = ([row[name] for _, row in chosen] for name in ("gold", "prediction"))
    right = metrics.fully_right(metrics.item_scores(target.one.metric, gold, given, language))
    for (item, row), is_right in zip(chosen, right, strict=True):
        kept = target.found.setdefault(item, {}).setdefault(language, _Item(item_name(row), row))
        answers = kept.answers.setdefault(choice, _Answers())
        answers.predictions.append(row["prediction"])
        answers.right += bool(is_right)
        if (sure := _confidence(target.kind, row)) is not None:
            answers.confidences.append(sure)


def _confidence(kind: str, row: Row) -> float | None:
    known = row[CONFIDENCE]
    if not known:
        return None
    if kind in KINDS and kind != "tags":
        return of_answer(row["prediction"], known)
    if not isinstance(known, list):
        return None
    return fmean(known) if kind == "tags" else float(known[0])


def _named(target: _Target) -> set[tuple[str, str]]:
    """Return language and id of all that is shown: the kept items, and of retrieval the best candidates."""
    shown = set()
    for language, item in (pair for by_language in target.found.values() for pair in by_language.items()):
        answers = [item.row["gold"], *(one for own in item.answers.values() for one in own.predictions)]
        best = [one[0] for one in answers if isinstance(one, list) and one] if target.kind not in KINDS else []
        shown |= {(language, str(name)) for name in (item.row["id"], *best)}
    return shown


def _confusions(target: _Target) -> Iterator[list[Any]]:
    """Yield the rows of the confusion matrices; labels by their frequency in gold."""
    frequency: Counter[str] = Counter()
    for (_, _, gold, given), times in target.counts.items():
        frequency[gold] += times
        frequency[given] += 0
    known = sorted(frequency, key=lambda label: (-frequency[label], label))
    names = {label: label if rank < MOST_LABELS or len(known) == MOST_LABELS + 1 else OTHER for rank, label in enumerate(known)}
    merged: Counter[tuple[str, str, str, str]] = Counter()
    for (choice, group, gold, given), times in target.counts.items():
        merged[choice, group, names[gold], names[given]] += times
    labels = list(dict.fromkeys(names.values()))
    for choice, group in dict.fromkeys((choice, group) for choice, group, *_ in target.counts):
        for gold in labels:
            counts = [merged[choice, group, gold, given] for given in labels]
            for given, times in zip(labels, counts, strict=True):
                if total := sum(counts):
                    yield [target.one.target, target.condition, choice, group, gold, given, times, 100 * times / total]


def _examples(target: _Target, texts: Mapping[tuple[str, str], ItemText]) -> Iterator[list[list[Any]]]:
    """Yield the rows of each item, in the order of their rank."""
    for item in sorted(target.found, key=target.wanted.__getitem__):
        by_language = target.found[item]
        rows = []
        for language in sorted(by_language, key=lambda code: (code != target.one.source, code)):
            kept = by_language[language]
            name = kept.name if len(by_language) > 1 else f"{language}/{kept.name}"
            gold = kept.row["gold"]
            known = texts.get((language, str(kept.row["id"])), ItemText(""))
            near = next(iter(gold), "") if target.kind == "answer" else ""
            about = [target.one.target, target.condition, name, language, excerpt(known.text, near)]
            about.append(_shown_gold(target.kind, gold, known, language, texts))
            for choice, answers in kept.answers.items():
                given = [_shown(target.kind, one, gold, known, language, texts) for one in answers.predictions]
                most = Counter(given).most_common(1)[0][0]
                sure = fmean(answers.confidences) if answers.confidences else None
                rows.append([*about, choice, most, answers.right, len(given), sure])
        yield rows


def _shown_gold(kind: str, gold: Any, item: ItemText, language: str, texts: Mapping[tuple[str, str], ItemText]) -> str:
    if kind == "answer":
        return excerpt(" | ".join(dict.fromkeys(gold)) or "no answer")
    if kind == "tags":
        return excerpt(_tagged(item.words, gold, [tag != "O" for tag in gold]) or "O")
    return _shown(kind, gold, gold, item, language, texts)


def _shown(kind: str, given: Any, gold: Any, item: ItemText, language: str, texts: Mapping[tuple[str, str], ItemText]) -> str:
    """Write a prediction: of tags those that are not the gold ones, of candidates the best one."""
    if kind == "tags":
        return excerpt(_tagged(item.words, given, [one != other for one, other in zip(given, gold, strict=True)]) or "as gold")
    if isinstance(given, list):
        best = str(given[0]) if given else "none"
        return excerpt(texts.get((language, best), ItemText(best)).text)
    return excerpt(str(given)) or "no answer"


def _tagged(words: Sequence[str], tags: Sequence[str], shown: Sequence[bool]) -> str:
    names = words or [str(place) for place in range(1, len(tags) + 1)]
    return ", ".join(f"{word} {tag}" for word, tag, wanted in zip(names, tags, shown, strict=True) if wanted)


def _within(room: int, items: Iterable[list[list[Any]]]) -> Iterator[list[Any]]:
    """Yield the rows of items until their texts have filled the room; a text that rows share counts once."""
    for rows in items:
        room -= sum(len(str(value).encode()) for value in {value for row in rows for value in row}) + 20 * len(rows)
        if room < 0:
            return
        yield from rows
