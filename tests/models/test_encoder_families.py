"""`xstilts.encoders` against transformers: what the driver says of a type is what its class does."""

import inspect
from typing import Any

import pytest
import torch
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_MAPPING,
    AutoModel,
    PretrainedConfig,
    PreTrainedModel,
)

from xstilts import encoders
from xstilts.errors import UserError
from xstilts.export.checkpoint import export, load_checkpoint_head, load_heads, restore_head, restore_pooler
from xstilts.models.encoder import Encoder, load_backbone
from xstilts.models.heads import build_head
from xstilts.models.heads.class_head import auto_class
from xstilts.tasks.formats import format_named, format_names

SHAPE: dict[str, Any] = {
    "vocab_size": 80,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
OWN: dict[str, dict[str, Any]] = {
    "albert": {"embedding_size": 16},
    "convbert": {"embedding_size": 16},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "deberta": {"type_vocab_size": 0},
    "deberta-v2": {"type_vocab_size": 0},
    "electra": {"embedding_size": 16},
    "eurobert": {"num_key_value_heads": 2, "head_dim": 8},
    "flaubert": {"emb_dim": 16, "n_layers": 2, "n_heads": 2, "pad_index": 1},
    "funnel": {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 32, "block_sizes": [1, 1], "architectures": ["FunnelModel"]},
    "longformer": {"attention_window": 8},
    "luke": {"entity_vocab_size": 5, "entity_emb_size": 8},
    "mobilebert": {"embedding_size": 8, "intra_bottleneck_size": 16, "num_feedforward_networks": 1},
    "modernbert": {"cls_token_id": 0, "sep_token_id": 2},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 16},
    "roformer": {"embedding_size": 16},
    "squeezebert": {"embedding_size": 16, "q_groups": 1, "k_groups": 1, "v_groups": 1, "post_attention_groups": 1}
    | {"intermediate_groups": 1, "output_groups": 1},
    "xmod": {"languages": ["en_XX"], "default_language": "en_XX"},
    "xlm": {"emb_dim": 16, "n_layers": 2, "n_heads": 2, "pad_index": 1},
}
# Positions by rotation: a longer input runs, but the encoder was trained on no longer one.
ROTARY = {"eurobert", "modernbert"}
# It reads a text in blocks.
BLOCKS = {"big_bird"}


def config(name: str) -> PretrainedConfig:
    shape = {key: value for key, value in SHAPE.items() if name != "funnel" or key != "num_hidden_layers"}
    return CONFIG_MAPPING[name](**shape | OWN.get(name, {}))


def model_of(name: str) -> PreTrainedModel:
    torch.manual_seed(0)
    made, kind = config(name), MODEL_MAPPING[CONFIG_MAPPING[name]]
    pooler = isinstance(kind, type) and "add_pooling_layer" in inspect.signature(kind).parameters
    options = {"add_pooling_layer": False} if pooler else {}
    return AutoModel.from_config(made, trust_remote_code=False, **options).eval()


@pytest.mark.parametrize("name", encoders.FAMILIES)
def test_a_known_type_is_an_encoder_and_its_attention_is_known(name):
    model = model_of(name)
    assert (model.config._attn_implementation == "sdpa") == encoders.FAMILIES[name].sdpa
    assert encoders.refusal(model.config.to_dict()) is None
    assert model.supports_gradient_checkpointing == encoders.FAMILIES[name].checkpointing


@pytest.mark.parametrize("name", sorted(set(encoders.FAMILIES) - BLOCKS))
def test_the_longest_input_fits_and_one_more_does_not(name):
    encoder = Encoder(model_of(name))
    longest = encoders.longest_input(encoder.backbone.config.to_dict())
    assert encoder.max_length == (longest or 10**9)

    def run(length: int) -> None:
        ids = torch.full((2, length), 5)
        mask = torch.ones_like(ids)
        mask[1, length // 2 :] = 0
        with torch.no_grad():
            assert encoder(torch.where(mask == 1, ids, 1), mask).shape == (2, length, 16)

    run(longest or 2 * SHAPE["max_position_embeddings"])
    if longest is not None and name not in ROTARY:
        with pytest.raises((IndexError, RuntimeError)):
            run(longest + 1)


def test_known_decoders_have_no_masked_language_model():
    for name in encoders.DECODERS & set(CONFIG_MAPPING):
        kind = CONFIG_MAPPING[name]
        assert kind in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in MODEL_FOR_MASKED_LM_MAPPING, name


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("gpt2", {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 40}, "a decoder"),
        ("xlstm", {}, "a decoder"),  # not among the driver's names
        ("t5", {"d_model": 16, "d_ff": 32, "num_layers": 1, "num_heads": 2, "d_kv": 8}, "an encoder-decoder"),
        ("bart", {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1}, "an encoder-decoder"),
        ("fnet", SHAPE, "has no attention_mask"),
        ("canine", SHAPE | {"num_hash_buckets": 64}, "has no embeddings of tokens"),
        (
            "vit",
            {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
            "has no input_ids",
        ),
    ],
)
def test_other_models_are_refused_by_the_worker_too(name, shape, expected, tmp_path):
    made = CONFIG_MAPPING[name](**shape)
    if name in ("xlstm", "bart"):
        made.save_pretrained(tmp_path)  # refused before the weights are looked for
    else:
        MODEL_MAPPING[type(made)](made).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=expected) as error:
        load_backbone(str(tmp_path), "sdpa")
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


