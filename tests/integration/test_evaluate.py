"""`xstilts evaluate`: checkpoints that transformers or xstilts has made, with their own heads."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, XLMRobertaConfig, XLMRobertaForSequenceClassification

import xstilts
from xstilts import evaluate
from xstilts.paths import CellPaths
from xstilts.reporting.analysis import analyse
from xstilts.reporting.tables import summary_tables
from xstilts.store.results import name_of, read_predictions, read_results

CELL = ("+target=xnli", "target.head=given")


@pytest.fixture
def options(toy_world: Any, tmp_path: Path) -> list[str]:
    """The options of a cell on the toy world, without a model."""
    kept = [word for word in toy_world.options if not word.startswith("model")]
    return [*kept, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}", "logger=none"]


@pytest.fixture
def checkpoint(toy_world: Any, tmp_path: Path) -> Callable[..., Path]:
    """checkpoint(name, *labels) -> the folder of a model of transformers with random weights."""

    def make(name: str, *labels: str, seed: int = 0) -> Path:
        torch.manual_seed(seed)
        tokenizer = AutoTokenizer.from_pretrained(toy_world.tokenizer, trust_remote_code=False)
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        config = XLMRobertaConfig(vocab_size=len(tokenizer), max_position_embeddings=130, initializer_range=0.5, **sizes)
        config.id2label, config.label2id = dict(enumerate(labels)), {label: number for number, label in enumerate(labels)}
        XLMRobertaForSequenceClassification(config).save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return tmp_path / name

    return make


def predicted(output: Path, result: dict[str, Any]) -> list[dict[str, Any]]:
    return list(read_predictions(CellPaths(output, name_of(result)).predictions))


def test_predictions_are_those_of_transformers_by_the_names_of_its_labels(
    checkpoint: Callable[..., Path], options: list[str], run_inline: Callable[..., Any], toy_world: Any, tmp_path: Path
) -> None:
    labels = ["Neutral", "other", "ENTAILMENT", "contradiction"]
    folder = checkpoint("permuted", *labels)
    ran = run_inline(*options, *CELL, f"model.name_or_path={folder}")
    assert ran.result["artifacts"] == [] and not (tmp_path / "store" / "trained").exists()
    assert (
        f"xnli: labels of {folder}: contradiction = output 3, entailment = output 2 (ENTAILMENT), neutral = output 0 (Neutral); "
        "left out: other"
    ) in ran.log
    model = XLMRobertaForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    expected = []
    for language in ("en", "de", "fr"):
        for line in (toy_world.root / "xnli" / f"dev-{language}.tsv").read_text().splitlines():
            with torch.no_grad():
                logits = model(**tokenizer(*line.split("\t")[:2], return_tensors="pt")).logits[0]
            logits[1] = -torch.inf
            expected.append((language, labels[int(logits.argmax())].lower()))
    found = [
        (row["language"], row["prediction"]) for row in predicted(tmp_path / "out", ran.result) if row["split"] == "validation"
    ]
    assert sorted(found) == sorted(expected) and len({label for _, label in found}) > 1


def test_labels_that_are_typed_are_those_of_the_outputs_and_part_of_the_fingerprint(
    checkpoint: Callable[..., Path], options: list[str], run_inline: Callable[..., Any], tmp_path: Path
) -> None:
    folder, orders = checkpoint("unnamed", "LABEL_0", "LABEL_1", "LABEL_2"), ("neutral,entailment", "entailment,neutral")
    first, second = (
        run_inline(*options, *CELL, f"model.name_or_path={folder}", f"target.head_labels=[{order},contradiction]").result
        for order in orders
    )
    assert first["fingerprint"] != second["fingerprint"]
    swapped = {"neutral": "entailment", "entailment": "neutral", "contradiction": "contradiction"}
    both = zip(predicted(tmp_path / "out", first), predicted(tmp_path / "out", second), strict=True)
    assert all(swapped[one["prediction"]] == other["prediction"] for one, other in both)


@pytest.fixture
def tiny(toy_world: Any) -> list[str]:
    """The options of the toy world's encoder, whose scores differ between languages."""
    return [*(word for word in toy_world.options if word.startswith("model")), "model.tiny.initializer_range=0.3"]


def test_an_artifact_has_the_scores_of_its_own_cell(
    tiny: list[str], options: list[str], run_inline: Callable[..., Any], tmp_path: Path
) -> None:
    own = run_inline(*options, *tiny, "+intermediate=snli", "+target=xnli")
    artifact = tmp_path / "store" / "trained" / own.result["artifacts"][-1]["fingerprint"]
    again = run_inline(*options, *CELL, f"model.name_or_path={artifact}")
    assert again.result["rows"] == own.result["rows"] and again.result["fingerprint"] != own.result["fingerprint"]
    assert again.result["artifacts"] == [] and again.result["cell"]["training"] == []
    predictions = predicted(tmp_path / "out", again.result)
    assert predictions == predicted(tmp_path / "out", own.result) and len({row["prediction"] for row in predictions}) > 1


