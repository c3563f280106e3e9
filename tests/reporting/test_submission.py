"""Leaderboard folders: the files, read as google-research/xtreme evaluate.py reads them, score as our own predictions do."""

import json
import random
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from xstilts import metrics
from xstilts.errors import UserError
from xstilts.paths import CellPaths, conf_dir
from xstilts.reporting.submission import VERSIONS, languages, name_of, submit
from xstilts.store.results import write_predictions, write_result
from xstilts.tasks.catalogue import load_task
from xstilts.tasks.declaration import Task

Rows = list[dict[str, Any]]
# TASK2LANGS of evaluate.py
PANX = "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh kk tr et fi hu"
UDPOS = "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh"
TATOEBA = "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu"
COMMON = {
    "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
    "mlqa": "en es de ar hi vi zh",
    "tydiqa": "en ar bn fi id ko ru sw te",
}
XQUAD = "en es de el ru tr ar vi th zh hi"
OFFICIAL = {
    "xtreme": COMMON
    | {"pawsx": "de en es fr ja ko zh", "bucc2018": "de fr ru zh"}
    | {"panx": PANX, "udpos": UDPOS, "tatoeba": TATOEBA, "xquad": XQUAD},
    "xtreme-r": COMMON
    | {"panx": f"{PANX} qu pl uk az lt pa gu ro", "udpos": f"{UDPOS} lt pl uk wo ro", "tatoeba": f"{TATOEBA} az lt pl uk ro"}
    | {"xquad": f"{XQUAD} ro", "xcopa": "et ht id it qu sw ta th tr vi zh", "mewslix": "ar de en es fa ja pl ro ta tr uk"},
}
SUFFIX = {"xquad": "json", "mlqa": "json", "tydiqa": "json", "mewslix": "json", "xcopa": "jsonl"}
SCORES = {"bucc2018": "bitext_f1", "mewslix": "mrr_at_20", "tatoeba": "retrieval_accuracy"}


@cache
def declared(task: str) -> Task:
    return load_task(conf_dir(), task)


def official(path: Path) -> Any:
    """A file of predictions or labels as the reader of its task gives it to the metric."""
    task, text = path.parent.name, path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        found = json.loads(text)
        if "data" not in found:
            return found
        paragraphs = [paragraph for document in found["data"] for paragraph in document["paragraphs"]]
        asked = [question for paragraph in paragraphs for question in paragraph["qas"]]
        return {question["id"]: [answer["text"] for answer in question["answers"]] for question in asked}
    if path.suffix == ".jsonl":
        return [json.loads(line)["label"] for line in text.splitlines()]
    if task in ("panx", "udpos"):
        sentences: list[list[str]] = [[]]
        for line in text.splitlines():
            sentences = [*sentences, []] if not line.strip() else [*sentences[:-1], [*sentences[-1], line.strip()]]
        return sentences if sentences[-1] else sentences[:-1]
    lines = [line.strip() for line in text.splitlines()]
    return {tuple(line.split("\t")) for line in lines} if task == "bucc2018" else lines


def scored(metric: str, gold: Any, predictions: Any, language: str) -> dict[str, float]:
    """Our metric of what `official` read."""
    if metric == "bitext_f1":
        sources = sorted({source for source, _ in gold | predictions})
        gold, predictions = ([[e for s, e in side if s == source] for source in sources] for side in (gold, predictions))
    elif metric == "retrieval_accuracy":
        gold, predictions = [[number] for number in gold], [[number] for number in predictions]
    elif isinstance(gold, dict):
        assert gold.keys() == predictions.keys()
        gold, predictions = list(gold.values()), [predictions[key] for key in gold]
    return metrics.score(metric, gold, predictions, language)


def row(task: str, language: str, name: str, prediction: Any, gold: Any) -> dict[str, Any]:
    split = "validation" if task == "tydiqa" else "test"
    about = {"task": task, "language": language, "split": split, "id": name, "cluster": name}
    return about | {"prediction": prediction, "gold": gold}


