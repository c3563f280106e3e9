"""Tasks that a synthetic world makes, by generators made up here: what is resolved, what is written, what is read back."""

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from xstilts.babel.declaration import Language, WorldConfig
from xstilts.config import Config, DataConfig
from xstilts.errors import UserError
from xstilts.sources import languages_with_data, locate, place_of, require, source_of
from xstilts.sources.generated import generate, resolve_generated
from xstilts.sources.load import load
from xstilts.store.identity import data_checksums, task_identity
from xstilts.tasks.declaration import Generator, Source, Task, TrainingTask

LABELS = ["no", "yes"]
calls: list[tuple[str, str, int]] = []


def made_up(world: Any, split: str, language: str, count: int, word: str = "w") -> Iterator[dict[str, Any]]:
    calls.append((split, language, count))
    for number in range(count):
        text = f"{word}{number}ä of {world.config.seed}\u2028"
        yield {"id": f"{split}-{number}", "text_a": text, "label": ("nay", "yes")[number % 2]}


def pairs(world: Any, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        relevant = [f"{code}/{number}" for code in world.config.languages]
        yield {"id": f"{language}/q{number}", "side": "query", "text": "?", "relevant": relevant}
        yield {"id": f"{language}/{number}", "side": "candidate", "text": "!", "context": "Oh!"}


@pytest.fixture(autouse=True)
def generators(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    for name, examples, more in (
        ("made_up", made_up, {}),
        ("pairs", pairs, {"languages": lambda config: list(config.languages)[1:]}),
        ("labelled", made_up, {"labels": lambda config: [*LABELS, *config.languages]}),
    ):
        module = ModuleType(f"xstilts.babel.generators.{name}")
        module.examples = examples  # type: ignore[attr-defined]
        for key, value in more.items():
            setattr(module, key, value)
        monkeypatch.setitem(sys.modules, module.__name__, module)


def task(name: str = "toy", generator: str = "made_up", format: str = "classification", **words: Any) -> Task:
    labels = LABELS if format == "classification" else []
    source = Source(generator=Generator(generator, {"train": 10, "validation": 3}), labels={"nay": "no"})
    return Task(name=name, format=format, metrics=["accuracy"], sources={"babel": source}, **{"labels": labels} | words)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = Config()
    made.data = DataConfig(source="babel", world=WorldConfig(seed=3, languages={"qaa": Language(), "qab": Language(order="SOV")}))
    made.store.root = str(tmp_path / "store")
    made.pretraining.tasks = {"text": TrainingTask(task("text"))}
    made.intermediate.tasks = {"toy": TrainingTask(task())}
    made.target.task = task("last")
    made.target.training = {"toy": TrainingTask(task())}
    return made


def test_tasks_get_the_languages_files_and_shares_of_the_world(config: Config, tmp_path: Path):
    config.target.training["mine"] = TrainingTask(task(), ["qab"], "train:5%")
    resolve_generated(config)
    uses = [config.pretraining.tasks["text"], config.intermediate.tasks["toy"], *config.target.training.values()]
    assert [(used.languages, used.train) for used in uses] == [
        (["qaa", "qab"], "train"),
        (["qaa"], "train:90%"),
        (["qaa"], "train:-10%"),
        (["qab"], "train:5%"),
    ]
    assert all(used.task.languages == ["qaa", "qab"] for used in uses)
    assert config.data.root == str(tmp_path / "store" / "worlds")
    files = config.target.task.sources["babel"].files
    digest, folder, name = files["validation"].split("/")
    assert (len(digest), folder, name, set(files)) == (16, "last", "validation-{language}.jsonl", {"train", "validation"})


def test_a_generator_may_have_its_own_languages_and_labels(config: Config):
    config.target.task = task("pairs", "pairs", "retrieval")
    config.intermediate.tasks["toy"].task = task("toy", "labelled", labels=[], labels_file="tags.json")
    config.intermediate.tasks["pairs"] = TrainingTask(task("pairs", "pairs", "retrieval"))
    resolve_generated(config)
    assert config.target.task.languages == ["qab"]
    assert config.intermediate.tasks["pairs"].languages == ["qab"], "all, where it does not have the pivot"
    labelled = config.intermediate.tasks["toy"].task
    assert (labelled.labels, labelled.labels_file) == ([*LABELS, "qaa", "qab"], None)
    assert config.target.training["toy"].task.labels == LABELS


def test_other_sources_are_left_alone(config: Config):
    config.data.source = "xtreme"
    before = repr(config)
    resolve_generated(config)
    assert repr(config) == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "data.world.languages: the synthetic world has no languages; type data=babel"),
        ({"name": "made_upp"}, "unknown generator 'made_upp': "),
        ({"options": {"wort": "w"}}, "unknown option of the generator 'made_up' 'wort': did you mean word?"),
    ],
)
def test_what_cannot_be_made_is_told(config: Config, changes: dict[str, Any], told: str):
    if changes:
        source = config.target.task.sources["babel"]
        assert source.generator
        source.generator = replace(source.generator, **changes)
    else:
        config.data.world.languages = {}
    with pytest.raises(UserError) as error:
        resolve_generated(config)
    assert str(error.value).startswith(told)


