"""Data is read once before anything is trained on it: what is to be read, what is wrong with it, and what is marked."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from xstilts.cell.resolve import data_of, readable, resolve
from xstilts.cell.unread import unread
from xstilts.config import Config, DataConfig, Intermediate, Target
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters, Recipe
from xstilts.jobs import EvaluationJob, ReadingJob, TokenizerJob, TrainingJob, UnreadSplit, evaluated_splits, read_job, write_job
from xstilts.tasks.declaration import Expect, Source, Task, TrainingTask
from xstilts.training.read_data import read

GOOD = "".join(f"a{n}\tb{n}\t{'yes' if n % 2 else 'no'}\n" for n in range(10))
CACHE = None
SELECTS = Hyperparameters(selection="best", eval_examples=5)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with train, dev and test files in two languages."""
    folder = tmp_path / "data"
    folder.mkdir()
    for language in ("en", "sw"):
        for split in ("train", "dev", "test"):
            (folder / f"{split}-{language}.tsv").write_text(GOOD)
    return folder


@pytest.fixture
def data(root: Path) -> DataConfig:
    return DataConfig(source="files", root=str(root))


def task(**changes: object) -> Task:
    source = Source(
        reader="delimited",
        files={"train": "train-{language}.tsv", "validation": "dev-{language}.tsv", "test": "test-{language}.tsv"},
        options={"names": ["text_a", "text_b", "label"], "optional": ["label"]},
    )
    return Task(
        name="toy",
        format="classification",
        languages=["en", "sw", "th"],
        labels=["no", "yes"],
        metrics=["accuracy"],
        evaluate=["test"],
        sources={"files": replace(source, **changes)},  # type: ignore[arg-type]
    )


def training(data: DataConfig, what: Task | None = None, values: Hyperparameters = SELECTS, **changes: object) -> TrainingJob:
    used = replace(TrainingTask(task=what or task(), languages=["en"]), **changes)  # type: ignore[arg-type]
    config = Config(data=data, recipe=Recipe("r", values), intermediate=Intermediate(tasks={"toy": used}))
    config.target.task = used.task
    phase = resolve(config).intermediate
    assert phase is not None
    return TrainingJob(tasks=data_of(phase, CACHE), hyperparameters=phase.hyperparameters)


def evaluation(data: DataConfig, what: Task | None = None, **changes: object) -> EvaluationJob:
    cell = resolve(Config(data=data, target=Target(task=what or task(), **changes)))  # type: ignore[arg-type]
    source = readable(cell.target)
    return EvaluationJob(source, splits=evaluated_splits(source, cell.config.target, CACHE))


@pytest.fixture
def problems(tmp_path: Path) -> Callable[[list[UnreadSplit]], list[list[str]]]:
    """Read splits as a worker does, from a job that was written down; what is wrong with each."""

    def run(splits: list[UnreadSplit]) -> list[list[str]]:
        job, found = tmp_path / "job.json", tmp_path / "problems.json"
        write_job(ReadingJob("reading", splits, str(found)), job)
        again = read_job(job)
        assert isinstance(again, ReadingJob)
        read(again)
        wrong = json.loads(found.read_text())
        assert set(wrong) <= {split.mark for split in splits}
        return [wrong.get(split.mark, []) for split in splits]

    return run


def test_what_a_cell_reads_is_read_once(data: DataConfig, root: Path, tmp_path: Path, problems: Callable[..., list[list[str]]]):
    jobs = [training(data)], evaluation(data)
    splits = unread(*jobs, tmp_path)
    assert [(split.split.expression, split.split.languages, split.selects, split.first) for split in splits] == [
        ("train", ["en"], False, None),
        ("validation", ["en"], True, 5),
        ("test", ["en", "sw"], False, None),
    ]
    assert [split.label for split in splits] == ["toy train (en)", "toy validation (en)", "toy test (en sw)"]
    assert problems(splits) == [[], [], []]
    assert unread(*jobs, tmp_path) == [], "it is marked"
    assert len(unread([training(data), training(data)], None, tmp_path / "other store")) == 2, "once for several phases"

    (root / "test-sw.tsv").write_text(GOOD.replace("b7", "b8"))
    later = unread([training(data)], evaluation(data), tmp_path)
    assert [split.split.expression for split in later] == ["test"], "what has changed is read again"


