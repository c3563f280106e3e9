"""docs/python.md and docs/python_study.md: their blocks run in this order in an empty folder; what needs more is composed."""

import ast
import re
from pathlib import Path
from typing import Any

import matplotlib
import pytest

import xstilts
from xstilts.launch.compose import composed

BLOCK = re.compile(r"(?:^<!-- (needs): [^\n]*? -->\n)?^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def blocks(repository: Path) -> list[tuple[str, str]]:
    """(`needs` or nothing, text) of each block."""
    pages = (repository / "docs" / name for name in ("python.md", "python_study.md"))
    return [block for page in pages for block in BLOCK.findall(page.read_text(encoding="utf-8"))]


def test_blocks_run_in_their_order(
    blocks: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, to save time."""
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    names: dict[str, Any] = {}
    for needs, text in blocks:
        if not needs:
            text = text.replace(
                '"logger=none"', '"logger=none", "worker=inline", "trainer.accelerator=cpu", "trainer.num_threads=1"'
            )
            exec(compile(text, "docs/python*.md", "exec"), names)
    shown = capsys.readouterr().out
    comment = next(
        line.partition("# ")[2] for _, text in blocks for line in text.splitlines() if line.startswith("    print(error)")
    )
    assert "snli -> xnli, seed 1" in shown and shown.endswith(f"{comment}\n")
    assert isinstance(names["study"], xstilts.Study) and (tmp_path / "outputs" / "default" / "report" / "report.html").is_file()


def test_calls_that_need_a_gpu_compose(blocks: list[tuple[str, str]]) -> None:
    calls = [
        call
        for needs, text in blocks
        if needs
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    ]
    assert {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)} == {"run", "load_examples"}
    for call in calls:
        words = [word.value for word in call.args if isinstance(word, ast.Constant)]
        if isinstance(call.func, ast.Attribute) and call.func.attr == "run":
            assert composed(words).target.task.name == "xnli"
        else:
            assert composed([f"+task@target.task={words[0]}"]).target.task.name == words[0]
