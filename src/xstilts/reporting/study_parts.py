"""The parts of a study's page, each from the cells that it needs and empty without them.

Of retrieval at several layers a part shows the last one, and its name says so; gains are those of the first, whose predictions
are kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from xstilts.reporting.comparison import BASELINE, Comparison, Variant
from xstilts.reporting.conditions import LANGUAGES, without
from xstilts.reporting.gain import Gain
from xstilts.reporting.markdown import code, gain_text, gain_value, is_certain, per_seed, seed_range, table, text
from xstilts.reporting.naming import PARALLEL, choice_name
from xstilts.reporting.table import ABSENT, signed
from xstilts.reporting.transfer import OTHERS

ENCODER, PAIRS = "pretraining.encoder", "data.world.pairs"
Scores = Mapping[str, float]
Tables = list[str]


@dataclass(frozen=True)
class Part:
    """One comparison of a study, and how it is told apart from the others."""

    comparison: Comparison
    options: list[str]
    """In which it differs from most of the study's cells."""
    gains: dict[str, dict[str, Gain]]

    @property
    def condition(self) -> str:
        """The options as they are typed."""
        return code(" ".join(self.options))

    @property
    def is_world(self) -> bool:
        """Return whether nothing is special about it but the world's languages."""
        return all(option.startswith(("data=", LANGUAGES)) for option in self.options)

    def last(self) -> Variant:
        """The variant that is shown."""
        return self.comparison.variants[-1]

    def name(self, variant: Variant | None = None) -> str:
        """The target, and of several layers which."""
        one = self.comparison
        if len(one.variants) == 1:
            return text(one.target)
        layer, pooling = variant or self.last()
        several = len({pooling for _, pooling in one.variants}) > 1
        return text(f"{one.target}, layer {layer}" + (f", {pooling}" if several else ""))

    def baseline(self) -> dict[int, dict[str, float]]:
        """Seed -> language -> score."""
        return self.comparison.by_seed(BASELINE, self.last()) if BASELINE in self.comparison.cells else {}


def of_others(scores: Scores, source: str) -> float | None:
    """The mean over the languages other than the source language."""
    others = [score for code, score in scores.items() if code != source]
    return fmean(others) if others else None


def by_condition(parts: Sequence[Part]) -> dict[str, list[Part]]:
    """Condition -> its parts, in their order."""
    found: dict[str, list[Part]] = {}
    for part in parts:
        found.setdefault(part.condition, []).append(part)
    return found


def control(parts: Sequence[Part]) -> Tables:
    """A random encoder beside the pretrained one."""
    rows = []
    for bare, full in _pairs(parts):
        seeds = sorted(set(bare.baseline()) & set(full.baseline()))
        source = full.comparison.source
        sides = [[part.baseline()[seed] for seed in seeds] for part in (bare, full)]
        texts = []
        for of_source in (True, False):
            values = [
                {seed: one.get(source) if of_source else of_others(one, source) for seed, one in zip(seeds, side, strict=True)}
                for side in sides
            ]
            texts += [*map(per_seed, values), per_seed(_difference(*values), signed)]
        if seeds:
            rows.append([full.name(), full.condition, *texts])
    kinds = ("random", "pretrained", "difference")
    header = ["target", "options", *(f"{kind}, {where}" for where in ("source", "others") for kind in kinds)]
    return [table(header, rows)] if rows else []


def gains(parts: Sequence[Part]) -> Tables:
    """What the intermediate tasks gain over none: an overview for the source language and one for the others, then everything."""
    tables = []
    for condition, own in by_condition([part for part in parts if part.gains]).items():
        choices = list(dict.fromkeys(choice for part in own for choice in part.gains))
        names = [part.name(part.comparison.variants[0]) for part in own]
        for where in ("source language", OTHERS):
            rows = []
            for choice in choices:
                found = [_gain(part, choice, where) for part in own]
                rows.append([text(choice_name(choice)), *(ABSENT if gain is None else gain_value(gain) for gain in found)])
            tables.append(f"Gain, {where}{f', {condition}' if condition else ''}:\n\n" + table(["intermediate", *names], rows))
    rows = []
    for part in parts:
        for choice in part.gains:
            told = []
            for where in ("source language", OTHERS):
                gain = _gain(part, choice, where)
                told += [ABSENT, ""] if gain is None else [gain_text(gain), seed_range(gain)]
            rows.append([part.name(part.comparison.variants[0]), part.condition, text(choice_name(choice)), *told])
    header = ["target", "options", "intermediate", "gain, source", "seeds, source", "gain, others", "seeds, others"]
    every = [gain for part in parts for by_group in part.gains.values() for gain in by_group.values()]
    if not every:
        return []
    count = (
        f"{sum(map(is_certain, every))} of {len(every)} intervals exclude 0; were there nothing to find, one in twenty would.\n"
    )
    return [*tables, "Every gain with its interval:\n\n" + table(header, rows), count]