def rows_of(task: str, language: str, predictions: Any, gold: Any) -> Rows:
    """Return the rows that a cell would have written, with these predictions and gold as in `official`."""
    if task == "bucc2018":
        targets = [{s: [f"{language}/{e}" for o, e in sorted(side) if o == s] for s, _ in side} for side in (predictions, gold)]
        sources = sorted({source for side in targets for source in side})
        return [row(task, language, f"{language}/{s}", targets[0].get(s, []), targets[1].get(s, [])) for s in sources]
    if task == "tatoeba":
        pairs = [[[f"{language}/{language}-{number}"] for number in side] for side in (predictions, gold)]
        return [row(task, language, f"{language}/en-{n}", *pair) for n, pair in enumerate(zip(*pairs, strict=True))]
    if isinstance(gold, dict):
        start = f"{language}/" if task == "mewslix" else ""
        return [row(task, language, start + name, predictions[name], gold[name]) for name in gold]
    numbered = "" if task == "xcopa" else "test-"
    return [row(task, language, f"{numbered}{n}", *pair) for n, pair in enumerate(zip(predictions, gold, strict=True))]


def write_cell(study: Path, task: str, rows: Rows, fingerprint: str = "0123456789abcdef", **changes: Any) -> str:
    """The result and the predictions of a cell; returns its name."""
    cell = {"study": "s", "intermediate": ["mnli"], "target": task, "training": [], "seed": 1, "model": "m", "recipe": "jiant"}
    cell |= {key: value for key, value in changes.items() if key in cell}
    counts: dict[tuple[str, str], int] = {}
    for one in rows:
        counts[one["language"], one["split"]] = counts.get((one["language"], one["split"]), 0) + 1
    common = {"task": task, "metric": "x", "value": None}
    result = {
        "schema": 1,
        "cell": cell,
        "fingerprint": fingerprint,
        "artifacts": [],
        "rows": [common | {"language": language, "split": split, "examples": n} for (language, split), n in counts.items()],
        "degenerate": [],
        "versions": {},
        "config": {"target": {"max_test_examples": changes.get("max_test_examples")}},
    }
    paths = CellPaths(study, name_of(result))
    write_predictions(paths.predictions, rows)
    write_result(paths.result, result)
    return name_of(result)


def made(task: str, language: str, chance: random.Random) -> tuple[Any, Any]:
    """Predictions and gold, right about half of the time, as `official` would read them."""
    known = declared(task)
    if known.format == "tagging":
        sides = [[[chance.choice(known.labels) for _ in range(1 + n % 5)] for n in range(6)] for _ in range(2)]
        return [gold if n % 2 else other for n, (other, gold) in enumerate(zip(*sides, strict=True))], sides[1]
    if known.format == "span_qa":
        names = [f"q{n}" for n in range(6)]
        words = ["the red cat", "قط أحمر", 'a "red"\tcat', "", "红猫"]
        return {name: chance.choice(words) for name in names}, {name: [chance.choice(words[:3])] for name in names}
    if task == "mewslix":
        entities = [f"Q{n}" for n in range(30)]
        return {f"m{n}": chance.sample(entities, 20) for n in range(6)}, {f"m{n}": [chance.choice(entities)] for n in range(6)}
    if task == "bucc2018":
        sides = [{(f"{language}-{n:09}", f"en-{chance.randrange(2):09}") for n in chance.sample(range(9), 6)} for _ in range(2)]
        return sides[0], sides[1]
    values: Iterable[Any] = [0, 1] if task == "xcopa" else known.labels or [str(n) for n in range(7)]
    return [chance.choice(list(values)) for _ in range(7)], [chance.choice(list(values)) for _ in range(7)]


@pytest.mark.parametrize("version", VERSIONS)
def test_tasks_and_languages_are_the_official_ones(version: str) -> None:
    assert set(VERSIONS[version]) == set(OFFICIAL[version])
    for task, wanted in OFFICIAL[version].items():
        assert sorted(languages(declared(task), version)) == sorted(wanted.split())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_scores_as_the_predictions_it_was_made_from(version: str, tmp_path: Path) -> None:
    chance = random.Random(5)
    rows, gold = {}, {}
    for task in VERSIONS[version]:
        sides = {language: made(task, language, chance) for language in OFFICIAL[version][task].split()}
        gold[task] = {language: right for language, (_, right) in sides.items()}
        rows[task] = {language: rows_of(task, language, *side) for language, side in sides.items()}
        write_cell(tmp_path, task, [one for part in rows[task].values() for one in part])
    assert submit(tmp_path, tmp_path / "made", version, "mnli") == []
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == sorted(VERSIONS[version])
    for task, of_language in rows.items():
        metric = declared(task).metrics[0]
        folder = tmp_path / "made" / task
        files = {path.name for path in folder.iterdir()}
        assert files == {f"test-{language}.{SUFFIX.get(task, 'tsv')}" for language in of_language}
        for language, own in of_language.items():
            read = official(folder / f"test-{language}.{SUFFIX.get(task, 'tsv')}")
            ours = metrics.score(metric, [one["gold"] for one in own], [one["prediction"] for one in own], language)
            assert scored(metric, gold[task][language], read, language) == pytest.approx(ours, rel=1e-12), (task, language)


