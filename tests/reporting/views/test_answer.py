"""The answer is the first thing in every form of a report, and says where it comes from."""

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from xstilts import report
from xstilts.api.studies import load_study
from xstilts.paths import sweep_summary
from xstilts.reporting.analysis import Analysis, analyse
from xstilts.reporting.declared import hash_of, record, typed
from xstilts.reporting.extras import Extras
from xstilts.reporting.views.answer import UNDECLARED, answer_section, answer_text
from xstilts.reporting.views.folder import write_folder
from xstilts.reporting.views.html.page import render
from xstilts.reporting.views.terminal import study_text

QUESTION = "Does MNLI *help* <more> than QQP?"
HELPS = {"kind": "contrast", "a": ["mnli"], "b": ["qqp"], "expect": "positive"}
DECLARED = typed({"question": QUESTION, "primary": {"mnli_more": HELPS}, "exploratory": {"far": HELPS | {"languages": "far"}}})


@pytest.fixture
def study(write_made_up: Callable[..., None], tmp_path: Path) -> Path:
    """Two choices and none with two seeds in a synthetic world, and a declaration that was made before them."""
    for choice, better in (("none", 0), ("mnli", 1), ("qqp", -1)):
        for seed in (1, 2):
            write_made_up(intermediate=choice, better=better, seed=seed, world_seed=1)
    declare(tmp_path)
    return tmp_path


def declare(study: Path, file: str = "", declared: object = None) -> None:
    own = declared if isinstance(declared, list) else record(DECLARED, [], 0)
    sweep_summary(study).write_text(json.dumps({"file": file, "declared": own}))


@pytest.mark.slow
def test_every_form_begins_with_the_answer(study: Path, tmp_path: Path):
    analysis = analyse(study)
    texts = {row.question: row.text for row in analysis.answers.itertuples()}
    assert list(texts) == ["mnli_more", "far"] and "+20.0 points" in texts["mnli_more"]
    page = unescape(render(analysis, Extras())).partition("</style>")[2]  # the style names parts of the page
    files = write_folder(analysis, tmp_path / "report", Extras())
    for form in (page, files[0].read_text(), study_text(analysis), answer_text(answer_section(analysis))):
        for text in ("Answer", "Declaration", "made before the first result", "mnli_more", "Exploratory"):
            assert text in form
        assert form.find("Answer") < form.find("ifference") or "ifference" not in form
    assert QUESTION in page and QUESTION in study_text(analysis) and "<more>" not in files[0].read_text()
    assert page.index('id="answer"') < page.index('id="differences"')
    assert {"answers.csv", "answers.md", "answers.tex"} <= {path.name for path in files}
    loaded = load_study(study)
    assert loaded.answers["text"].tolist() == list(texts.values()) and "answers" in loaded.tables


@pytest.mark.slow
def test_the_command_tells_the_answer(study: Path, capsys: pytest.CaptureFixture[str]):
    report.main([str(study)])
    shown = capsys.readouterr()
    assert shown.err.startswith(f"Answer\n{QUESTION}\n") and all(Path(line).is_file() for line in shown.out.splitlines())


def test_a_change_of_the_declaration_is_told(study: Path):
    file = study / "mine.yaml"

    def note(analysis: Analysis) -> str:
        return answer_section(analysis).note

    file.write_text(json.dumps({"analysis": {"question": QUESTION, "primary": {"mnli_more": HELPS}}}))
    declare(study, str(file))
    assert f"{file} declares something else now" in note(analyse(study))
    second = typed({"primary": {"other": HELPS}})
    declare(study, "", record(second, record(DECLARED, [], 0), 6))
    told = note(analyse(study))
    assert f"Declaration {hash_of(second)[:8]}, made when 6 results existed; earlier ones: {hash_of(DECLARED)[:8]}." == told


def test_without_a_declaration_one_line_says_what_to_declare(study: Path):
    sweep_summary(study).unlink()
    analysis = analyse(study)
    assert analysis.answers.empty and answer_text(answer_section(analysis)) == f"Answer\n{UNDECLARED}\n"
    assert UNDECLARED in unescape(render(analysis, Extras())).replace("\N{MINUS SIGN}", "-")
