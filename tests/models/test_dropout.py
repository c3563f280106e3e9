"""Dropout from 16 bits for each place: its distribution, its gradient, and its place in an encoder."""

import copy
import math

import pytest
import torch
from torch import nn
from transformers import AutoModel, XLMRobertaConfig

from xstilts.models import dropout
from xstilts.models.encoder import Encoder

PLACES = 1 << 20


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_places_are_kept_with_the_probability_and_independently(probability: float) -> None:
    torch.manual_seed(0)
    keep, factor = dropout.draw((PLACES,), probability)
    assert keep.dtype == torch.int8 and set(keep.unique().tolist()) == {0, 1}
    assert abs((1 - 1 / factor) - probability) <= 2**-17
    deviation = math.sqrt(PLACES * probability * (1 - probability))
    assert abs(keep.sum().item() - PLACES * (1 - probability)) < 5 * deviation
    centred = keep.double() - 1 / factor
    for distance in (1, 2, 3, 4, 768):  # four places share a random number
        correlation = (centred[:-distance] * centred[distance:]).mean() / centred.var()
        assert abs(correlation) < 5 / math.sqrt(PLACES), distance


@pytest.mark.parametrize("shape", [(), (1,), (3, 5), (4, 4), (2, 3, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_and_gradients_have_one_mask_and_one_factor(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    values = torch.full(shape, 2.0, dtype=dtype, requires_grad=True)
    torch.manual_seed(1)
    keep, factor = dropout.draw(shape, 0.25)
    torch.manual_seed(1)
    dropped = dropout.Dropout(0.25)(values)
    assert dropped.dtype == dtype and factor == 1 / 0.75
    torch.testing.assert_close(dropped, keep.to(dtype) * 2 * factor)
    dropped.backward(torch.ones_like(dropped))
    assert values.grad is not None and values.grad.dtype == dtype
    torch.testing.assert_close(values.grad, keep.to(dtype) * factor)


def test_the_seed_determines_the_draws() -> None:
    layer, values = dropout.Dropout(0.3), torch.ones(100)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(torch.cat([layer(values), layer(values)]))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0][:100], draws[0][100:])
    state = torch.get_rng_state()
    after = layer(values)
    torch.set_rng_state(state)
    assert torch.equal(layer(values), after)


@pytest.mark.parametrize("probability", [0.0, 1e-9, 1 - 1e-9])
def test_extreme_probabilities(probability: float) -> None:
    dropped = dropout.Dropout(probability)(torch.ones(64))
    assert torch.isfinite(dropped).all() and (probability > 0.5 or torch.equal(dropped, torch.ones(64)))


def test_nothing_is_dropped_in_evaluation() -> None:
    values = torch.ones(64)
    assert dropout.Dropout(0.5).eval()(values) is values


def test_an_encoder_has_it_everywhere_and_keeps_its_weights_and_their_names() -> None:
    config = XLMRobertaConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, hidden_dropout_prob=0.2
    )
    torch.manual_seed(0)
    backbone = AutoModel.from_config(config, add_pooling_layer=False, trust_remote_code=False)
    names = list(backbone.state_dict())
    model = Encoder(backbone)
    layers = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    assert len(layers) == 7 and all(type(layer) is dropout.Dropout for layer in layers)
    assert {layer.p for layer in layers} == {0.1, 0.2} and list(model.backbone.state_dict()) == names
    copied = copy.deepcopy(model)
    copied.set_dropout(0.4)
    assert {layer.p for layer in copied.modules() if isinstance(layer, nn.Dropout)} == {0.4}
