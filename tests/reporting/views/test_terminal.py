import re
import sys
from pathlib import Path
from typing import Any

import pytest

from xstilts.reporting.analysis import analyse
from xstilts.reporting.views.terminal import cell_text, show_cell, show_study, study_text

Write = Any


def row(language: str, value: float | None, split: str = "test", metric: str = "accuracy", **more: Any) -> dict[str, Any]:
    return {"task": "xnli", "language": language, "split": split, "metric": metric, "value": value, "examples": 10} | more


def a_result(rows: list[dict[str, Any]], degenerate: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "cell": {"intermediate": ["mnli", "mlm"], "target": "xnli", "seed": 3},
        "rows": rows,
        "degenerate": list(degenerate),
    }


def test_the_whole_table() -> None:
    rows = [row("sw", 50.04), row("en", 80.0), row("de", 70.16), row("en", 81.0, "validation"), row("de", None, "validation")]
    text = cell_text(a_result(rows, ("one class for all 10 examples of sw, test",)))
    assert text == (
        "mnli+mlm -> xnli, seed 3\n"
        "\n"
        "                      validation       test\n"
        " language               accuracy   accuracy\n"
        " ──────────────────────────────────────────\n"
        " en                         81.0       80.0\n"
        " de                      no gold       70.2\n"
        " sw                            -       50.0\n"
        "\n"
        " English                    81.0       80.0\n"
        " mean of 2 others                      60.1\n"
        " transfer gap                          19.9\n"
        "\n"
        "degenerate: one class for all 10 examples of sw, test\n"
    )


def test_the_order_of_the_rows_and_the_terminal_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(language, 50.0, split) for language in ("sw", "en", "de") for split in ("test", "validation")]
    text = cell_text(a_result(rows))
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert cell_text(a_result(rows[::-1])) == text
    assert "\x1b" not in text


def test_without_english_there_is_only_the_mean() -> None:
    text = cell_text(a_result([row("sw", 50.0), row("de", 70.0)]))
    assert "English" not in text and "gap" not in text
    assert " mean of 2 others         60.0\n" in text
    assert text.index("de") < text.index("sw")
    assert "gap" not in cell_text(a_result([row("en", 50.0)]))


def test_the_source_language_comes_first_whatever_it_is() -> None:
    result = a_result([row("de", 50.0), row("qaa", 70.0), row("en", 40.0)])
    result["cell"]["source_language"] = "qaa"
    lines = [line.split() for line in cell_text(result).splitlines()]
    assert [line[0] for line in lines[5:8]] == ["qaa", "de", "en"]
    assert lines[9:12] == [["qaa", "70.0"], ["mean", "of", "2", "others", "45.0"], ["transfer", "gap", "25.0"]]


def test_a_split_without_gold_says_so() -> None:
    text = cell_text(a_result([row("en", None), row("de", None)]))
    assert text.count("no gold") == 2
    assert "0.0" not in text and "gap" not in text


def test_layers_and_poolings_are_columns_of_their_own() -> None:
    rows = [row("de", 10.0 * layer, metric="accuracy", layer=layer, pooling="mean") for layer in (0, 7)]
    lines = cell_text(a_result(rows)).splitlines()
    assert [line.split() for line in lines[2:6]] == [
        ["test", "test"],
        ["accuracy", "accuracy"],
        ["layer", "0", "layer", "7"],
        ["language", "mean", "mean"],
    ]
    assert lines[7].split() == ["de", "0.0", "70.0"]


def test_the_baseline_has_a_name() -> None:
    result = a_result([row("en", 1.0)])
    result["cell"]["intermediate"] = []
    assert cell_text(result).startswith("none -> xnli, seed 3\n")


def test_columns_that_do_not_fit_go_below() -> None:
    languages = ("en", "de", "sw")
    rows = [row(language, 12.5, metric="accuracy", layer=layer, pooling="mean") for layer in range(13) for language in languages]
    text = cell_text(a_result(rows), width=60)
    assert all(len(line) <= 60 for line in text.splitlines())
    assert text.count("layer") == 13 and text.count("12.5") == 13 * 5 and "…" not in text
    assert text.count("transfer gap") > 1


def test_names_in_brackets_are_no_markup() -> None:
    text = cell_text(a_result([row("en", 1.0, metric="f1[red]")], ("[bold]all[/bold]",)))
    assert "f1[red]" in text and "[bold]all[/bold]" in text


def test_shown_plain_when_not_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    result = a_result([row("en", 1.0)])
    show_cell(result)
    assert capsys.readouterr().out == cell_text(result)


def test_shown_with_style_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show_cell(a_result([row("en", 1.0), row("de", 1.0)]))
    assert "\x1b[1m" in capsys.readouterr().out


def test_columns_with_different_languages_say_so() -> None:
    rows = [row(language, 50.0) for language in ("en", "de", "sw", "th")] + [
        row("en", 50.0, "validation"),
        row("de", 50.0, "validation"),
    ]
    assert " mean of 1-3 others " in cell_text(a_result(rows))
    assert " mean of 1 other " in cell_text(a_result(rows[:2]))


def test_a_study_is_a_table_per_target_by_groups_of_languages(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    write_made_up(intermediate="squad_v1", better=1)
    answer, _, differences = study_text(analyse(tmp_path)).partition("\n\n")
    lines = differences.splitlines()
    assert answer.startswith("Answer\nThis study declares no question")
    assert lines[0] == "xnli: score without intermediate task, and difference to it with each; 95 % intervals: test items only."
    assert lines[3].split() == ["intermediate", "language", "languages", "near", "far", "low-resource", "seeds"]
    assert lines[5].split() == ["none", "80.0", "52.5", "65.0", "30.0", "50.0"]
    assert re.fullmatch(r" squad_v1( +\+10\.0 \[-?\d+\.\d, \d+\.\d\]°){5} +1", lines[6])
    assert lines[7].split() == ["languages", "1", "4", "2", "1", "1"] and lines[8].split() == ["test", "items", *["10"] * 5]
    assert all(len(line) <= 60 for line in study_text(analyse(tmp_path), width=60).splitlines())


def test_single_runs_are_marked_and_several_are_tested(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    write_made_up(intermediate="mnli", better=1)
    assert "]°" in study_text(analyse(tmp_path)) and "not tested" in study_text(analyse(tmp_path))
    for seed in (2, 3):
        write_made_up(seed=seed)
        write_made_up(intermediate="mnli", better=1, seed=seed)
    text = study_text(analyse(tmp_path))
    assert "]°" not in text and "Holm's correction" in text


def test_a_study_without_the_baseline_says_so(write_made_up: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_made_up(intermediate="mnli")
    show_study(analyse(tmp_path))
    assert "\nThere is nothing to compare: " in capsys.readouterr().out
