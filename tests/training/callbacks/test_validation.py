"""Between two steps: when is evaluated, which weights win, when training stops, and that a resumed run is the undisturbed one."""

import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file

from tests.small_world import data_of, ending
from xstilts.training.callbacks.validation import ValidateAndCheckpoint, run_in_training, save_atomically


@pytest.fixture
def select(build, fit, tmp_path):
    """select(scores, ...) -> (phase, selection, recorder) after 12 steps that are scored by the given numbers in turn."""

    def run(scores, steps=12, resume=None, devices=1, **words):
        phase = build("classification", steps=steps)
        phase.data.validation = {"nli": phase.features}
        values, weights = iter(scores), []

        def score():
            weights.append({name: value.clone() for name, value in phase.model.state_dict().items()})
            value = next(values)
            return value, {"nli/accuracy": 10 * value}

        options = {"eval_every": 3, "patience": 0, "keep_best": True, "checkpoint_every": 1000} | words
        selection = ValidateAndCheckpoint(tmp_path, bool(scores), total_steps=steps, **options)
        phase.model.validation_score = score
        recorder = fit(phase, (selection,), resume, devices)
        selection.weights = weights
        return phase, selection, recorder

    return run


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_scores_are_asked_for_every_so_many_steps_and_the_best_weights_come_back(select, tmp_path):
    phase, selection, recorder = select([1.0, 3.0, 2.0, 3.0])
    assert [entry["step"] for entry in selection.history] == [3, 6, 9, 12]
    assert selection.history[1] == {"step": 6, "score": 3.0, "nli/accuracy": 30.0}
    assert (selection.best, selection.best_step, selection.since_best) == (3.0, 6, 2), "of equal scores the first wins"
    last = {name: value.clone() for name, value in phase.model.state_dict().items()}
    selection.restore_best(phase.model)
    assert same(dict(phase.model.state_dict()), selection.weights[1]) and not same(last, selection.weights[1])
    assert len(recorder.losses) == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.safetensors"]


def test_the_last_weights_stay_where_the_recipe_wants_them(select, tmp_path):
    phase, selection, _ = select([4.0, 3.0, 2.0, 1.0], keep_best=False)
    last = {name: value.clone() for name, value in phase.model.state_dict().items()}
    selection.restore_best(phase.model)
    assert same(dict(phase.model.state_dict()), last)
    assert not list(tmp_path.glob("best*"))


@pytest.mark.parametrize(
    ("eval_every", "steps", "expected"), [(0, 12, [12]), (5, 12, [5, 10, 12]), (4, 12, [4, 8, 12]), (99, 7, [7])]
)
def test_the_end_is_always_evaluated(eval_every, steps, expected, select):
    _, selection, _ = select([1.0] * len(expected), steps=steps, eval_every=eval_every)
    assert [entry["step"] for entry in selection.history] == expected


def test_nothing_is_evaluated_without_a_score(select):
    phase, selection, recorder = select([])
    assert selection.history == [] and selection.best is None and len(recorder.losses) == 12
    selection.restore_best(phase.model)


def test_patience_stops_the_training(select):
    _, selection, recorder = select([2.0, 1.0, 1.5], patience=2)
    assert [entry["step"] for entry in selection.history] == [3, 6, 9]
    assert selection.stopped and selection.best_step == 3
    assert len(recorder.losses) == 9


def test_evaluation_runs_without_dropout_and_gradients_and_training_goes_on_with_it(build, fit):
    phase = build("classification", steps=2)
    modes = []
    phase.encoder.backbone.register_forward_hook(lambda module, *rest: modes.append((module.training, torch.is_grad_enabled())))
    seen = []

    class Look(pl.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            loader = trainer.datamodule.evaluation_loader(phase.features)
            seen.extend(run_in_training(trainer, pl_module, loader, pl_module.predict_step))

    fit(phase, (Look(),))
    assert modes == [(True, True), (False, False)] * 2
    assert sorted(row for _, rows, _ in seen for row in rows) == sorted([*range(8)] * 2)


@pytest.mark.slow
@pytest.mark.parametrize("at", [3, 4, 6])
def test_a_run_resumed_from_its_checkpoint_is_the_undisturbed_one(at, select, build, fit, tmp_path):
    """Stopped after a checkpoint, at a step with an evaluation and at one without."""
    scores = [1.0, 2.0, 1.5, 1.7]
    phase, selection, recorder = select(scores)
    expected = {name: value.clone() for name, value in phase.model.state_dict().items()}
    # The checkpoint of step `at`, written by a run that is then thrown away.
    _, _, whole = select(scores, checkpoint_every=at)
    checkpoint = tmp_path / "last.ckpt"
    assert checkpoint.exists() and whole.losses == recorder.losses
    done = torch.load(checkpoint, weights_only=True)["global_step"]
    assert done % at == 0 and done < 12
    phase, again, rest = select(scores[done // 3 :], resume=checkpoint)
    assert rest.losses == recorder.losses[done:]
    assert same(dict(phase.model.state_dict()), expected)
    assert again.history == selection.history
    assert (again.best, again.best_step) == (selection.best, selection.best_step)


def test_a_run_that_had_stopped_early_stays_stopped(select, tmp_path):
    _, selection, _ = select([2.0, 1.0, 1.5], patience=2)
    checkpoint = tmp_path / "last.ckpt"
    assert checkpoint.exists()
    _, again, rest = select([9.0], patience=2, resume=checkpoint)
    assert rest.losses == [] and again.history == selection.history and again.stopped


def test_weights_are_saved_whole_or_not_at_all(build, tmp_path, monkeypatch):
    model = build("tagging").model
    path = tmp_path / "best.safetensors"
    save_atomically(model, path)
    first = path.read_bytes()
    assert load_file(path).keys() == model.state_dict().keys()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xstilts.training.callbacks.validation.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        save_atomically(model, path)
    assert path.read_bytes() == first


def test_the_data_module_evaluates_every_feature_once(build):
    phase = build("classification")
    data = data_of(validation=[phase.features], max_eval_tokens=60)
    batches = list(data.val_dataloader())
    assert len(batches) > 1
    assert sorted(row for batch in batches for row in batch.rows) == list(range(8))


@pytest.mark.slow
def test_processes_that_read_different_checkpoints_stop(select, in_processes, tmp_path):
    """As of a file system that shows one host an older file."""
    for step in (6, 9):
        select([], checkpoint_every=step)
        (tmp_path / "last.ckpt").rename(tmp_path / f"{step}.ckpt")

    def work(rank):
        return ending(lambda: select([], resume=tmp_path / f"{(6, 9)[rank]}.ckpt", devices=2))

    told, other = in_processes(2, work)
    assert other == 2
    assert told.startswith(f"the processes got different files at {tmp_path / 'last.ckpt'}, of steps 6 to 9, expected one file")
