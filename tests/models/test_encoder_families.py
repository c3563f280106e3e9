"""`xstilts.encoders` against transformers: what the driver says of a type is what its class does."""

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
from xstilts.models.encoder import Encoder, load_backbone

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
    "canine": {"local_transformer_stride": 8, "downsampling_rate": 2, "num_hash_buckets": 64},
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
# They read characters, cut in blocks.
BLOCKS = {"canine", "big_bird"}


def config(name: str) -> PretrainedConfig:
    shape = {key: value for key, value in SHAPE.items() if name != "funnel" or key != "num_hidden_layers"}
    return CONFIG_MAPPING[name](**shape | OWN.get(name, {}))


def model_of(name: str) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModel.from_config(config(name), trust_remote_code=False).eval()


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
        ("fnet", SHAPE, "takes no attention_mask"),
        (
            "vit",
            {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
            "takes no input_ids",
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
