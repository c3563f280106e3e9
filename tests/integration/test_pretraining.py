"""Phase 1 from text: made once, used by every cell with the same options, the same to the bit wherever it is made."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.store.artifacts import read_metadata

Run = Callable[..., Any]
SMALL = (
    "model.tokenizer=null",
    "pretraining.tasks.mlm.languages=[en,de,fr]",
    "pretraining.vocabulary=150",
    "pretraining.recipe.max_steps=6",
)


@pytest.fixture
def cell(run_inline: Run, toy_world: Any, tmp_path: Path) -> Run:
    """Run a cell on the toy world with an encoder made from its text, in a store of the test's own."""

    def run(*overrides: str, place: Path = tmp_path) -> Any:
        return run_inline(*toy_world.options, *SMALL, f"store.root={place / 'store'}", f"output={place / 'out'}", *overrides)

    return run


def folders(ran: Any, place: Path) -> dict[str, Path]:
    """Label -> folder, of all that the cell was made from."""
    return {a["label"]: place / "store" / a["kind"] / a["fingerprint"] for a in ran.result["artifacts"]}


def trained(ran: Any) -> list[str]:
    return [line.split(": training")[0] for line in ran.log if ": training " in line]


def pretrain(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """As a user types it."""
    return subprocess.run(
        [sys.executable, "-m", "xstilts.pretrain", *overrides],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_is_trained_once_for_all_cells(cell: Run, tmp_path: Path) -> None:
    first = cell("+target=tatoeba")
    assert trained(first) == ["phase 1: tokenizer", "phase 1: mlm"] == list(folders(first, tmp_path))
    assert first.result["cell"]["model"] == "tiny" and first.result["config"]["model"]["tokenizer"] is None

    second = cell("+target=pawsx", "seed=7", "recipe=xtreme", "model.pooler=fresh", "trainer.max_tokens=512")
    assert trained(second) == ["phase 3: pawsx"]
    made = folders(second, tmp_path)
    assert list(made) == ["phase 1: tokenizer", "phase 1: mlm", "phase 3: pawsx"]
    assert read_metadata(made["phase 3: pawsx"])["parent"] == str(made["phase 1: mlm"])
    assert made["phase 1: mlm"] == folders(first, tmp_path)["phase 1: mlm"]

    again = cell("+target=pawsx", "seed=7", "recipe=xtreme", "model.pooler=fresh", "store.refresh=all")
    assert trained(again) == ["phase 3: pawsx"], "it is not the cell's own"
    assert again.result["rows"] == second.result["rows"]

    changed = cell("+target=tatoeba", "pretraining.recipe.max_steps=5")
    assert trained(changed) == ["phase 1: mlm"]
    other_text = cell("+target=tatoeba", "pretraining.tasks.mlm.languages=[en,de]")
    assert trained(other_text) == ["phase 1: tokenizer", "phase 1: mlm"]


def test_two_stores_hold_the_same_weights(cell: Run, tmp_path: Path, weights_of: Callable[[Path], dict[str, str]]) -> None:
    one, two = (folders(cell("+target=tatoeba", place=tmp_path / name), tmp_path / name) for name in ("one", "two"))
    assert [path.name for path in one.values()] == [path.name for path in two.values()]
    weights = [weights_of(found["phase 1: mlm"]) for found in (one, two)]
    assert weights[0] == weights[1] and weights[0]
    texts = [(found["phase 1: tokenizer"] / "tokenizer.json").read_bytes() for found in (one, two)]
    assert texts[0] == texts[1]
    cards = [(found["phase 1: mlm"] / "README.md").read_text(encoding="utf-8") for found in (one, two)]
    assert cards[0] == cards[1] and str(tmp_path) not in cards[0]


def test_the_control_has_the_tokenizer_and_random_weights(cell: Run, tmp_path: Path) -> None:
    control = cell("+target=tatoeba", "pretraining.encoder=false")
    assert trained(control) == ["phase 1: tokenizer"] == list(folders(control, tmp_path))
    tuned = cell("+target=pawsx", "pretraining.encoder=false")
    assert trained(tuned) == ["phase 3: pawsx"]
    full = cell("+target=tatoeba")
    assert trained(full) == ["phase 1: mlm"], "the tokenizer is the same"
    assert full.result["fingerprint"] != control.result["fingerprint"]


@pytest.mark.long
def test_the_command_pretrains_on_real_text_and_the_folder_is_of_use_to_anybody(
    shared_data: Path, tmp_path: Path, run_inline: Run, toy_world: Any
) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    for language in ("de", "en", "sw"):
        (tmp_path / "text" / "mlm").mkdir(parents=True, exist_ok=True)
        rows = [line.split("\t") for line in (shared_data / f"xtreme/xnli/dev-{language}.tsv").read_text().splitlines()[:300]]
        (tmp_path / "text" / "mlm" / f"{language}.txt").write_text("".join(f"{row[1]}\n" for row in rows))
        if language != "en":
            (tmp_path / "text" / "tlm").mkdir(exist_ok=True)
            pairs = zip(rows, (tmp_path / "text/mlm/en.txt").read_text().splitlines(), strict=True) if language == "sw" else []
            text = "".join(f"{row[1]}\t{english}\n" for row, english in pairs if '"' not in row[1] + english)
            (tmp_path / "text" / "tlm" / f"{language}-en.tsv").write_text(text)
    options = [
        "model=tiny",
        "data=xtreme",
        f"data.root={tmp_path / 'text'}",
        "pretraining=mlm_tlm",
        "pretraining.tasks.mlm.languages=[en,de,sw]",
        "pretraining.tasks.tlm.languages=[sw]",
        "pretraining.vocabulary=900",
        "pretraining.recipe.max_steps=8",
        "model.tiny.hidden_size=32",
        "model.tiny.intermediate_size=64",
        "trainer.num_threads=1",
    ]
    done = pretrain(tmp_path, *options)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[0])
    assert done.stdout.splitlines()[1] == f"to use it elsewhere: model.name_or_path={folder}"
    lines = [line.split(": training")[0] for line in done.stderr.splitlines()]
    assert lines == ["reading mlm train, tlm train once, before training", "phase 1: tokenizer", "phase 1: mlm+tlm"]

    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder, trust_remote_code=False),
        AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=False),
    )
    sentence = tokenizer("The dog <mask> home.", "Der Hund geht.", return_tensors="pt")
    assert model(**sentence).logits.shape[-1] == len(tokenizer) == 900
    assert (tokenizer.mask_token_id, model.config.hidden_dropout_prob) == (4, 0.1), "trained without dropout, saved with it"

    ran = run_inline(
        *(option for option in toy_world.options if not option.startswith("model")),
        f"model.name_or_path={folder}",
        "+target=tatoeba",
        f"store.root={tmp_path / 'other'}",
        f"output={tmp_path / 'out'}",
    )
    assert ran.result["artifacts"] == [] and ran.result["cell"]["model"] == str(folder)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((), "nothing to pretrain: got FacebookAI/xlm-roberta-large, expected model=tiny without model.tokenizer"),
        (("model=tiny", "pretraining=mlmm"), "unknown pretraining 'mlmm': did you mean mlm"),
        (("model=tiny", "data=xtreme", "data.root=/"), "no train data of task 'mlm' in language 'en': looked for /mlm/en.txt"),
        (("model=tiny", "data=xtreme", "data.root=/", "pretraining.recipe.dropout=-1"), "dropout: got -1"),
    ],
    ids=["no tiny encoder", "unknown text", "no text", "bad number"],
)
def test_what_cannot_be_pretrained_is_one_line(overrides: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = pretrain(tmp_path, *overrides)
    assert done.returncode == 2 and done.stdout == ""
    assert message in done.stderr and all(line.startswith("error: ") for line in done.stderr.splitlines()), done.stderr
    assert not list(tmp_path.iterdir())
