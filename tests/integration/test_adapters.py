"""Cells that train adapters: their artifacts, what goes from phase 2 to phase 3, their fingerprints, and what is refused."""

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from xstilts.cell.checks.adapters import adapter_problems
from xstilts.cell.phases import plan
from xstilts.cell.resolve import resolve
from xstilts.store.results import cell_predictions

peft = pytest.importorskip("peft")
Run = Callable[..., Any]
CELL = ("+intermediate=snli", "+target=pawsx", "intermediate.recipe.learning_rate=1e-2", "target.recipe.learning_rate=1e-2")
FILE = "adapter_model.safetensors"
SWAPPED = (
    *("+intermediate=mlm", "+target=pawsx", "intermediate.recipe.learning_rate=1e-2", "target.recipe.learning_rate=1e-2"),
    *("model.adapter=lora", "model.previous_adapter=stacked", "target.languages=[en,de,fr]"),
)
OWN = "intermediate.tasks.mlm.language_adapters=true"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, toy_world: Any) -> Path:
    """The folder of an encoder, so that plain peft can load what the adapters lie on."""
    from xstilts.config import ModelConfig, TinyArchitecture
    from xstilts.models.encoder import build_encoder

    tokenizer = AutoTokenizer.from_pretrained(toy_world.tokenizer, trust_remote_code=False)
    sizes: dict[str, Any] = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 130}
    sizes["initializer_range"] = 0.2
    folder = tmp_path_factory.mktemp("encoder")
    build_encoder(ModelConfig(tiny=TinyArchitecture(**sizes)), tokenizer).backbone.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapted(
    run_inline: Run, toy_world: Any, encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., list[Path]]:
    """The artifacts of a cell with these options, made once, all in one store."""
    place = tmp_path_factory.mktemp("cells")
    known: dict[tuple[str, ...], list[Path]] = {}

    def get(*options: str) -> list[Path]:
        if options not in known:
            ran = run_inline(*options_of(toy_world, encoder, place), *CELL, *options)
            known[options] = [place / "store" / made["kind"] / made["fingerprint"] for made in ran.result["artifacts"]]
        return known[options]

    return get


def options_of(world: Any, encoder: Path, place: Path) -> tuple[str, ...]:
    of_model = (f"model.name_or_path={encoder}", "model.tokenizer=null")
    return (*world.options, *of_model, f"store.root={place / 'store'}", f"output={place / 'out'}")


