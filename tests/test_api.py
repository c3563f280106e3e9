"""The Python API: what it reads, runs and returns, and that a call is the command."""

import builtins
import inspect
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xstilts
from tests.reporting.conftest import _write as write_cell
from tests.reporting.simulated import write_sized
from xstilts import signals
from xstilts.api.cells import SCORE_COLUMNS, _words
from xstilts.config import DataConfig
from xstilts.reporting.analysis import analyse
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.declaration import Source

WORDS = ["data=babel_micro", "logger=none", "trainer.accelerator=cpu", "trainer.num_threads=1", "pretraining.recipe.max_steps=2"]
WORDS += ["target.recipe.max_steps=2", "intermediate.recipe.max_steps=2", "target.max_test_examples=4"]
ROWS = {
    "classification": {"text_a": "w1 w2", "text_b": None, "label": "yes"},
    "multiple_choice": {"prompt": "w1", "choices": ["w2", "w3"], "label": 1},
    "tagging": {"words": ["w1", "w2"], "tags": ["yes", "no"]},
    "span_qa": {"question": "w1", "context": "w2 w3", "answers": [{"text": "w3", "start": 3}]},
    "mlm": {"text": "w1 w2", "translation": None},
}


def frame(count: int = 20) -> pd.DataFrame:
    return pd.DataFrame([{"text_a": f"w{number} w1", "label": ("no", "yes")[number % 2]} for number in range(count)])


def task_of(folder: Path, **more: Any) -> xstilts.Task:
    given = {"labels": ["no", "yes"], "train": frame(), "test": {"de": frame(4), "en": frame(2)}} | more
    return xstilts.Task.from_dataset("mine", "classification", store=folder / "store", **given)


def test_help_shows_the_public_names_alone():
    text = inspect.getdoc(xstilts) or ""
    assert "xstilts.run(" in text and dir(xstilts) == sorted([*xstilts.__all__, "__version__"])
    with pytest.raises(AttributeError, match="module 'xstilts' has no attribute 'runs'"):
        _ = xstilts.runs


@pytest.mark.slow
def test_examples_of_a_synthetic_world(tmp_path: Path):
    found = xstilts.load_examples("xnli", f"store.root={tmp_path}", language="qab", split="validation", data="babel_micro")
    assert found.column_names == ["id", "language", "text_a", "text_b", "label", "genre"] and set(found["language"]) == {"qab"}
    every = xstilts.load_examples("xnli", f"store.root={tmp_path}", split="validation", data="babel_micro")
    assert set(every["language"]) == {"qaa", "qab", "qaf"} and found.to_list() == [
        row for row in every if row["language"] == "qab"
    ]


@pytest.mark.slow
def test_examples_of_files(tmp_path: Path):
    (tmp_path / "it's").mkdir()
    (tmp_path / "it's" / "xquad").mkdir()
    (tmp_path / "it's" / "xquad" / "xquad.th.json").write_text(
        '{"data": [{"paragraphs": [{"context": "w1 w2", "qas": [{"id": "a", "question": "w3", '
        '"answers": [{"text": "w2", "answer_start": 3}]}]}]}]}',
        encoding="utf-8",
    )
    options = {"data": "xtreme", "root": tmp_path / "it's"}
    found = xstilts.load_examples("xquad", "data.expect=false", language="th", split="test", **options)
    assert found.to_list()[0]["answers"] == [{"text": "w2", "start": 3}]
    with pytest.raises(xstilts.UserError, match="no test data of task 'xquad' in language 'de'"):
        xstilts.load_examples("xquad", language=["th", "de"], **options)


@pytest.mark.parametrize(
    ("task", "more", "message"),
    [
        ("xnly", {}, "unknown task 'xnly': did you mean xnli"),
        ("xnli", {"data": "xtrem"}, "unknown data 'xtrem': did you mean xtreme"),
        ("xnli", {"data": "xtreme", "root": "nowhere"}, "data.root=nowhere: no such folder"),
        ("xnli", {"data": "babel_micro", "split": "tests"}, "tests"),
        ("xnli", {"data": "babel_micro", "language": "xx"}, "unknown language of task 'xnli' 'xx'"),
    ],
)
def test_wrong_names_of_examples_are_refused(tmp_path: Path, task: str, more: dict[str, Any], message: str):
    with pytest.raises(xstilts.UserError, match=message):
        xstilts.load_examples(task, f"store.root={tmp_path}", **more)