def test_what_is_missing_is_written_once_and_read_like_any_other_source(config: Config):
    resolve_generated(config)
    toy, data = config.target.training["toy"].task, config.data
    assert languages_with_data(source_of(toy, data), "train") == ["qaa", "qab"], "they can be made"
    assert (languages_with_data(source_of(toy, data), "test"), locate(source_of(toy, data), "train", "qab")) == ([], {})
    with pytest.raises(
        UserError, match="train data of task 'toy' in language 'qab' in the synthetic world of seed 3 is not made"
    ):
        require(source_of(toy, data), "train", "qab")
    (path,) = generate(source_of(toy, data), "train", ["qab"])
    assert generate(source_of(toy, data), "train", ["qab"]) == [path] == [*locate(source_of(toy, data), "train", "qab").values()]
    assert calls == [("train", "qab", 10)]
    assert [child.name for child in path.parent.iterdir()] == ["train-qab.jsonl"], "nothing half-written"
    examples = load(source_of(toy, data), "train:-20%", ["qab"])
    assert (examples["id"][:], examples["label"][:], examples["text_b"][:]) == (["train-8", "train-9"], LABELS, [None, None])
    assert examples["text_a"][0] == "w8ä of 3\u2028"
    assert place_of(source_of(toy, data)) == "in the synthetic world of seed 3"


def test_null_means_all_languages_and_what_a_task_lacks_is_told(config: Config):
    config.data.world.rows = 0.01
    resolve_generated(config)
    toy, data = config.target.task, config.data
    assert [path.name for path in generate(source_of(toy, data), "validation", None)] == [
        "validation-qaa.jsonl",
        "validation-qab.jsonl",
    ]
    assert calls == [("validation", "qaa", 1), ("validation", "qab", 1)], "at least one row"
    assert generate(source_of(toy, data), "test", None) == generate(source_of(toy, data), "train", []) == []
    with pytest.raises(UserError, match="unknown language of task 'last' 'qac'"):
        generate(source_of(toy, data), "validation", ["qac"])


def test_a_generator_that_fails_leaves_nothing_behind(config: Config, monkeypatch: pytest.MonkeyPatch):
    resolve_generated(config)

    def breaks(world: Any, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
        yield from made_up(world, split, language, count)
        raise OSError("no space")

    monkeypatch.setattr(sys.modules["xstilts.babel.generators.made_up"], "examples", breaks)
    with pytest.raises(OSError, match="no space"):
        generate(source_of(config.target.task, config.data), "train", ["qaa"])
    assert [path for path in Path(config.data.root or "").rglob("*") if path.is_file()] == []


def test_several_may_write_at_once(config: Config):
    resolve_generated(config)
    source = source_of(config.target.task, config.data)
    threads = [threading.Thread(target=generate, args=(source, "train", None)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    paths = generate(source_of(config.target.task, config.data), "train", None)
    assert [len(path.read_text("utf-8").split("\n")) for path in paths] == [11, 11]
    assert json.loads(paths[0].read_text("utf-8").split("\n")[9])["id"] == "train-9"
    assert len(list(paths[0].parent.iterdir())) == 2


def changed(config: Config, **world: Any) -> str:
    config = replace(config, data=replace(config.data, world=replace(config.data.world, **world)), target=replace(config.target))
    config = replace(
        config, pretraining=replace(config.pretraining, tasks={}), intermediate=replace(config.intermediate, tasks={})
    )
    config.target.training = {}
    resolve_generated(config)
    return config.target.task.sources["babel"].files["train"]


def test_the_folder_follows_from_all_that_the_examples_follow_from(config: Config, monkeypatch: pytest.MonkeyPatch):
    first = changed(config)
    assert changed(config, seed=3) == first
    languages = config.data.world.languages
    others = [changed(config, seed=4), changed(config, languages=dict(reversed(languages.items()))), changed(config, habit=0.5)]
    generator = config.target.task.sources["babel"].generator
    assert generator
    generator.options["word"] = "v"
    others.append(changed(config))
    monkeypatch.setattr("xstilts.sources.generated.VERSION", 1000)
    others.append(changed(config))
    assert len({first, *others}) == 1 + len(others)


def test_only_what_the_examples_are_is_part_of_a_fingerprint(config: Config, tmp_path: Path):
    resolve_generated(config)
    toy = source_of(config.target.task, config.data)
    identity = task_identity(toy)
    assert identity["source"] == {
        "generator": {"name": "made_up", "rows": {"train": 10, "validation": 3}},
        "labels": {"nay": "no"},
    }
    generate(toy, "train", ["qaa"])
    assert list(data_checksums(toy, "train", ["qaa"], None)) == ["train/qaa/data"]


def test_candidates_of_languages_that_are_not_read_are_no_longer_relevant(config: Config):
    config.data.world.languages["qac"] = Language(order="VSO")
    config.target.task = task("pairs", "pairs", "retrieval")
    resolve_generated(config)
    pool, data = config.target.task, config.data
    generate(source_of(pool, data), "validation", None)

    def relevant(languages: list[str]) -> list[list[str]]:
        return [found for found in load(source_of(pool, data), "validation", languages)["relevant"] if found is not None]

    assert relevant(["qab", "qac"])[:2] == [["qab/0", "qac/0"], ["qab/1", "qac/1"]]
    assert relevant(["qab"]) == [["qab/0"], ["qab/1"], ["qab/2"]]
