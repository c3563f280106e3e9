"""Declarations that are kept with results: which one counts, and that a change is seen."""

from pathlib import Path

import pytest

from xstilts.errors import UserError
from xstilts.reporting.declared import hash_of, in_file, matching, newest, record, typed

CONTRAST = {"kind": "contrast", "a": ["far"], "b": ["none"], "expect": "positive"}
FIRST = typed({"question": "Is it?", "primary": {"x": CONTRAST}})
SECOND = typed({"question": "Is it?", "primary": {"x": CONTRAST | {"expect": "none"}}})


def test_the_baseline_is_matched_by_its_own_name_only():
    names = ["none", "far_1", "far_2", "near"]
    assert matching(["*"], names) == ["far_1", "far_2", "near"]
    assert matching(["none", "far_*"], names) == ["none", "far_1", "far_2"]
    assert matching(["mnli xnli.max_examples=[1]"], ["mnli xnli.max_examples=[1]"]) != []


def test_a_default_that_is_written_out_changes_no_hash():
    assert hash_of(FIRST) == hash_of(typed({"question": "Is it?", "margin": 1, "primary": {"x": CONTRAST}}))
    assert hash_of(FIRST) != hash_of(SECOND)


def test_every_declaration_is_kept_and_the_newest_counts():
    kept = record(FIRST, [], 0)
    assert record(FIRST, kept, 5) == kept, "run again"
    assert record(typed({}), kept, 5) == kept, "run for more cells, without the study's file"
    kept = record(SECOND, kept, 7)
    found = newest({"file": "", "declared": kept})
    assert found is not None and newest({"file": "", "declared": []}) is None
    assert (found.analysis, found.hash, found.results, found.earlier) == (SECOND, hash_of(SECOND), 7, (hash_of(FIRST),))


def test_a_declaration_is_read_from_a_file(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    assert in_file(path) is None
    path.write_text("analysis:\n  question: Is it?\n  primary: {x: {kind: contrast, a: [far], b: [none], expect: positive}}\n")
    assert in_file(path) == FIRST
    path.write_text("study: mine\n")
    assert in_file(path) == typed({})
    path.write_text("analysis: {question: '${study}'}\n")
    assert in_file(path) is None, "it depends on the rest of the config"


def test_a_broken_declaration_is_one_line():
    with pytest.raises(UserError, match="^primary.x: unknown key 'aa'$|aa"):
        typed({"primary": {"x": {"aa": 1}}})