@pytest.mark.slow
@pytest.mark.parametrize("format", ROWS)
def test_a_table_becomes_a_task_of_each_format(tmp_path: Path, format: str):
    table = pd.DataFrame([ROWS[format]] * 3)
    labels = ["no", "yes"] if format in ("classification", "tagging") else []
    task = xstilts.Task.from_dataset("mine", format, test={"de": table}, labels=labels, store=tmp_path)
    found = xstilts.load_examples(task, language="de")
    assert [{key: row[key] for key in ROWS[format]} for row in found] == [ROWS[format]] * 3
    again = xstilts.Task.from_dataset("mine", format, test=found, labels=labels, store=tmp_path)
    assert xstilts.load_examples(again).to_list() == found.to_list() and again.languages == ["de"]


def test_a_declared_task_may_have_a_path(tmp_path: Path):
    (tmp_path / "test.jsonl").write_text('{"text_a": "w1", "label": "yes"}\n')
    sources = {"*": Source(files={"test": tmp_path / "test.jsonl"})}
    task = xstilts.Task(name="mine", format="classification", labels=["no", "yes"], metrics=["accuracy"], sources=sources)
    assert [row["label"] for row in xstilts.load_examples(task)] == ["yes"]


def test_queries_and_candidates_become_a_task(tmp_path: Path):
    rows = [
        {"id": "q", "side": "query", "text": "w1", "relevant": ["c"]},
        {"id": "c", "side": "candidate", "text": "w2", "relevant": None},
    ]
    options: dict[str, Any] = {"protocol": "bitext_mining", "store": tmp_path, "test": pd.DataFrame(rows)}
    task = xstilts.Task.from_dataset("mine", "retrieval", **options)
    assert task.metrics == ["bitext_f1"] and len(xstilts.load_examples(task)) == 2


def test_columns_are_renamed_where_the_task_says_so(tmp_path: Path):
    table = frame().rename(columns={"text_a": "sentence", "label": "class"})
    task = task_of(tmp_path, train=table, columns={"text_a": "sentence", "label": "class"}, test=None)
    assert load(source_of(task, DataConfig()), "train", ["en"])["text_a"][:1] == ["w0 w1"] and task.evaluate == [
        "validation",
        "test",
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"train": frame().rename(columns={"text_a": "text"})}, r"train-en.jsonl:1: no column 'text_a'; the row has text, label"),
        ({"train": frame().replace("no", "maybe")}, r"train-en.jsonl:1: unknown label 'maybe', expected one of no, yes"),
        ({"train": frame().assign(id="1")}, r"train-en.jsonl:2: id '1' was used at .*train-en.jsonl:1 already"),
        ({"train": None, "test": None}, "task mine: got no examples, expected train, validation or test"),
        ({"labels": []}, "task mine declares no labels"),
        ({"metrics": ["f2"]}, "unknown metric of task mine 'f2'"),
        ({"colour": 3}, "unknown field of task mine 'colour'"),
        ({"name": "a/b"}, "task name: got 'a/b'"),
        ({"format": "classifying"}, "unknown format of task mine 'classifying': did you mean classification"),
        ({"name": "v1.1"}, "task name: got 'v1.1', expected at most"),
        ({"name": "1"}, "task name: got '1', expected at most"),
        ({"name": "true"}, "task name: got 'true', which is a value on the command line"),
        ({"head": "v1.1"}, "task mine: head: got 'v1.1', expected at most"),
        ({"name": None}, "task None: name: got null, expected a value"),
        ({"labels": "no"}, "task mine: labels: got a list, a table or a single value where another of the three is expected"),
        ({"metrics": "accuracy"}, "task mine: metrics: got a list, a table or a single value"),
        ({"version": "two"}, "task mine: version: got 'two', expected a whole number"),
        ({"columns": "text"}, r"task mine: sources.\*.columns: got a list, a table or a single value"),
        ({"sources": {}}, "unknown field of task mine 'sources'"),
        ({"language": None}, "train: language: got None, expected a code such as 'de'"),
        (
            {"train": {"train": frame(), "test": frame()}},
            r"train: got a dict of splits \(train, test\): pass each split by its name",
        ),
        ({"store": Path(__file__)}, "store=.*test_api.py is no folder; name a folder that can be made"),
    ],
)
def test_wrong_tables_and_declarations_are_refused(tmp_path: Path, more: dict[str, Any], message: str):
    given = {"name": "mine", "format": "classification", "labels": ["no", "yes"], "train": frame(), "store": tmp_path} | more
    with pytest.raises(xstilts.UserError, match=message):
        xstilts.Task.from_dataset(**given)


