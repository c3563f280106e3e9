"""Input that `python -m xstilts.report` refuses; tests/integration/test_report.py tests its output."""

from pathlib import Path
from typing import Any

import pytest

from xstilts import report


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no_such_folder"], "no folder of results at no_such_folder/results"),
        ([], "no study to report: expected its folder, for instance `xstilts report outputs/default`"),
        (["--compare", "a", "b", "--out", "c"], "leave out --out"),
        (["--compare", "a", "b", "--table"], "leave out --out, --table and the other folder"),
        (["a", "--table", "--out", "c"], "--table writes nothing: leave out --out"),
        (["a", "--table"], "no folder of results at a/results"),
        (["x" * 300], "/results cannot be read: File name too long"),
        (["--compare", "a", "x" * 300], "no folder of results at a/results"),
        (["--compare", "a", "b"], "no folder of results at a/results"),
    ],
)
def test_a_refusal_is_one_line(words: list[str], told: str, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="^2$"):
        report.main(words)
    shown = capsys.readouterr()
    assert shown.out == "" and told in shown.err and shown.err.startswith("error: ") and shown.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
