"""The declarations in conf/task."""

from pathlib import Path

import pytest

from xstilts.babel.declaration import Language, WorldConfig
from xstilts.config import Config, DataConfig, Target
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.check import problems
from xstilts.sources.generated import generate, resolve_generated
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task, task_names
from xstilts.tasks.declaration import SPLITS
from xstilts.tasks.formats import format_names, format_of
from xstilts.tasks.languages import ISO3, LANGUAGES

CONF = Path(__file__).resolve().parents[2] / "conf"
NAMES = task_names(CONF)
XTREME = {"xnli": 15, "pawsx": 7, "udpos": 38, "panx": 48, "xquad": 12, "mlqa": 7, "tydiqa": 9, "tatoeba": 41, "bucc2018": 4}
XTREME_R = {"xcopa": 11, "lareqa": 11, "mewslix": 11}


def test_the_tasks_of_the_benchmarks_and_the_intermediate_ones_are_there():
    assert set(NAMES) >= {*XTREME, *XTREME_R, "mnli", "snli", "squad_v1", "hellaswag", "cosmosqa", "commonsenseqa", "siqa", "mlm"}


@pytest.mark.parametrize("name", NAMES)
def test_a_declaration_is_complete(name):
    task = load_task(CONF, name)
    assert task.name == name
    assert task.format in format_names()
    assert task.languages and len(set(task.languages)) == len(task.languages)
    assert {code for language in task.languages for code in language.split("-")} <= set(LANGUAGES)
    assert set(task.evaluate) <= set(SPLITS)
    assert task.metrics and task.description and task.licence
    assert task.homepage.startswith("https://") or name == "mlm"
    assert bool(task.labels or task.labels_file) == bool(format_of(task).fewest_labels)
    assert (task.protocol is not None) == bool(format_of(task).protocols)
    assert "xtreme" in task.sources
    for source in task.sources.values():
        assert not list(problems(task, source))
        if source.unusable:
            assert not source.files and not source.hub
            continue
        assert set(source.files) <= set(SPLITS)
        if source.generator:
            assert not source.files and set(task.evaluate) <= set(source.generator.rows) <= set(SPLITS)
            continue
        assert set(source.gold) | set(source.readers) | set(source.positional_ids) | set(source.expect) <= set(source.files)
    assert set(task.evaluate) <= set(task.sources["xtreme"].files)


@pytest.mark.parametrize(("name", "count"), (XTREME | XTREME_R).items())
def test_as_many_languages_as_the_benchmark(name, count):
    assert len(load_task(CONF, name).languages) == count


@pytest.mark.slow
def test_sharing_a_head_means_the_same_labels():
    heads: dict[str, set[tuple[str, ...]]] = {}
    for task in (load_task(CONF, name) for name in NAMES):
        if task.head:
            heads.setdefault(task.head, set()).add((task.format, *task.labels))
    assert heads
    assert all(len(labels) == 1 for labels in heads.values())


def test_each_file_says_what_it_is():
    for name in NAMES:
        first, *rest = (CONF / "task" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        assert first.startswith("# "), name
        assert next(line for line in rest if not line.startswith("#")) == "defaults: [schema, _self_]"


@pytest.mark.parametrize("name", [name for name in NAMES if "babel" in load_task(CONF, name).sources])
def test_the_synthetic_world_makes_a_task_in_its_format_with_its_labels(name, tmp_path):
    """Every split that is declared, through the generator that is declared, as examples that break no rule of the format."""
    config = Config(target=Target(load_task(CONF, name)))
    languages = {"qaa": Language(), "qab": Language(order="SOV", case="suffix", script="Georgian", overlap=0.0)}
    config.data = DataConfig(source="babel", world=WorldConfig(languages=languages, stories=12, pairs=12, rows=0.002))
    config.store.root = str(tmp_path)
    resolve_generated(config)
    task = config.target.task
    assert set(task.languages) <= set(languages) and "qab" in task.languages
    for split in task.sources["babel"].files:
        generate(source_of(task, config.data), split, None)
        examples = load(source_of(task, config.data), split, task.languages)
        assert set(examples["language"]) == set(task.languages)


def test_an_unknown_task_gets_a_suggestion():
    with pytest.raises(UserError, match="unknown task 'xnil': did you mean xnli"):
        load_task(CONF, "xnil")


def test_an_unknown_format_gets_a_suggestion(tmp_path):
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "toy.yaml").write_text("name: toy\nformat: clasification\n", encoding="utf-8")
    with pytest.raises(UserError, match="unknown format of task 'toy' 'clasification': did you mean classification"):
        load_task(tmp_path, "toy")


def test_names_of_an_empty_folder(tmp_path):
    assert task_names(tmp_path) == []


def test_fifty_languages():
    assert len(LANGUAGES) == 50
    assert set(ISO3) < set(LANGUAGES)
    assert len(set(ISO3.values())) == len(ISO3) == 41
    assert set(ISO3) == set(load_task(CONF, "tatoeba").languages)
