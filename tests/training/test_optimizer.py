"""AdamW's groups, and the learning rate of each step against its formula and against transformers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import AdamW
from transformers import get_constant_schedule_with_warmup, get_linear_schedule_with_warmup

from xstilts.hyperparameters import Hyperparameters
from xstilts.tasks.formats import format_names
from xstilts.training.optimizer import optimizer, schedule, warmup_steps

VALUES = {"learning_rate": 0.5, "adam_epsilon": 1e-6, "weight_decay": 0.01}


def rates(make, steps):
    """The learning rate of each step."""
    adam = AdamW([nn.Parameter(torch.zeros(1))], lr=0.5)
    made = make(adam)
    found = []
    for _ in range(steps):
        found.append(adam.param_groups[0]["lr"])
        adam.step()
        made.step()
    return found


@pytest.mark.parametrize("format", format_names())
def test_no_decay_on_biases_and_layer_norms(format, build):
    model = build(format, retrieval_pooling=["pooler"]).model
    decayed, spared = optimizer(model, Hyperparameters(**VALUES)).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    plain = {names[id(parameter)] for parameter in decayed["params"]}
    free = {names[id(parameter)] for parameter in spared["params"]}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)
    assert plain | free == set(names.values()) and not plain & free
    assert free == {name for name in names.values() if name.endswith("bias") or "LayerNorm" in name or "layer_norm" in name}
    assert {"encoder.backbone.embeddings.word_embeddings.weight", "encoder.backbone.encoder.layer.0.output.dense.weight"} <= plain
    assert "encoder.backbone.embeddings.LayerNorm.weight" in free


def test_frozen_parameters_are_left_out(build):
    model = build("classification").model
    model.encoder.requires_grad_(False)
    groups = optimizer(model, Hyperparameters(**VALUES)).param_groups
    assert sum(len(group["params"]) for group in groups) == 4


def test_adam_is_told_what_the_recipe_says():
    adam = optimizer(nn.Linear(2, 2), Hyperparameters(**VALUES, adam_beta2=0.98))
    assert isinstance(adam, AdamW)
    for group in adam.param_groups:
        assert (group["lr"], group["eps"], group["betas"]) == (0.5, 1e-6, (0.9, 0.98))
    assert optimizer(nn.Linear(2, 2), Hyperparameters(**VALUES)).param_groups[0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize(
    ("values", "total", "expected"),
    [
        ({}, 100, 0),
        ({"warmup_fraction": 0.1}, 100, 10),
        ({"warmup_fraction": 0.1}, 19, 1),
        ({"warmup_steps": 500, "warmup_fraction": 0.1}, 100, 500),
        ({"warmup_steps": 0, "warmup_fraction": 0.1}, 100, 0),
    ],
)
def test_warmup_steps(values, total, expected):
    assert warmup_steps(Hyperparameters(**values), total) == expected


@settings(max_examples=60)
@given(total=st.integers(1, 60), warmup=st.integers(0, 70))
def test_the_linear_schedule_is_transformers(total, warmup):
    ours = rates(lambda adam: schedule(adam, Hyperparameters(schedule="linear", warmup_steps=warmup), total), total)
    theirs = rates(lambda adam: get_linear_schedule_with_warmup(adam, warmup, total), total)
    assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)


@settings(max_examples=30)
@given(total=st.integers(1, 60), warmup=st.integers(0, 70))
def test_the_constant_schedule_is_transformers(total, warmup):
    ours = rates(lambda adam: schedule(adam, Hyperparameters(schedule="constant", warmup_steps=warmup), total), total)
    theirs = rates(lambda adam: get_constant_schedule_with_warmup(adam, warmup), total)
    assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)


def test_linear_and_constant_in_closed_form():
    linear = rates(lambda adam: schedule(adam, Hyperparameters(schedule="linear", warmup_fraction=0.2), 10), 12)
    assert linear == pytest.approx([0.5 * f for f in (0, 0.5, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0, 0)])
    constant = rates(lambda adam: schedule(adam, Hyperparameters(schedule="constant", warmup_fraction=0.2), 10), 12)
    assert constant == pytest.approx([0, 0.25, *[0.5] * 10])
    assert rates(lambda adam: schedule(adam, Hyperparameters(schedule="constant"), 3), 3) == [0.5, 0.5, 0.5]


def test_the_fused_kernel_gives_the_steps_of_the_plain_one():
    torch.manual_seed(0)
    fused, plain = nn.Linear(7, 5), nn.Linear(7, 5)
    plain.load_state_dict(fused.state_dict())
    ours = optimizer(fused, Hyperparameters(**{**VALUES, "learning_rate": 1e-2}))
    groups = [{"params": [plain.weight], "weight_decay": 0.01}, {"params": [plain.bias], "weight_decay": 0.0}]
    theirs = AdamW(groups, lr=1e-2, eps=1e-6, fused=False)
    assert ours.param_groups[0]["fused"]
    for _ in range(20):
        inputs = torch.randn(3, 7)
        for module, adam in ((fused, ours), (plain, theirs)):
            adam.zero_grad()
            module(inputs).square().sum().backward()
            adam.step()
    torch.testing.assert_close(fused.state_dict(), plain.state_dict(), rtol=1e-5, atol=1e-6)
