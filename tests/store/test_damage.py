"""Damaged results, predictions, sweeps and artifacts: each is refused in a line that names the file and says what to do."""

import copy
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xstilts import report, submit
from xstilts.cell.run import check_stored
from xstilts.errors import UserError
from xstilts.paths import ArtifactPaths, CellPaths, results_dir, sweep_summary
from xstilts.store.artifacts import is_done, publish, temporary_folder, verify
from xstilts.store.results import name_of, read_result, write_predictions, write_result

Damage = Callable[[Path], object]
MISSING = object()
WORLD = {code: {} if code == "en" else {"overlap": 0.4} for code in "en de es fr ja ko zh".split()}
USED = {"languages": ["en"], "max_examples": 5}
KEYS = ("schema", "cell", "fingerprint", "artifacts", "rows", "degenerate", "versions", "config")
ROW = ("task", "language", "split", "metric", "value", "examples")


def write_cell(study: Path, intermediate: str, others: int, fingerprint: str) -> Path:
    """A cell of PAWS-X on ten test items a language, of which 8 or `others` are right; returns its result file."""
    right = {code: 8 if code == "en" else others for code in WORLD}
    rows = [
        {"task": "pawsx", "language": code, "split": "test", "metric": "accuracy", "value": 10.0 * count, "examples": 10}
        for code, count in right.items()
    ]
    result: dict[str, Any] = {
        "schema": 1,
        "cell": {"study": "s", "intermediate": [intermediate], "target": "pawsx", "seed": 1, "source_language": "en"},
        "fingerprint": fingerprint,
        "artifacts": [{"kind": "trained", "fingerprint": "1" * 20, "label": "phase 3: pawsx"}],
        "rows": rows,
        "degenerate": [],
        "versions": {"python": "3.11.9"},
        "config": {
            "data": {"source": "babel", "world": {"seed": 0, "pairs": 10, "rows": 1.0, "languages": WORLD}},
            "intermediate": {"tasks": {} if intermediate == "none" else {intermediate: USED}},
            "target": {"max_test_examples": None, "task": {"name": "pawsx", "metrics": ["accuracy"]}},
        },
    }
    paths = CellPaths(study, name_of(result))
    common = {"task": "pawsx", "split": "test", "gold": "1"}
    write_predictions(
        paths.predictions,
        [
            common | {"language": code, "id": f"test-{number}", "cluster": f"{number}", "prediction": str(int(number < count))}
            for code, count in right.items()
            for number in range(10)
        ],
    )
    write_result(paths.result, result)
    return paths.result


@pytest.fixture(scope="module")
def whole_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = tmp_path_factory.mktemp("whole")
    write_cell(study, "none", 6, "a" * 20)
    write_cell(study, "mnli", 7, "b" * 20)
    return study


@pytest.fixture
def study(whole_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole_study, tmp_path / "study"))


@pytest.fixture
def result(study: Path) -> Path:
    """The file that is damaged."""
    return next(results_dir(study).glob("mnli*.json"))


@pytest.fixture
def predictions(study: Path, result: Path) -> Path:
    return CellPaths(study, result.stem).predictions


