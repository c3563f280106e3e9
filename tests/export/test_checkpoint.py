"""An artifact is a Hugging Face checkpoint with our very tensors: the same logits there, and exact again here."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
)

from xstilts.data.tokenizer import load_tokenizer
from xstilts.export.checkpoint import export, load_heads, restore_head, restore_pooler
from xstilts.models.encoder import Encoder, build_encoder, load_backbone
from xstilts.models.heads import build_head
from xstilts.models.heads.class_head import auto_class
from xstilts.tasks.formats import format_names, formats

CLASSES = {
    "classification": (AutoModelForSequenceClassification, "XLMRobertaForSequenceClassification"),
    "span_qa": (AutoModelForQuestionAnswering, "XLMRobertaForQuestionAnswering"),
    "multiple_choice": (AutoModelForMultipleChoice, "XLMRobertaForMultipleChoice"),
    "tagging": (AutoModelForTokenClassification, "XLMRobertaForTokenClassification"),
    "mlm": (AutoModelForMaskedLM, "XLMRobertaForMaskedLM"),
}
SMALL = {"vocab_size": 65, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
OTHERS = {
    "bert": lambda: BertModel(BertConfig(**SMALL, max_position_embeddings=130, pad_token_id=1)),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(vocab_size=65, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=130, pad_token_id=1)
    ),
    "deberta": lambda: DebertaV2Model(
        DebertaV2Config(**SMALL, max_position_embeddings=130, relative_attention=True, position_buckets=16, type_vocab_size=0)
    ),
}
ATTENTION = {"bert": "sdpa", "distilbert": "sdpa", "deberta": "eager"}


def trained(build, format, **words):
    """A phase whose weights are nowhere what an initialisation would give."""
    phase = build(format, **words)
    with torch.no_grad():
        for parameter in phase.model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    phase.model.eval()
    return phase


def write(folder, *phases):
    heads = {phase.task.name: (phase.task, phase.head) for phase in phases}
    return export(folder, phases[0].encoder, heads, phases[0].tokenizer)


def same_logits(format, phase, model, batch):
    """Largest difference between our head and the Hugging Face model over a batch with padding."""
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    model.eval()
    with torch.no_grad():
        if format == "multiple_choice":
            scores = phase.head(phase.encoder, batch)
            rows = inputs["input_ids"].split(batch["choice_counts"].tolist())
            masks = inputs["attention_mask"].split(batch["choice_counts"].tolist())
            theirs = [
                model(input_ids=ids[None], attention_mask=mask[None]).logits[0] for ids, mask in zip(rows, masks, strict=True)
            ]
            ours = [row[: len(other)] for row, other in zip(scores, theirs, strict=True)]
            return (torch.cat(ours) - torch.cat(theirs)).abs().max()
        if format == "span_qa":
            start, end = phase.head(phase.encoder, batch)
            real = inputs["attention_mask"] == 1
            output = model(**inputs)
            return max((start - output.start_logits)[real].abs().max(), (end - output.end_logits)[real].abs().max())
        if format == "mlm":
            loss, masked = phase.head.negative_log_likelihood(phase.encoder, batch)
            logits = model(**inputs).logits[masked]
            return (loss - torch.nn.functional.cross_entropy(logits, batch["labels"][masked], reduction="none")).abs().max()
        return (phase.head(phase.encoder, batch) - model(**inputs).logits).abs().max()


@pytest.fixture
def make(build, tokenizer):
    def phase(format, **words):
        made = trained(build, format, **words)
        made.tokenizer = tokenizer
        return made

    return phase


def test_every_format_but_retrieval_has_a_hugging_face_class():
    assert {name for name, format in formats().items() if auto_class(format)} == set(CLASSES) == set(formats()) - {"retrieval"}


@pytest.mark.parametrize("format", CLASSES)
def test_hugging_face_gives_the_same_logits(format, make, batch_of, tmp_path):
    phase = make(format)
    auto, name = CLASSES[format]
    assert write(tmp_path, phase) == [name]
    model, report = auto.from_pretrained(tmp_path, output_loading_info=True, trust_remote_code=False)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert type(model).__name__ == name
    assert same_logits(format, phase, model, batch_of(phase)) <= 1e-6
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == [name] and config["dtype"] == "float32"
    if phase.task.labels:
        assert config["id2label"] == {str(number): label for number, label in enumerate(phase.task.labels)}
        assert model.config.label2id == {label: number for number, label in enumerate(phase.task.labels)}


@pytest.mark.parametrize("format", format_names())
def test_auto_model_gives_the_encoder(format, make, batch_of, tmp_path):
    phase = make(format)
    write(tmp_path, phase)
    batch = batch_of(phase)
    model = AutoModel.from_pretrained(tmp_path, add_pooling_layer=False, trust_remote_code=False).eval()
    with torch.no_grad():
        ours = phase.encoder(batch["input_ids"], batch["attention_mask"])
        theirs = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("format", format_names())
def test_our_own_reload_is_exact(format, make, tokenizer, tmp_path):
    phase = make(format, retrieval_pooling=["pooler"])
    write(tmp_path, phase)
    encoder = Encoder(load_backbone(str(tmp_path), "sdpa"))
    head = build_head(replace(phase.task, name="another name"), encoder, phase.model.hyperparameters)
    saved = load_heads(tmp_path)
    restore_head(saved, head)
    assert any(key.startswith("pooler.") for key in saved) == head.needs_pooler == (format in ("multiple_choice", "retrieval"))
    if head.needs_pooler:
        encoder.add_pooler()
        restore_pooler(saved, encoder)
    for ours, theirs in ((phase.encoder, encoder), (phase.head, head)):
        expected, got = ours.state_dict(), theirs.state_dict()
        assert expected.keys() == got.keys()
        assert all(torch.equal(expected[key], got[key]) for key in expected)
    assert load_tokenizer(str(tmp_path))("w3 w4")["input_ids"] == tokenizer("w3 w4")["input_ids"]


def test_several_heads_each_have_a_folder_that_shares_the_encoder(make, build, batch_of, tmp_path):
    phases = [make("multiple_choice")]
    for format in ("classification", "span_qa", "retrieval", "tagging", "mlm"):
        phases.append(make(format, encoder=phases[0].encoder))
    # The noise of later phases went into the shared encoder too; all are exported as they are now.
    names = [CLASSES[phase.task.format][1] for phase in phases if phase.task.format in CLASSES]
    assert write(tmp_path, *phases) == names
    for phase in phases:
        format = phase.task.format
        place = tmp_path / "heads" / phase.task.name
        if format not in CLASSES:
            assert not place.exists()
            continue
        model, report = CLASSES[format][0].from_pretrained(place, output_loading_info=True)
        assert not report["missing_keys"] and not report["mismatched_keys"]
        assert type(model).__name__ == CLASSES[format][1]
        assert same_logits(format, phase, model, batch_of(phase)) <= 1e-6
        shards = json.loads((place / "model.safetensors.index.json").read_text())["weight_map"]
        assert set(shards.values()) == {"../../model.safetensors", "head.safetensors"}
        assert not any("embeddings" in key for key in load_file(place / "head.safetensors"))
    first = AutoModelForMultipleChoice.from_pretrained(tmp_path, trust_remote_code=False)
    assert same_logits("multiple_choice", phases[0], first, batch_of(phases[0])) <= 1e-6
    saved = load_heads(tmp_path)
    assert {key.split(".")[1] for key in saved if key.startswith("head.")} == {phase.task.name for phase in phases}


def test_one_head_of_many_cannot_be_handed_on(make, tmp_path):
    first = make("classification")
    write(tmp_path, first, make("tagging", encoder=first.encoder))
    with pytest.raises(AssertionError, match=r"one head expected, got \['nli', 'pos'\]"):
        restore_head(load_heads(tmp_path), first.head)


def test_without_a_pooler_a_multiple_choice_artifact_is_the_encoder(make, tmp_path):
    """Hugging Face's class has one: its weights would be made up."""
    phase = make("multiple_choice", pooler=False)
    assert phase.encoder.pooler is None
    assert write(tmp_path, phase) == ["XLMRobertaModel"]
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["XLMRobertaModel"]
    load_backbone(str(tmp_path), "sdpa")


