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
from xstilts.export.checkpoint import auto_class, export
from xstilts.models.encoder import Encoder, load_backbone
from xstilts.tasks.formats import format_names, formats

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
    "mobilebert": {"embedding_size": 16, "intra_bottleneck_size": 16, "num_feedforward_networks": 1},
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


@pytest.mark.parametrize("name", sorted(set(encoders.FAMILIES) - BLOCKS))
def test_what_is_exported_as_a_class_of_transformers_computes_what_our_head_computes(name, build, tokenizer, tmp_path):
    """Equal names of parameters are not enough: ELECTRA's classification head has RoBERTa's names and another activation."""
    exported, autos = set(), {format: auto for format, declared in formats().items() if (auto := auto_class(declared))}
    for format, auto in autos.items():
        phase = build(format, encoder=Encoder(model_of(name)), max_length=32)
        with torch.no_grad():
            for parameter in phase.model.parameters():
                parameter += 0.3 * torch.randn_like(parameter)
        phase.model.eval()
        folder = tmp_path / format
        folder.mkdir()
        (kind,) = export(folder, phase.encoder, {phase.task.name: (phase.task, phase.head)}, tokenizer)
        if kind == type(phase.encoder.backbone).__name__:
            continue
        exported.add(format)
        model = auto.from_pretrained(folder, trust_remote_code=False).eval()
        batch = phase.features.collate([1], mask_seed=1)
        given = {key: batch[key] for key in ("input_ids", "attention_mask")}
        given = {key: values[None] for key, values in given.items()} if format == "multiple_choice" else given
        with torch.no_grad():
            theirs = model(**given)
            if format == "mlm":
                ours, masked = phase.head.negative_log_likelihood(phase.encoder, batch)
                logits = theirs.logits[masked]
                expected = torch.nn.functional.cross_entropy(logits, batch["labels"][masked], reduction="none")
            else:
                ours = phase.head(phase.encoder, batch)
                expected = (theirs.start_logits, theirs.end_logits) if format == "span_qa" else theirs.logits
        torch.testing.assert_close(
            ours, expected, rtol=1e-4, atol=1e-4, msg=lambda text, format=format: f"{name} {format}: {text}"
        )
    if encoders.FAMILIES[name].heads in ("roberta", "bert"):
        assert exported == set(autos), "the form of its heads is known, so all of them are exported"


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


def test_narrow_word_embeddings_have_no_mlm_head(build):
    narrow = CONFIG_MAPPING["rembert"](**SHAPE | {"input_embedding_size": 8, "output_embedding_size": 8})
    assert encoders.factorised(narrow.to_dict()) and not encoders.factorised(config("rembert").to_dict())
    encoder = Encoder(AutoModel.from_config(narrow, trust_remote_code=False))
    with pytest.raises(UserError, match="word embeddings, but those of this encoder are 8 wide and its hidden states 16"):
        build("mlm", encoder=encoder, max_length=32)
