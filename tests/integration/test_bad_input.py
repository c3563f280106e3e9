"""Mistakes of users and full disks: one clear line, exit code 2, nothing half-written and nothing lost."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from xstilts import fetch
from xstilts.store.artifacts import is_done

Fails = Callable[..., list[str]]
Change = Callable[[Path], None]
PAWSX = ("+target=pawsx",)


def only(lines: list[str]) -> str:
    """The one line that tells what is wrong, after the announcements of phases."""
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1 and lines[-1] == errors[0], lines
    assert all(re.match(r"reading |phase [234]: |\w+: (no data for|\d+ of \d+ answers can) ", line) for line in lines[:-1]), lines
    return errors[0]


def nothing_half_written(place: Path) -> None:
    left = [path for path in [*place.rglob("store/**/*"), *place.rglob("out/**/*")] if path.is_file()]
    assert not [path for path in left if ".tmp" in path.name or ".tmp" in path.parent.name]
    assert not [path for path in left if path.parent.name in ("results", "predictions")]
    artifacts = [path for path in place.glob("store/trained/*") if not path.name.startswith(".")]
    assert all(is_done(path) for path in artifacts)


def replace_line(name: str, number: int, line: bytes) -> Change:
    def change(root: Path) -> None:
        lines = (root / name).read_bytes().splitlines(keepends=True)
        lines[number - 1] = line
        (root / name).write_bytes(b"".join(lines))

    return change


def squad(name: str, edit: Callable[[list[dict[str, Any]]], None]) -> Change:
    """Edit the questions of a file in SQuAD's form."""

    def change(root: Path) -> None:
        document = json.loads((root / name).read_text())
        edit([question for paragraph in document["data"][0]["paragraphs"] for question in paragraph["qas"]])
        (root / name).write_text(json.dumps(document))

    return change


def snli_ids(root: Path) -> None:
    path = root / "snli" / "snli_1.0_train.jsonl"
    path.write_text(path.read_text().replace('"train7"', '"train5"'))


def without_last_column(name: str) -> Change:
    def change(root: Path) -> None:
        lines = (root / name).read_bytes().splitlines()
        (root / name).write_bytes(b"".join(line.rpartition(b"\t")[0] + b"\n" for line in lines))

    return change


