"""The encoder without padding gives the numbers of the padded one, forward and backward."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    AutoModel,
    BertConfig,
    CamembertConfig,
    DistilBertConfig,
    RobertaConfig,
    XLMRobertaConfig,
    XLMRobertaXLConfig,
)

from xstilts.config import ModelConfig, TrainerConfig
from xstilts.encoders import first_position
from xstilts.models.encoder import Encoder, build_encoder, load_backbone
from xstilts.models.padding_free import layout
from xstilts.training import load

SMALL = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}

TYPES = [XLMRobertaConfig, BertConfig, CamembertConfig, RobertaConfig, XLMRobertaXLConfig]


def encoder(config: type = XLMRobertaConfig, attention: str = "sdpa", dropout: float = 0.0) -> Encoder:
    torch.manual_seed(0)
    shape = SMALL | {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout, "max_position_embeddings": 40}
    built = config(**shape, pad_token_id=0 if config is BertConfig else 1, initializer_range=0.3)
    return Encoder(AutoModel.from_config(built, attn_implementation=attention, add_pooling_layer=False, trust_remote_code=False))


def batch(lengths: list[int]) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    mask_BL = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return torch.where(mask_BL, torch.randint(5, 60, mask_BL.shape), 1), mask_BL.long()


def gradients(model: Encoder, ids_BL: Tensor, mask_BL: Tensor, positions_BL: Tensor | None = None) -> tuple[Tensor, dict]:
    """The hidden states, 0 at padding, and the gradient of a loss that asks something else of each real token."""
    model.zero_grad()
    hidden_BLD = model(ids_BL, mask_BL, positions_BL) * mask_BL[..., None]
    torch.manual_seed(2)
    (hidden_BLD * torch.randn_like(hidden_BLD)).sum().backward()
    return hidden_BLD.detach(), {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("config", [XLMRobertaConfig, BertConfig])
@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12).map(lambda rows: sorted(rows) if len(rows) > 4 else rows),
    moved=st.booleans(),
)
def test_hidden_states_and_gradients_are_those_of_the_padded_pass(config: type, lengths: list[int], moved: bool) -> None:
    ids_BL, mask_BL = batch(lengths)
    positions_BL = torch.arange(ids_BL.shape[1]).expand_as(ids_BL) + 3 if moved else None
    model = encoder(config)
    wanted, wanted_gradients = gradients(model, ids_BL, mask_BL, positions_BL)
    wanted_states = model.hidden_states(ids_BL, mask_BL, range(3))
    model.leave_padding_out()
    assert model.padding_free
    got, got_gradients = gradients(model, ids_BL, mask_BL, positions_BL)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    assert got_gradients.keys() == wanted_gradients.keys()
    for name, value in wanted_gradients.items():
        torch.testing.assert_close(
            got_gradients[name], value, rtol=1e-4, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )
    for layer, state in model.hidden_states(ids_BL, mask_BL, range(3)).items():
        wanted = wanted_states[layer] * mask_BL[..., None]
        torch.testing.assert_close(state * mask_BL[..., None], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("config", TYPES)
@pytest.mark.parametrize("padding_free", [True, False])
def test_weights_held_in_bfloat16_give_the_same_outputs(config: type, padding_free: bool) -> None:
    model = encoder(config)
    if padding_free:
        model.leave_padding_out()

    def outputs() -> torch.Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return model(*batch([7, 3, 5]))

    wanted = outputs()
    model.hold_in_bfloat16()
    assert torch.equal(outputs(), wanted)
    linear = [part.weight.dtype for part in model.backbone.modules() if isinstance(part, torch.nn.Linear)]
    assert set(linear) == {torch.bfloat16} and model.word_embeddings.dtype == torch.float32


def test_the_layers_see_real_tokens_only() -> None:
    model, seen = encoder(), []
    model.leave_padding_out()
    for layer in model.backbone.encoder.layer:
        layer.register_forward_hook(lambda module, arguments, output: seen.append(tuple(arguments[0].shape)))
    model(*batch([7, 3, 5]))
    model(*batch([4, 4]))
    assert seen == [(1, 15, 32)] * 2 + [(1, 8, 32)] * 2


@pytest.mark.parametrize("config", TYPES)
@pytest.mark.parametrize("lengths", [[7, 3, 5], [4, 4], [1, 1, 1]])
@pytest.mark.parametrize("dropout", [0.0, 1e-6])  # so rare that nothing is dropped: attention is then computed in another way
def test_first_tokens_alone_have_the_same_hidden_states_and_gradients(config: type, lengths: list[int], dropout: float) -> None:
    model, seen = encoder(config, dropout=dropout).train(), []
    model.leave_padding_out()
    ids_BL, mask_BL = batch(lengths)
    torch.manual_seed(2)
    wanted_BD = torch.randn(len(lengths), 32)
    found = []
    model.backbone.encoder.layer[-1].output.register_forward_hook(lambda module, given, output: seen.append(output.shape[1]))
    for only_first in (False, True):
        model.zero_grad()
        hidden_BLD = model(ids_BL, mask_BL, only_first=only_first)
        assert hidden_BLD.shape[1] == (1 if only_first else max(lengths))
        (hidden_BLD[:, 0] * wanted_BD).sum().backward()
        gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
        found.append({"hidden": hidden_BLD[:, 0].detach(), **gradients})
    first = sum(lengths) if config is XLMRobertaXLConfig else len(lengths)
    assert seen == [sum(lengths), first], "the last layer computes no more than is read, where attention reads its input"
    assert found[0].keys() == found[1].keys()
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")


def test_where_the_tokens_are() -> None:
    found = layout(torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]]))
    assert found.places_T.tolist() == [0, 1, 3, 6, 7, 8] and found.starts_B1.tolist() == [0, 2, 3, 6]
    values = torch.arange(9).view(3, 3)
    assert found.without_padding(values).tolist() == [0, 1, 3, 6, 7, 8]
    again = found.with_padding(found.without_padding(values))
    assert torch.equal(again * found.mask_BL, values * found.mask_BL)
    whole = layout(torch.ones(2, 3, dtype=torch.int64))
    assert found.padded and not whole.padded and torch.equal(whole.with_padding(whole.without_padding(values[:2])), values[:2])


def test_attention_takes_neighbours_of_about_one_length_together() -> None:
    def groups(lengths: list[int]) -> list[tuple[int, int, bool]]:
        found = layout(batch(lengths)[1])
        return [(len(group.mask_BL), len(group.places_T), group.padded) for group in found.groups]

    assert groups([40, 41, 41, 60, 90, 90, 200]) == [
        (3, 122, True),
        (1, 60, False),
        (2, 180, False),
        (1, 200, False),
    ]
    assert groups([300, 310, 320]) == [(1, 300, False), (1, 310, False), (1, 320, False)]
    assert groups([10, 11, 12]) == [], "one group is all of them"
    assert groups([2, 20] * 8) == [], "a little padding costs less than a group"


def test_what_stands_at_padding_has_no_gradient() -> None:
    found = layout(torch.tensor([[1, 1, 1], [1, 0, 0]]))
    values = torch.randn(4, 2, requires_grad=True)
    found.with_padding(values).backward(torch.full((2, 3, 2), 5.0))
    assert values.grad is not None and torch.equal(values.grad, torch.full((4, 2), 5.0)), "no place counts twice"
    padded = torch.randn(2, 3, 2, requires_grad=True)
    found.without_padding(padded).sum().backward()
    assert padded.grad is not None and padded.grad[..., 0].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_dropout_is_drawn_and_depends_on_the_seed_alone() -> None:
    model = encoder(dropout=0.3).train()
    model.leave_padding_out()
    ids_BL, mask_BL = batch([9, 4])
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(model(ids_BL, mask_BL) * mask_BL[..., None])
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_where_it_cannot_be_done_nothing_changes() -> None:
    config = DistilBertConfig(vocab_size=60, dim=32, n_layers=1, n_heads=2, hidden_dim=64)
    model = Encoder(AutoModel.from_config(config, trust_remote_code=False))
    model.eval()
    before = model(*batch([5, 2]))
    model.leave_padding_out()
    assert not model.padding_free and torch.equal(model(*batch([5, 2])), before)


@pytest.mark.parametrize(("attention", "expected"), [("sdpa", True), ("eager", False)])
def test_it_needs_the_attention_of_torch(attention: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "build_encoder", lambda *given: encoder(XLMRobertaConfig, attention))
    assert load.load_encoder(ModelConfig(attention=attention), TrainerConfig(), None).padding_free == expected


def test_a_saved_encoder_tells_nothing_of_it(tmp_path) -> None:
    model = encoder()
    model.leave_padding_out()
    model.backbone.save_pretrained(tmp_path)
    assert "xstilts" not in (tmp_path / "config.json").read_text()
    assert load_backbone(str(tmp_path), "sdpa").config._attn_implementation == "sdpa"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler comes with deprecated parts of torch
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # it looks at those of hidden states
def test_a_compiled_encoder_gives_the_same(tiny_model, tokenizer) -> None:
    model = build_encoder(replace(tiny_model(num_hidden_layers=1), attention="sdpa"), tokenizer).eval()
    ids_BL, mask_BL = batch([9, 4, 6])
    assert int(ids_BL.max()) < len(tokenizer) and first_position(model.backbone.config.to_dict()) == 2
    wanted, wanted_gradients = gradients(model, ids_BL, mask_BL)
    model.leave_padding_out()
    model.compile_layers()
    got, got_gradients = gradients(model, ids_BL, mask_BL)
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    for name, value in wanted_gradients.items():
        torch.testing.assert_close(got_gradients[name], value, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_dropout_with_and_without_padding_has_one_distribution(precision: torch.dtype) -> None:
    model, plain = encoder(dropout=0.2).train(), encoder(dropout=0.2).train()
    plain.load_state_dict(model.state_dict())
    model.leave_padding_out()
    ids_BL, mask_BL = batch([9, 4, 9])
    torch.manual_seed(4)
    with torch.no_grad(), torch.autocast("cpu", precision, enabled=precision != torch.float32):
        draws = [torch.stack([each(ids_BL, mask_BL)[:, 0].float() for _ in range(400)]) for each in (model, plain)]
    error = torch.sqrt(sum(part.var(0) for part in draws) / 400)
    assert (draws[0].mean(0) - draws[1].mean(0)).abs().max() < 5 * error.max()
    torch.testing.assert_close(*(part.std(0).mean() for part in draws), rtol=0.05, atol=0)