@pytest.mark.parametrize("version", VERSIONS)
def test_mock_predictions_come_out_as_they_are_and_with_their_official_scores(
    version: str, shared_data: Path, tmp_path: Path
) -> None:
    mock = shared_data / "xtreme_mock"
    tasks = [path.name for path in (mock / "predictions").iterdir() if path.name in VERSIONS[version]]
    # Its predictions are for XTREME's languages: of XTREME-R's tasks, those without more.
    tasks = [task for task in tasks if len(list((mock / "labels" / task).iterdir())) == len(OFFICIAL[version][task].split())]
    assert sorted(tasks) == (sorted(VERSIONS["xtreme"]) if version == "xtreme" else ["mewslix", "mlqa", "tydiqa", "xnli"])
    expected = json.loads((mock / "expected" / "seqeval-0.0.12.json").read_text(encoding="utf-8"))
    for task in tasks:
        files = sorted((mock / "predictions" / task).iterdir())
        parts = [(path.stem[5:], official(path), official(mock / "labels" / task / path.name)) for path in files]
        write_cell(tmp_path, task, [one for part in parts for one in rows_of(task, *part)])
    absent = submit(tmp_path, tmp_path / "made", version, "mnli", partial=True)
    assert absent == [task for task in VERSIONS[version] if task not in tasks]
    for task in tasks:
        metric = declared(task).metrics[0]
        for path in (mock / "predictions" / task).iterdir():
            written = official(tmp_path / "made" / task / path.name)
            assert written == official(path)
            language = path.stem[5:]
            values = scored(metric, official(mock / "labels" / task / path.name), written, language)
            if task in expected:
                key, told = metrics.main_key(metric), metrics.main_key(metric).split("_seqeval")[0]
                assert values[key] == pytest.approx(expected[task][told][language], rel=1e-9), (task, language)


XCOPA = OFFICIAL["xtreme-r"]["xcopa"].split()


def xcopa(skip: str = "", count: int = 3) -> Rows:
    languages = [language for language in XCOPA if language not in skip.split()]
    return [row("xcopa", language, str(n), n % 2, None) for language in languages for n in range(count)]


def refused(study: Path, *arguments: Any, **more: Any) -> str:
    """The message; nothing may be left behind."""
    before = sorted(study.iterdir()) if study.exists() else []
    with pytest.raises(UserError) as caught:
        submit(study, study / "made", *(arguments or ("xtreme-r", "mnli")), **{"partial": True, **more})
    assert (sorted(study.iterdir()) if study.exists() else []) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_languages_of_all_tasks_are_named(tmp_path: Path) -> None:
    name = write_cell(tmp_path, "xcopa", xcopa(skip="qu tr"))
    other = write_cell(tmp_path, "mlqa", [row("mlqa", "en", "q", "a", None)])
    message = refused(tmp_path)
    assert f"{name} has no predictions for qu tr, expected 11 languages in split test" in message
    assert f"{other} has no predictions for ar de es hi vi zh, expected 7 languages in split test: run the cell" in message
    assert message.count("; ") == 1


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["test-1", "test-2"], "id 'test-1' stands in row 0: rows are missing or not in the order"),
        (["test-0", "test-2"], "id 'test-2' stands in row 1"),
        (["test-1", "test-0"], "id 'test-1' stands in row 0"),
    ],
)
def test_row_numbers_must_be_consecutive(names: list[str], expected: str, tmp_path: Path) -> None:
    rows = [row("pawsx", language, n, "1", "1") for language in OFFICIAL["xtreme"]["pawsx"].split() for n in names]
    name = write_cell(tmp_path, "pawsx", rows)
    assert f"{name}, en: {expected}" in refused(tmp_path, "xtreme", "mnli")


def test_tatoeba_needs_every_english_line(tmp_path: Path) -> None:
    lines = [(language, number) for language in TATOEBA.split() for number in (0, 1, 2) if (language, number) != ("sw", 1)]
    name = write_cell(tmp_path, "tatoeba", [row("tatoeba", lg, f"{lg}/en-{n}", [f"{lg}/{lg}-2"], None) for lg, n in lines])
    assert refused(tmp_path, "xtreme", "mnli").startswith(f"{name}, sw: id 'sw/en-2' stands in row 1: ")