def test_every_problem_is_found_and_what_is_good_is_marked(
    data: DataConfig, root: Path, tmp_path: Path, problems: Callable[..., list[list[str]]]
):
    (root / "train-en.tsv").write_text(GOOD.replace("\tno\n", "\tmaybe\n", 1))
    (root / "test-en.tsv").write_text("only one column\n" + GOOD)
    (root / "test-sw.tsv").write_text(GOOD + "a\tb\tnope\n")
    splits = unread([training(data)], evaluation(data), tmp_path)
    (train,), good, test = problems(splits)
    assert train.startswith(f"{root}/train-en.tsv:1: unknown label 'maybe', expected one of no, yes")
    assert good == []
    assert test[0].startswith(f"{root}/test-en.tsv:1: 1 column, expected 3")
    assert len(test) == 2 and test[1].startswith(f"{root}/test-sw.tsv:11: unknown label 'nope', expected one of no, yes")
    assert [split.split.expression for split in unread([training(data)], evaluation(data), tmp_path)] == ["train", "test"]


def test_ids_that_name_no_translations_are_refused_before_training(
    data: DataConfig, root: Path, tmp_path: Path, problems: Callable[..., list[list[str]]]
):
    both = {"languages": ["en", "sw"], "parallel": "rotate"}
    good, _ = unread([training(data, **both)], None, tmp_path)
    assert problems([good]) == [[]], "rows of the same number have the same label"
    assert unread([training(data, languages=["en", "sw"])], None, tmp_path)[0].mark != good.mark
    (root / "train-sw.tsv").write_text("\n".join(reversed(GOOD.splitlines())) + "\n")
    ((found,),) = problems(unread([training(data, **both)], None, tmp_path)[:1])
    assert found.startswith("task toy: 10 of 10 ids have several labels; parallel is for translations with the same id in all of")


def test_a_problem_of_all_languages_together(data: DataConfig, tmp_path: Path, problems: Callable[..., list[list[str]]]):
    (found,) = problems(unread([], evaluation(data, languages=["en", "en"]), tmp_path))
    assert found == ["task 'toy': expected one or more languages, each once, got en, en"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reader": "nope"}, "nope"),
        ({"options": {"names": ["text_a", "text_b", "label"], "banana": 1}}, "'banana'"),
        ({"columns": {"text_b": "{hypothesis}"}}, "hypothesis"),
        ({"labels": {"yes": "perhaps"}}, "perhaps"),
        ({"expect": {"test": Expect(rows={"*": 11})}}, "got 10 rows, expected 11; the data differs"),
    ],
)
def test_a_declaration_that_does_not_fit_its_files(
    data: DataConfig, tmp_path: Path, problems: Callable[..., list[list[str]]], change: dict[str, object], message: str
):
    (found,) = problems(unread([], evaluation(data, task(**change), languages=["en"]), tmp_path))
    assert len(found) == 1 and message in found[0]
    assert unread([], evaluation(data, task(**change), languages=["en"]), tmp_path), "and is no less wrong the next time"


def test_whether_numbers_of_rows_are_checked_makes_a_difference(
    data: DataConfig, tmp_path: Path, problems: Callable[..., list[list[str]]]
):
    drifted = task(expect={"test": Expect(rows={"*": 11})})
    unchecked = unread([], evaluation(replace(data, expect=False), drifted), tmp_path)
    assert problems(unchecked) == [[]]
    assert unread([], evaluation(data, drifted), tmp_path)


@pytest.mark.parametrize(("part", "problem"), [("train:90%", False), ("train:-10%", False), ("train:5%", True)])
def test_parts_of_a_split(data: DataConfig, tmp_path: Path, problems: Callable[..., list[list[str]]], part: str, problem: bool):
    splits = unread([TokenizerJob(tasks=training(data, train=part).tasks)], None, tmp_path)
    assert [split.split.expression for split in splits] == [part]
    (found,) = problems(splits)
    assert found == (["'train:5%' of task 'toy' has no example in 'en'; take a larger part"] if problem else [])