@pytest.mark.parametrize("labels", [[0, 1], (0, 1), np.array([0, 1])], ids=["list", "tuple", "array"])
def test_labels_may_be_numbers(tmp_path: Path, labels: Any):
    task = task_of(tmp_path, train=frame().replace({"no": 0, "yes": 1}), test=None, labels=labels)
    assert task.labels == ["0", "1"] and set(xstilts.load_examples(task, split="train")["label"]) == {"0", "1"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: xstilts.run(3), "got 3, expected text such as 'seed=1'"),
        (lambda: xstilts.plan(["+target=xnli"]), r"got \['\+target=xnli'\], expected text"),
        (lambda: xstilts.run(target=3), "target: got 3, expected the name of a task or a Task"),
        (lambda: xstilts.run(intermediate=["snli", 3], target="xnli"), "intermediate: got 3, expected the name"),
        (lambda: xstilts.load_examples("xnli", 3), "got 3, expected text such as 'seed=1'"),
        (lambda: xstilts.load_examples("xnli", language=3), "got 3, expected the name of a split or a language"),
        (lambda: xstilts.load_examples("xnli", language=["en", 3]), "got 3, expected the name of a split or a language"),
        (lambda: xstilts.load_examples("xnli", split=None), "got None, expected the name of a split or a language"),
        (lambda: xstilts.plan(target=xstilts.Task(name="mine", format="tagging", labels=np.array(["a"]))), "task mine: labels: "),
        (lambda: xstilts.plan(target=xstilts.Task(name="mine", format="tagging", sources={"*": {"file": 3}})), "'file'"),
        (lambda: xstilts.plan(target=xstilts.Task()), "name: no value"),
        (lambda: xstilts.load_examples(None), "got None, expected the name of a task or a Task"),
        (lambda: xstilts.load_study(["a", "b"]), r"got \['a', 'b'\], expected the folder of a study"),
    ],
)
def test_objects_of_another_kind_are_user_errors(call: Callable[[], object], message: str):
    with pytest.raises(xstilts.UserError, match=message):
        call()


