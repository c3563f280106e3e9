import dataclasses
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.families import by_family
from xstilts.reporting.figures import (
    COLOURS,
    MARKERS,
    _mark,
    curve_plot,
    distance_plot,
    dot_plot,
    family_plot,
    figures,
    heat_map,
    rendered,
)
from xstilts.reporting.groups import ALL
from xstilts.reporting.language_distances import distances
from xstilts.reporting.scaling import Curve, fit
from xstilts.reporting.slopes import GAIN, points, slopes
from xstilts.reporting.tables import headline

Write = Any


@pytest.fixture
def analysis(write_made_up: Write, tmp_path: Path) -> Analysis:
    for seed in (1, 2):
        write_made_up(seed=seed)
        write_made_up(intermediate="mnli", seed=seed, better=1)
        write_made_up(intermediate="qqp", seed=seed, better=-seed)
        write_made_up(target="pawsx", seed=seed)
        write_made_up(target="pawsx", seed=seed, intermediate="mnli", right={"qaa": 8, "qab": 9, "qac": 7, "qae": 5, "qaf": 2})
    return analyse(tmp_path)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_map_tells_every_difference_and_hatches_what_was_not_run(analysis: Analysis) -> None:
    effects = headline(analysis.effects).assign(low=[1.0, -2.0, -20.0], high=[7.0, 22.0, -10.0])
    figure = heat_map(effects)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["pawsx", "xnli"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mnli", "qqp"]
    assert texts(figure) == ["+4.0", "+10.0", "-15.0"]
    shown = axes.images[0].get_array()
    assert shown is not None and shown.mask.tolist() == [[False, False], [True, False]]
    assert shown.compressed().tolist() == [1.0, 0.0, -10.0], "coloured by the end of the interval that is nearest to 0"
    low, high = axes.images[0].get_clim()
    assert low == -high == -10.0, "0 is in the middle of the colours"


def test_what_is_certain_is_bold_in_the_map(analysis: Analysis) -> None:
    effects = headline(analysis.effects)
    effects = effects.assign(p_corrected=[0.2 if name == "mnli" else 0.01 for name in effects["intermediate"]])
    weights = {text.get_text(): text.get_weight() for text in heat_map(effects).axes[0].texts}
    assert weights == {"+4.0": "normal", "+10.0": "normal", "-15.0": "bold"}


def test_a_point_per_language_and_choice(analysis: Analysis) -> None:
    scores = analysis.scores[analysis.scores["target"] == "xnli"]
    axes = dot_plot(scores).axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert set(lines) == {"none", "mnli", "qqp"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["qaf", "qae", "qac", "qab", "qaa"]
    assert np.asarray(lines["none"].get_xdata()).tolist() == pytest.approx([30.0, 50.0, 60.0, 70.0, 80.0])
    assert np.asarray(lines["qqp"].get_xdata()).tolist() == pytest.approx([15.0, 35.0, 45.0, 55.0, 65.0])


def test_a_panel_per_family_on_one_scale_and_a_number_for_what_is_off_it(analysis: Analysis) -> None:
    effects = by_family(analysis)
    effects = effects[effects["target"] == "pawsx"]
    more = [
        effects.assign(intermediate=name, difference=value, low=value - 1, high=value + 1)
        for name, value in (("a", 2), ("b", -90))
    ]
    figure = family_plot(pd.concat([effects.assign(low=-2.0, difference=1.0, high=4.0), *more]))
    near, *others = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in (near, *others)] == list(effects["panel"])
    assert [label.get_text() for label in near.get_yticklabels()] == ["a", "b", "mnli"]
    assert {axes.get_xlim() for axes in others} == {near.get_xlim()} and near.get_xlim()[0] > -20
    assert [text.get_text().strip() for text in near.texts] == ["\u25c2-90.0"]
    faces = [
        (line.get_markerfacecolor(), np.asarray(line.get_ydata()).tolist()) for line in near.lines if line.get_marker() == "o"
    ]
    assert faces == [(COLOURS[0], [0]), (COLOURS[4], []), ("white", [2])], "what may be chance is hollow"


def test_two_choices_never_look_the_same() -> None:
    looks = [_mark(place) for place in range(-1, len(COLOURS) * len(MARKERS))]
    assert len(set(looks)) == len(looks)


def test_a_curve_with_its_points_band_and_baseline() -> None:
    sizes = (100, 1000, 10000, 100000)
    scores = np.array([[40.0, 50.0, 61.0, 70.0], [41.0, 50.0, 60.0, 69.0]])
    curve = Curve("xnli", "", "squad_v1", "squad_v1", ALL, sizes, (1, 2), scores, 45.0, fit(sizes, scores))
    axes = curve_plot([curve]).axes[0]
    assert axes.get_xscale() == "log" and len(axes.collections) == 1
    assert [label.get_text() for label in axes.get_xticklabels()] == ["100", "1,000", "10,000", "100,000"]
    points_line = next(line for line in axes.lines if line.get_label() == f"{ALL} (log)")
    assert np.asarray(points_line.get_ydata()).tolist() == scores.ravel().tolist()


def test_languages_by_their_distance_with_the_line(analysis: Analysis) -> None:
    table = distances(analysis)
    own = [one for one in slopes(analysis, table) if one.target == "pawsx" and one.outcome == GAIN]
    figure = distance_plot(own, points(analysis), table)
    assert [axes.get_xlabel() for axes in figure.axes] == ["structural distance", "lexical distance"]
    axes = figure.axes[0]
    assert {text.get_text() for text in axes.texts} == {"qab", "qac", "qae", "qaf"}
    x, y = (np.asarray(data, dtype=float) for data in axes.lines[-1].get_data())
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(own[0].line.slope)
    assert len(axes.collections) == 1, "its band"


def test_the_same_bytes_on_every_machine_and_nobodys_settings_changed(analysis: Analysis) -> None:
    effects = headline(analysis.effects)
    before = dict(matplotlib.rcParams)
    first = {form: rendered(heat_map(effects), form) for form in ("svg", "png")}
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "mine", "axes.facecolor": "red", "savefig.dpi": 20}):
        second = {form: rendered(heat_map(effects), form) for form in ("svg", "png")}
    assert first == second
    assert first["png"].startswith(b"\x89PNG") and b"<dc:date>" not in first["svg"]
    assert ElementTree.fromstring(first["svg"]).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_map_per_condition_and_a_dot_plot_per_target(analysis: Analysis) -> None:
    named = {name: caption for name, caption, _ in figures(analysis)}
    assert list(named) == ["differences", "languages_pawsx", "languages_xnli"]
    without = dataclasses.replace(analysis, effects=analysis.effects[:0])
    assert [name for name, _, _ in figures(without)] == ["languages_pawsx", "languages_xnli"]