def test_retrieval_is_exported_as_the_encoder(make, tmp_path):
    assert write(tmp_path, make("retrieval")) == ["XLMRobertaModel"]
    assert set(load_heads(tmp_path)) == {"head.pairs.log_scale"}


def test_the_pooler_of_retrieval_is_that_of_the_exported_encoder(make, batch_of, tmp_path):
    phase = make("retrieval", retrieval_pooling=["pooler"])
    assert write(tmp_path, phase) == ["XLMRobertaModel"]
    batch = batch_of(phase)
    model = AutoModel.from_pretrained(tmp_path, trust_remote_code=False).eval()
    with torch.no_grad():
        theirs = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).pooler_output
        ours = phase.head.vectors(phase.encoder, batch)["2-pooler"]
    torch.testing.assert_close(ours, theirs)


def test_a_carried_pooler_is_kept_beside_a_head_that_does_not_use_it(make, tmp_path):
    phase = make("tagging")
    phase.encoder.add_pooler()
    assert write(tmp_path, phase) == ["XLMRobertaForTokenClassification"]
    assert torch.equal(load_heads(tmp_path)["pooler.layer.dense.weight"], phase.encoder.pooler.layer.dense.weight)


def test_the_artifact_holds_safetensors_only(make, tmp_path):
    write(tmp_path, make("classification"))
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.json", "model.safetensors", "heads.safetensors", "tokenizer.json", "tokenizer_config.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".ckpt", ".pkl"))]


@pytest.mark.parametrize("format", format_names())
@pytest.mark.parametrize("architecture", OTHERS)
def test_other_architectures(architecture, format, make, batch_of, tokenizer, tiny_model, tmp_path):
    """Each has classes of its own for all heads."""
    start, artifact = tmp_path / "start", tmp_path / "artifact"
    artifact.mkdir()
    torch.manual_seed(0)
    OTHERS[architecture]().save_pretrained(start)
    attention = ATTENTION[architecture]
    config = replace(tiny_model(), name_or_path=str(start), attention=attention)
    phase = make(format, encoder=build_encoder(config, tokenizer))
    (name,) = write(artifact, phase)
    again = Encoder(load_backbone(str(artifact), attention)).eval()
    batch = batch_of(phase)
    with torch.no_grad():
        hidden = [encoder(batch["input_ids"], batch["attention_mask"]) for encoder in (phase.encoder, again)]
    assert torch.equal(*hidden)
    if format in CLASSES:
        model, report = CLASSES[format][0].from_pretrained(artifact, output_loading_info=True, attn_implementation=attention)
        assert not report["missing_keys"]
        assert type(model).__name__ == name
        assert same_logits(format, phase, model, batch) <= 1e-6
    else:
        assert name == type(phase.encoder.backbone).__name__
