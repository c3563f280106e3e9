"""Training steps of every format: repeatable, able to learn, and the same however a batch is cut."""

from dataclasses import replace

import pytest
import pytorch_lightning as pl
import torch
from datasets import concatenate_datasets
from torch.utils.data import DataLoader

from tests.small_world import data_of
from xstilts.config import Mixture, TrainerConfig
from xstilts.data.batches import EvaluationBatch, OptimizerStep
from xstilts.data.featurizers import featurizer
from xstilts.data.plan import StepPlan
from xstilts.models.encoder import Encoder
from xstilts.models.heads import build_head
from xstilts.tasks.formats import format_names
from xstilts.training.determinism import derived_seed
from xstilts.training.module import TaskModule
from xstilts.training.prediction import by_row
from xstilts.training.trainer import trainer_options

# One step whose gradient is that of the loss. With weights as small as those of training, the hidden states of all choices are
# so alike that their gradients cancel down to rounding.
UNDISTURBED = {"steps": 1, "dropout": 0.0, "max_grad_norm": 0.0, "initializer_range": 0.2}


def flat(gradients):
    return torch.cat([value.flatten() for value in gradients.values() if value is not None])


@pytest.mark.parametrize("format", format_names())
def test_twenty_steps_repeat_bit_by_bit(format, build, fit):
    first = fit(build(format)).losses
    second = fit(build(format)).losses
    assert len(first) == 20
    assert first == second
    assert all(0 < loss < 1000 for loss in first)


@pytest.mark.parametrize("format", format_names())
def test_dropout_is_on_and_drawn_by_the_seed(format, build, fit):
    first, other, without = (build(format, steps=1, dropout=dropout) for dropout in (0.1, 0.1, 0.0))
    other.model.seed = 2
    without.encoder.load_state_dict(first.encoder.state_dict())
    losses = [fit(phase).losses[0] for phase in (first, other, without)]
    assert len(set(losses)) == 3


@pytest.mark.parametrize("padding_free", [True, False])
@pytest.mark.parametrize("format", format_names())
def test_gradient_checkpointing_gives_the_same_bits(format, padding_free, build, fit):
    """With dropout, and with several micro-batches in a step."""
    found = []
    for checkpointing in (False, True):
        phase = build(format, steps=3, max_tokens=100)
        if padding_free:
            phase.encoder.leave_padding_out()
        calls = []
        if checkpointing:
            phase.encoder.checkpoint_layers()
        layer = phase.encoder.backbone.encoder.layer[0].attention
        layer.register_forward_pre_hook(lambda *_, calls=calls: calls.append(torch.is_grad_enabled()))
        recorder = fit(phase)
        found.append((recorder.losses, recorder.gradients, dict(phase.model.state_dict()), sum(calls)))
    (losses, gradients, weights, once), (others, other_gradients, other_weights, again) = found
    assert again == 2 * once, "layers are computed a second time"
    assert others == losses
    for before, after in ((gradients, other_gradients), (weights, other_weights)):
        assert before.keys() == after.keys() and all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.slow
@pytest.mark.parametrize("format", format_names())
def test_the_loss_falls(format, build, fit):
    count = 2 if format == "mlm" else 6  # what is masked changes from step to step
    phase = build(format, steps=60, dropout=0.0, count=count, batch_size=count, learning_rate=5e-3, schedule="constant")
    losses = fit(phase).losses
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


@pytest.mark.parametrize("format", format_names())
def test_every_parameter_gets_a_gradient(format, build, fit):
    phase = build(format, steps=1, retrieval_pooling=["pooler"])
    gradients = fit(phase).gradients
    names = {name.split(".", 1)[1] if name.startswith("heads") else name for name in gradients}
    assert [name for name, value in gradients.items() if value is None] == []
    zero = [name for name, value in gradients.items() if not value.abs().sum() > 0]
    # A bias of keys moves all scores of a softmax alike, so that its gradient is 0 up to rounding.
    assert [name for name in zero if not name.endswith("key.bias")] == []
    assert ("encoder.pooler.layer.dense.weight" in names) == (format in ("multiple_choice", "retrieval"))
    assert any(name.startswith(f"heads.head_{phase.task.name}.") for name in gradients)