WITHOUT_CLASS = {
    "deberta": {"multiple_choice"},  # transformers has none
    "eurobert": {"span_qa", "multiple_choice"},  # transformers has none
    "funnel": {"classification", "multiple_choice"},  # theirs read an encoder without the last layers
    "longformer": {"classification", "span_qa", "multiple_choice"},  # theirs choose tokens for global attention
}


def logits_of(format, head, encoder, batch):
    with torch.no_grad():
        if format != "mlm":
            return head(encoder, batch)
        return -head.negative_log_likelihood(encoder, batch)[0]


def their_logits(format, model, batch):
    given = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids") if name in batch}
    given = {name: values[None] for name, values in given.items()} if format == "multiple_choice" else given
    with torch.no_grad():
        theirs = model(**given)
    if format == "mlm":
        masked = batch["labels"] != -100
        return -torch.nn.functional.cross_entropy(theirs.logits[masked], batch["labels"][masked], reduction="none")
    return (theirs.start_logits, theirs.end_logits) if format == "span_qa" else theirs.logits


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(encoders.FAMILIES) - BLOCKS))
def test_every_head_is_a_class_of_transformers_and_exported_as_it(name, build, bert_tokenizer, tmp_path):
    """Its logits are ours to rounding, with segments too, and so are those of our own reload of the artifact."""
    exported, pooled, autos = (
        set(),
        set(),
        {format: auto for format in format_names() if (auto := auto_class(format_named(format)))},
    )
    for format, auto in autos.items():
        phase = build(format, encoder=Encoder(model_of(name)), words=bert_tokenizer, max_length=32)
        if phase.head.needs_pooler:
            pooled.add(format_named(format).transformers)
        with torch.no_grad():
            for parameter in phase.model.parameters():
                parameter += 0.3 * torch.randn_like(parameter)
        phase.model.eval()
        batch = phase.features.collate([1], mask_seed=1)
        assert format != "span_qa" or batch["token_type_ids"].any()
        ours = logits_of(format, phase.head, phase.encoder, batch)
        folder = tmp_path / format
        folder.mkdir()
        (kind,) = export(folder, phase.encoder, {phase.task.name: (phase.task, phase.head)}, bert_tokenizer)

        encoder = Encoder(load_backbone(str(folder), "sdpa")).eval()
        again, saved = build_head(phase.task, encoder, phase.model.hyperparameters).eval(), load_heads(folder)
        assert restore_head(saved, again)
        if again.needs_pooler:
            encoder.add_pooler(published=False)
            assert restore_pooler(saved, encoder)
        torch.testing.assert_close(logits_of(format, again, encoder, batch), ours, rtol=1e-5, atol=1e-5)

        if kind == type(phase.encoder.backbone).__name__:
            continue
        exported.add(format)
        model, report = auto.from_pretrained(folder, trust_remote_code=False, output_loading_info=True)
        assert not report["unexpected_keys"] and not report["mismatched_keys"]
        assert model.config.id2label == dict(enumerate(phase.task.labels or ["LABEL_0", "LABEL_1"]))
        if not phase.encoder.reads_segments:
            batch.pop("token_type_ids", None)
        torch.testing.assert_close(
            their_logits(format, model.eval(), batch), ours, rtol=1e-4, atol=1e-4, msg=lambda text, at=format: f"{at}: {text}"
        )
    assert set(autos) - exported == WITHOUT_CLASS.get(name, set())
    assert pooled == set(encoders.FAMILIES[name].pooled)