@pytest.fixture
def refused(study: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """Ask for a report: the lines in which it is refused."""

    def lines() -> list[str]:
        with pytest.raises(SystemExit, match="^2$"):
            report.main([str(study)])
        told = capsys.readouterr()
        assert told.out == "" and not (study / "report").exists()
        written = told.err.splitlines()
        assert written and all(line.startswith("error: ") and len(line) < 600 for line in written), written
        return [line.removeprefix("error: ") for line in written]

    return lines


def place(value: Any, *where: str | int) -> Any:
    for key in where:
        value = value[key]
    return value


def changed(*where: str | int, to: object) -> Damage:
    """Puts another value into a result, or takes it out."""

    def damage(path: Path) -> None:
        result = json.loads(path.read_text())
        *before, last = where
        if to is MISSING:
            del place(result, *before)[last]
        else:
            place(result, *before)[last] = to
        path.write_text(json.dumps(result))

    return damage


def written(content: str | bytes) -> Damage:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def replaced(make: Callable[[Path], object]) -> Damage:
    """Something else at the place of the file."""

    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


def twice(path: Path) -> None:
    result = json.loads(path.read_text())
    path.write_text(json.dumps(result | {"rows": result["rows"] * 2}))


OF_RESULTS: dict[str, Damage] = {
    **{f"no {key}": changed(key, to=MISSING) for key in KEYS},
    **{f"{key} null": changed(key, to=None) for key in KEYS},
    **{f"no cell.{key}": changed("cell", key, to=MISSING) for key in ("study", "intermediate", "target", "seed")},
    **{f"no {key} in a row": changed("rows", 0, key, to=MISSING) for key in ROW},
    **{
        f"value {value}": changed("rows", 1, "value", to=value)
        for value in ("12", float("nan"), float("inf"), 1e308, -5, 250.0, True, [1], {})
    },
    "examples as text": changed("rows", 0, "examples", to="10"),
    "examples below 0": changed("rows", 0, "examples", to=-1),
    "a row of another task": changed("rows", 0, "task", to="xnli"),
    "a row of a task with a line break": changed("rows", 0, "task", to="paws\nx" * 1000),
    "another split": changed("rows", 0, "split", to="dev"),
    "a language that is null": changed("rows", 0, "language", to=None),
    "half a character": changed("rows", 0, "language", to="\ud800"),
    "a layer without pooling": changed("rows", 0, "layer", to=3),
    "a further key in a row": changed("rows", 0, "score", to=1),
    "a row that is a text": changed("rows", 0, to="84.2"),
    "rows as an object": changed("rows", to={"en": 1}),
    "no rows": changed("rows", to=[]),
    "every row twice": twice,
    "seed as text": changed("cell", "seed", to="1"),
    "seed of 30 digits": changed("cell", "seed", to=10**30),
    "intermediate as text": changed("cell", "intermediate", to="mnli"),
    "degenerate as text": changed("degenerate", to="all"),
    "an artifact as text": changed("artifacts", 0, to="phase 3"),
    "versions of numbers": changed("versions", "python", to=3),
    "config as list": changed("config", to=[]),
    "no metrics": changed("config", "target", "task", "metrics", to=[]),
    "an unknown metric": changed("config", "target", "task", "metrics", to=["bleu"]),
    "no task in the config": changed("config", "target", "task", to=MISSING),
    "a world that is a text": changed("config", "data", "world", to="babel"),
    "a list as language": changed("config", "data", "world", "languages", "de", to=[]),
    "an overlap as text": changed("config", "data", "world", "languages", "de", "overlap", to="much"),
    "intermediate tasks as list": changed("config", "intermediate", "tasks", to=["mnli"]),
    "another fingerprint": changed("fingerprint", to="c" * 20),
    "a fingerprint with a path": changed("fingerprint", to="../../x"),
    "another target": changed("cell", "target", to="xnli"),
    "schema 2": changed("schema", to=2),
    "empty": written(""),
    "half": written('{"schema": 1, "cell": {'),
    "a list": written("[]"),
    "null": written("null"),
    "no UTF-8": written(b"\xff\xfe{}"),
    "zeros": written(bytes(1000)),
    "nested too deep": written("[" * 100_000),
    "a number of 5000 digits": written('{"schema": ' + "1" * 5000 + "}"),
    "a folder": replaced(Path.mkdir),
    "a pipe": replaced(os.mkfifo),
    "a link to nowhere in a loop": replaced(lambda path: path.symlink_to(path.name)),
    "a copy under another name": lambda path: shutil.copy(path, path.with_name("copy.json")),
    "another program's file": lambda path: path.with_name("package.json").write_text('{"name": "x", "version": "1.0"}'),
}


@pytest.mark.parametrize("damage", OF_RESULTS)
def test_a_damaged_result(damage: str, study: Path, result: Path, refused: Callable[[], list[str]]) -> None:
    OF_RESULTS[damage](result)
    (line,) = refused()
    assert str(results_dir(study)) in line or f"{result.stem}.json" in line
    assert "delete" in line or "cannot be read" in line, "what to do"
    if damage != "no task in the config":  # which a submission does not need
        with pytest.raises(UserError):
            submit.submit(study, study / "made", intermediate="mnli", partial=True)
    assert not (study / "made").exists()


def test_every_broken_file_has_a_line(study: Path, refused: Callable[[], list[str]]) -> None:
    for path in results_dir(study).iterdir():
        path.write_text("{")
    assert len(refused()) == 2


@pytest.mark.slow
def test_no_key_of_a_result_can_be_any_value(result: Path) -> None:
    """Whatever stands anywhere in a result: it is read, or refused in one line."""
    whole, read, refused = json.loads(result.read_text()), 0, 0
    for where in list(places(whole)):
        for value in (None, "text", -1, 1e308, float("nan"), True, [], {}, [None], {"a": None}, MISSING):
            made = copy.deepcopy(whole)
            *before, last = where
            if value is MISSING:
                del place(made, *before)[last]
            else:
                place(made, *before)[last] = value
            result.write_text(json.dumps(made))
            try:
                read_result(result)
                read += 1
            except UserError as error:
                refused += 1
                assert str(error).startswith(str(result)) and "\n" not in str(error)
    assert refused > 500 and read < refused / 4, (read, refused)


def places(value: Any, *where: str | int) -> Iterator[tuple[str | int, ...]]:
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in keys:
        yield (*where, key)
        yield from places(value[key], *where, key)


def table(change: Callable[[Any], Any]) -> Damage:
    """Another table in the file of predictions."""

    def damage(path: Path) -> None:
        import pyarrow.parquet as pq

        pq.write_table(change(pq.read_table(path)), path)

    return damage


def column(name: str, values: Callable[[list[Any]], list[Any]], kind: str = "string") -> Damage:
    def change(whole: Any) -> Any:
        import pyarrow as pa

        made = pa.array(values(whole[name].to_pylist()), pa.type_for_alias(kind))
        return whole.set_column(whole.column_names.index(name), name, made)

    return table(change)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[40] ^= 255
    path.write_bytes(content)


def of_the_other_cell(path: Path) -> None:
    shutil.copy(next(path.parent.glob("none*")), path)


OF_PREDICTIONS: dict[str, Damage] = {
    "empty": written(""),
    "text": written("a,b\n1,2\n"),
    "truncated": lambda path: os.truncate(path, path.stat().st_size - 20),
    "a flipped byte": flipped,
    "a folder": replaced(Path.mkdir),
    "a pipe": replaced(os.mkfifo),
    "a column less": table(lambda whole: whole.drop_columns(["gold"])),
    "another order of columns": table(lambda whole: whole.select(whole.column_names[::-1])),
    "numbers as ids": column("id", lambda values: list(range(len(values))), "int64"),
    "no id": column("id", lambda values: [None, *values[1:]]),
    "no cluster": column("cluster", lambda values: [None, *values[1:]]),
    "no language": column("language", lambda values: [None] * len(values)),
    "no prediction": column("prediction", lambda values: [None, *values[1:]]),
    "a prediction that is no JSON": column("prediction", lambda values: ["{", *values[1:]]),
    "a gold that is no JSON": column("gold", lambda values: ["nope", *values[1:]]),
    "an id twice": column("id", lambda values: [values[1], *values[1:]]),
    "a row less": table(lambda whole: whole.slice(1)),
    "every row": table(lambda whole: whole.slice(0, 0)),
    "another task": column("task", lambda values: ["xnli"] * len(values)),
    "another split": column("split", lambda values: ["validation"] * len(values)),
    "another language": column("language", lambda values: [{"de": "fr"}.get(code, code) for code in values]),
    "predictions as lists": column("prediction", lambda values: ['["O", "B"]'] * len(values)),
    "no gold": column("gold", lambda values: [None] * len(values)),
    "all predictions wrong": column("prediction", lambda values: ['"2"'] * len(values)),
    "those of another cell": of_the_other_cell,
}


@pytest.mark.parametrize("damage", OF_PREDICTIONS)
def test_damaged_predictions(damage: str, study: Path, predictions: Path, refused: Callable[[], list[str]]) -> None:
    OF_PREDICTIONS[damage](predictions)
    (line,) = refused()
    assert line.startswith(str(predictions)) and ("delete it with" in line or "delete both files" in line)


WELL_FORMED = ("no gold", "all predictions wrong", "those of another cell", "another language")
"""A submission has no gold to tell these by."""


@pytest.mark.parametrize("damage", [name for name in OF_PREDICTIONS if name not in WELL_FORMED])
def test_a_submission_of_damaged_predictions(damage: str, study: Path, predictions: Path) -> None:
    OF_PREDICTIONS[damage](predictions)
    with pytest.raises(UserError) as caught:
        submit.submit(study, study / "made", intermediate="mnli", partial=True)
    told = str(caught.value)
    assert "\n" not in told and predictions.stem in told and ("delete" in told or "run the cell" in told)
    assert not (study / "made").exists()


@pytest.mark.slow
def test_what_is_whole_is_accepted(study: Path, tmp_path: Path) -> None:
    report.main([str(study), "--out", str(tmp_path / "report")])
    absent = submit.submit(study, tmp_path / "made", intermediate="mnli", partial=True)
    assert "pawsx" not in absent and len(list((tmp_path / "made" / "pawsx").iterdir())) == len(WORLD)


OF_SWEEPS: dict[str, Damage] = {
    "empty": written(""),
    "half": written('{"units": ['),
    "a list": written("[]"),
    "units null": written('{"units": null}'),
    "a unit that is a text": written('{"units": ["failed"]}'),
    "a unit without reason": written('{"units": [{"label": "x", "state": "failed"}]}'),
    "a state that is null": written('{"units": [{"label": "x", "state": null, "reason": ""}]}'),
    "experiment as number": written('{"experiment": 3, "units": []}'),
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("damage", OF_SWEEPS)
def test_a_damaged_summary_of_a_sweep(damage: str, study: Path, refused: Callable[[], list[str]]) -> None:
    OF_SWEEPS[damage](sweep_summary(study))
    (line,) = refused()
    assert line.startswith(f"{sweep_summary(study)} is no summary of a sweep: ") and "delete it" in line


def make_artifact(folder: Path, content: str = "weights") -> Path:
    with temporary_folder(folder) as temporary:
        (temporary / "heads").mkdir()
        (temporary / "model.safetensors").write_text(content)
        (temporary / "heads" / "a.txt").write_text("a")
        publish(temporary, folder, {"label": "phase 2: mnli", "fingerprint": folder.name, "identity": {"seed": 1}})
    return folder


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    return make_artifact(tmp_path / "trained" / ("1" * 20))


def done(**changes: Any) -> Damage:
    """Another list of files."""
    return lambda folder: (folder / "done.json").write_text(json.dumps(json.loads((folder / "done.json").read_text()) | changes))


def listed(name: str, entry: object) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "done.json"
        content = json.loads(path.read_text())
        content["files"][name] = entry
        path.write_text(json.dumps(content))

    return damage


def content(name: str, data: str) -> Damage:
    return lambda folder: (folder / name).write_text(data)


def swapped(folder: Path) -> None:
    """Two artifacts have changed names."""
    other = make_artifact(folder.with_name("2" * 20), "other weights")
    folder.rename(folder.with_name("aside"))
    other.rename(folder)
    folder.with_name("aside").rename(other)


def as_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("weights")


ENTRY = {"bytes": 7, "sha256": "0" * 64}
OF_ARTIFACTS: dict[str, Damage] = {
    "no files listed": done(files={}),
    "files null": done(files=None),
    "files as list": done(files=["model.safetensors"]),
    "metadata not listed": done(files={"model.safetensors": ENTRY}),
    "another artifact's list": done(files={"metadata.json": ENTRY, "pytorch_model.bin": ENTRY}),
    "schema 2": done(schema=2),
    "an entry that is null": listed("model.safetensors", None),
    "an entry that is a number": listed("model.safetensors", 7),
    "an entry without checksum": listed("model.safetensors", {"bytes": 7}),
    "a size as text": listed("model.safetensors", ENTRY | {"bytes": "7"}),
    "a checksum of another kind": listed("model.safetensors", ENTRY | {"sha256": "abc"}),
    "another checksum": listed("model.safetensors", ENTRY),
    "a file outside": listed("../../other", ENTRY),
    "an absolute path": listed("/etc/passwd", ENTRY),
    "a file that is not there": listed("more.bin", ENTRY),
    "a list that is half": content("done.json", '{"schema": 1, "files": {'),
    "an empty list": content("done.json", ""),
    "a list that is null": content("done.json", "null"),
    "truncated": content("model.safetensors", "weight"),
    "longer": content("model.safetensors", "weights and more"),
    "flipped": content("model.safetensors", "weighty"),
    "a file in a folder altered": content("heads/a.txt", "b"),
    "metadata altered": content("metadata.json", "{}"),
    "a file missing": lambda folder: (folder / "model.safetensors").unlink(),
    "a folder missing": lambda folder: shutil.rmtree(folder / "heads"),
    "no list": lambda folder: (folder / "done.json").unlink(),
    "a folder instead of the list": lambda folder: ((folder / "done.json").unlink(), (folder / "done.json").mkdir()),
    "another artifact": swapped,
    "a file": as_file,
}


@pytest.mark.parametrize("damage", OF_ARTIFACTS)
def test_a_damaged_artifact(damage: str, artifact: Path) -> None:
    verify(artifact)
    OF_ARTIFACTS[damage](artifact)
    with pytest.raises(UserError) as caught:
        verify(artifact)
    told = str(caught.value)
    assert str(artifact) in told and "\n" not in told and f"delete the folder {artifact}" in told


@pytest.fixture
def cell(study: Path, result: Path, tmp_path: Path) -> Any:
    """The plan of a cell whose artifact and result exist."""
    paths = ArtifactPaths(tmp_path, "trained", "1" * 20)
    make_artifact(paths.folder)
    phase = SimpleNamespace(paths=paths, done=is_done(paths.folder))
    evaluation = SimpleNamespace(header={"fingerprint": "b" * 20})
    paths = CellPaths(study, result.stem)
    return SimpleNamespace(artifacts=[phase], training=[phase], evaluation=evaluation, paths=paths, config=config("never"))


def config(refresh: str) -> Any:
    return SimpleNamespace(store=SimpleNamespace(refresh=refresh))


def test_what_is_stored_is_looked_at_before_a_cell_is_called_done(cell: Any, result: Path) -> None:
    assert check_stored(cell) == read_result(result)
    cell.config = config("results")
    assert check_stored(cell) is None
    cell.config = config("never")
    for damage in ("value 12", "rows null", "half", "a folder"):
        shutil.rmtree(result) if result.is_dir() else None
        write_cell(result.parents[1], "mnli", 7, "b" * 20)
        OF_RESULTS[damage](result)
        with pytest.raises(UserError, match="^" + re.escape(str(result))):
            check_stored(cell)


def test_a_result_of_another_cell_is_not_taken_for_this_one(cell: Any, result: Path) -> None:
    changed("fingerprint", to="b" * 8 + "c" * 12)(result)
    with pytest.raises(UserError, match=f"is the result of the cell {'b' * 8}{'c' * 12}, expected {'b' * 20}: delete it"):
        check_stored(cell)


@pytest.mark.parametrize("damage", ["no files listed", "truncated", "another artifact", "metadata altered", "a file"])
def test_a_broken_artifact_is_found_before_anything_is_trained(damage: str, cell: Any) -> None:
    OF_ARTIFACTS[damage](cell.training[0].paths.folder)
    cell.training[0].done = is_done(cell.training[0].paths.folder)
    with pytest.raises(UserError, match="delete"):
        check_stored(cell)
    if damage != "a file":
        cell.config = config("all")
        assert check_stored(cell) is None, "it is to be made again"


def test_there_are_enough_of_them() -> None:
    assert len(OF_RESULTS) + len(OF_PREDICTIONS) + len(OF_SWEEPS) + len(OF_ARTIFACTS) >= 100
