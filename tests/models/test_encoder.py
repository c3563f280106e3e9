"""The encoder of phase 1: from nothing, or from a folder, in float32, complete, with its attention mask."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaForMaskedLM

from xstilts.errors import UserError
from xstilts.models.encoder import Encoder, build_encoder, initialise, load_backbone
from xstilts.training.load import check_length

SMALL = {"vocab_size": 65, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture
def saved(tmp_path):
    """A folder with a masked language model of XLM-R's architecture, as the public checkpoints are."""
    torch.manual_seed(0)
    model = XLMRobertaForMaskedLM(XLMRobertaConfig(**SMALL, max_position_embeddings=130, pad_token_id=1))
    model.save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


def edit(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_tiny_depends_on_its_own_seed_only(tokenizer, tiny_model):
    torch.manual_seed(1)
    first = build_encoder(tiny_model(), tokenizer).state_dict()
    drawn = torch.rand(1)
    torch.manual_seed(2)
    second = build_encoder(tiny_model(), tokenizer).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = build_encoder(tiny_model(seed=1), tokenizer).state_dict()
    assert not torch.equal(
        first["backbone.encoder.layer.0.output.dense.weight"], other["backbone.encoder.layer.0.output.dense.weight"]
    )
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1)), "building must not touch the cell's own random numbers"