@pytest.mark.parametrize("name", sorted(set(encoders.FAMILIES) - BLOCKS))
def test_every_format_trains_and_evaluates(name, build, batch_of):
    for format in format_names():
        if (name, format) == ("funnel", "retrieval"):
            continue  # its layers shorten the text
        phase = build(format, encoder=Encoder(model_of(name)), max_length=32, retrieval_layers=[2, 1, 0], count=4)
        batch = batch_of(phase)
        loss = phase.head.loss_sum(phase.encoder, batch)
        loss.backward()
        assert loss.isfinite() and phase.encoder.word_embeddings.grad.isfinite().all()
        phase.model.eval()
        with torch.no_grad():
            rows = phase.head.outputs(phase.encoder, batch)
        assert len(rows) == (len(batch["input_ids"]) if format == "retrieval" else len(phase.features.features))
    positions = torch.arange(batch["input_ids"].shape[1]).expand_as(batch["input_ids"]) % 7
    with torch.no_grad():
        moved = phase.encoder(batch["input_ids"], batch["attention_mask"], positions)
    assert moved.isfinite().all(), "positions of a pair of translations start anew"


def test_layers_of_another_length_are_refused(build, batch_of):
    phase = build("retrieval", encoder=Encoder(model_of("funnel")), max_length=32, retrieval_layers=[2])
    with pytest.raises(UserError, match=r"layer 2 of a FunnelModel has \d+ hidden states for \d+ tokens"):
        phase.head.vectors(phase.encoder, batch_of(phase))


@pytest.mark.parametrize(
    ("name", "narrow"), [("albert", {"embedding_size": 8}), ("rembert", {"input_embedding_size": 8, "output_embedding_size": 12})]
)
def test_an_mlm_head_takes_word_embeddings_that_are_narrower_than_the_hidden_states(name, narrow, build, batch_of):
    encoder = Encoder(AutoModel.from_config(CONFIG_MAPPING[name](**SHAPE | narrow), trust_remote_code=False))
    phase = build("mlm", encoder=encoder, max_length=32)
    phase.head.loss_sum(encoder, batch_of(phase)).backward()
    assert encoder.word_embeddings.shape == (80, 8) and encoder.word_embeddings.grad.abs().sum() > 0
    assert phase.head.tied == ([] if name == "rembert" else ["predictions.decoder.weight"])


@pytest.mark.parametrize("name", sorted(set(encoders.FAMILIES) - BLOCKS))
@pytest.mark.parametrize("format", ["classification", "tagging", "span_qa", "multiple_choice"])
def test_the_head_of_a_checkpoint_of_transformers_is_read_and_its_labels_are_put_in_order(name, format, build, tmp_path):
    if format in WITHOUT_CLASS.get(name, set()):
        return
    torch.manual_seed(0)
    auto, made = auto_class(format_named(format)), config(name)
    labelled = format in ("classification", "tagging")
    if labelled:
        made.id2label = dict(enumerate(["other", "maybe", "no", "yes"] if format == "classification" else "CXAB"))
    auto.from_config(made, trust_remote_code=False).save_pretrained(tmp_path)
    encoder = Encoder(load_backbone(str(tmp_path), "sdpa"))
    phase = build(format, encoder=encoder, max_length=32, pooler=False)
    rows = ([2, 3, 1] if format == "classification" else [2, 3, 0]) if labelled else None
    load_checkpoint_head(str(tmp_path), phase.head, encoder, rows)
    phase.model.eval()
    batch = phase.features.collate([1])
    theirs = their_logits(format, auto.from_pretrained(tmp_path, trust_remote_code=False).eval(), batch)
    theirs = theirs[..., rows] if rows else theirs
    torch.testing.assert_close(logits_of(format, phase.head, encoder, batch), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["bert", "xlm-roberta", "modernbert"])
def test_a_head_that_a_checkpoint_has_not_is_refused_in_one_line(name, build, tmp_path):
    made = config(name)
    made.id2label = {0: "a", 1: "b"}
    for format, folder in (("tagging", tmp_path / "tagging"), (None, tmp_path / "bare"), ("classification", tmp_path / "two")):
        auto = auto_class(format_named(format)) if format else AutoModel
        auto.from_config(made, trust_remote_code=False).save_pretrained(folder)
    phase = build("classification", encoder=Encoder(load_backbone(str(tmp_path / "bare"), "sdpa")), max_length=32)
    before = {key: value.clone() for key, value in phase.model.state_dict().items()}
    kind = type(phase.head.model).__name__
    expected = {"bare": f"lacks weights of its head, a {kind}, for instance"}
    expected |= {"two": r"has 2 labels \(a, b\), expected 3 \(no, yes, maybe\)"}
    expected |= {"nowhere": f"no {kind} could be loaded from it"} | ({} if name == "modernbert" else {"tagging": "lacks"})
    for folder, line in expected.items():
        with pytest.raises(UserError, match=line) as error:
            load_checkpoint_head(str(tmp_path / folder), phase.head, phase.encoder)
        assert "\n" not in str(error.value)
    assert all(torch.equal(value, before[key]) for key, value in phase.model.state_dict().items())