@pytest.mark.parametrize("max_tokens", [1, 60, 150])
@pytest.mark.parametrize("format", format_names())
def test_micro_batches_have_the_gradient_of_the_whole_batch(format, max_tokens, build, fit):
    whole, cut = (build(format, batch_size=8, max_tokens=tokens, **UNDISTURBED) for tokens in (10**6, max_tokens))
    assert len(next(iter(whole.data.train_dataloader())).micro_batches) == 1
    count = len(next(iter(cut.data.train_dataloader())).micro_batches)
    assert count == 8 if max_tokens == 1 else 2 <= count <= 8
    expected, got = fit(whole), fit(cut)
    assert got.losses == pytest.approx(expected.losses, rel=1e-5)
    expected_gradient, gradient = flat(expected.gradients), flat(got.gradients)
    assert expected_gradient.norm() > 1e-4
    assert (gradient - expected_gradient).norm() <= 1e-5 * expected_gradient.norm()


@pytest.mark.parametrize("format", format_names())
def test_the_loss_of_a_step_is_the_mean_over_its_items(format, build, fit):
    phase = build(format, batch_size=8, max_tokens=100, **UNDISTURBED)
    _, rows = phase.plan.step(0)
    batch = phase.features.collate(rows.tolist(), mask_seed=phase.plan.seed * 1_000_003)
    loss = phase.head.loss_sum(phase.encoder, batch) / phase.head.items(batch)
    loss.backward()
    expected = {name: parameter.grad.clone() for name, parameter in phase.model.named_parameters() if parameter.grad is not None}
    phase.model.zero_grad()
    recorder = fit(build(format, batch_size=8, max_tokens=100, **UNDISTURBED))
    assert recorder.losses == pytest.approx([loss.item()], rel=1e-5)
    assert (flat(recorder.gradients) - flat(expected)).norm() <= 1e-5 * flat(expected).norm()


