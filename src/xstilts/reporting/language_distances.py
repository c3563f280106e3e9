"""Distances between the languages of a study: in a synthetic world by its parameters, between real languages by URIEL."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xstilts.babel.declaration import WorldConfig
from xstilts.babel.distance import distances as world_distances
from xstilts.paths import CellPaths
from xstilts.reporting.comparison import world_languages
from xstilts.reporting.uriel import uriel_distances
from xstilts.store.results import read_result

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis

DISTANCES = "condition kind language distance".split()


def distances(analysis: "Analysis") -> "DataFrame":
    """Return a row per condition, kind of distance and language, with its distance to the source language.

    UserError if URIEL+ is needed and not installed.
    """
    from pandas import DataFrame

    languages = list(analysis.scores["language"].unique())
    rows = [
        [condition, kind, code, value]
        for condition in analysis.scores["condition"].unique()
        for kind, by_language in distances_to(analysis, condition, analysis.source, languages).items()
        for code, value in by_language.items()
    ]
    return DataFrame(rows, columns=DISTANCES)


def distances_to(analysis: "Analysis", condition: str, source: str, languages: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return kind of distance -> language -> distance to `source`, 0 to 1; languages without a known distance are missing.

    Empty if the study has a synthetic world without that language, as one with a task of one's own in a real language may.
    UserError if URIEL+ is needed and not installed.
    """
    if not analysis.synthetic:
        return uriel_distances(languages, source)
    cells = analysis.provenance.loc[analysis.provenance["condition"] == condition, "cell"]
    world = world_languages(read_result(CellPaths(analysis.folder, cells.iloc[0]).result))
    if source not in world:
        return {}
    pivot_first = {source: world[source]} | {code: world[code] for code in languages if code in world}
    by_language = world_distances(WorldConfig(languages=pivot_first))
    kinds = dict.fromkeys(kind for known in by_language.values() for kind in known)
    return {kind: {code: by_language[code][kind] for code in languages if code in by_language} for kind in kinds}
