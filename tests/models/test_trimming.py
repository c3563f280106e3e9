"""Training with some of the word embeddings gives what training with all of them gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModel

from tests.small_world import data_of
from xstilts.config import Mixture
from xstilts.data.plan import StepPlan
from xstilts.export.checkpoint import export
from xstilts.models import trimming
from xstilts.models.encoder import build_encoder
from xstilts.models.heads import build_head
from xstilts.tasks.formats import format_names
from xstilts.training.callbacks.validation import ValidateAndCheckpoint
from xstilts.training.module import TaskModule

VOCABULARY = 400
PAD = 1
TRIMMABLE = [format for format in format_names() if format != "mlm"]
# Decay, clipping and dropout that show; the gradient of a key's bias is rounding alone, which must not become a step.
SHAPE = {"learning_rate": 1e-2, "weight_decay": 0.3, "max_grad_norm": 0.5, "adam_epsilon": 1e-3, "initializer_range": 0.2}
SHAPE |= {"steps": 12, "batch_size": 3, "max_tokens": 100}


def scattered(ids):
    """The words' numbers of the small tokenizer, far apart in a larger vocabulary."""
    return [scattered(part) if isinstance(part, list) else part * 5 if 4 <= part < 64 else part for part in ids]


@pytest.fixture
def make(build, tokenizer, tiny_model):
    """make(format, ...) -> a phase with 400 word embeddings, of which the data has at most 65."""

    def phase(format, **shape):
        words = SHAPE | shape
        shape = {name: words[name] for name in ("dropout", "initializer_range") if name in words}
        encoder = build_encoder(tiny_model(**shape), tokenizer)
        torch.manual_seed(5)
        encoder.backbone.set_input_embeddings(nn.Embedding(VOCABULARY, encoder.hidden_size, padding_idx=PAD))
        encoder.backbone.config.vocab_size = VOCABULARY
        made = build(format, encoder=encoder, **words)
        columns = made.features.features.to_dict()
        columns["input_ids"] = scattered(columns["input_ids"])
        dataset = type(made.features.features).from_dict(columns, features=made.features.features.features)
        made.features = replace(made.features, features=dataset)
        made.data = data_of(made.features, plan=made.plan, validation=[made.features], max_tokens=words["max_tokens"])
        return made

    return phase


def trimmed(phase, file):
    """The phase, with its encoder trimmed to what its features have."""
    trimming.write_rows(phase.encoder, file)
    occurring = [features.occurring(VOCABULARY) for features in phase.data.training.values()]
    trimming.trim(phase.encoder, torch.from_numpy(np.logical_or.reduce(occurring)).nonzero()[:, 0])
    return phase


def weights(phase):
    return {name: tensor.clone() for name, tensor in phase.model.state_dict().items()}


def matrix(phase):
    return phase.encoder.word_embeddings.detach().clone()


def assert_same(found, expected):
    assert list(found) == list(expected), "the layout is another"
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("format", TRIMMABLE)
def test_trimmed_training_is_untrimmed_training(format, make, fit, tmp_path):
    whole, part = make(format), trimmed(make(format), tmp_path / "rows.npy")
    start, left_out = matrix(whole), torch.from_numpy(~whole.features.occurring(VOCABULARY))
    assert 300 < left_out.sum() < 400 and len(part.encoder.word_embeddings) == VOCABULARY - left_out.sum()
    assert fit(part).losses == pytest.approx(fit(whole).losses, rel=1e-5)
    trimming.restore(part.encoder, tmp_path / "rows.npy")
    assert_same(weights(part), weights(whole))
    factor = (matrix(part)[left_out] / start[left_out]).median().item()
    assert factor < 0.99, "weight decay reached the rows that were left out"
    assert not torch.allclose(matrix(part)[~left_out], factor * start[~left_out], atol=1e-3), "nothing was trained"


def test_without_weight_decay_rows_that_were_left_out_stay_to_the_bit(make, fit, tmp_path):
    phase = make("classification", weight_decay=0.0)
    start, left_out = matrix(phase), torch.from_numpy(~phase.features.occurring(VOCABULARY))
    fit(trimmed(phase, tmp_path / "rows.npy"))
    trimming.restore(phase.encoder, tmp_path / "rows.npy")
    assert torch.equal(matrix(phase)[left_out], start[left_out])
    assert not torch.equal(matrix(phase)[~left_out], start[~left_out])


