"""Clusters of test items: what shares a text in one language, or is a translation, is drawn together."""

import random
from pathlib import Path

import pytest

from xstilts.config import DataConfig
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task
from xstilts.tasks.formats import format_of
from xstilts.training.clusters import LanguageExamples, clusters, shared_texts

CONF = Path(__file__).resolve().parents[2] / "conf"


def examples(language: str, **shared: str | None) -> LanguageExamples:
    return LanguageExamples(language, list(shared), list(shared.values()))


def test_questions_of_a_paragraph_and_their_translations_are_one_cluster() -> None:
    """English has question 3 and German does not; only German shows that 3 and 4 would not be connected."""
    english = examples("en", q1="Rome ...", q2="Rome ...", q3="Oslo ...", q4=None)
    german = examples("de", q2="Rom ...", q5="Rom ...", q4="Oslo ...")
    found = clusters([english, german], translated=True)
    assert found == [["de/q2", "de/q2", "en/q3", "de/q4"], ["de/q2", "de/q2", "de/q4"]]
    assert clusters([german, english], translated=True) == found[::-1], "the order of languages does not matter"


def test_a_language_that_shares_a_text_connects_the_others() -> None:
    """Thai has one text for two premises that differ in English."""
    assert clusters([examples("en", a="one", b="two"), examples("th", a="same", b="same")], True) == [["en/a"] * 2, ["en/a"] * 2]


def test_numbers_that_are_no_translations_connect_nothing() -> None:
    parts = [LanguageExamples(code, ["test-0", "test-1"], None) for code in ("de", "fr")]
    assert clusters(parts, translated=False) == [["de/test-0", "de/test-1"], ["fr/test-0", "fr/test-1"]]
    assert clusters(parts, translated=True) == [["de/test-0", "de/test-1"]] * 2


def test_ids_of_retrieval_begin_with_the_language() -> None:
    parts = [LanguageExamples(code, [f"{code}/q7"], None) for code in ("ar", "en")]
    assert clusters(parts, translated=True) == [["ar/q7"], ["ar/q7"]]


def test_clusters_are_the_connected_components_of_a_plain_search() -> None:
    rng = random.Random(1)
    chosen = {code: rng.sample(range(60), 40) for code in ("en", "de", "fr")}
    parts = [examples(code, **{f"i{n}": f"{code} {rng.randrange(30)}" for n in numbers}) for code, numbers in chosen.items()]
    nodes = [(part.language, name, text) for part in parts for name, text in zip(part.ids, part.shared or (), strict=True)]
    groups: list[set[tuple[str, str, str | None]]] = []
    for node in nodes:
        touched = [group for group in groups if any(node[1] == other[1] or node[2] == other[2] for other in group)]
        groups = [group for group in groups if group not in touched] + [{node}.union(*touched)]
    wanted = {node: min(f"{other[0]}/{other[1]}" for other in group) for group in groups for node in group}
    found = [cluster for own in clusters(parts, translated=True) for cluster in own]
    assert found == [wanted[node] for node in nodes] and 1 < len(set(found)) < 60


@pytest.mark.parametrize(
    ("task", "split", "items", "wanted"),
    [
        ("xquad", "test", 1190, 240),
        ("xnli", "validation", 2490, 830),
        ("lareqa", "test", 1190, 1190),
        ("udpos", "validation", 0, 0),
    ],
)
def test_clusters_of_real_test_sets(task: str, split: str, items: int, wanted: int, shared_data: Path) -> None:
    """Numbers of paragraphs and premises as their papers give them; the sentences of two treebanks have nothing in common."""
    source = source_of(load_task(CONF, task), DataConfig(root=str(shared_data / "xtreme")))
    parts = []
    for language in ("en", "ar"):
        rows = load(source, split, [language])
        rows = rows.filter(format_of(source.task).counts)
        parts.append(LanguageExamples(language, rows["id"][:], shared_texts(source.task, rows)))
    sizes, found = [len(part.ids) for part in parts], clusters(parts, source.declared.translated)
    assert sizes == ([items] * 2 if items else sizes)
    assert len({cluster for own in found for cluster in own}) == (wanted or sum(sizes))