def test_tasks_are_words_of_the_command_line(tmp_path: Path):
    task = task_of(tmp_path)
    assert _words(["seed=2"], ["mnli", task], "xnli") == (["seed=2", "+intermediate=[mnli,mine]", "+target=xnli"], [task])
    assert _words([], None, task) == (["+target=mine"], [task])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["+target=xnly"], "unknown target 'xnly': did you mean xnli"),
        (["+target=xnli", "stop_after=abc"], "stop_after is for the jobs of a grid"),
        (["+target=xnli", "trainer.devices=0"], "trainer.devices: got 0, expected"),
    ],
)
def test_mistakes_are_user_errors(words: list[str], message: str, tmp_path: Path):
    with pytest.raises(xstilts.UserError, match=message):
        xstilts.run(*WORDS, f"store.root={tmp_path}/store", f"output={tmp_path}/out", *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_plan_is_the_text_of_the_command_as_a_frame(tmp_path: Path):
    words = ["data=babel_micro", "+intermediate=none,snli", "+target=xnli", "seed=1,2", f"store.root={tmp_path}/store"]
    command = [sys.executable, "-m", "xstilts", "plan", *words]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    plan = xstilts.plan(*words)
    assert str(plan) == shown.rstrip("\n") and repr(plan) == "Plan(4 cells, 5 waves)" and plan.problems == []
    waves = plan.waves
    assert [*waves.columns] == ["wave", "what", "there", "to_do", "steps", "gpu_hours"]
    assert waves.set_index("what").loc["phase 2: snli", "to_do"] == 2 and waves["there"].sum() == 0
    assert pd.isna(waves["steps"].iloc[0]) and (waves["gpu_hours"].iloc[1:] > 0).all(), "a tokenizer has no steps"


@pytest.mark.slow
def test_a_plan_shows_the_smallest_effects_as_text_and_frame(tmp_path: Path):
    words = ["data=babel_micro", "+intermediate=none,snli,mnli", f"store.root={tmp_path}/store", f"output={tmp_path}/out"]
    plan = xstilts.plan(*words, "+target=xnli,tatoeba", "seed=1,2,3")
    frame, text = plan.detectable, " ".join(str(plan).split())
    columns = "target choices seeds baseline_seeds languages items comparisons run_sd measured item_sd effect corrected"
    assert [*frame.columns] == [*columns.split(), "comparison", "reason"]
    assert frame["target"].tolist() == ["tatoeba"] * 3 + ["xnli"] * 3 and frame["run_sd"].tolist() == [0.5, 1.0, 2.0] * 2
    sizes = frame[["choices", "seeds", "baseline_seeds", "languages", "items", "comparisons"]].drop_duplicates()
    assert sizes.to_numpy().tolist() == [[2, 3, 3, 2, 15, 4]] and not frame["measured"].any()
    tatoeba, xnli = (frame.loc[frame["target"] == target, "effect"].to_numpy() for target in ("tatoeba", "xnli"))
    assert (tatoeba < xnli).all(), "its baseline is not trained, so only the choices vary between runs"
    shown = [", ".join(f"{value:.1f}" for value in frame.loc[3:, column]) for column in ("effect", "corrected")]
    assert f"xnli 2 3 2 15 0.5, 1, 2 {shown[0]} {shown[1]}" in text
    assert "that is found (p <= 0.05) with a probability of 80%; after Holm's correction for 4 comparisons" in text
    assert "run SD: standard deviation between seeds, assumed; of an item's difference 25 points are assumed" in text

    single = xstilts.plan(*words, "+target=xnli", "seed=1")
    assert single.detectable["effect"].isna().all()
    assert "xnli 2 1 2 15 not tested not tested" in " ".join(str(single).split())
    assert "a single seed can only describe a difference, not test it: to test it, type seed=1,2,3 or more" in str(single)
    alone = xstilts.plan(*words[:1], *words[2:], "+intermediate=none", "+target=xnli", "seed=1")
    assert alone.detectable.empty and "smallest effect" not in str(alone) and "single seed" not in str(alone)


@pytest.mark.slow
def test_the_text_of_a_plan_is_complete_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    words = ["data=babel_micro", "+intermediate=none", "+target=xnli", f"store.root={tmp_path}/store"]
    plain = str(xstilts.plan(*words))
    monkeypatch.setattr(builtins, "get_ipython", type("ZMQInteractiveShell", (), {}), raising=False)  # what rich looks for
    assert str(xstilts.plan(*words)) == plain and "phase 1: tokenizer" in plain


@pytest.mark.slow
def test_a_plan_names_the_cells_that_cannot_be_run(tmp_path: Path):
    words = ["data=babel_micro", "+target=xnli", "seed=1", f"store.root={tmp_path}/store"]
    task = task_of(tmp_path)
    plan = xstilts.plan(*words, "target.languages=[qaa],[xx]", intermediate=task)
    assert len(plan.cells) == 2 and "phase 2: mine" in [*plan.waves["what"]]
    assert plan.problems == ["unknown language in target.languages 'xx': valid: qaa, qab, qaf."]
    with pytest.raises(xstilts.UserError, match="unknown target 'xnly'"):
        xstilts.plan("+target=xnly,xnli")


@pytest.mark.slow
def test_ctrl_c_is_a_keyboard_interrupt_and_other_signals_end_the_program(monkeypatch: pytest.MonkeyPatch):
    def stop(number: int) -> None:
        signals.received.append(signal.Signals(number))  # as the handler does
        raise signals.Stopped(number, "checkpoint at step 7")

    monkeypatch.setattr("xstilts.api.cells.run_cell", lambda config: stop(2))
    with pytest.raises(KeyboardInterrupt, match="stopped by SIGINT: checkpoint at step 7"):
        xstilts.run(*WORDS, "+target=xnli")
    monkeypatch.setattr("xstilts.api.cells.run_cell", lambda config: stop(15))
    with pytest.raises(SystemExit):
        xstilts.run(*WORDS, "+target=xnli")
    signals.received.clear()


def outcome(place: Path, *words: str) -> list[str]:
    """The words of a cell whose store all cells here share."""
    return [*WORDS, f"store.root={place}/store", f"output={place}/out", "worker=inline", *words]


@pytest.mark.slow
def test_several_studies_are_one_frame(tmp_path: Path):
    for name, better in (("first", 1), ("second", 2)):
        write_cell(tmp_path / name, name=name)
        write_cell(tmp_path / name, name=name, intermediate="snli", better=better)
    one, both = xstilts.load_study(tmp_path / "first"), xstilts.load_study(str(tmp_path / "first"), tmp_path / "second")
    analysis = analyse(tmp_path / "first")
    for name in ("scores", "effects", "averages", "selection", "claims", "provenance", "problems"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(analysis, name))
        assert [*getattr(both, name).columns] == ["study", *getattr(one, name).columns]
    assert set(both.scores["study"]) == {"first", "second"} and len(both.cells) == 4
    assert [*both.distances.columns][:2] == ["study", "condition"] and one.diversity.columns[0] == "condition"
    assert {f"second/{name}" for name in one.tables} < {*both.tables} and "differences" in one.tables
    assert {f"first/{name}" for name in one.figures} < {*both.figures} and "languages_xnli" in one.figures
    assert "<svg" in one.figures["languages_xnli"]._repr_svg_() and str(one) in str(both)
    files = both.report(tmp_path / "reports")
    assert [path for path in files if path.suffix == ".html"] == [
        tmp_path / "reports" / name / "report.html" for name in ("first", "second")
    ]
    write_cell(tmp_path / "other" / "first", name="first")
    with pytest.raises(xstilts.UserError, match="two of the studies have one name"):
        xstilts.load_study(tmp_path / "first", tmp_path / "other" / "first").report(tmp_path)


@pytest.mark.slow
def test_slopes_and_laws_are_those_of_the_report(tmp_path: Path):
    write_sized(tmp_path / "first")
    write_cell(tmp_path / "second")
    one, both = xstilts.load_study(tmp_path / "first"), xstilts.load_study(tmp_path / "first", tmp_path / "second")
    for frame, table, keys in (
        (one.slopes, one.tables["typology"], ["target", "condition", "of", "distance", "slope", "low", "high"]),
        (one.laws, one.tables["scaling"], ["target", "condition", "intermediate", "languages", "law", "formula"]),
    ):
        pd.testing.assert_frame_equal(frame, table.rename(columns={"options": "condition"}))
        assert [*frame.columns][: len(keys)] == keys
    assert set(one.slopes["of"]) == {"score without intermediate task", "gain"} and (one.slopes["languages"] == 5).all()
    assert one.laws.groupby("languages").size().to_dict()["other languages"] == 4, "a row per size"
    for name in ("slopes", "laws"):
        assert [*getattr(both, name).columns] == ["study", *getattr(one, name).columns]
    assert set(both.slopes["study"]) == {"sized", "babel"}
    assert set(both.laws["study"]) == {"sized"}, "the other has no sizes"


def test_a_folder_without_results_is_refused(tmp_path: Path):
    with pytest.raises(xstilts.UserError, match="no folder of results at .*nowhere"):
        xstilts.load_study(tmp_path / "nowhere")
    with pytest.raises(xstilts.UserError, match="no study to load: expected its folder"):
        xstilts.load_study()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store of all cells here."""
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def cell(place: Path) -> xstilts.Cell:
    return xstilts.run(*outcome(place, "+intermediate=snli", "+target=xnli"))


@pytest.mark.slow
def test_a_cell_has_its_scores_predictions_and_model(cell: xstilts.Cell, place: Path):
    assert cell.output == place / "out" and cell.name.startswith("snli.xnli.seed1.") and cell.name in repr(cell)
    assert [*cell.scores.columns] == SCORE_COLUMNS
    tested = cell.scores[cell.scores["split"] == "test"]
    assert tested[["language", "metric", "examples"]].values.tolist() == [
        [code, metric, 4] for code in ("qaa", "qab", "qaf") for metric in ("accuracy", "ece")
    ]
    predictions = cell.predictions[cell.predictions["split"] == "test"]
    right = (predictions["prediction"] == predictions["gold"]).groupby(predictions["language"]).mean() * 100
    assert right.to_dict() == tested[tested["metric"] == "accuracy"].set_index("language")["value"].to_dict()
    assert cell.artifact.parent.parent == place / "store"
    model = cell.model()
    assert type(model).__name__ == "XLMRobertaForSequenceClassification" and "entailment" in model.config.label2id
    assert "snli -> xnli, seed 1" in str(cell) and "accuracy" in str(cell)


@pytest.mark.slow
def test_a_finished_cell_is_not_run_again(cell: xstilts.Cell, place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("xstilts.cell.run._work", lambda *_: pytest.fail("there is nothing to do"))
    assert xstilts.run(*outcome(place), intermediate="snli", target="xnli") == cell


@pytest.mark.slow
def test_a_call_gives_the_result_of_the_command(cell: xstilts.Cell, place: Path):
    """Compare artifacts, and the bytes of a second evaluation."""
    (place / "out").rename(place / "call")
    command = [sys.executable, "-m", "xstilts", "train", *outcome(place, "+intermediate=snli", "+target=xnli")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "phase 3: mnli: reused" in done.stderr and ": training" not in done.stderr
    files = {name: [*(place / name).glob("results/*.json")] for name in ("call", "out")}
    assert [path.name for path in files["call"]] == [path.name for path in files["out"]] != []
    assert [path.read_bytes() for path in files["call"]] == [path.read_bytes() for path in files["out"]]
    pd.testing.assert_frame_equal(*(pd.read_parquet(next((place / name).glob("predictions/*"))) for name in files))


@pytest.mark.slow
def test_a_study_has_its_frames_cells_and_report(cell: xstilts.Cell, place: Path):
    study = xstilts.load_study(place / "out")
    assert [one.name for one in study.cells] == [*study.provenance["cell"]] and cell in study.cells
    assert set(study.scores["language"]) == {"qaa", "qab", "qaf"} and repr(study) == f"Study(folders=({place / 'out'!r},))"
    page, *others = study.report(place / "report")
    assert page == place / "report" / "report.html" and all(path.is_file() for path in others)


@pytest.mark.slow
def test_a_task_of_a_program_is_a_target(place: Path):
    cell = xstilts.run(*outcome(place), target=task_of(place))
    assert cell.scores[["language", "split", "metric", "examples"]].values.tolist() == [
        [code, "test", metric, count] for code, count in (("en", 2), ("de", 4)) for metric in ("accuracy", "ece")
    ]
    assert cell.model().config.id2label == {0: "no", 1: "yes"}


@pytest.mark.slow
def test_a_missing_artifact_is_named(cell: xstilts.Cell, place: Path):
    folder = cell.artifact
    folder.rename(place / "moved")
    with pytest.raises(xstilts.UserError, match="there is no artifact at .*: run the cell again"):
        _ = cell.artifact
    (place / "moved").rename(folder)


@pytest.mark.slow
def test_what_a_worker_refuses_is_a_user_error_with_its_line(cell: xstilts.Cell, place: Path):
    words = outcome(place, "+intermediate=snli", "+target=xnli", "target.recipe.learning_rate=1e30", "worker=process")
    with pytest.raises(xstilts.UserError, match="step [0-9]"):
        xstilts.run(*[word for word in words if word != "worker=inline"])


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint(cell: xstilts.Cell, place: Path):
    words = [
        word for word in outcome(place, "+target=xnli", "seed=2") if word not in ("worker=inline", "target.recipe.max_steps=2")
    ]
    program = f"import xstilts; xstilts.run(*{words!r}, 'target.recipe.max_steps=100000')"
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        shown = ""
        while "phase 3: mnli: training" not in shown:
            shown += process.stderr.readline() or pytest.fail(shown)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        shown += process.stderr.read()
    assert "KeyboardInterrupt: stopped by SIGINT: " in shown and process.returncode == -signal.SIGINT