def test_the_best_weights_have_their_own_decay(make, fit, tmp_path):
    """They are of step 6 of 12: the rows that were left out had half of the decay."""

    def run(phase, folder):
        scores = iter([1.0, 2.0, 0.0, 1.0])
        folder.mkdir()
        selection = ValidateAndCheckpoint(folder, True, 3, 0, True, 100, 12)
        phase.model.validation_score = lambda: (next(scores), {})
        fit(phase, (selection,))
        selection.restore_best(phase.model)
        assert selection.best_step == 6
        return phase

    whole = run(make("tagging"), tmp_path / "whole")
    part = run(trimmed(make("tagging"), tmp_path / "rows.npy"), tmp_path / "part")
    saved = load_file(tmp_path / "part" / "best.safetensors")
    (rows,) = (len(value) for name, value in saved.items() if name.endswith("word_embeddings.weight"))
    assert rows == part.features.occurring(VOCABULARY).sum(), "the file of the best weights is trimmed too"
    trimming.restore(part.encoder, tmp_path / "rows.npy")
    assert_same(weights(part), weights(whole))


def test_a_resumed_run_is_the_undisturbed_one(make, fit, tmp_path):
    undisturbed = trimmed(make("classification"), tmp_path / "rows.npy")
    fit(undisturbed)
    first = trimmed(make("classification"), tmp_path / "rows.npy")
    fit(first, (ValidateAndCheckpoint(tmp_path, False, 0, 0, False, 5, 12),))  # leaves the checkpoint of step 10
    checkpoint, second = tmp_path / "last.ckpt", make("classification", seed=1)
    kept_K = trimming.kept_in(checkpoint, second.encoder)
    assert torch.equal(kept_K, trimming.word_embedding(first.encoder).kept_K)
    trimming.trim(second.encoder, kept_K)
    recorder = fit(second, (ValidateAndCheckpoint(tmp_path, False, 0, 0, False, 5, 12),), resume=checkpoint)
    assert len(recorder.losses) == 2
    for phase in (undisturbed, second):
        trimming.restore(phase.encoder, tmp_path / "rows.npy")
    assert all(torch.equal(tensor, weights(undisturbed)[name]) for name, tensor in weights(second).items())


def test_a_checkpoint_of_whole_embeddings_says_so(make, fit, tmp_path):
    fit(make("classification"), (ValidateAndCheckpoint(tmp_path, False, 0, 0, False, 5, 12),))
    assert trimming.kept_in(tmp_path / "last.ckpt", make("classification").encoder) is None


def multitask(make):
    phases = [make(format) for format in ("classification", "tagging", "multiple_choice")]
    first = phases[0]
    torch.manual_seed(3)
    heads = {phase.task.name: build_head(phase.task, first.encoder, phase.model.hyperparameters) for phase in phases}
    plan = StepPlan({phase.task.name: len(phase.features.features) for phase in phases}, 3, 1, max_steps=12, mixture=Mixture())
    first.model = TaskModule(first.encoder, heads, first.model.hyperparameters, 1, 12)
    first.data = data_of(*(phase.features for phase in phases), plan=plan, max_tokens=100)
    return first


def test_several_tasks(make, fit, tmp_path):
    whole, part = multitask(make), trimmed(multitask(make), tmp_path / "rows.npy")
    fit(whole)
    fit(part)
    trimming.restore(part.encoder, tmp_path / "rows.npy")
    assert_same(weights(part), weights(whole))


@pytest.mark.slow
def test_two_processes_train_trimmed_as_one_trains_untrimmed(make, fit, in_processes, tmp_path):
    whole = make("classification", dropout=0.0)
    fit(whole)

    def work(rank):
        part = trimmed(make("classification", dropout=0.0), tmp_path / f"rows{rank}.npy")
        fit(part, devices=2)
        trimming.restore(part.encoder, tmp_path / f"rows{rank}.npy")
        return weights(part)

    for found in in_processes(2, work):
        assert_same(found, weights(whole))


def test_the_artifact_has_the_whole_matrix(make, fit, tokenizer, tmp_path):
    shapes = []
    for name in ("whole", "part"):
        phase, folder = make("classification", pooler=False), tmp_path / name
        folder.mkdir()
        if name == "part":
            fit(trimmed(phase, tmp_path / "rows.npy"))
            trimming.restore(phase.encoder, tmp_path / "rows.npy")
        export(folder, phase.encoder, {"nli": (phase.task, phase.head)}, tokenizer)
        shapes.append([(key, value.shape, value.dtype) for key, value in load_file(folder / "model.safetensors").items()])
        assert AutoModel.from_pretrained(folder, trust_remote_code=False).get_input_embeddings().weight.shape == (VOCABULARY, 32)
    assert shapes[0] == shapes[1]


