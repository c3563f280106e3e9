"""A device without memory for a micro-batch gets smaller ones, and the step stays what it was."""

import logging
import re
from dataclasses import replace

import pytest
import torch

from tests.small_world import data_of
from xstilts.data.batches import EvaluationBatch
from xstilts.data.featurizers import featurizer
from xstilts.errors import UserError
from xstilts.recipes import limits
from xstilts.tasks.formats import format_names
from xstilts.training.memory import out_of_memory_means

# The gradient of a key's bias is rounding alone, which a smaller epsilon would make a step.
SHAPE = {"count": 8, "batch_size": 4, "steps": 6, "adam_epsilon": 1e-3, "initializer_range": 0.2}


def weights(phase):
    return torch.cat([tensor.flatten().float() for tensor in phase.model.state_dict().values()])


@pytest.mark.parametrize("moment", ["forward", "backward"])
@pytest.mark.parametrize("format", format_names())
def test_a_step_short_of_memory_is_done_again_in_smaller_parts(format, moment, build, fit, short_of_memory, caplog):
    caplog.set_level(logging.INFO, "xstilts")
    undisturbed, disturbed = (build(format, dropout=0.0, **SHAPE) for _ in range(2))
    expected = fit(undisturbed)
    refused = short_of_memory(disturbed, 200 if format == "multiple_choice" else 100, moment)
    got = fit(disturbed)
    assert refused, "memory was never short"
    assert got.losses == pytest.approx(expected.losses, rel=1e-5)
    assert (weights(disturbed) - weights(undisturbed)).abs().max() < 1e-6
    lines = [record.getMessage() for record in caplog.records if record.message.startswith("out of memory")]
    told = re.fullmatch(
        r"out of memory in step 1 of training: done again, and on, with (\d+) tokens in a micro-batch instead of (\d+)",
        lines[0],
    )
    assert told and int(told[1]) == int(told[2]) // 2
    assert int(told[2]) == refused[0] or format == "multiple_choice", "where choices of several numbers may lie together"
    assert len(lines) == len(refused) <= 3, "one line each time, and never twice for one size"


@pytest.mark.parametrize("format", ["classification", "retrieval"])
def test_dropout_is_that_of_a_run_with_small_parts_from_the_start(format, build, fit, short_of_memory):
    disturbed = build(format, dropout=0.3, **SHAPE)
    refused = short_of_memory(disturbed, 100)
    losses = fit(disturbed).losses
    small = build(format, dropout=0.3, max_tokens=refused[-1] // 2, **SHAPE)
    assert fit(small).losses == losses
    assert torch.equal(weights(small), weights(disturbed))


def test_a_resumed_run_goes_on_with_the_smaller_parts(build, fit, short_of_memory):
    phase = build("classification", **SHAPE)
    short_of_memory(phase, 100)
    state = fit(phase).loader.state_dict()
    loader = build("classification", **SHAPE).data.train_dataloader()
    loader.load_state_dict(state)
    assert loader.max_tokens == state["max_tokens"] < 8192
    assert loader.state_dict() == state


@pytest.mark.parametrize("format", ["classification", "retrieval"])
def test_a_feature_that_does_not_fit_alone(format, build, fit, short_of_memory):
    phase = build(format, **SHAPE)
    short_of_memory(phase, 10)
    with pytest.raises(UserError) as caught:
        fit(phase)
    assert str(caught.value).startswith("out of memory in step 1 of training with one example of ")
    assert "trainer.max_tokens does not help" in str(caught.value) and "target.recipe.max_length=N" in str(caught.value)


@pytest.mark.parametrize("format", format_names())
def test_evaluation_short_of_memory_goes_on_in_smaller_parts(format, build, short_of_memory, tokenizer):
    phase = build(format)
    made = featurizer(format).featurize(phase.examples, tokenizer, phase.task, limits(phase.model.hyperparameters), False)
    features = replace(phase.features, features=made)
    phase.model.eval()
    rows = [5, 0, 3, 1, 7]
    batch = EvaluationBatch(features, rows, features.collate(rows))
    with torch.no_grad():
        expected = phase.model.predict_step(batch)
        refused = short_of_memory(phase, 200 if format == "multiple_choice" else 90)
        got = phase.model.predict_step(batch)
        again = phase.model.predict_step(batch)
    assert refused and len(refused) == len(set(refused)), "what was refused once is not tried again"
    for outputs in (got, again):
        assert outputs[:2] == expected[:2] and len(outputs[2]) == len(expected[2])
        for one, other in zip(outputs[2], expected[2], strict=True):
            assert one.keys() == other.keys()
            for name in one:
                torch.testing.assert_close(torch.as_tensor(one[name]), torch.as_tensor(other[name]), rtol=1e-4, atol=1e-5)


def test_one_feature_of_evaluation_that_does_not_fit(build, short_of_memory):
    phase = build("classification")
    phase.model.eval()
    short_of_memory(phase, 5)
    (batch, *_) = data_of(phase.features).evaluation_loader(phase.features)
    with pytest.raises(UserError, match="^out of memory in an evaluation with one example of .* trainer.max_eval_tokens does"):
        phase.model.predict_step(batch)


def test_a_model_that_does_not_fit_is_one_line():
    with pytest.raises(UserError) as caught, out_of_memory_means("phase 3: mnli"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ...")
    assert str(caught.value).startswith(
        "phase 3: mnli: the model with its gradients and optimizer does not fit into the memory of "
    )
    assert "(CUDA out of memory); type " in str(caught.value) and "\n" not in str(caught.value)
