"""Recording training dynamics: what is recorded, when, that it disturbs nothing, and that a resumed run has all of it."""

import numpy as np
import pytest
import torch

from xstilts.training.callbacks.example_dynamics import Dynamics, gold_probabilities
from xstilts.training.callbacks.validation import ValidateAndCheckpoint


@pytest.fixture
def recorded(build, fit, tmp_path):
    """recorded(format, steps) -> (phase, callback) after training on 8 examples, 4 in a step."""

    def run(format="classification", steps=6, record=True, resume=None, checkpoint_every=1000, devices=1):
        phase = build(format, steps=steps)
        dynamics = Dynamics(phase.features, phase.plan.batch_size, len(phase.plan))
        selection = ValidateAndCheckpoint(tmp_path, False, 0, 0, False, checkpoint_every, steps)
        fit(phase, (dynamics, selection) if record else (selection,), resume, devices)
        return phase, dynamics

    return run


def asked(phase):
    """The probabilities as the model gives them now, with torch's own softmax."""
    phase.model.eval()
    found = []
    for row, label in enumerate(phase.features.features["label"]):
        with torch.no_grad():
            logits = phase.head(phase.encoder, phase.features.collate([row]))
        found.append(logits.softmax(-1)[0, label].item())
    return np.array(found)


def test_the_probability_is_the_softmax_at_the_label():
    first, second = {"logits": np.log([0.2, 0.7, 0.1])}, {"logits": np.log([0.5, 0.5])}
    outputs = [("task", [2, 0], [first, second]), ("task", [1], [{"logits": np.array([1000.0, 0.0], np.float32)}])]
    assert gold_probabilities(outputs, np.array([1, 0, 2])) == pytest.approx([0.5, 1.0, 0.1])
    with pytest.raises(RuntimeError, match="no probability for 1 of 3 training features"):
        gold_probabilities(outputs[:1], np.array([1, 0, 2]))


@pytest.mark.parametrize("format", ["classification", "multiple_choice"])
def test_every_example_is_asked_for_after_every_epoch(format, recorded):
    phase, dynamics = recorded(format)
    assert [epoch.shape for epoch in dynamics.epochs] == [(8,)] * 3, "an epoch is two steps"
    assert dynamics.epochs[-1] == pytest.approx(asked(phase), abs=1e-6)
    assert not np.allclose(dynamics.epochs[0], dynamics.epochs[-1])


def test_an_epoch_that_training_ends_in_counts(recorded):
    phase, dynamics = recorded(steps=5)
    assert len(dynamics.epochs) == 3
    assert dynamics.epochs[-1] == pytest.approx(asked(phase), abs=1e-6)


def test_training_is_the_same_with_and_without(recorded):
    weights = [recorded(record=record)[0].model.state_dict() for record in (True, False)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_a_resumed_run_has_the_epochs_before_its_checkpoint(recorded, tmp_path):
    _, whole = recorded(checkpoint_every=4)  # the last step writes none: what is left is that after the second epoch
    _, resumed = recorded(resume=tmp_path / "last.ckpt")
    assert len(whole.epochs) == len(resumed.epochs) == 3
    assert all(np.array_equal(one, other) for one, other in zip(whole.epochs, resumed.epochs, strict=True))