def test_lookups_padding_and_strangers():
    whole = nn.Embedding(10, 4, padding_idx=3)
    part = trimming.TrimmedEmbedding(whole, torch.tensor([1, 3, 7]))
    ids = torch.tensor([[7, 1, 3], [3, 3, 7]])
    assert torch.equal(part(ids), whole(ids))
    part(ids).sum().backward()
    assert part.weight.grad.tolist() == [[1.0] * 4, [0.0] * 4, [2.0] * 4], "padding has no gradient"
    for stranger in (0, 9, 10):
        with pytest.raises(IndexError):
            part(torch.tensor([[1, stranger]]))


def test_a_padding_row_that_is_not_kept():
    part = trimming.TrimmedEmbedding(nn.Embedding(10, 4, padding_idx=3), torch.tensor([0, 9]))
    part(torch.tensor([9, 0])).sum().backward()
    assert part.weight.grad.tolist() == [[1.0] * 4] * 2


def test_options_of_the_embedding_stay(make, tmp_path):
    encoder = make("tagging").encoder
    options = {"padding_idx": 1, "max_norm": 2.0, "norm_type": 1.0, "scale_grad_by_freq": True}
    encoder.backbone.set_input_embeddings(nn.Embedding(VOCABULARY, 32, **options).requires_grad_(False))
    whole = trimming.word_embedding(encoder)
    trimming.write_rows(encoder, tmp_path / "rows.npy")
    trimming.trim(encoder, torch.tensor([0, 1, 5]))
    part, ids = trimming.word_embedding(encoder), torch.tensor([5, 0, 1, 5])
    assert not part.weight.requires_grad
    torch.testing.assert_close(part(ids), whole(ids))
    trimming.restore(encoder, tmp_path / "rows.npy")
    restored = trimming.word_embedding(encoder)
    assert repr(restored) == repr(whole) and not restored.weight.requires_grad
    assert trimming.restore(encoder, tmp_path / "nowhere.npy") is None, "a whole matrix is left alone"


def test_where_it_would_not_be_the_same(make, build):
    phase = make("classification")
    assert trimming.obstacle(phase.encoder, [phase.head]) is None
    assert "all word embeddings" in trimming.obstacle(phase.encoder, [phase.head, build("mlm").head])
    phase.encoder.tied = nn.Linear(32, VOCABULARY, bias=False)
    phase.encoder.tied.weight = phase.encoder.word_embeddings
    assert "in 2 places" in trimming.obstacle(phase.encoder, [phase.head])

    class Scaled(nn.Embedding):
        pass

    phase.encoder.backbone.set_input_embeddings(Scaled(VOCABULARY, 32))
    assert "are a Scaled" in trimming.obstacle(phase.encoder, [phase.head])


def test_only_masked_language_modelling_needs_the_whole_vocabulary(build):
    assert {format for format in format_names() if build(format).head.whole_vocabulary} == {"mlm"}


def test_bytes_of_gradients(make):
    phase = make("classification")
    before, rows = trimming.gradient_bytes(phase.model), phase.features.occurring(VOCABULARY)
    trimming.trim(phase.encoder, torch.from_numpy(rows).nonzero()[:, 0])
    assert before - trimming.gradient_bytes(phase.model) == (VOCABULARY - rows.sum()) * 32 * 4


@pytest.mark.slow
def test_tiny_decay_adds_up_over_many_steps():
    """As published: each of 20,000 steps takes 1e-7 or less, which float32 beside 1 would round to something else or nothing."""

    class Holder:
        backbone = nn.Module()

    part = trimming.TrimmedEmbedding(nn.Embedding(10, 4), torch.tensor([0, 1]))
    Holder.backbone.get_input_embeddings = lambda: part
    adam = torch.optim.AdamW([part.weight], lr=0.0, weight_decay=0.01)
    trimming.follow_decay(adam, Holder)
    expected = 1.0
    for step in range(20_000):
        adam.param_groups[0]["lr"] = 1e-5 * (1 - step / 20_000)
        expected *= 1 - 0.01 * adam.param_groups[0]["lr"]
        adam.step()
    assert part.decayed.item() == pytest.approx(1 - expected, rel=1e-4)