def test_tiny_has_the_shape_asked_for(tokenizer, tiny_model):
    encoder = build_encoder(tiny_model(num_hidden_layers=3, dropout=0.25), tokenizer)
    config = encoder.backbone.config
    assert (encoder.hidden_size, encoder.num_layers, encoder.max_length) == (32, 3, 128)
    assert encoder.word_embeddings.shape == (len(tokenizer), 32)
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.25, 0.25)
    assert (config.pad_token_id, config.bos_token_id, config.eos_token_id) == (1, 0, 2)
    assert encoder.pooler is None and not any("pooler" in name for name, _ in encoder.named_parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_folder_is_loaded_in_float32_whatever_it_was_saved_in(dtype, saved, tokenizer, tiny_model):
    backbone = load_backbone(str(saved), "sdpa").to(dtype)
    backbone.save_pretrained(saved)
    assert json.loads((saved / "config.json").read_text())["dtype"] == str(dtype).removeprefix("torch.")
    encoder = build_encoder(replace(tiny_model(), name_or_path=str(saved)), tokenizer)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    assert all(
        torch.equal(value.float(), encoder.backbone.state_dict()[key])
        for key, value in load_file(saved / "model.safetensors").items()
    )


def test_a_checkpoint_without_a_weight_is_refused(saved):
    edit(saved, lambda weights: weights.pop("roberta.encoder.layer.1.output.dense.weight"))
    with pytest.raises(UserError) as error:
        load_backbone(str(saved), "sdpa")
    assert str(error.value) == (
        f"'{saved}' lacks 1 weight of a XLMRobertaModel, for instance encoder.layer.1.output.dense.weight"
    )


def test_a_checkpoint_with_a_weight_of_another_shape_is_refused(saved):
    edit(saved, lambda weights: weights.update({"roberta.encoder.layer.0.output.dense.bias": torch.zeros(7)}))
    with pytest.raises(UserError) as error:
        load_backbone(str(saved), "sdpa")
    assert str(error.value) == (f"'{saved}' lacks 1 weight of a XLMRobertaModel, for instance encoder.layer.0.output.dense.bias")


def test_a_folder_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(UserError) as error:
        load_backbone(str(tmp_path), "sdpa")
    assert str(error.value).startswith(f"no encoder could be loaded from the folder '{tmp_path}' (model.name_or_path): ")
    assert "\n" not in str(error.value)


def test_weights_that_are_no_safetensors_are_refused(saved):
    (saved / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(UserError) as error:
        load_backbone(str(saved), "sdpa")
    assert str(saved) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("known", [True, False])
def test_a_folder_with_a_program_is_not_run(known, saved, tmp_path, monkeypatch):
    """A checkpoint may bring its own model class; that would run whatever its author wrote. Nobody is asked whether it may."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked at the terminal"))
    config = json.loads((saved / "config.json").read_text())
    witness = tmp_path / "was_run"
    (saved / "modeling_mine.py").write_text(f"open({str(witness)!r}, 'w').close()\n")
    config["auto_map"] = {"AutoConfig": "modeling_mine.Config", "AutoModel": "modeling_mine.Model"}
    config["model_type"] = "xlm-roberta" if known else "mine"
    (saved / "config.json").write_text(json.dumps(config))
    if known:
        assert type(load_backbone(str(saved), "sdpa")).__name__ == "XLMRobertaModel"
    else:
        with pytest.raises(UserError) as error:
            load_backbone(str(saved), "sdpa")
        assert "code from a model's folder is never run" in str(error.value)
        assert str(saved) in str(error.value) and "\n" not in str(error.value)
    assert not witness.exists()


def test_another_architecture_comes_without_its_pooler(tmp_path, tokenizer, tiny_model):
    BertModel(BertConfig(**SMALL, max_position_embeddings=50)).save_pretrained(tmp_path)
    encoder = build_encoder(replace(tiny_model(), name_or_path=str(tmp_path)), tokenizer)
    assert type(encoder.backbone).__name__ == "BertModel" and encoder.backbone.pooler is None
    assert (encoder.max_length, encoder.hidden_size, encoder.num_layers) == (50, 32, 2)


def test_the_longest_input_fits_and_one_more_does_not(tokenizer, tiny_model):
    encoder = build_encoder(tiny_model(), tokenizer).eval()
    for length, fits in ((encoder.max_length, True), (encoder.max_length + 1, False)):
        ids = torch.full((1, length), 5)
        if fits:
            assert encoder(ids, torch.ones_like(ids)).shape == (1, length, 32)
        else:
            with pytest.raises((IndexError, RuntimeError)):
                encoder(ids, torch.ones_like(ids))


def test_a_max_length_beyond_the_positions_is_refused(tokenizer, tiny_model):
    encoder = build_encoder(tiny_model(), tokenizer)
    check_length(encoder, 128, "xnli")
    check_length(encoder, None, "xnli")
    with pytest.raises(UserError) as error:
        check_length(encoder, 129, "xnli")
    assert str(error.value) == (
        "max_length=129 of task xnli is beyond the 128 tokens this encoder has positions for; "
        "type intermediate.recipe.max_length=128 target.recipe.max_length=128, or less"
    )


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_padding_changes_nothing_and_the_mask_is_used(attention, tokenizer, tiny_model):
    encoder = build_encoder(replace(tiny_model(), attention=attention), tokenizer).eval()
    assert encoder.backbone.config._attn_implementation == attention
    ids = torch.tensor([[0, 10, 11, 12, 2]])
    padded = torch.cat([ids, torch.full((1, 6), tokenizer.pad_token_id)], 1)
    mask = torch.tensor([[1] * 5 + [0] * 6])
    with torch.no_grad():
        alone = encoder(ids, torch.ones_like(ids))
        beside = encoder(padded, mask)[:, :5]
        unmasked = encoder(padded, torch.ones_like(padded))[:, :5]
        states = encoder.hidden_states(padded, mask, [0, 2])
    torch.testing.assert_close(beside, alone, rtol=0, atol=1e-6)
    assert (unmasked - alone).abs().max() > 1e-4
    assert list(states) == [0, 2]
    torch.testing.assert_close(states[2][:, :5], alone, rtol=0, atol=1e-6)


def test_the_pooler_is_dense_and_tanh_over_the_first_token(tokenizer, tiny_model):
    encoder = build_encoder(tiny_model(), tokenizer)
    hidden = torch.randn(3, 4, 32)
    assert torch.equal(encoder.first_token(hidden), hidden[:, 0])
    encoder.add_pooler()
    pooler, dense = encoder.pooler, encoder.pooler.layer.dense
    assert not dense.bias.any()
    assert torch.equal(encoder.first_token(hidden), torch.tanh(hidden[:, 0] @ dense.weight.T + dense.bias))
    encoder.add_pooler()
    assert encoder.pooler is pooler, "a pooler that is there stays"


def test_new_layers_are_initialised_as_in_roberta():
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(300, 300), torch.nn.Linear(300, 2, bias=False), torch.nn.LayerNorm(2))
    initialise(layers)
    assert layers[0].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert abs(layers[0].weight.mean().item()) < 1e-3
    assert not layers[0].bias.any()
    assert torch.equal(layers[2].weight, torch.ones(2))


def test_the_encoder_is_given_in_evaluation_mode_and_can_be_trained(saved):
    encoder = Encoder(load_backbone(str(saved), "sdpa"))
    assert all(parameter.requires_grad for parameter in encoder.parameters())


def test_positions_count_from_zero_whatever_the_encoders_first_one_is(tokenizer, tiny_model):
    encoder = build_encoder(tiny_model(dropout=0.0), tokenizer).eval()
    ids = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 2, 1, 1]])
    mask = (ids != 1).long()
    plain, told = encoder(ids, mask), encoder(ids, mask, torch.arange(5).expand(2, 5))
    assert torch.allclose(plain[mask.bool()], told[mask.bool()], atol=1e-6)
    again = encoder(ids, mask, torch.tensor([[0, 1, 2, 0, 1]] * 2))
    assert not torch.allclose(plain[0], again[0], atol=1e-3)


def test_dropout_of_a_phase_leaves_the_config_alone(tokenizer, tiny_model):
    encoder = build_encoder(tiny_model(dropout=0.1), tokenizer)
    encoder.set_dropout(0.0)
    ids = torch.tensor([[0, 5, 6, 7, 2]])
    encoder.train()
    assert torch.equal(encoder(ids, torch.ones_like(ids)), encoder(ids, torch.ones_like(ids)))
    encoder.set_dropout(0.5)
    assert not torch.equal(encoder(ids, torch.ones_like(ids)), encoder(ids, torch.ones_like(ids)))
    assert {module.p for module in encoder.modules() if isinstance(module, torch.nn.Dropout)} == {0.5}
    assert (encoder.backbone.config.hidden_dropout_prob, encoder.backbone.config.attention_probs_dropout_prob) == (0.1, 0.1)


def test_frozen_embeddings_are_the_matrices_and_nothing_else(tokenizer, tiny_model):
    encoder = build_encoder(tiny_model(), tokenizer)
    encoder.freeze_embeddings()
    frozen = {name.split(".")[-2] for name, parameter in encoder.named_parameters() if not parameter.requires_grad}
    assert frozen == {"word_embeddings", "position_embeddings", "token_type_embeddings"}


def test_gradient_checkpointing_is_refused_where_there_is_none(tokenizer, tiny_model, monkeypatch):
    encoder = build_encoder(tiny_model(), tokenizer)
    monkeypatch.setattr(type(encoder.backbone), "supports_gradient_checkpointing", False)
    with pytest.raises(UserError, match="^transformers has no gradient checkpointing for encoders of the type xlm-roberta: "):
        encoder.checkpoint_layers()
