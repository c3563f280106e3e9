"""The synthetic world from its seed to results, three languages and a small encoder: that all parts meet, and no score.

What is learnt from so little text means nothing. `tests/babel` is about the examples, `test_pretraining` about phase 1 alone.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xstilts.sources import source_of
from xstilts.sources.generated import generate
from xstilts.store.artifacts import read_metadata
from xstilts.store.results import read_predictions

Run = Callable[..., Any]
MICRO = ("data=babel_micro", "trainer.accelerator=cpu", "trainer.num_threads=1")
BRIEF = ("intermediate.recipe.max_steps=2", "target.recipe.max_steps=2")
LANGUAGES = ("qaa", "qab", "qaf")
TARGETS = "xnli pawsx udpos panx xquad mlqa tydiqa bucc2018 tatoeba xcopa lareqa".split()
INTERMEDIATES = (
    "mnli snli qqp squad_v1 squad_v2 hellaswag cosmosqa commonsenseqa ccg anli siqa copa anli_plus multitask mlm tlm".split()
)
FAST = ("xnli", "xquad", "bucc2018", "xcopa", "lareqa", "ccg", "anli_plus", "tlm")
"""A cell for each format, and one that trains on several tasks at once; the others are alike."""


@dataclass(frozen=True)
class Encoder:
    """The one of the micro world, made once: its store, what was said meanwhile, and the folder of its training curve."""

    store: Path
    log: list[str]
    folder: Path
    curves: Path


@pytest.fixture(scope="session")
def encoder(run_inline: Run, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    place = tmp_path_factory.mktemp("micro")
    store, output = place / "store", place / "out"
    ran = run_inline("+target=tatoeba", *MICRO, f"store.root={store}", f"output={output}")
    made = {artifact["label"]: store / artifact["kind"] / artifact["fingerprint"] for artifact in ran.result["artifacts"]}
    assert list(made) == ["phase 1: tokenizer", "phase 1: mlm+tlm"]
    return Encoder(store, ran.log, made["phase 1: mlm+tlm"], output / "curves")


@pytest.fixture
def cell(run_inline: Run, encoder: Encoder, tmp_path: Path) -> Run:
    """Run a cell of two steps per phase that starts from that encoder."""

    def run(*overrides: str) -> Any:
        return run_inline(*MICRO, *BRIEF, f"store.root={encoder.store}", f"output={tmp_path / 'out'}", *overrides)

    return run


def slow(names: Sequence[str]) -> list[Any]:
    return [pytest.param(name, marks=[] if name in FAST else [pytest.mark.slow]) for name in names]


def trained(log: list[str]) -> list[str]:
    return [line.split(": training ")[0] for line in log if ": training " in line]


def check_evaluation(ran: Any, output: Path) -> None:
    """Every language of the world has scores, and every example of its files one prediction."""
    target, data = ran.config.target, ran.config.data
    expected: Counter[tuple[str, str, str]] = Counter()
    for split in target.task.evaluate:
        for path in generate(source_of(target.task, data), split, None):
            language = path.stem.removeprefix(f"{split}-")
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            expected.update((language, split, row["id"]) for row in rows if row.get("side", "query") == "query")
    languages = LANGUAGES[1:] if target.task.name in ("tatoeba", "bucc2018") else LANGUAGES
    assert {language for language, *_ in expected} == set(languages) == set(target.task.languages)

    (file,) = (output / "predictions").iterdir()
    predictions = read_predictions(file)
    assert Counter((row["language"], row["split"], row["id"]) for row in predictions) == expected
    assert set(expected.values()) == {1}
    assert {(row["language"], row["split"]) for row in ran.result["rows"]} == {found[:2] for found in expected}
    assert all(0 <= row["value"] <= 100 for row in ran.result["rows"])
    assert all(re.search(rf"^ *{language} .*\d\.\d", ran.table, re.MULTILINE) for language in languages)


def test_the_encoder_learns_from_the_worlds_text(encoder: Encoder) -> None:
    assert trained(encoder.log) == ["phase 1: tokenizer", "phase 1: mlm+tlm"]
    assert read_metadata(encoder.folder)["steps"] == 150
    (file,) = encoder.curves.rglob("metrics.csv")
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    for task in ("mlm", "tlm"):
        losses = [float(row[f"train/loss/{task}"]) for row in rows if row[f"train/loss/{task}"]]
        assert losses[-1] < 0.8 * losses[0], task


@pytest.mark.parametrize("target", slow(TARGETS))
def test_every_target(target: str, cell: Run, tmp_path: Path) -> None:
    ran = cell(f"+target={target}")
    third = [line.rpartition(":")[0] for line in ran.log if line.startswith("phase 3: ")]  # trained here, or for another target
    assert third == [f"phase 3: {name}" for name in ran.config.target.training]
    check_evaluation(ran, tmp_path / "out")


@pytest.mark.parametrize("intermediate", slow(INTERMEDIATES))
def test_every_intermediate(intermediate: str, cell: Run, tmp_path: Path) -> None:
    ran = cell(f"+intermediate={intermediate}", "+target=tatoeba")
    assert trained(ran.log) == [f"phase 2: {'+'.join(ran.config.intermediate.tasks)}"]
    check_evaluation(ran, tmp_path / "out")


def test_a_world_gives_the_same_weights_wherever_it_is_made(
    run_inline: Run, tmp_path: Path, weights_of: Callable[[Path], dict[str, str]]
) -> None:
    made = []
    for place in (tmp_path / "one", tmp_path / "two"):
        brief = ("+target=tatoeba", "pretraining.recipe.max_steps=6", "target.max_test_examples=2")
        ran = run_inline(*MICRO, *brief, f"store.root={place / 'store'}", f"output={place / 'out'}")
        found = [place / "store" / artifact["kind"] / artifact["fingerprint"] for artifact in ran.result["artifacts"]]
        made.append([[folder.name, weights_of(folder), (folder / "tokenizer.json").read_bytes()] for folder in found])
        made[-1].append((found[-1] / "README.md").read_text(encoding="utf-8"))
    assert made[0] == made[1] and made[0][-2][1]
    assert "| `tatoeba` | test | `accuracy, layer " in made[0][-1] and "limited: the first 2 of a language" in made[0][-1]


def test_an_encoder_is_of_use_in_its_own_world_only(
    cell: Run, main_fails: Callable[..., list[str]], encoder: Encoder, tmp_path: Path
) -> None:
    given = f"model.name_or_path={encoder.folder}"
    assert cell("+target=tatoeba", given).result["artifacts"] == []
    (line,) = main_fails("+target=tatoeba", *MICRO, given, "data.world.seed=1")
    assert line.startswith(f"error: the encoder {given} was pretrained on another synthetic world than data.world: got ")
    assert not (tmp_path / "store" / "trained").exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("+target=xnli", "target.languages=[qaa,de]"),
            "unknown language in target.languages 'de': valid: qaa, qab, qac, qad, qae, qaf, qag, qah.",
        ),
        (
            ("+target=xnli", "data.world.languages.qaf.order=OSV"),
            "unknown data.world.languages.qaf.order 'OSV': did you mean SVO or SOV?",
        ),
        (
            ("+target=xnli", "data.world.languages.qaf.ordre=SOV"),
            "unknown option 'data.world.languages.qaf.ordre': did you mean data.world.languages.qaf.order",
        ),
        (("+target=mewslix",), "unknown source of task mewslix 'babel': valid: hub, xtreme."),
    ],
    ids=["language", "value of a feature", "feature", "task"],
)
def test_what_a_world_does_not_have_is_one_line(
    overrides: tuple[str, ...], message: str, main_fails: Callable[..., list[str]], tmp_path: Path
) -> None:
    (line,) = main_fails(*overrides, "data=babel")
    assert line.startswith(f"error: {message}")
    assert not list(tmp_path.iterdir()), "nothing was made before"
