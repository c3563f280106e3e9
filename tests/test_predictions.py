"""`xstilts predictions` on a study whose predictions are made up."""

import re
from pathlib import Path

import pytest

from tests.reporting.simulated import write_predicted
from xstilts.predictions import main


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_predicted(folder)
    return folder


def test_it_shows_tables_and_examples(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--limit", "2"])
    shown = capsys.readouterr().out
    assert shown.startswith("Expected calibration error without intermediate task") and "nli: what is predicted" in shown
    assert shown.count("premise") == 6 and re.search(r"\n2 of \d+ examples\.\n$", shown)
    assert re.search(r"sw +premise \d+ sw \| hypothesis \d+ +(yes|no|maybe) +\w+ \(\d of 2 right, 0\.\d\d\)", shown)


@pytest.mark.slow
def test_examples_are_chosen(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(study), "--target=nli", "--intermediate=mnli", "--language=de", "--search=Hypothesis", "--limit=1"])
    shown = capsys.readouterr().out
    assert len(re.findall(r"premise \d+ de", shown)) == shown.count("premise") == 1
    main([str(study), "--search", "nothing has this"])
    assert capsys.readouterr().out.endswith("0 of 0 examples.\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--target=nil"], "unknown target of this study 'nil': did you mean nli?"),
        (["--intermediate=mnil"], "unknown intermediate of this study 'mnil': did you mean mnli?"),
        (["--intermediate=none"], "unknown intermediate of this study 'none': valid: mnli."),
        (["--language=fr"], "unknown language of this study 'fr': valid: de, en, sw."),
        (["--limit=-1"], "--limit -1: expected 0 or more"),
    ],
)
def test_a_wrong_word_is_told(study: Path, words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="^2$"):
        main([str(study), *words])
    assert capsys.readouterr().err == f"error: {line}\n"
