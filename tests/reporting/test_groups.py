"""Groups of languages that reports average over."""

from pathlib import Path
from typing import Any

from xstilts.reporting.comparison import Comparison, comparisons
from xstilts.reporting.groups import (
    ALL,
    FAMILY,
    LANGUAGE,
    OTHERS,
    PHASE_2,
    SCRIPT,
    SEEN,
    SIZES,
    SOURCE,
    TEXT,
    UNSEEN,
    WHOLE,
    WORLD,
    compared_groups,
    groups,
    language_facts,
    low_resource,
    phase_2_groups,
    unseen_part,
)
from xstilts.reporting.summary import MainScore
from xstilts.tasks.languages import LANGUAGES


def test_every_language_has_a_family_a_script_and_a_size() -> None:
    facts = language_facts()
    assert set(facts) == set(LANGUAGES)
    assert facts["de"] == ("Indo-European, Germanic", "Latin", 4) and facts["sw"][2] == 2
    assert all(0 <= size < len(SIZES) for _, _, size in facts.values())


def test_real_languages_by_what_they_have_in_common() -> None:
    real = Comparison("xnli", {}, "accuracy", MainScore("accuracy", "test", None, None), "en", {}, {}, False, {})
    found = groups(real)
    assert found["Turkic", FAMILY] == ["az", "kk", "tr"] and found["Cyrillic", SCRIPT] == ["bg", "kk", "ru", "uk"]
    assert found["no text", TEXT] == ["ht", "qu", "wo", "yo"]
    assert all(len(codes) > 1 for codes in found.values()), "a language alone is no group"
    assert [name for name, kind in found if kind == TEXT] == [name for name in SIZES if (name, TEXT) in found], "in order"


def test_those_of_a_synthetic_world_by_its_parameters(write_made_up: Any, tmp_path: Path) -> None:
    write_made_up(world="families")
    found = groups(comparisons(tmp_path)[0])
    assert found["low-resource", WORLD] == ["qbh"] and ("Latin", SCRIPT) in found
    assert not any(kind == FAMILY for _, kind in found)


def test_near_and_far_languages_are_those_with_enough_text(write_made_up: Any, tmp_path: Path) -> None:
    write_made_up()
    (one,) = comparisons(tmp_path)
    found = groups(one)
    assert (found["near", WORLD], found["low-resource", WORLD]) == (["qab", "qac"], ["qae"]) and low_resource(
        one.source, one.languages
    ) == ["qae"]
    assert {"sw", "te", "bn"} <= set(low_resource("en", {})) and "fr" not in low_resource("en", {})
    assert ("far", WORLD) in found


def test_only_languages_with_scores_are_compared(write_made_up: Any, tmp_path: Path) -> None:
    write_made_up()
    (one,) = comparisons(tmp_path)
    found = compared_groups(one, ["qaa", "qab", "qae"])
    assert (
        found[ALL, WHOLE] == ["qaa", "qab", "qae"] and found[SOURCE, WHOLE] == ["qaa"] and found[OTHERS, WHOLE] == ["qab", "qae"]
    )
    assert found["near", WORLD] == ["qab"] and found["qae", LANGUAGE] == ["qae"] and ("far", WORLD) not in found
    without = compared_groups(one, ["qab", "qae"])
    assert (ALL, WHOLE) not in without and (SOURCE, WHOLE) not in without and without[OTHERS, WHOLE] == ["qab", "qae"]
    assert compared_groups(one, []) == {}


def test_languages_that_phase_2_trained_in_are_seen(write_made_up: Any, tmp_path: Path) -> None:
    write_made_up()
    for task, codes in {"snli": ["qaa"], "mnli": ["qaa", "qab"], "qqp": ["qac"], "mlm": ["qab", "qac", "qae", "qaf"]}.items():
        write_made_up(intermediate=task, used={"languages": codes})
    (one,) = comparisons(tmp_path)
    languages = ["qaa", "qab", "qac", "qae"]
    assert phase_2_groups(one, ["none"], languages) == {(UNSEEN, PHASE_2): ["qab", "qac", "qae"]}
    assert phase_2_groups(one, ["snli"], languages) == {(UNSEEN, PHASE_2): ["qab", "qac", "qae"]}, (
        "the source language is neither"
    )
    seen_and_unseen = {(SEEN, PHASE_2): ["qab"], (UNSEEN, PHASE_2): ["qac", "qae"]}
    assert phase_2_groups(one, ["mnli"], languages) == seen_and_unseen | {unseen_part("near"): ["qac"]}
    assert phase_2_groups(one, ["mnli", "qqp"], languages)[UNSEEN, PHASE_2] == ["qae"], "unseen by both"
    assert phase_2_groups(one, ["mlm"], languages) == {(SEEN, PHASE_2): ["qab", "qac", "qae"]}