def test_validation_is_read_where_it_is_evaluated_on(data: DataConfig, tmp_path: Path):
    last = training(data, values=Hyperparameters(selection="last", eval_every=0))
    assert [split.split.expression for split in unread([last], None, tmp_path)] == ["train"]
    curves = training(data, values=Hyperparameters(selection="last", eval_every=3))
    assert [split.split.expression for split in unread([curves], None, tmp_path)] == ["train", "validation"]


@pytest.mark.parametrize(
    ("k", "gold", "problem"),
    [
        (10, "yes", None),
        (11, "yes", "10 of 10 examples in sw have gold, and target.few_shot.k=11 takes more"),
        (1, "", "0 of 10 examples in sw have gold, and target.few_shot.k=1 takes more"),
        (0, "", None),
    ],
)
def test_few_shot_examples_are_read_and_have_gold(
    data: DataConfig, root: Path, tmp_path: Path, problems: Callable[..., list[list[str]]], k: int, gold: str, problem: str | None
):
    (root / "dev-sw.tsv").write_text("".join(f"a{n}\tb{n}\t{gold}\n" for n in range(10)))
    partly = task(labels={"": "", "yes": "yes", "no": "no"})
    values = Hyperparameters(selection="last", eval_every=0)
    drawn = training(data, partly, values, languages=["sw"], train="validation", max_examples=k or None)
    held_out = next(iter(drawn.tasks.values())).train
    splits = unread([drawn] if k else [], replace(evaluation(data, partly), held_out=held_out), tmp_path)
    assert sorted(split.split.expression for split in splits) == ["test", "validation"]
    found = dict(zip((split.split.expression for split in splits), problems(splits), strict=True))
    more = f"task 'toy', validation: {problem}; choose a smaller number, or another target.few_shot.split"
    assert found == {"test": [], "validation": [more] if problem else []}


@pytest.mark.parametrize(("gold_at", "enough"), [([4], True), ([5, 6, 7], False), ([], False)])
def test_what_selects_a_checkpoint_needs_gold(
    data: DataConfig, root: Path, tmp_path: Path, problems: Callable[..., list[list[str]]], gold_at: list[int], enough: bool
):
    (root / "dev-en.tsv").write_text("".join(f"a{n}\tb{n}\t{'yes' if n in gold_at else ''}\n" for n in range(10)))
    partly = task(labels={"": "", "yes": "yes", "no": "no"})
    assert problems(unread([training(data, partly)], None, tmp_path))[1] == (
        []
        if enough
        else [
            "task 'toy', validation: none of 5 examples in en has gold, so they cannot select a checkpoint; choose another "
            "validation split, or recipe.selection=last with eval_every=0"
        ]
    )


def test_nothing_to_evaluate_on_is_told_before_reading(data: DataConfig, root: Path, tmp_path: Path):
    where = f"under data.root={root}"
    with pytest.raises(UserError) as error:
        unread([], evaluation(data, languages=["en", "th"]), tmp_path)
    assert str(error.value) == f"task toy has no data for th {where}; languages with data: en, sw"
    (root / "dev-en.tsv").unlink()
    (root / "dev-sw.tsv").unlink()
    with pytest.raises(UserError) as error:
        unread([], evaluation(data, splits=["validation", "test"]), tmp_path)
    assert str(error.value) == f"task toy has no validation data {where}: leave it out of target.splits"
    both = replace(task(), evaluate=["validation", "test"])
    assert [split.split.expression for split in unread([], evaluation(data, both), tmp_path)] == ["test"], (
        "a default is what there is"
    )


def test_a_store_that_cannot_be_written_is_read_for_again(
    data: DataConfig, tmp_path: Path, problems: Callable[..., list[list[str]]]
):
    (tmp_path / "store").write_text("a file where a folder should be")
    splits = unread([], evaluation(data), tmp_path / "store")
    assert problems(splits) == [[]]
    assert unread([], evaluation(data), tmp_path / "store") == splits


@pytest.mark.slow
def test_reading_needs_no_torch(data: DataConfig, tmp_path: Path):
    write_job(ReadingJob("reading", unread([], evaluation(data), tmp_path), str(tmp_path / "found.json")), tmp_path / "job.json")
    code = "import sys; from xstilts.worker import main; main(); assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "job.json")], check=True, timeout=120)
    assert json.loads((tmp_path / "found.json").read_text()) == {}
    assert unread([], evaluation(data), tmp_path) == []
