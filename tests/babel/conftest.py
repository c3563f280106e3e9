"""Worlds to test with, and a learner that sees only a part of each example: what it learns, the examples give away."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.generators import generator_module
from xstilts.babel.world import World

TRAIN, TEST = 3000, 1500
MARGIN = 0.04
"""Margin by which a blind learner may be better than chance; 3 to 5 standard errors of TEST examples, for 2 to 8 classes."""


@pytest.fixture(scope="session")
def declared(repository: Path) -> Callable[[str], WorldConfig]:
    """The world of a file of conf/data."""

    def read(name: str) -> WorldConfig:
        world = yaml.safe_load((repository / "conf" / "data" / f"{name}.yaml").read_text(encoding="utf-8"))["data"]["world"]
        languages = {code: Language(**values) for code, values in world.pop("languages").items()}
        return WorldConfig(**world, languages=languages)

    return read


@pytest.fixture(scope="session")
def world(declared: Callable[[str], WorldConfig]) -> World:
    """The one of data=babel."""
    return World(declared("babel"))


@pytest.fixture(scope="session")
def make(world: World) -> Callable[..., list[dict[str, Any]]]:
    """Examples of that world: `make("inference", count=6, difficulty=3)`; by default 60 of the pivot's test set."""

    def examples(generator: str, split: str = "test", language: str = "qaa", count: int = 60, **options: Any) -> list[Any]:
        return list(generator_module(generator).examples(world, split, language, count, **options))

    return examples


@pytest.fixture(scope="session")
def many(declared: Callable[[str], WorldConfig]) -> Callable[..., list[dict[str, Any]]]:
    """TRAIN + TEST training examples of the pivot, for a blind learner."""
    world = World(replace(declared("babel"), languages={"qaa": Language()}))
    return lambda generator, **options: list(generator_module(generator).examples(world, "train", "qaa", TRAIN + TEST, **options))


class Bayes:
    """Multinomial naive Bayes over words, pairs of neighbours and the length."""

    def __init__(self, texts: Sequence[str], labels: Sequence[Any]) -> None:
        self.labels = sorted(set(labels))
        found = [features(text) for text in texts]
        self.number = {name: number for number, name in enumerate(dict.fromkeys(name for text in found for name in text))}
        index = {label: number for number, label in enumerate(self.labels)}
        rows = [index[label] for names, label in zip(found, labels, strict=True) for _ in names]
        counts = np.ones((len(self.labels), len(self.number)))
        np.add.at(counts, (rows, [self.number[name] for names in found for name in names]), 1)
        self.weights = np.log(counts / counts.sum(1, keepdims=True))
        self.prior = np.log([list(labels).count(label) for label in self.labels])

    def scores(self, text: str) -> Any:
        known = [self.number[name] for name in features(text) if name in self.number]
        return self.prior + self.weights[:, known].sum(1)

    def label(self, text: str) -> Any:
        return self.labels[int(self.scores(text).argmax())]


def features(text: str) -> list[str]:
    words = text.split()
    return [*words, *map(" ".join, itertools.pairwise(words)), f"length {len(words)}"]


@pytest.fixture(scope="session")
def tells() -> Callable[[Sequence[str], Sequence[Any]], bool]:
    """Return whether the texts reveal their labels to a learner that sees nothing else."""

    def learner(texts: Sequence[str], labels: Sequence[Any]) -> bool:
        model = Bayes(texts[:TRAIN], labels[:TRAIN])
        right = [model.label(text) == label for text, label in zip(texts[TRAIN:], labels[TRAIN:], strict=True)]
        commonest = max(labels.count(label) for label in set(labels)) / len(labels)
        return sum(right) / len(right) > commonest + MARGIN

    return learner


@pytest.fixture(scope="session")
def choices_tell() -> Callable[[Sequence[dict[str, Any]]], bool]:
    """Return whether the choices reveal the correct one without the prompt."""

    def learner(examples: Sequence[dict[str, Any]]) -> bool:
        known = examples[:TRAIN]
        right = [number == example["label"] for example in known for number in range(len(example["choices"]))]
        model = Bayes([choice for example in known for choice in example["choices"]], right)
        unknown = examples[TRAIN:]
        chosen = [int(np.argmax([np.diff(model.scores(choice)) for choice in example["choices"]])) for example in unknown]
        hits = [choice == example["label"] for choice, example in zip(chosen, unknown, strict=True)]
        return sum(hits) / len(hits) > 1 / len(examples[0]["choices"]) + MARGIN

    return learner
