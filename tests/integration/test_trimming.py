"""A cell that trains with the word embeddings of its data alone ends as one that trains with all of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from xstilts.cell.phases import plan
from xstilts.cell.resolve import resolve

Run = Callable[..., Any]
CELL = (
    "+intermediate=[snli,squad_v1]",
    "+target=pawsx",
    "intermediate.recipe.max_steps=12",
    "target.recipe.max_steps=12",
    "target.recipe.eval_every=4",
    "intermediate.recipe.eval_every=4",
    "recipe.default.weight_decay=0.1",
    "recipe.default.adam_epsilon=1e-3",
)
"""Phase 2 of two formats, then phase 3; the best weights by validation, weight decay, dropout."""


def artifacts(ran: Any) -> list[Path]:
    store = Path(ran.config.store.root)
    return [store / told["kind"] / told["fingerprint"] for told in ran.result["artifacts"]]


def test_on_and_off_give_the_same_artifacts(run_inline: Run, toy_world: Any, tmp_path: Path) -> None:
    ran = {
        setting: run_inline(
            *toy_world.options,
            *CELL,
            f"store.root={tmp_path / setting / 'store'}",
            f"output={tmp_path / setting}",
            f"model.trim_vocabulary={setting}",
        )
        for setting in ("null", "false")
    }
    told = [line for line in ran["null"].log if " word embeddings, all that its data has" in line]
    assert [line.split(": trains ")[0] for line in told] == ["phase 2: snli+squad_v1", "phase 3: pawsx"]
    assert not any(" word embeddings, " in line for line in ran["false"].log)
    assert [path.name for path in artifacts(ran["null"])] == [path.name for path in artifacts(ran["false"])]
    for trimmed, whole in zip(artifacts(ran["null"]), artifacts(ran["false"]), strict=True):
        files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
        assert files == sorted(path.relative_to(trimmed) for path in trimmed.rglob("*") if path.is_file())
        assert (trimmed / "config.json").read_bytes() == (whole / "config.json").read_bytes()
        for file in files:
            if file.suffix == ".safetensors":
                assert (trimmed / file).stat().st_size == (whole / file).stat().st_size
                found, expected = load_file(trimmed / file), load_file(whole / file)
                assert list(found) == list(expected)
                for name, tensor in expected.items():
                    torch.testing.assert_close(
                        found[name], tensor, rtol=1e-4, atol=2e-6, msg=lambda text, name=name: f"{name} {text}"
                    )
        AutoModelForSequenceClassification.from_pretrained(trimmed, trust_remote_code=False)


@pytest.mark.parametrize("setting", ["true", "false"])
def test_it_is_in_no_fingerprint(setting: str, compose_config: Run, toy_world: Any, tmp_path: Path) -> None:
    place = (f"store.root={tmp_path / 'store'}", f"output={tmp_path}")

    def names(*overrides: str) -> list[str]:
        cell = plan(resolve(compose_config(*toy_world.options, *place, "+intermediate=mnli", "+target=xnli", *overrides)))
        return [*(phase.paths.fingerprint for phase in cell.training), cell.paths.name]

    assert names(f"model.trim_vocabulary={setting}") == names()


def test_masked_language_modelling_keeps_all_and_refuses_to_be_asked(
    main_fails: Run, run_inline: Run, toy_world: Any, tmp_path: Path
) -> None:
    cell = (*toy_world.options, "+intermediate=[snli,mlm]", "intermediate.tasks.mlm.languages=[de]", "+target=tatoeba")
    lines = main_fails(*cell, "model.trim_vocabulary=true")
    (line,) = (line for line in lines if line.startswith("error: "))
    assert "model.trim_vocabulary=true: a head needs all word embeddings" in line and "phase 2: snli+mlm" in line
    ran = run_inline(*cell, "intermediate.recipe.max_steps=2", f"store.root={tmp_path / 'second'}", f"output={tmp_path / 'out'}")
    assert not any(" word embeddings, " in line for line in ran.log)


def test_frozen_embeddings_are_trimmed_only_if_asked(run_inline: Run, toy_world: Any, tmp_path: Path) -> None:
    found = {}
    for setting in ("null", "true"):
        place = (f"store.root={tmp_path / setting / 'store'}", f"output={tmp_path / setting}")
        few = ("+target=pawsx", "target.recipe.max_steps=3", "target.recipe.freeze_embeddings=true")
        ran = run_inline(*toy_world.options, *place, *few, f"model.trim_vocabulary={setting}")
        assert any(" word embeddings, " in line for line in ran.log) == (setting == "true")
        found[setting] = load_file(artifacts(ran)[0] / "model.safetensors")
    assert all(torch.equal(tensor, found["true"][name]) for name, tensor in found["null"].items())