def test_a_short_or_repeated_or_empty_file_of_predictions(tmp_path: Path) -> None:
    from pyarrow import concat_tables, parquet

    name = write_cell(tmp_path, "xcopa", xcopa())
    path = CellPaths(tmp_path, name).predictions
    table = parquet.read_table(path)
    parquet.write_table(table.slice(1), path)
    assert refused(tmp_path) == f"{name}, et: 2 predictions, expected 3 as its result says; delete its files and run it again"
    parquet.write_table(concat_tables([table, table.slice(0, 1)]), path)
    assert refused(tmp_path).startswith(f"{path} has two predictions for et test 0: delete it with the result of its cell")
    write_predictions(path, [one | {"prediction": None if one["id"] == "1" else 0} for one in xcopa()])
    assert f"{name}, zh: no prediction for id '1'" in refused(tmp_path)
    write_predictions(path, [one | {"prediction": "B" if one["id"] == "1" else 0} for one in xcopa()])
    assert f"{name}, zh: the prediction for id '1' is \"B\", expected a whole number from 0 on" in refused(tmp_path)
    write_predictions(path, [one | {"task": "copa"} for one in xcopa()])
    assert refused(tmp_path).startswith(f"{path} has predictions of copa, expected xcopa")
    path.unlink()
    assert refused(tmp_path).startswith(f"no predictions at {path}")


def test_fewer_test_examples_are_refused(tmp_path: Path) -> None:
    name = write_cell(tmp_path, "xcopa", xcopa(), max_test_examples=3)
    assert refused(tmp_path) == f"{name} was evaluated with target.max_test_examples=3, expected null: run it without"


def test_two_cells_of_a_target(tmp_path: Path) -> None:
    first = write_cell(tmp_path, "xcopa", xcopa(), "1" * 16)
    second = write_cell(tmp_path, "xcopa", xcopa(count=4), "2" * 16, model="other")
    told = f"two cells of target xcopa, {first} and {second}: choose with "
    assert refused(tmp_path) == f"{told}--model m or --model other"
    submit(tmp_path, tmp_path / "a", "xtreme-r", "mnli", model="other", partial=True)
    assert official(tmp_path / "a" / "xcopa" / "test-et.jsonl") == [0, 1, 0, 1]

    third = write_cell(tmp_path, "xcopa", xcopa(count=5), "3" * 16)
    assert refused(tmp_path, model="m") == (
        f"two cells of target xcopa, {first} and {third}: choose with --cell {first} or another"
    )
    submit(tmp_path, tmp_path / "b", "xtreme-r", "mnli", cells=[f"{third}.json"], partial=True)
    assert official(tmp_path / "b" / "xcopa" / "test-et.jsonl") == [0, 1, 0, 1, 0]
    assert "unknown cell 'mnli.xcopa.seed1.44444444': did you mean mnli.xcopa.seed1." in refused(
        tmp_path, cells=["mnli.xcopa.seed1.44444444"]
    )
    write_cell(tmp_path, "xcopa", xcopa(), "4" * 16, seed=2, recipe="xtreme")  # another seed is no second cell
    submit(tmp_path, tmp_path / "c", "xtreme-r", "mnli", 2, recipe="xtreme", partial=True)


def test_what_is_not_there(tmp_path: Path) -> None:
    assert refused(tmp_path).startswith(f"no folder of results at {tmp_path / 'results'}")
    (tmp_path / "results").mkdir()
    asked = f"{tmp_path} has no cell of xtreme-r with intermediate mnli and seed 1: it has "
    assert refused(tmp_path) == f"{asked}none at all"
    write_cell(tmp_path, "xcopa", xcopa(), intermediate=["mnli", "mlm"], seed=4)
    assert refused(tmp_path) == f"{asked}mnli+mlm with seed 4"
    tasks = [task for task in VERSIONS["xtreme-r"] if task != "xcopa"]
    assert refused(tmp_path, "xtreme-r", "mnli+mlm", 4, partial=False).startswith(
        f"{tmp_path} has no cell with intermediate mnli+mlm and seed 4 for {', '.join(tasks)}: "
    )
    assert (
        refused(tmp_path, "xtreme-x", "mnli") == "unknown version of the benchmark 'xtreme-x': did you mean xtreme-r or xtreme?"
    )
    assert submit(tmp_path, tmp_path / "made", "xtreme-r", "mnli+mlm", 4, partial=True) == tasks
    assert refused(tmp_path, "xtreme-r", "mnli+mlm", 4).startswith(f"{tmp_path / 'made'} exists already: ")
