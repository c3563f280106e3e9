"""Properties of every generated task: the same on any machine, the same events in every language, disjoint splits."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from xstilts.babel.concepts import Event, split_of
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.generators import generator_module
from xstilts.babel.grammar import Clause, Speaker
from xstilts.babel.lexicon import SCRIPTS
from xstilts.babel.world import World
from xstilts.tasks.formats import format_named

CONF = Path(__file__).resolve().parents[3] / "conf"
DECLARED = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((CONF / "task").glob("*.yaml"))}
TASKS: dict[str, dict[str, Any]] = {
    name: task for name, task in DECLARED.items() if "generator" in task.get("sources", {}).get("babel", {})
}
PARALLEL: dict[str, dict[str, Any]] = {
    "inference": {"difficulty": 3},
    "paraphrase": {"kind": "question"},
    "multiple_choice": {"kind": "ending"},
    "question_answering": {"difficulty": 2, "unanswerable": 0.3},
    "tags": {},
    "answers": {},
    "matching": {},
    "mining": {},
    "entailment": {},
}
PROGRAM = """
import hashlib, json, sys
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.generators import generator_module
from xstilts.babel.world import World
world = World(WorldConfig(stories=50, pairs=50, languages={"qaa": Language(), "qab": Language(order="SOV", overlap=0.4)}))
declared = json.loads(sys.argv[1])
made = [list(generator_module(name).examples(world, "train", "qab", 50, **options)) for name, options in declared]
print(len(made), hashlib.sha256(json.dumps(made).encode()).hexdigest())
"""


def generator_of(task: dict[str, Any]) -> tuple[ModuleType, dict[str, Any]]:
    """The module, and the options."""
    declared = task["sources"]["babel"]["generator"]
    return generator_module(declared["name"]), declared.get("options", {})


def made(task: dict[str, Any], world: World, language: str, split: str, count: int = 10) -> list[dict[str, Any]]:
    module, options = generator_of(task)
    return list(module.examples(world, split, language, count, **options))


def test_the_same_in_every_process() -> None:
    """Whatever the order of a set of words is in this process."""
    declared = [task["sources"]["babel"]["generator"] for task in TASKS.values()]
    command = [sys.executable, "-c", PROGRAM, json.dumps([(one["name"], one.get("options", {})) for one in declared])]
    one, two = (
        subprocess.Popen(command, env=os.environ | {"PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True)
        for seed in ("1", "2")
    )
    told = one.communicate(timeout=60)[0]
    assert told == two.communicate(timeout=60)[0]
    assert int(told.split()[0]) == len(TASKS) > 20


@pytest.mark.parametrize("name", TASKS)
def test_examples_fit_their_format(world: World, name: str) -> None:
    task, module, schema = TASKS[name], generator_of(TASKS[name])[0], format_named(TASKS[name]["format"])
    labels = module.labels(world.config) if hasattr(module, "labels") and "labels_file" in task else task.get("labels", [])
    names = task["sources"]["babel"].get("labels", {})
    languages = module.languages(world.config) if hasattr(module, "languages") else list(world.config.languages)
    seen: Counter[str] = Counter()
    for language in languages:
        examples = made(task, world, language, "test")
        ids = [example["id"] for example in examples]
        assert len(ids) == len(set(ids))
        seen.update(ids)
        for example in examples:
            row = dict.fromkeys(schema.fields) | example
            assert set(row) == set(schema.fields)
            if task["format"] == "classification":
                row["label"] = names.get(row["label"], row["label"])
            assert schema.problem(row, labels) is None
    if task["format"] == "retrieval":
        assert set(seen.values()) == {1}, "the ids of all languages are in one table"


@pytest.mark.parametrize("name", TASKS)
def test_another_seed_other_examples(world: World, name: str) -> None:
    other = World(WorldConfig(seed=1, languages=world.config.languages))
    language = list(world.config.languages)[1]
    assert made(TASKS[name], other, language, "test", 5) != made(TASKS[name], world, language, "test", 5)


def texts(example: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of an example, with its field."""
    for field, value in example.items():
        if field in ("text_a", "text_b", "text", "context", "question", "prompt"):
            yield field, value
        elif field in ("choices", "words"):
            yield from ((field, text) for text in value)
        elif field == "answers":
            yield from ((field, answer["text"]) for answer in value)


def told(example: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The words of every text, whatever their order, in Latin letters."""
    letters = str.maketrans(SCRIPTS["Cyrillic"], SCRIPTS["Latin"])
    bags = [(field, sorted(text.lower().translate(letters).split())) for field, text in texts(example)]
    return sorted(bags) if "words" in example else bags


@pytest.mark.parametrize("generator", PARALLEL)
def test_the_same_id_tells_the_same_events_in_every_language(generator: str) -> None:
    """Languages with the pivot's words, in another order or other letters, have the same words."""
    languages = {
        "qaa": Language(),
        "qba": Language(order="SOV"),
        "qbb": Language(order="VSO", time="last", adposition="after"),
        "qbc": Language(adjective="after", negation="after", question="in_situ"),
        "qbd": Language(script="Cyrillic"),
    }
    world = World(WorldConfig(languages=languages))

    def of(language: str) -> dict[str, dict[str, Any]]:
        rows = generator_module(generator).examples(world, "test", language, 40, **PARALLEL[generator])
        return {row["id"].removeprefix(f"{language}/"): row for row in rows}

    pivot = of("qba" if generator in ("matching", "mining") else "qaa")
    for language in list(languages)[1:]:
        other = of(language)
        assert list(other) == list(pivot)
        for name, row in other.items():
            assert told(row) == told(pivot[name])
            assert row.get("label") == pivot[name].get("label")
            assert len(row.get("relevant") or []) == len(pivot[name].get("relevant") or [])


@pytest.mark.parametrize("generator", [*PARALLEL, "text", "translation"])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_no_split_tells_an_event_of_another(world: World, monkeypatch: pytest.MonkeyPatch, generator: str, split: str) -> None:
    """In inference and paraphrases this holds for the hypothesis and the first text: the others are changed to fit the label."""
    said: list[Event] = []
    clause: Callable[..., Clause] = Speaker._clause

    def heard(speaker: Speaker, event: Event, *rest: Any) -> Clause:
        said.append(event)
        return clause(speaker, event, *rest)

    monkeypatch.setattr(Speaker, "_clause", heard)
    small = World(WorldConfig(stories=60, pairs=60, languages=world.config.languages))
    events: list[Event] = []
    for _ in generator_module(generator).examples(small, split, "qab", 60, **PARALLEL.get(generator, {})):
        events += {"inference": said[-1:], "paraphrase": said[:1]}.get(generator, said)
        said.clear()
    assert len(events) >= 60
    assert {split_of(event) for event in events} == {split}
