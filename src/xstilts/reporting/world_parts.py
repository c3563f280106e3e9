"""The parts of a study's page that are about a synthetic world's languages: what of their distance shows in the scores."""

from collections.abc import Sequence
from dataclasses import fields

from xstilts.babel.declaration import Language
from xstilts.babel.distance import lexical, structural
from xstilts.reporting.comparison import mean_scores
from xstilts.reporting.markdown import table, text, with_seeds
from xstilts.reporting.study_parts import Part, Scores, Tables, by_condition
from xstilts.reporting.table import ABSENT, number, signed
from xstilts.reporting.typology import DISTANCES, correlation, pools


def typology(parts: Sequence[Part]) -> Tables:
    """Rank correlations of the baseline's scores with distances."""
    worlds = [part for part in parts if part.is_world and part.comparison.source in part.comparison.languages and part.baseline()]
    together = [[part] for part in worlds]
    for pool in pools([part.comparison for part in worlds]):
        together.append([part for part in worlds if any(part.comparison is one for one in pool)])
    rows = []
    for group in together:
        pooled, variant = [part.comparison for part in group], group[0].last()
        if any(variant not in one.variants for one in pooled):
            continue
        texts = []
        for distance in DISTANCES:
            for low_resource in (True, False):
                found = correlation(pooled, variant, distance, low_resource=low_resource)
                texts.append(with_seeds(found.of_means, found.by_seed, "{:+.2f}".format))
        counts = [correlation(pooled, variant, "structural", low_resource=low).languages for low in (True, False)]
        of_worlds = " and ".join(part.condition for part in group if part.condition)
        of_worlds = f"together with {of_worlds}" if len(group) > 1 else of_worlds
        rows.append([group[0].name(), of_worlds, f"{counts[0]}, {counts[1]}", *texts])
    rows = [row for row in rows if any(any(sign in text for sign in "0123456789") for text in row[3:])]
    rows.sort(key=lambda row: row[0])
    kinds = [f"{distance}{which}" for distance in DISTANCES for which in ("", ", enough text")]
    return [table(["target", "options", "languages", *kinds], rows)] if rows else []


def features(parts: Sequence[Part]) -> Tables:
    """Worlds in which most languages differ from the source language in one feature."""
    tables = []
    for condition, own in by_condition([part for part in parts if part.is_world and part.baseline()]).items():
        languages, source = own[0].comparison.languages, own[0].comparison.source
        if source not in languages:
            continue
        differing = {code: _differing(language, languages[source]) for code, language in languages.items() if code != source}
        single = [code for code, found in differing.items() if len(found) == 1]
        if not single or len(single) < len(differing) / 2:
            continue
        means = {part.name(): mean_scores(part.baseline()) for part in own}
        rows = [[f"**{text(source)}**", "", *(_score(scores, source) for scores in means.values())]]
        for code, found in sorted(differing.items(), key=lambda item: (len(item[1]), list(languages).index(item[0]))):
            cells = [
                _score(scores, code) if source not in scores or code not in scores else signed(scores[code] - scores[source])
                for scores in means.values()
            ]
            rows.append([text(code), text(", ".join(found)), *cells])
        about = f"With {condition}:\n\n" if condition else ""
        tables.append(about + table(["language", "differs in", *means], rows))
    return tables


def languages(parts: Sequence[Part]) -> Tables:
    """The baseline in every language, with the distances."""
    tables = []
    for condition, own in by_condition([part for part in parts if part.is_world and part.baseline()]).items():
        known, source = own[0].comparison.languages, own[0].comparison.source
        means = {part.name(): mean_scores(part.baseline()) for part in own}
        codes = sorted({code for scores in means.values() for code in scores} | {source}, key=lambda code: (code != source, code))
        rows = []
        for code in codes:
            about = _about(known[code], known[source]) if code in known and source in known else [""] * 4
            rows.append([text(code), *map(text, about), *(_score(scores, code) for scores in means.values())])
        told = f"With {condition}:\n\n" if condition else ""
        tables.append(told + table(["language", "structural", "lexical", "script", "text", *means], rows))
    return tables


def _differing(language: Language, source: Language) -> list[str]:
    names = [field.name for field in fields(Language)]
    return [f"{name}={getattr(language, name)}" for name in names if getattr(language, name) != getattr(source, name)]


def _about(language: Language, source: Language) -> list[str]:
    """Structural and lexical distance, 0 of a language to itself; script; amount of text."""
    words = lexical(language, source) if language is not source else 0.0
    return [f"{structural(language, source):.1f}", f"{words:.2f}", language.script, f"{language.text:g}"]


def _score(scores: Scores, code: str) -> str:
    return number(scores[code]) if code in scores else ABSENT
