"""The items that are kept, from a study that is made up."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.reporting.simulated import write_predicted
from xstilts.reporting import disagreements as module
from xstilts.reporting.comparison import comparisons
from xstilts.reporting.disagreements import DISAGREEMENTS, disagreements
from xstilts.reporting.items import items_of
from xstilts.store.results import name_of


def test_gains_and_losses_take_turns_and_are_counted(tmp_path: Path, monkeypatch) -> None:
    write_predicted(tmp_path, items=60)
    (one,) = comparisons(tmp_path)
    read = items_of(tmp_path, [])
    items = {name_of(result): read(result, one.metric, one.split) for result in one.results()}
    monkeypatch.setattr(module, "MOST", 3)
    rows = [dict(zip(DISAGREEMENTS, row, strict=True)) for row in disagreements(one, "", items)]
    gained, lost = rows[0]["gained"], rows[0]["lost"]
    assert gained > 3 > lost > 0, "mnli is better"
    signs = [int(np.sign(row["gain"])) for row in rows]
    assert signs == [1, -1, 1, *([-1] if lost > 1 else []), 1] and len({row["item"] for row in rows}) == len(rows) == 3 + lost
    gains = [row["gain"] for row in rows if row["gain"] > 0]
    assert gains == sorted(gains, reverse=True)
    assert list(disagreements(one, "", {})) == [], "items are not known"
    assert list(disagreements(replace(one, cells={"mnli": one.cells["mnli"]}), "", items)) == [], "no baseline"