def adapters(artifact: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {path.parent.name: load_file(path) for path in sorted(artifact.glob(f"adapters/*/{FILE}"))}


PAIRS = [["red cat runs", "now"], ["dog", "bird sings fast"]]


def logits(artifact: Path, backbone: Any = None, pairs: list[list[str]] = PAIRS) -> torch.Tensor:
    """The logits of a published checkpoint; with the layers of `backbone` in the place of its own."""
    model = AutoModelForSequenceClassification.from_pretrained(artifact, trust_remote_code=False).eval()
    if backbone is not None:
        setattr(model, model.base_model_prefix, backbone)
    batch = AutoTokenizer.from_pretrained(artifact, trust_remote_code=False)(
        *map(list, zip(*pairs, strict=True)), return_tensors="pt", padding=True
    )
    with torch.no_grad():
        return model(**batch).logits


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.parametrize("previous", ["merged", "kept", "stacked"])
@pytest.mark.parametrize("kind", ["lora", "ia3"])
def test_plain_peft_on_the_base_computes_what_the_merged_checkpoint_does(
    kind: str, previous: str, adapted: Callable[..., list[Path]], encoder: Path
) -> None:
    second, third = adapted(f"model.adapter={kind}", f"model.previous_adapter={previous}")
    before, after = adapters(second), adapters(third)
    assert list(before) == ["1"]
    assert list(after) == (["1", "2"] if previous == "stacked" else ["1"])
    same = {name: torch.equal(tensor, after["1"][name]) for name, tensor in before["1"].items()}
    assert all(same.values()) == (previous == "stacked")
    base = AutoModel.from_pretrained(
        second if previous == "merged" else encoder, add_pooling_layer=False, trust_remote_code=False
    )
    model = peft.PeftModel.from_pretrained(base, third, "1", subfolder="adapters/1")
    if previous == "stacked":
        model.load_adapter(third, "2", subfolder="adapters/2")
        model.base_model.set_adapter(["1", "2"])
    torch.testing.assert_close(logits(third, model.eval()), logits(third), rtol=1e-5, atol=1e-5)
    assert (
        logits(third) - logits(third, AutoModel.from_pretrained(encoder, add_pooling_layer=False, trust_remote_code=False).eval())
    ).abs().max() > 1e-4
    given, merged = load_file(encoder / "model.safetensors"), load_file(third / "model.safetensors")
    ends = ("query.weight", "value.weight") if kind == "lora" else ("key.", "value.", "output.dense.")
    for name, tensor in given.items():
        assert (
            torch.equal(merged[f"roberta.{name}"], tensor) != any(end in name and "weight" in name for end in ends)
            or "bias" in name
        )
    config = json.loads((third / "adapters" / "1" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] is None, "no path of the user's"
    card = (third / "README.md").read_text()
    assert 'PeftModel.from_pretrained(encoder, folder, "1", subfolder="adapters/1")' in card
    assert ('encoder.base_model.set_adapter(["1", "2"])' in card) == (previous == "stacked")
    assert (f"`{previous}`" in card) == (previous != "merged")


def test_a_stacked_adapter_is_trained_as_one_on_the_merged_encoder_is(adapted: Callable[..., list[Path]]) -> None:
    merged, stacked = (
        load_file(adapted("model.adapter=lora", f"model.previous_adapter={how}")[1] / "model.safetensors")
        for how in ("merged", "stacked")
    )
    for name, tensor in merged.items():
        torch.testing.assert_close(stacked[name], tensor, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}")


def test_each_phase_has_its_own_adapter_or_none(adapted: Callable[..., list[Path]], encoder: Path) -> None:
    second, third = adapted("target.recipe.adapter=lora", "target.recipe.adapter_rank=3", "model.previous_adapter=stacked")
    assert not (second / "adapters").exists()
    assert {tensor.shape[0] for name, tensor in adapters(third)["1"].items() if "lora_A" in name} == {3}
    second, third = adapted("model.adapter=lora", "target.recipe.adapter=none")
    assert (second / "adapters").exists()
    assert not (third / "adapters").exists()
    metadata = json.loads((second / "metadata.json").read_text())
    assert metadata["adapter"] == {
        "kind": "lora",
        "base": None,
        "number": 1,
        "trained": 2048,
        "weights": metadata["adapter"]["weights"],
    }


def test_fingerprints_have_what_counts_and_nothing_else(
    compose_config: Run, toy_world: Any, encoder: Path, tmp_path: Path
) -> None:
    def names(*overrides: str, cell: tuple[str, ...] = CELL) -> list[str]:
        config = compose_config(*options_of(toy_world, encoder, tmp_path), *cell, *overrides)
        return [phase.paths.fingerprint for phase in plan(resolve(config)).training]

    plain, lora = names(), names("model.adapter=lora")
    assert names("model.adapter=none", "model.previous_adapter=stacked", "recipe.default.adapter_rank=2") == plain
    assert names("model.adapter=lora", "intermediate.recipe.adapter_rank=8", "recipe.default.adapter_alpha=16") == lora
    assert names("intermediate.recipe.adapter=lora", "target.recipe.adapter=lora") == lora
    variants = [names("model.adapter=lora", f"model.previous_adapter={how}") for how in ("kept", "stacked")]
    assert [found[0] for found in variants] == [lora[0], lora[0]]
    own = names("model.adapter=lora", "target.recipe.adapter_modules=[key]")
    assert own[0] == lora[0]
    assert len({found[1] for found in (plain, lora, own, *variants, names("model.adapter=ia3"))}) == 6
    alone = CELL[1:2]
    assert names("model.adapter=lora", cell=alone) == names("model.adapter=lora", "model.previous_adapter=kept", cell=alone)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("model.adapter=lorra",), "unknown model.adapter 'lorra': did you mean lora?"),
        (
            ("target.recipe.adapter_rank=4",),
            "target.recipe.adapter_rank=4: the phase has no adapter with this option; leave it out",
        ),
        (("model.adapter=ia3", "intermediate.recipe.adapter_alpha=4"), "intermediate.recipe.adapter_alpha=4.0: the phase has no"),
        (
            ("model.adapter=lora", "model.previous_adapter=kept", "target.recipe.adapter_rank=4"),
            "model.previous_adapter=kept: phase 3: pawsx has adapter_rank=4 after 8; expected the same adapter as in phase 2: ",
        ),
        (
            ("model.adapter=lora", "model.previous_adapter=stacked", "target.recipe.adapter=none"),
            "model.previous_adapter=stacked: phase 3: pawsx has adapter=None after lora; expected the same kind of adapter",
        ),
        (
            ("model.adapter=lora", "intermediate.recipe.adapter_modules=[xyz]"),
            "adapter_modules: a XLMRobertaModel has no linear layer",
        ),
        (
            (OWN, "model.previous_adapter=merged"),
            "intermediate.tasks.mlm.language_adapters: an adapter can take the place of another one only beside those of later ",
        ),
        (
            (OWN, "intermediate.tasks.mlm.languages=[en,de]"),
            "intermediate.tasks.mlm.languages: got 2, expected one language: type intermediate.tasks.mlm.languages=[en]",
        ),
        (
            (OWN, "intermediate.tasks.mlm.task.languages=[en,de]"),
            "intermediate.tasks.mlm.language_adapters: task mlm does not declare ",
        ),
        (
            ("intermediate.tasks.snli.language_adapters=true", "model.adapter=lora", "model.previous_adapter=stacked"),
            "intermediate.tasks.snli.language_adapters: expected masked language modelling alone in phase 2: type ",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    options: tuple[str, ...], expected: str, main_fails: Run, toy_world: Any, encoder: Path, tmp_path: Path
) -> None:
    cell = SWAPPED if OWN in options else CELL
    lines = main_fails(*options_of(toy_world, encoder, tmp_path), *cell, *options)
    (line,) = (line for line in lines if line.startswith("error: "))
    assert line.startswith(f"error: {expected}")
    assert not list(tmp_path.glob("store/trained/[!.]*"))


def probabilities(study: Path, result: dict[str, Any], language: str) -> dict[str, dict[str, float]]:
    """Development example of a language -> label -> probability."""
    rows = cell_predictions(study, result, confidence=True)
    return {row["id"]: row["confidence"] for row in rows if (row["language"], row["split"]) == (language, "validation")}


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_each_language_is_evaluated_with_its_own_adapter(run_inline: Run, toy_world: Any, encoder: Path, tmp_path: Path) -> None:
    """The probabilities are those of plain peft with the language's adapter and the target's."""
    options = (*options_of(toy_world, encoder, tmp_path), *SWAPPED)
    shared, own = (run_inline(*options, *more).result for more in ((), (OWN,)))
    made = {artifact["label"]: tmp_path / "store" / artifact["kind"] / artifact["fingerprint"] for artifact in own["artifacts"]}
    assert list(made) == ["phase 2: mlm", "phase 2: mlm in de", "phase 2: mlm in fr", "phase 3: pawsx"]
    assert [artifact["fingerprint"] for artifact in shared["artifacts"]] == [
        made[label].name for label in ("phase 2: mlm", "phase 3: pawsx")
    ]
    noted = (made["phase 3: pawsx"] / "scores.json").read_text()
    assert shared["fingerprint"] in noted and own["fingerprint"] not in noted, "its scores are those of no single checkpoint"
    third, known = made["phase 3: pawsx"], own["config"]["target"]["task"]["labels"]
    for language in ("en", "de", "fr"):
        found = probabilities(tmp_path / "out", own, language)
        assert (found == probabilities(tmp_path / "out", shared, language)) == (language == "en")
        base = AutoModel.from_pretrained(encoder, add_pooling_layer=False, trust_remote_code=False)
        second = made["phase 2: mlm" if language == "en" else f"phase 2: mlm in {language}"]
        model = peft.PeftModel.from_pretrained(base, second, "1", subfolder="adapters/1")
        model.load_adapter(third, "2", subfolder="adapters/2")
        model.base_model.set_adapter(["1", "2"])
        lines = (toy_world.root / "pawsx" / f"dev-{language}.tsv").read_text().splitlines()
        pairs = [line.split("\t")[:2] for line in lines]
        wanted = logits(third, model.eval(), pairs).softmax(-1)
        order = [[row[label] for label in known] for row in found.values()]
        torch.testing.assert_close(torch.tensor(order), wanted, rtol=0, atol=5.1e-4)  # three digits are kept


def test_language_adapters_are_refused_for_targets_without_them(
    compose_config: Run, toy_world: Any, encoder: Path, tmp_path: Path
) -> None:
    config = compose_config(*options_of(toy_world, encoder, tmp_path), *SWAPPED, OWN)
    config.target.task = replace(config.target.task, format="retrieval")
    assert list(adapter_problems(resolve(config))) == [
        "intermediate.tasks.mlm.language_adapters: target pawsx compares texts of two languages: choose another target"
    ]
    config.target.training = {}
    assert list(adapter_problems(resolve(config))) == [
        "intermediate.tasks.mlm.language_adapters: target pawsx trains no adapter in phase 3: choose another target"
    ]


@pytest.mark.long
def test_the_page_shows_how_to_swap_adapters(run_inline: Run, repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "adapters.md").read_text(encoding="utf-8")
    command = page.split("<!-- executed: integration/test_adapters.py -->\n```bash\n")[1].split("```")[0]
    words = shlex.split(command.replace("\\\n", " "))
    quick = ("pretraining.recipe.max_steps=2", "target.max_test_examples=4", "logger=none", f"store.root={tmp_path / 'store'}")
    result = run_inline(*words[2:], *quick, f"output={tmp_path / 'out'}").result
    labels = [made["label"] for made in result["artifacts"]]
    own = [f"phase 2: mlm in {language}" for language in list(result["config"]["data"]["world"]["languages"])[1:]]
    assert labels == ["phase 1: tokenizer", "phase 1: mlm+tlm", "phase 2: mlm", *own, "phase 3: mnli"] and own


def test_a_missing_package_is_told_before_anything_begins(
    main_fails: Run, toy_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xstilts.cell.checks.adapters.find_spec", lambda name: None)
    lines = main_fails(*toy_world.options, *CELL, "model.adapter=lora")
    assert "error: adapter=lora needs the package peft: type pip install 'xstilts[adapters]'" in lines
