"""The head of a checkpoint that transformers has made computes here what it computes there, label by label."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING

from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.jobs import GivenHead
from xstilts.models.encoder import Encoder, load_backbone
from xstilts.models.heads.class_head import auto_class
from xstilts.tasks.formats import formats
from xstilts.training.given_head import load_given_head

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 65}
TYPES: dict[str, dict[str, Any]] = {
    "xlm-roberta": {},
    "bert": {},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    "electra": {"embedding_size": 32},
    "deberta-v2": {"type_vocab_size": 0},
    "modernbert": {"cls_token_id": 0, "sep_token_id": 2},
}
"""Types of encoders with heads of their own, and sizes that only they have."""
FORMATS = [name for name, format in formats().items() if format.transformers]
CASES = [(kind, name) for kind in TYPES for name in FORMATS if CONFIG_MAPPING[kind] in auto_class(formats()[name])._model_mapping]
ORDER = [2, 0, 3]
"""Outputs of the labels of a task of three, of a head with four."""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Any:
    """checkpoint(type, format) -> a model of transformers with random weights, saved in tmp_path."""

    def make(kind: str, format: str) -> Any:
        torch.manual_seed(0)
        labels = {"num_labels": 4} if formats()[format].fewest_labels else {}
        sizes = SIZES | TYPES[kind] | labels
        config = CONFIG_MAPPING[kind](**sizes, max_position_embeddings=130, pad_token_id=1, initializer_range=0.3)
        model = auto_class(formats()[format]).from_config(config).eval()
        with torch.no_grad():  # poolers and norms, too
            for parameter in model.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        model.save_pretrained(tmp_path)
        return model

    return make


def phase_of(build: Any, format: str, folder: Path, words: Any) -> tuple[Any, Any]:
    """A phase on the checkpoint's encoder, and the checkpoint's head."""
    phase = build(format, encoder=Encoder(load_backbone(str(folder), "sdpa")), words=words, pooler=False)
    outputs = ORDER if phase.task.labels else []
    head = load_given_head(GivenHead(str(folder), outputs, "as told"), phase.task, phase.encoder, Hyperparameters())
    phase.encoder.eval()
    return phase, head.eval()


@pytest.mark.parametrize(("kind", "format"), CASES)
def test_predictions_are_those_of_transformers_own_class(
    kind: str, format: str, checkpoint: Any, build: Any, batch_of: Any, tokenizer: Any, bert_tokenizer: Any, tmp_path: Path
) -> None:
    model = checkpoint(kind, format)
    phase, head = phase_of(build, format, tmp_path, bert_tokenizer if kind == "bert" else tokenizer)
    batch = batch_of(phase)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids") if name in batch}
    with torch.no_grad():
        ours = head.outputs(phase.encoder, batch)
        if format == "multiple_choice":
            theirs = model(**{name: values[:, None] for name, values in inputs.items()}).logits[:, 0]
            scores = torch.cat([torch.from_numpy(row["logits"]) for row in ours])
        elif format == "span_qa":
            output = model(**inputs)
            real = batch["attention_mask"] == 1
            theirs = torch.cat([output.start_logits[real], output.end_logits[real]])
            scores = torch.cat([torch.from_numpy(row[side]) for side in ("start", "end") for row in ours])
        elif format == "mlm":
            logits = model(**inputs).logits
            masked = batch["labels"] != -100
            losses = torch.nn.functional.cross_entropy(logits[masked], batch["labels"][masked], reduction="none")
            theirs = torch.zeros(len(ours)).index_add_(0, masked.nonzero()[:, 0], losses)
            scores = torch.cat([torch.from_numpy(row["nll"]) for row in ours])
        else:
            theirs = model(**inputs).logits[..., ORDER]
            if format == "tagging":
                best = theirs.argmax(-1)
                theirs = torch.cat([best[row, places] for row, places in enumerate(batch["word_positions"])])
                scores = torch.cat([torch.from_numpy(row["tags"]) for row in ours])
            else:
                scores = torch.stack([torch.from_numpy(row["logits"]) for row in ours])
    torch.testing.assert_close(scores, theirs, rtol=1e-4, atol=1e-4)
    assert scores.float().std() > 0.1, "and they differ from each other"


def test_the_matching_is_told(checkpoint: Any, build: Any, tokenizer: Any, tmp_path: Path, caplog: Any) -> None:
    checkpoint("xlm-roberta", "classification")
    with caplog.at_level(logging.INFO, "xstilts"):
        phase_of(build, "classification", tmp_path, tokenizer)
    assert f"nli: labels of {tmp_path}: as told" in caplog.messages


def test_a_checkpoint_without_its_heads_weights_is_refused(checkpoint: Any, build: Any, tokenizer: Any, tmp_path: Path) -> None:
    checkpoint("xlm-roberta", "classification")
    weights = load_file(tmp_path / "model.safetensors")
    del weights["classifier.out_proj.bias"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="lacks weights of its head, a .*, for instance classifier.out_proj.bias"):
        phase_of(build, "classification", tmp_path, tokenizer)