BAD_FILES: dict[str, tuple[Change, tuple[str, ...], str]] = {
    "validation without labels": (
        without_last_column("pawsx/dev-en.tsv"),
        PAWSX,
        r"task 'pawsx', validation: none of 20 examples in en has gold, so they cannot select a checkpoint",
    ),
    "Tatoeba's sorted side without gold": (
        lambda root: (root / "tatoeba" / "test-de.tsv").unlink(),
        ("+target=tatoeba",),
        r"task 'tatoeba' has no gold for test in de: the English side of de-en.de is sorted.*Put LASER's aligned files, "
        r"tatoeba.deu-eng.deu and tatoeba.deu-eng.eng .*, into \S+/tatoeba",
    ),
    "quotes of two kinds": (
        replace_line("pawsx/train-en.tsv", 5, b'"a ""b"""\tc "d"\t1\r\n'),
        PAWSX,
        r"pawsx/train-en.tsv: line 5 has a cell in quotes with doubled quotes inside.*but line 5 has quotes of another form",
    ),
    "missing file": (
        lambda root: (root / "pawsx" / "train-en.tsv").unlink(),
        PAWSX,
        r"no train data of task 'pawsx' in language 'en': looked for .*pawsx/train-en.tsv",
    ),
    "missing validation file": (
        lambda root: (root / "pawsx" / "dev-en.tsv").unlink(),
        PAWSX,
        r"no validation data of task 'pawsx' in language 'en'",
    ),
    "column count in training": (
        replace_line("pawsx/train-en.tsv", 5, b"only one column\r\n"),
        PAWSX,
        r"pawsx/train-en.tsv:5: .*column",
    ),
    "column count in a test language": (
        replace_line("pawsx/test-fr.tsv", 3, b"a\tb\tc\td\r\n"),
        PAWSX,
        r"pawsx/test-fr.tsv:3: .*column",
    ),
    "empty file": (lambda root: (root / "pawsx" / "train-en.tsv").write_bytes(b""), PAWSX, r"pawsx/train-en.tsv.* empty"),
    "empty test file": (lambda root: (root / "pawsx" / "test-de.tsv").write_bytes(b""), PAWSX, r"pawsx/test-de.tsv.* empty"),
    "invalid UTF-8": (
        replace_line("pawsx/dev-de.tsv", 4, b"caf\xe9\tb\t1\r\n"),
        PAWSX,
        r"pawsx/dev-de.tsv:4: .*UTF-8",
    ),
    "unknown label": (
        replace_line("xnli/train-en.tsv", 6, b"a\tb\tmaybe\r\n"),
        ("+target=xnli",),
        r"xnli/train-en.tsv:6: .*'maybe'.*contradiction, entailment, neutral",
    ),
    "duplicate ids": (
        snli_ids,
        ("+intermediate=snli", "+target=tatoeba"),
        r"snli_1.0_train.jsonl:8: id 'train5' was used at .*snli_1.0_train.jsonl:6 already",
    ),
    "duplicate ids of questions": (
        squad("xquad/xquad.de.json", lambda questions: questions[3].update(id="q0")),
        ("+target=xquad",),
        r"xquad.de.json: question 'q0': id 'q0' was used at",
    ),
    "answers outside their contexts": (
        squad(
            "squad/train-v1.1.json", lambda questions: [question["answers"][0].update(text="nowhere") for question in questions]
        ),
        ("+target=xquad",),
        r"train-v1.1.json: question 'q0': answer 'nowhere' is not at .*; 40 of 40 answers of squad_v1, train, en not found",
    ),
    "half a surrogate pair": (
        squad("squad/train-v1.1.json", lambda questions: questions[2].update(question="which \ud83d?")),
        ("+target=xquad",),
        r"train-v1.1.json: question 'q2': question: got half of a surrogate pair",
    ),
    "answers of another form": (
        squad("squad/train-v1.1.json", lambda questions: questions[2].update(answers={"text": ["a", "b"], "answer_start": [0]})),
        ("+target=xquad",),
        r"train-v1.1.json: question 'q2': got the answers \{'text': \['a', 'b'\], 'answer_start': \[0\]\}, expected",
    ),
    "broken JSON": (
        lambda root: (root / "squad" / "train-v1.1.json").write_text('{"data": ['),
        ("+target=xquad",),
        r"train-v1.1.json",
    ),
    "unequal sides of sentence pairs": (
        lambda root: (root / "tatoeba" / "de-en.en").write_text("one line\n"),
        ("+target=tatoeba",),
        r"de-en.(en|de)",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named_with_its_line(name: str, main_fails: Fails, toy_world: Any, tmp_path: Path) -> None:
    change, overrides, expected = BAD_FILES[name]
    world = toy_world.copy(tmp_path)
    change(world.root)
    lines = main_fails(*world.options, *overrides)
    line = only(lines)
    assert re.search(expected, line), line
    assert not any(line.startswith("phase ") for line in lines), "no phase has begun"
    nothing_half_written(tmp_path)


def test_bad_data_of_several_splits_and_languages_is_told_at_once(main_fails: Fails, toy_world: Any, tmp_path: Path) -> None:
    world = toy_world.copy(tmp_path)
    for name in ("pawsx/train-en.tsv", "pawsx/dev-de.tsv", "pawsx/test-en.tsv", "pawsx/test-fr.tsv"):
        replace_line(name, 3, b"one\r\n")(world.root)
    lines = main_fails(*world.options, *PAWSX)
    assert lines[0] == "reading pawsx train, pawsx validation, pawsx test once, before training"
    expected = ("pawsx/train-en.tsv:3: ", "pawsx/dev-de.tsv:3: ", "pawsx/test-en.tsv:3: ", "pawsx/test-fr.tsv:3: ")
    assert len(lines) == 5 and all(line.startswith("error: ") for line in lines[1:]), lines
    assert all(name in line for name, line in zip(expected, lines[1:], strict=True)), lines
    assert not (tmp_path / "store" / "trained").exists() and not (tmp_path / "out" / "work").exists()


def test_a_refresh_with_bad_data_keeps_the_result(
    main_fails: Fails, run_inline: Callable[..., Any], toy_world: Any, tmp_path: Path
) -> None:
    world = toy_world.copy(tmp_path)
    places = (f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}")
    run_inline(*world.options, *places, *PAWSX)
    (result,) = (tmp_path / "out" / "results").iterdir()
    before = result.read_bytes()
    (world.root / "pawsx" / "test-de.tsv").chmod(0o600)  # the same content: nothing is read again
    assert run_inline(*world.options, *places, *PAWSX, "store.refresh=results").log[0].startswith("phase 3: ")
    data = world.root / "pawsx" / "train-en.tsv"
    data.write_bytes(data.read_bytes() + b"one\r\n")
    lines = main_fails(*world.options, *PAWSX, "store.refresh=all")
    assert "pawsx/train-en.tsv:" in only(lines) and result.exists()
    assert json.loads(result.read_bytes())["rows"] == json.loads(before)["rows"]


def test_fetch_reads_all_data_too(
    toy_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_this_process: Any
) -> None:
    world = toy_world.copy(tmp_path)
    replace_line("pawsx/test-fr.tsv", 3, b"one\r\n")(world.root)
    for name, empty in {"states": {}, "wrong": {}, "tried": set()}.items():
        monkeypatch.setattr(fetch, name, empty)
    places = (f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", "worker=inline")
    with in_this_process(), pytest.raises(SystemExit) as ended:
        fetch.main([*world.options, *places, *PAWSX])
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert re.search(r"^error: .*pawsx/test-fr.tsv:3: ", err, re.MULTILINE) and err.count("error: ") == 1
    assert re.search(r"reading +pawsx train \(en\) +ready, no problem", out) and "1 wrong" in out
    assert not (tmp_path / "store" / "trained").exists() and not (tmp_path / "store" / "features").exists()


def test_a_validation_split_without_gold_is_refused_before_training(main_fails: Fails, toy_world: Any, tmp_path: Path) -> None:
    lines = main_fails(*toy_world.options, *PAWSX, "target.training.pawsx.validation=test")
    assert "task 'pawsx', test: none of 20 examples in en has gold, so they cannot select a checkpoint" in only(lines)
    assert not any(line.startswith("phase ") for line in lines)


BAD_OPTIONS = {
    ("+target=xnly",): "unknown target 'xnly': did you mean xnli",
    ("+target=pawsx", "+intermediate=snly"): "unknown intermediate 'snly': did you mean snli or",
    ("+target=pawsx", "+intermediate=[snli,squad]"): "unknown intermediate 'squad': did you mean xquad or squad_v",
    ("target=pawsx",): "target is chosen with a plus: type +target=pawsx",
    ("+target=pawsx", "target.langauges=[de]"): "unknown option 'target.langauges': did you mean target.languages",
    ("+target=pawsx", "sed=2"): "unknown option 'sed': did you mean seed or",
    ("+target=pawsx", "seed=two"): "seed: ",
    ("+target=pawsx", "target.languages=[dee]"): "unknown language in target.languages 'dee': did you mean de?",
    ("+target=pawsx", "target.languages=[ja]"): "task pawsx has no validation or test data for ja",
    ("+target=pawsx", "target.training.pawsx.languages=[ja]"): "no train data of task 'pawsx' in language 'ja'",
    ("+target=pawsx", "target.recipe.max_length=129"): "max_length=129 is beyond the 128 tokens",
    ("+target=tatoeba", "target.recipe.max_length=129"): "max_length=129",
    ("+target=pawsx", "target.splits=[dev]"): "unknown target.splits 'dev'",
    ("+target=pawsx", "data.root=NOWHERE"): "data.root=NOWHERE: no such folder",
    ("+target=pawsx", "data.root=null"): "data.root is not set",
    ("+target=pawsx", "data=xtrem"): "unknown data 'xtrem': did you mean xtreme?",
    ("+target=pawsx", "model.tokenizer=./nowhere"): "'./nowhere'",
    (
        "+target=pawsx",
        "model.tokenizer=null",
        "pretraining.tasks.mlm.languages=[dee]",
    ): "unknown language in pretraining.tasks.mlm",
    ("+target=pawsx", "data.source=babel"): "data.world.languages: the synthetic world has no languages; type data=babel",
    ("+target=pawsx", "store.refresh=always"): "unknown store.refresh 'always': valid: all, never, results.",
    ("+target=pawsx", "target.recipe.batch_size=0"): "batch_size: got 0, expected 1 or more",
    ("+target=pawsx", "target.training.pawsx.train=train:0%"): "'train:0%'",
    ("+intermediate=snli",): "no target task: type +target=NAME",
}


@pytest.mark.parametrize("overrides", BAD_OPTIONS, ids=" ".join)
def test_a_bad_option_is_named_with_what_to_type(
    overrides: tuple[str, ...], main_fails: Fails, toy_world: Any, tmp_path: Path
) -> None:
    line = only(main_fails(*toy_world.options, *overrides))
    assert BAD_OPTIONS[overrides] in line, line
    assert not (tmp_path / "out" / "results").exists() and not (tmp_path / "store" / "trained").exists()


def test_all_problems_of_a_config_are_told_together(main_fails: Fails, toy_world: Any) -> None:
    lines = main_fails(
        *toy_world.options, "+target=pawsx", "target.languages=[xx]", "store.refresh=no", "target.recipe.max_length=900"
    )
    assert len(lines) == 3 and all(line.startswith("error: ") for line in lines)


def test_a_tokenizer_folder_that_holds_none(main_fails: Fails, toy_world: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    line = only(main_fails(*toy_world.options, "+target=pawsx", f"model.tokenizer={tmp_path / 'empty'}"))
    assert f"{tmp_path / 'empty'}" in line
    (tmp_path / "empty" / "tokenizer.json").write_text("{")
    line = only(main_fails(*toy_world.options, "+target=pawsx", f"model.tokenizer={tmp_path / 'empty'}"))
    assert f"could not load the tokenizer '{tmp_path / 'empty'}'" in line


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "word"),
    [(_flip, "altered"), (lambda path: os.truncate(path, path.stat().st_size // 2), "truncated"), (Path.unlink, "missing")],
    ids=["altered", "truncated", "missing"],
)
@pytest.mark.parametrize("file", ["model.safetensors", "heads.safetensors"])
def test_a_damaged_artifact_is_refused_and_named(
    damage: Change, word: str, file: str, run_inline: Callable[..., Any], main_fails: Fails, toy_world: Any, tmp_path: Path
) -> None:
    place = (f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}")
    first = run_inline(*toy_world.options, *place, "+intermediate=snli", "+target=tatoeba")
    (artifact,) = first.result["artifacts"]
    weights = tmp_path / "store" / artifact["kind"] / artifact["fingerprint"] / file
    damage(weights)
    line = only(main_fails(*toy_world.options, "+intermediate=snli", "+target=pawsx"))
    assert str(weights) in line and word in line and "store.refresh=all" in line
    assert len(list((tmp_path / "out" / "results").iterdir())) == 1, "what was there before is still there"
    healed = run_inline(*toy_world.options, *place, "+intermediate=snli", "+target=tatoeba", "store.refresh=all")
    assert healed.result["rows"] == first.result["rows"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Mount a disk of so many KiB under the test's folder."""
    mounted: list[Path] = []

    def mount(name: str, kibibytes: int) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        if os.geteuid() != 0:
            pytest.skip("a small disk can be mounted by root only")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip(f"cannot mount a small disk here: {done.stderr.decode().strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("kibibytes", [4, 40, 120, 300, 600])
def test_a_full_disk_under_the_store(
    kibibytes: int, main_fails: Fails, run_inline: Callable[..., Any], toy_world: Any, tmp_path: Path, small_disk: Any
) -> None:
    store = small_disk("store", kibibytes)
    often = ("trainer.checkpoint_every=1", "+target=pawsx")
    line = only(main_fails(*toy_world.options, *often))
    assert "disk full (No space left on device)" in line or "No space left" in line, line
    assert str(store) in line
    nothing_half_written(tmp_path)
    subprocess.run(["mount", "-o", "remount,size=20m", str(store)], check=True)
    again = run_inline(*toy_world.options, f"store.root={store}", f"output={tmp_path / 'out'}", *often)
    elsewhere = run_inline(*toy_world.options, f"store.root={tmp_path / 'other'}", f"output={tmp_path / 'other'}", *often)
    assert again.result["rows"] == elsewhere.result["rows"]


def test_a_full_disk_under_the_output(main_fails: Fails, toy_world: Any, tmp_path: Path, small_disk: Any) -> None:
    output = small_disk("out", 8)
    line = only(main_fails(*toy_world.options, "+target=pawsx"))
    assert "No space left on device" in line and str(output) in line
    nothing_half_written(tmp_path)
    assert list((tmp_path / "store" / "trained").glob("*/done.json")), "the training is not lost"


def test_an_artifact_that_is_none_of_the_cells_is_told(main_fails: Fails, toy_world: Any) -> None:
    line = only(main_fails(*toy_world.options, "+target=pawsx", "stop_after=0123456789"))
    assert re.fullmatch(r"error: stop_after=0123456789: this cell's artifacts are [0-9a-f]{20}; run the sweep again", line)


def test_ranks_by_srun_are_no_matter_of_one_process(
    main_fails: Fails, toy_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "srun").touch(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    line = only(main_fails(*toy_world.options, "+target=pawsx", "trainer.devices=2", "trainer.start_ranks=srun"))
    assert line == "error: worker=inline is one process, and srun starts one for each rank: leave out worker=inline"