def test_each_head_of_an_artifact_is_a_checkpoint(
    tiny: list[str],
    options: list[str],
    run_inline: Callable[..., Any],
    main_fails: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    several = run_inline(*options, *tiny, "+intermediate=[snli,squad_v1]", "+target=tatoeba")
    artifact = tmp_path / "store" / "trained" / several.result["artifacts"][-1]["fingerprint"]
    whole, head = (run_inline(*options, *CELL, f"model.name_or_path={place}") for place in (artifact, artifact / "heads" / "nli"))
    assert whole.result["rows"] == head.result["rows"]
    answers = run_inline(*options, "+target=xquad", "target.head=given", f"model.name_or_path={artifact}/heads/squad_v1")
    assert {row["metric"] for row in answers.result["rows"]} == {"exact_match", "f1", "ece"}
    (line,) = main_fails(*options, "+target=xquad", "target.head=given", f"model.name_or_path={artifact}")
    assert line.endswith(f"it has the heads nli, squad_v1, each a checkpoint: type model.name_or_path={artifact}/heads/NAME")
    again = run_inline(*options, "+target=tatoeba", "target.head=given", f"model.name_or_path={artifact}")
    assert again.result["rows"] == several.result["rows"], "retrieval needs no head"


def test_phase_3_starts_with_the_head_that_is_kept(
    checkpoint: Callable[..., Path], options: list[str], run_inline: Callable[..., Any], tmp_path: Path
) -> None:
    folder = checkpoint("permuted", "neutral", "other", "entailment", "contradiction")
    given = run_inline(*options, *CELL, f"model.name_or_path={folder}")
    hardly = ["target.recipe.learning_rate=1e-12", "target.recipe.max_steps=1", "target.recipe.eval_every=0"]
    hardly += [f"model.name_or_path={folder}", "+target=xnli", "target.recipe.head_dropout=0", "target.recipe.dropout=0"]
    kept = run_inline(*options, *hardly, "target.head=kept")
    assert predicted(tmp_path / "out", kept.result) == predicted(tmp_path / "out", given.result)
    fresh = run_inline(*options, *hardly)
    assert predicted(tmp_path / "out", fresh.result) != predicted(tmp_path / "out", given.result)
    artifacts = [ran.result["artifacts"][-1]["fingerprint"] for ran in (kept, fresh)]
    assert len(set(artifacts)) == 2
    config = json.loads((tmp_path / "store" / "trained" / artifacts[0] / "config.json").read_text())
    assert config["id2label"] == {"0": "contradiction", "1": "entailment", "2": "neutral"}


@pytest.mark.long
def test_a_grid_of_checkpoints_and_targets_is_one_study(
    checkpoint: Callable[..., Path], options: list[str], tmp_path: Path
) -> None:
    models = [checkpoint(name, "entailment", "neutral", "contradiction", seed=seed) for seed, name in enumerate(("one", "two"))]
    grid = ["-m", f"model.name_or_path={models[0]},{models[1]}", "+target=xnli,tatoeba", "worker=inline", *options]
    ran = subprocess.run([sys.executable, "-m", "xstilts", "evaluate", *grid], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = read_results(tmp_path / "out" / "results")
    assert sorted((result["cell"]["model"], result["cell"]["target"]) for result in results) == sorted(
        (str(model), target) for model in models for target in ("xnli", "tatoeba")
    )
    assert not (tmp_path / "store" / "trained").exists()
    analysis = analyse(tmp_path / "out")
    for target, scores in analysis.scores.groupby("target"):
        assert set(scores["condition"]) == {f"model.name_or_path={model}" for model in models}, target
    table = next(summary_tables(analysis))
    means = analysis.scores[analysis.scores["main"]].groupby(["target", "condition", "source"])["value"].mean()
    shown = table.data.set_index(["target", "model"])
    assert len(shown) == 4 and set(shown["options"]) == {""}
    for model in models:
        condition = f"model.name_or_path={model}"
        assert shown.loc[("xnli", str(model)), "source language"] == means["xnli", condition, True]
        assert shown.loc[("xnli", str(model)), "other languages"] == means["xnli", condition, False]
    assert set(analysis.provenance["artifacts"]) == {"evaluated as given"}
    assert set(analysis.provenance["model"]) == set(map(str, models))


def test_python_evaluates_a_checkpoint(checkpoint: Callable[..., Path], options: list[str], in_this_process: Any) -> None:
    folder = checkpoint("it's one", "entailment", "neutral", "contradiction")
    with in_this_process():
        cell = xstilts.run(*options, "worker=inline", target="xnli", checkpoint=folder)
    assert cell.result["config"]["target"]["head"] == "given" and cell.result["cell"]["model"] == str(folder)
    assert len(cell.scores) > 0


@pytest.mark.parametrize(
    ("labels", "more", "told"),
    [
        (("a", "b", "c"), [], "has the labels a, b, c, and task xnli has contradiction, entailment, neutral"),
        (("LABEL_0", "LABEL_1", "LABEL_2"), [], "its labels have no names (LABEL_0, LABEL_1, LABEL_2)"),
        (
            ("a", "b", "c"),
            ["+intermediate=snli", "target.head_labels=[neutral,entailment,contradiction]"],
            "leave +intermediate out",
        ),
        (("neutral", "entailment", "contradiction"), ["target.head=kept"], "but `xstilts evaluate` means target.head=given"),
        (
            ("neutral", "entailment", "contradiction"),
            ["target.head_labels=[neutral]"],
            "got 1 label, expected 3, one for each output",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    labels: tuple[str, ...],
    more: list[str],
    told: str,
    checkpoint: Callable[..., Path],
    options: list[str],
    in_this_process: Any,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    folder = checkpoint("wrong", *labels)
    capsys.readouterr()  # transformers shows a bar while it saves
    with in_this_process(), pytest.raises(SystemExit) as ended:
        sys.argv[:] = ["evaluate"]
        evaluate.main(["+target=xnli", f"model.name_or_path={folder}", *options, *more])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line and not (tmp_path / "store").exists() and not (tmp_path / "out").exists()
