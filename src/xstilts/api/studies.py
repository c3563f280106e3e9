"""Studies: their results as frames, tables and figures."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from xstilts.api.cells import Cell
from xstilts.errors import UserError
from xstilts.paths import report_dir, results_dir
from xstilts.store import results

if TYPE_CHECKING:
    from pandas import DataFrame

    from xstilts.reporting.analysis import Analysis
    from xstilts.reporting.extras import Extras, Picture


@dataclass(frozen=True)
class Study:
    """The results in the output folder of a study. `print(study)` shows the differences as `xstilts report --table` does.

    Of several studies, frames have a first column `study`, and names of tables and figures begin with that of the study. The
    columns are explained in xstilts.reporting.analysis. Scores and differences are in percent.
    """

    folders: tuple[Path, ...]
    analyses: "tuple[Analysis, ...]" = field(repr=False, compare=False)

    @property
    def answers(self) -> "DataFrame":
        """A row per comparison that the study declares, primary ones first: estimate, interval, p-values, verdict, a sentence.

        Empty without a declaration.
        """
        return self._joined("answers")

    @property
    def scores(self) -> "DataFrame":
        """A row per score of a cell: target, condition, intermediate, seed, language, metric, split, value and more."""
        return self._joined("scores")

    @property
    def effects(self) -> "DataFrame":
        """A row per intermediate choice, target and group of languages: the difference from no intermediate task."""
        return self._joined("effects")

    @property
    def averages(self) -> "DataFrame":
        """A row per benchmark, split and intermediate choice: the average over targets, its difference, the transfer gap."""
        return self._joined("averages")

    @property
    def robustness(self) -> "DataFrame":
        """A row per target and intermediate choice: the worst language, the spread over languages, the loss to noise."""
        return self._joined("robustness")

    @property
    def selection(self) -> "DataFrame":
        """A row per target and for their average: the gain of the choice that is the best on validation data."""
        return self._joined("selection")

    @property
    def claims(self) -> "DataFrame":
        """A row per claim of Phang et al. (2020) that the study can or cannot test, with its verdict."""
        return self._joined("claims")

    @property
    def provenance(self) -> "DataFrame":
        """A row per cell: its name, choices, artifacts, versions, recipe and model."""
        return self._joined("provenance")

    @property
    def problems(self) -> "DataFrame":
        """A row per cell that failed, was interrupted, is degenerate or left out, with the reason."""
        return self._joined("problems")

    @property
    def distances(self) -> "DataFrame":
        """A row per condition, kind of distance and language: its distance from the source language, 0 for itself.

        UserError if real languages are compared and URIEL+ is not installed.
        """
        from xstilts.reporting.language_distances import distances

        return self._together([distances(analysis) for analysis in self.analyses])

    @property
    def diversity(self) -> "DataFrame":
        """A row per intermediate choice and kind of distance: the mean distance between the languages that it trains in."""
        from xstilts.reporting.diversity import diversity

        return self._together([diversity(analysis) for analysis in self.analyses])

    @property
    def slopes(self) -> "DataFrame":
        """A row per target, outcome and kind of distance: what a distance of 1 to the source language adds, with interval.

        In percentage points; `of` is the outcome, the score without intermediate task or the gain of all choices. Empty with
        fewer than four languages beside the source language. UserError as for `distances`.
        """
        from xstilts.reporting.extra_tables import slope_table
        from xstilts.reporting.language_distances import distances
        from xstilts.reporting.slopes import slopes

        found = [slope_table(slopes(one, distances(one))).data for one in self.analyses]
        return self._together([frame.rename(columns={"options": "condition"}) for frame in found])

    @property
    def laws(self) -> "DataFrame":
        """A row per target, language or group of languages, and size of an intermediate task: the score and what laws fit it.

        `fitted` is the average of the laws, `low` and `high` are the ends of its 95 % band, `log`, `power` and `neither` the
        probabilities of the laws. Empty with fewer than four sizes.
        """
        from xstilts.reporting.extra_tables import scaling_table
        from xstilts.reporting.scaling import curves

        found = [scaling_table(curves(one)).data for one in self.analyses]
        return self._together([frame.rename(columns={"options": "condition"}) for frame in found])

    @cached_property
    def tables(self) -> "dict[str, DataFrame]":
        """The tables of the report, with all digits, by the names of their files: differences, scores_TARGET, averages, ..."""
        from xstilts.reporting.tables import tables

        return {
            f"{start}{table.name}": table.data
            for start, analysis, more in self._extras
            for table in (*tables(analysis), *more.tables)
        }

    @cached_property
    def figures(self) -> "dict[str, Picture]":
        """The figures of the report by the names of their files: differences, languages_TARGET, ... A notebook shows them.

        `figure` of each is matplotlib's object, `caption` its text, `svg` the file.
        """
        from xstilts.reporting.extras import Picture
        from xstilts.reporting.figures import figures

        drawn: dict[str, Picture] = {}
        for start, analysis, more in self._extras:
            drawn |= {start + name: Picture(name, caption, "", figure) for name, caption, figure in figures(analysis)}
            drawn |= {start + picture.name: picture for part in more.parts for picture in part.pictures}
        return drawn

    @property
    def cells(self) -> list[Cell]:
        """Every finished cell, in the order of the files."""
        return [
            Cell(results.name_of(result), folder.absolute(), result)
            for folder in self.folders
            for result in results.read_results(results_dir(folder))
        ]

    def report(self, folder: str | Path | None = None) -> list[Path]:
        """Write the page, tables and figures that `xstilts report` writes; return the files, the page first.

        `folder`: the folder to write to (`report` in the study's folder); of several studies, one in it for each.
        """
        from xstilts.report import report

        places = {study: Path(folder) if folder else report_dir(study) for study in self.folders}
        if folder and len(places) > 1:
            places = {study: place / study.name for study, place in places.items()}
        if len(set(places.values())) < len(places):
            raise UserError("two of the studies have one name: write their reports with one call for each")
        return [path for study, place in places.items() for path in report(study, place)]

    def __str__(self) -> str:
        from xstilts.reporting.views.terminal import study_text

        return "\n".join(study_text(analysis).rstrip("\n") for analysis in self.analyses)

    @cached_property
    def _extras(self) -> "list[tuple[str, Analysis, Extras]]":
        """For each study: what the names of its tables and figures begin with, its analysis, and the optional parts."""
        from xstilts.reporting.extras import extras

        starts = [f"{analysis.name}/" if len(self.analyses) > 1 else "" for analysis in self.analyses]
        return [(start, analysis, extras(analysis)) for start, analysis in zip(starts, self.analyses, strict=True)]

    def _joined(self, name: str) -> "DataFrame":
        return self._together([getattr(analysis, name) for analysis in self.analyses])

    def _together(self, frames: "list[DataFrame]") -> "DataFrame":
        """One frame of the frames of all studies; of several, with the name of the study."""
        from pandas import concat

        if len(frames) == 1:
            return frames[0].copy()
        named = zip(frames, self.analyses, strict=True)
        return concat([frame.assign(study=one.name)[["study", *frame.columns]] for frame, one in named], ignore_index=True)


def load_study(*folders: str | Path) -> Study:
    """Read and analyse the results of a study from its output folder, or those of several studies from theirs.

    UserError for a folder without results, and for results or predictions that are broken.
    """
    from xstilts.reporting.analysis import analyse

    if not folders:
        raise UserError("no study to load: expected its folder, for instance outputs/default")
    if wrong := [folder for folder in folders if not isinstance(folder, str | Path)]:
        raise UserError(f"got {wrong[0]!r}, expected the folder of a study, each as an argument")
    paths = tuple(dict.fromkeys(map(Path, folders)))
    return Study(paths, tuple(map(analyse, paths)))