def layers(parts: Sequence[Part]) -> Tables:
    """Retrieval at every layer, and at the one that the validation split would choose."""
    tables = []
    for part in parts:
        one = part.comparison
        if len(one.variants) < 2:
            continue
        rows = []
        for choice in one.cells:
            tests = {variant: _others(one.by_seed(choice, variant), one.source) for variant in one.variants}
            rows.append([text(choice_name(choice)), *map(per_seed, tests.values()), _chosen(one, choice, tests)])
        header = [f"layer {layer}{f', {pooling}' if pooling != 'mean' else ''}" for layer, pooling in one.variants]
        title = f"{text(one.target)}{f', {part.condition}' if part.condition else ''}:\n\n"
        tables.append(title + table(["intermediate", *header, "chosen on validation"], rows))
    return tables


def parallel_text(parts: Sequence[Part]) -> Tables:
    """The baseline with more and less parallel text in pretraining."""
    by_rest: dict[tuple[tuple[str, str], ...], dict[int, Part]] = {}
    for part in parts:
        settings = part.comparison.settings
        if PAIRS in settings and settings.get(ENCODER) != "false" and part.baseline():
            pairs = int(settings[PAIRS]) if any(key.startswith(PARALLEL) for key in settings) else 0
            rest = {key: value for key, value in without(settings, PAIRS).items() if not key.startswith(PARALLEL)}
            by_rest.setdefault((("target", part.comparison.target), *sorted(rest.items())), {})[pairs] = part
    columns = [doses for doses in by_rest.values() if len(doses) > 1]
    amounts = sorted({pairs for doses in columns for pairs in doses})
    rows = []
    for pairs in amounts:
        chosen = [doses.get(pairs) for doses in columns]
        rows.append([str(pairs), *(ABSENT if part is None else _mean_of_others(part) for part in chosen)])
    usual = [min(doses.values(), key=lambda part: len(part.options)) for doses in columns]
    names = [" ".join(filter(None, (part.name(), part.condition))) for part in usual]
    return [table(["pairs per language", *names], rows)] if rows else []


def _pairs(parts: Sequence[Part]) -> list[tuple[Part, Part]]:
    """A part without pretraining, and that with it which is otherwise the same."""
    bare = [part for part in parts if part.comparison.settings.get(ENCODER) == "false"]
    full = [part for part in parts if part.comparison.settings.get(ENCODER) == "true"]

    def rest(part: Part) -> tuple[object, ...]:
        return part.comparison.target, without(part.comparison.settings, ENCODER), part.comparison.variants

    return [(one, other) for one in bare for other in full if rest(one) == rest(other)]


def _difference(less: Mapping[int, float | None], more: Mapping[int, float | None]) -> dict[int, float | None]:
    pairs = {seed: (less[seed], more[seed]) for seed in less}
    return {seed: None if low is None or high is None else high - low for seed, (low, high) in pairs.items()}


def _gain(part: Part, choice: str, where: str) -> Gain | None:
    return part.gains.get(choice, {}).get(OTHERS if where == OTHERS else part.comparison.source)


def _others(by_seed: Mapping[int, Scores], source: str) -> dict[int, float | None]:
    return {seed: of_others(scores, source) for seed, scores in by_seed.items()}


def _mean_of_others(part: Part) -> str:
    return per_seed(_others(part.baseline(), part.comparison.source))


def _chosen(one: Comparison, choice: str, tests: Mapping[Variant, Mapping[int, float | None]]) -> str:
    """The test score of each seed's best variant on validation, and which layers these are."""
    if one.split == "validation":
        return ""
    validation = {variant: _others(one.by_seed(choice, variant, "validation"), one.source) for variant in one.variants}
    best: dict[int, Variant] = {}
    for seed in one.cells[choice]:
        known = {variant: value for variant in one.variants if (value := validation[variant][seed]) is not None}
        if not known:
            return ""
        best[seed] = max(known, key=lambda variant: known[variant])
    seeds = sorted(best)
    told = " ".join(str(best[seed][0]) for seed in seeds)
    return f"{per_seed({seed: tests[best[seed]][seed] for seed in seeds})}, layer {told}"
