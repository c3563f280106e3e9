"""Differences by language family."""

from pathlib import Path
from typing import Any

from tests.reporting.simulated import write_simulated
from xstilts.reporting.analysis import EFFECTS, analyse
from xstilts.reporting.extra_tables import family_table
from xstilts.reporting.families import by_family

Write = Any


def test_real_languages_by_family_or_by_name_where_there_is_one(tmp_path: Path) -> None:
    write_simulated(tmp_path, 2, 2, 2, 13, metrics=("accuracy",))
    found = analyse(tmp_path)
    families = by_family(found)
    panels = {panel: int(part["languages"].iloc[0]) for panel, part in families.groupby("panel", sort=False)}
    assert list(panels) == [
        "Afro-Asiatic: Arabic",
        "Basque",
        "Germanic: af, de",
        "Greek",
        "Indo-Aryan: Bengali",
        "Iranian: Persian",
        "Romance: es, fr",
        "Slavic: Bulgarian",
        "Uralic: et, fi",
    ]
    assert sum(panels.values()) == 12, "every language but the source language is in one of them"
    assert len(families) == 9 * 2 * 2
    own = families.merge(found.effects, on=EFFECTS)
    assert len(own) == len(families), "no number but those of the analysis"
    table = family_table(families)
    assert list(table.header) == ["target", "family", "languages", "none", "task1", "task2"] and len(table.rows) == 9 * 2
    assert [cell.text for cell in table.rows[2]][:3] == ["target1", "Germanic", "af, de"]
    assert [cell.text for cell in table.rows[1]][:3] == ["target1", "Basque", ""]


def test_languages_that_phase_2_trained_in_do_not_count(write_made_up: Write, tmp_path: Path) -> None:
    for seed in (1, 2):
        write_made_up(seed=seed)
        write_made_up(intermediate="qqp", seed=seed, used={"languages": ["qaa"]}, better=1)
        for task, codes in {"mnli": ["qaa", "qab"], "snli": ["qab", "qac", "qae"]}.items():
            write_made_up(intermediate=task, seed=seed, used={"languages": codes}, right={"qaa": 8, "qab": 9, "qac": 7, "qae": 5})
    found = analyse(tmp_path)
    families = by_family(found).set_index(["panel", "intermediate"])
    assert list(families.index) == [
        ("near: 2 languages", "qqp"),
        ("near: 2 languages", "mnli"),
        ("far: 1 language", "mnli"),
        ("far: 1 language", "qqp"),
        ("far: 1 language", "snli"),
        ("low-resource: 1 language", "mnli"),
        ("low-resource: 1 language", "qqp"),
    ]
    effects = found.effects.set_index(["group", "intermediate"])
    for column in ("baseline", "difference", "low", "high", "p"):
        of_rest = families.loc[("near: 2 languages", "mnli"), column]
        assert of_rest == effects.loc[("qac", "mnli"), column], "of the two near languages, mnli was trained in one"
        assert families.loc[("near: 2 languages", "qqp"), column] == effects.loc[("near", "qqp"), column]


def test_a_target_with_one_family_has_no_panels(tmp_path: Path) -> None:
    write_simulated(tmp_path, 1, 1, 2, 2, metrics=("accuracy",))
    assert by_family(analyse(tmp_path)).empty
