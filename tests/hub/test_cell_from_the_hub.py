"""A whole cell as a user types it, in a process of its own: data, tokenizer and encoder from the stand-in hub."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import hf_hub_download

from xstilts.paths import conf_dir
from xstilts.store.results import read_results
from xstilts.tasks.catalogue import load_task

NLI = [{"premise": f"red {n}", "hypothesis": "green blue", "label": n % 3} for n in range(12)]
CELL = (
    "+intermediate=snli +target=xnli data=hub data.expect=false model.name_or_path=owner/encoder target.languages=[en,sw] "
    "trainer.accelerator=cpu trainer.num_threads=1 logger=none intermediate.recipe.max_steps=2 intermediate.recipe.eval_every=1 "
    "target.recipe.max_steps=2 target.recipe.eval_every=1 intermediate.recipe.max_length=32 target.recipe.max_length=32"
).split()
ALL = ("train", "validation", "test")


@pytest.fixture
def served(hub_server: Any, parquet: Callable[..., bytes], encoder_files: dict[str, bytes]) -> Any:
    hub = hub_server[0]
    rows, numbered = parquet(NLI), parquet([{**row, "idx": number} for number, row in enumerate(NLI)])
    hub.add("dataset", "nyu-mll/glue", {f"mnli/{name}-0.parquet": numbered for name in ("train", "validation_matched")})
    hub.add("dataset", "stanfordnlp/snli", {f"plain_text/{split}-0.parquet": rows for split in ALL})
    places = [f"{language}/{split}-0.parquet" for language in ("en", "sw", "de") for split in ALL]
    hub.add("dataset", "facebook/xnli", dict.fromkeys(places, rows))
    hub.add("model", "owner/encoder", encoder_files | {"pytorch_model.bin": b"other weights", "onnx/model.onnx": b"x"})
    return hub


@pytest.fixture
def command(hub_environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run an entry point with the cell's options, in an empty folder."""

    def run(module: str, *overrides: str, offline: bool = False) -> subprocess.CompletedProcess[str]:
        environment = hub_environment | {"HF_HUB_OFFLINE": "1" if offline else "0"}
        words = [
            sys.executable,
            "-m",
            f"xstilts.{module}",
            *CELL,
            f"store.root={tmp_path / 'store'}",
            f"output={tmp_path / 'out'}",
            *overrides,
        ]
        folder = tmp_path / "cwd"
        folder.mkdir(exist_ok=True)
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)

    return run


@pytest.mark.long
def test_fetch_then_train_without_network(served: Any, command: Callable[..., Any], tmp_path: Path) -> None:
    missing = command("fetch", offline=True)
    assert missing.returncode == 1, missing.stderr
    assert "0 ready" in missing.stdout and "is not in the cache" in re.sub(r"\s+", " ", missing.stdout)
    assert not served.requests

    ready = command("fetch")
    assert ready.returncode == 0, ready.stdout + ready.stderr
    assert "0 missing" in ready.stdout
    assert len(list((tmp_path / "store" / "features").glob("*/done.json"))) == 5
    assert not (tmp_path / "store" / "trained").exists(), "nothing is trained"
    downloaded = {request.rsplit("/", 1)[1] for request in served.requests if request.startswith("GET /owner")}
    assert "model.safetensors" in downloaded and not downloaded & {"pytorch_model.bin", "model.onnx"}
    assert not any("/de/" in request for request in served.requests), "a language that nobody asked for"

    asked = len(served.requests)
    drifted = command("train", "data.expect=true", offline=True)
    assert drifted.returncode == 2
    assert "got 12 rows, expected 550152; the data differs" in drifted.stderr and "Traceback" not in drifted.stderr
    trained = command("train", offline=True)
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert len(served.requests) == asked
    (result,) = read_results(tmp_path / "out" / "results")
    assert {(row["language"], row["split"]) for row in result["rows"]} == {
        (la, sp) for la in ("en", "sw") for sp in ("validation", "test")
    }
    assert result["cell"]["model"] == "owner/encoder" == result["config"]["model"]["name_or_path"]
    assert re.fullmatch("[0-9a-f]{40}", result["config"]["model"]["revision"])
    commit = result["config"]["target"]["task"]["sources"]["hub"]["revision"]
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert len(list((tmp_path / "store" / "features").glob("*/done.json"))) == 5, "the features were there already"


@pytest.mark.slow
def test_the_same_result_without_kept_features(hub: Any, served: Any, run_here: Callable[..., Any], tmp_path: Path) -> None:
    found = []
    for kept in ("true", "false"):
        place = [f"store.root={tmp_path / kept}", f"output={tmp_path / kept / 'out'}", f"store.features={kept}"]
        words = [word for word in CELL if "intermediate" not in word]
        result = run_here([*words, *place, "target.splits=[test]", "worker=inline"])
        weights = [path.read_bytes() for path in sorted((tmp_path / kept / "trained").rglob("*.safetensors"))]
        found.append((result["rows"], result["fingerprint"], weights))
        assert (tmp_path / kept / "features").exists() == (kept == "true")
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_cell_without_network_on_what_other_programs_downloaded(
    hub: Any, served: Any, run_here: Callable[..., Any], restart: Callable[..., None], tmp_path: Path
) -> None:
    pins = {name: load_task(conf_dir(), name).sources["hub"] for name in ("mnli", "xnli")}
    revisions = {source.hub: source.revision for source in pins.values()}
    for (kind, name), repository in served.repositories.items():
        for path in repository.files:
            hf_hub_download(name, path, repo_type=kind.removesuffix("s"), revision=revisions.get(name))
    asked = len(served.requests)
    restart(offline=True)
    words = [word for word in CELL if "intermediate" not in word]
    result = run_here([*words, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", "worker=inline"])
    assert {row["language"] for row in result["rows"]} == {"en", "sw"}
    assert len(served.requests) == asked, "nobody is asked"


@pytest.mark.slow
def test_wrong_names_and_help_ask_nobody(served: Any, command: Callable[..., Any]) -> None:
    for words, code in ((["--cfg", "job"], 0), (["--help"], 0), (["target.languages=[xx]"], 2), (["target.reciep.epochs=1"], 2)):
        assert command("train", *words).returncode == code
    assert not served.requests
