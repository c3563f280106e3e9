"""Clusters of test items: the examples that are not drawn independently of each other.

A test set is a sample of paragraphs, premises and sentences rather than of questions and pairs. Examples of a language are
connected if they have the same text in the field that their format declares as `shared`, and examples of several languages if
they are translations of each other; a cluster is a connected component. So the questions about one paragraph and all their
translations are one cluster, although the paragraph has another text in every language.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_of

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class LanguageExamples:
    """The evaluated examples of one language and split."""

    language: str
    ids: Sequence[str]
    shared: Sequence[str | None] | None
    """The text that each example may have in common with others; None if there is none."""


def shared_texts(task: Task, examples: "Dataset") -> list[str | None] | None:
    """Return the text that each example may have in common with others; None for a format whose examples have none."""
    columns = [examples[field][:] for field in format_of(task).shared]
    return [next(filter(None, texts), None) for texts in zip(*columns, strict=True)] if columns else None


def clusters(parts: Iterable[LanguageExamples], translated: bool) -> list[list[str]]:
    """Return the cluster of every example of one split: the least `language/name` of its members.

    A name is an id without the language with which ids of retrieval begin. `translated`: examples of several languages with one
    name are translations of each other. The parts are read one by one, so that the texts of one language are held at a time.
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    labels: list[str] = []
    sizes: list[int] = []
    by_name: dict[str, int] = {}
    edges: list[tuple[int, int]] = []
    for part in parts:
        by_text: dict[str, int] = {}
        names = [one.removeprefix(f"{part.language}/") for one in part.ids]
        texts = part.shared or [None] * len(names)
        for row, (name, text) in enumerate(zip(names, texts, strict=True), start=len(labels)):
            labels.append(f"{part.language}/{name}")
            if text is not None and (first := by_text.setdefault(text, row)) != row:
                edges.append((first, row))
            if translated and (first := by_name.setdefault(name, row)) != row:
                edges.append((first, row))
        sizes.append(len(names))
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges)), (ends[0], ends[1])), shape=(len(labels), len(labels)))
    components = connected_components(graph, directed=False)[1].tolist()
    least: dict[int, str] = {}
    for component, label in zip(components, labels, strict=True):
        least[component] = min(label, least.get(component, label))
    every = iter(components)
    return [[least[component] for component in islice(every, size)] for size in sizes]