def test_the_gradient_is_clipped_at_its_norm(build, fit):
    free, clipped = (build("classification", steps=1, dropout=0.0, max_grad_norm=norm) for norm in (0.0, 0.01))
    free_gradient, clipped_gradient = flat(fit(free).gradients), flat(fit(clipped).gradients)
    assert free_gradient.norm() > 0.02
    assert clipped_gradient.norm() == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(clipped_gradient * free_gradient.norm() / 0.01, free_gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("format", format_names())
@pytest.mark.parametrize("max_tokens", [60, 8192])
def test_bf16_trains_with_clipping(format, max_tokens, build, fit):
    """The optimizer is fused, which Lightning's own clipping refuses; and what autocast keeps must not lose a gradient."""
    exact, mixed = (
        build(format, steps=1, dropout=0.0, max_grad_norm=0.01, max_tokens=max_tokens, initializer_range=0.2) for _ in range(2)
    )
    mixed.encoder.load_state_dict(exact.encoder.state_dict())
    assert all(group["fused"] for group in mixed.model.configure_optimizers()["optimizer"].param_groups)
    expected, got = fit(exact), fit(mixed, precision="bf16-mixed")
    assert got.losses == pytest.approx(expected.losses, rel=0.05)
    assert flat(got.gradients).norm() == pytest.approx(0.01, rel=1e-3)
    assert (flat(got.gradients) - flat(expected.gradients)).norm() < 0.5 * 0.01


@pytest.mark.parametrize("format", format_names())
def test_a_repeated_example_of_weight_nothing_leaves_everything_as_it_is(format, build, fit):
    """A process without an example of a small step takes part with gradient 0, not NaN."""
    phase = build(format, steps=1, weight_decay=0.0)
    (step,) = list(phase.data.train_dataloader())
    idle = OptimizerStep(step.task, step.head, step.micro_batches, weight=0.0)
    phase.data.train_dataloader = lambda: DataLoader([idle], batch_size=None)
    before = {name: value.clone() for name, value in phase.model.named_parameters()}
    recorder = fit(phase)
    assert recorder.losses == [0.0]
    assert not flat(recorder.gradients).any()
    assert all(torch.equal(before[name], value) for name, value in phase.model.named_parameters())


def test_learning_rate_and_schedule_advance_once_a_step(build, fit):
    phase = build("classification", steps=10, warmup_steps=4, learning_rate=0.5, max_tokens=60)
    rates = []
    original = phase.model.log
    phase.model.log = lambda name, value, **words: (
        rates.append(value) if name == "train/learning_rate" else None,
        original(name, value, **words),
    )
    fit(phase)
    assert rates == pytest.approx([0.5 * factor for factor in (0, 1 / 4, 2 / 4, 3 / 4, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6)])


def test_several_tasks_train_one_encoder_and_their_own_heads(build, fit):
    phases = [build(format, steps=1) for format in ("classification", "tagging", "mlm")]
    encoder: Encoder = phases[0].encoder
    heads = {phase.task.name: build_head(phase.task, encoder, phase.model.hyperparameters) for phase in phases}
    sizes = {phase.task.name: len(phase.features.features) for phase in phases}
    plan = StepPlan(sizes, 4, seed=1, max_steps=30, mixture=Mixture())
    model = TaskModule(encoder, heads, phases[0].model.hyperparameters, 1, 30)
    before = {name: value.clone() for name, value in model.named_parameters()}
    phases[0].model, phases[0].data = model, data_of(*(phase.features for phase in phases), plan=plan)
    assert len(fit(phases[0]).losses) == 30
    same = [name for name, value in model.named_parameters() if torch.equal(before[name], value)]
    # Rows of the position embeddings aside, AdamW moves all that has a gradient; the padding row keeps to itself.
    assert same == []


def to_predict(phase, words, examples=None):
    """The features of a phase's examples, or of others, for evaluation."""
    rows = phase.examples if examples is None else examples
    made = featurizer(phase.task.format).featurize(rows, words, phase.task, phase.features.limits, False)
    return replace(phase.features, examples=rows, features=made)


@pytest.mark.parametrize("format", format_names())
def test_predictions_come_with_their_rows(format, build, tokenizer):
    phase = build(format)
    phase.model.eval()
    features, rows = to_predict(phase, tokenizer), [3, 0, 2]
    with torch.no_grad():
        task, got, outputs = phase.model.predict_step(EvaluationBatch(features, rows, features.collate(rows)))
    assert (task, got, len(outputs)) == (phase.task.name, rows, len(rows))


@pytest.mark.parametrize("format", format_names())
@pytest.mark.parametrize(("precision", "most"), [("32-true", 1e-6), ("bf16-mixed", 0.02)])
def test_equal_inputs_are_encoded_once_and_change_no_output(format, precision, most, build, tokenizer):
    """Each example three times, in batches that are cut elsewhere; `most`: of the largest output, how far one may be off."""
    phase = build(format, initializer_range=0.2)
    features = to_predict(phase, tokenizer, concatenate_datasets([phase.examples] * 3))
    apart = replace(features)
    apart.__dict__["repeated"] = {}
    encoded = []
    phase.encoder.backbone.register_forward_hook(
        lambda *given: encoded.append(int(given[2]["input_ids"].shape[0])), with_kwargs=True
    )
    found = []
    for used in (features, apart):
        data = data_of(max_eval_tokens=300)
        data.evaluation = used
        encoded.clear()
        trainer = pl.Trainer(**trainer_options(TrainerConfig(accelerator="cpu", precision=precision)), logger=False)
        outputs = trainer.predict(phase.model, datamodule=data)
        found.append((sum(encoded), by_row(outputs, {used.name: used})[used.name]))
    (once, ours), (thrice, theirs) = found
    assert thrice == (once if format == "mlm" else 3 * once), "masks differ from row to row"
    for name in theirs[0]:
        values = [torch.cat([torch.as_tensor(row[name]).flatten() for row in rows]).double() for rows in (ours, theirs)]
        if name == "tags" and precision != "32-true":
            assert (values[0] == values[1]).double().mean() > 0.9  # the best of scores that rounding may exchange
        else:
            assert (values[0] - values[1]).abs().max() <= most * values[1].abs().max()


def test_a_derived_seed_depends_on_all_its_parts():
    seeds = {derived_seed(*parts) for parts in ([1, 2], [2, 1], [1], [1, 2, 0], ["1", 2], [12])}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derived_seed("dropout", 1, 0, 0) == derived_seed("dropout", 1, 0, 0)
