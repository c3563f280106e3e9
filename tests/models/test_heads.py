"""Each head: its loss computed by hand, its items, its output rows, and that padding never reaches them."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from xstilts.errors import UserError
from xstilts.hyperparameters import POOLINGS, Hyperparameters
from xstilts.models.heads import build_head
from xstilts.models.heads.retrieval import layers_to_pool, pool, without_layers_above
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_names


@pytest.fixture
def still(build):
    """still(format) -> a phase without dropout."""

    def phase(format, **words):
        made = build(format, dropout=0.0, **words)
        made.model.eval()
        return made

    return phase


def outputs_of(phase, batch):
    with torch.no_grad():
        return phase.head.outputs(phase.encoder, batch)


@pytest.mark.parametrize("format", format_names())
def test_outputs_and_losses_do_not_depend_on_who_else_is_in_the_batch(format, still, batch_of):
    phase = still(format)
    together = outputs_of(phase, batch_of(phase))
    alone = [phase.features.collate([row], mask_seed=7) for row in range(len(phase.features.features))]
    apart = [row for batch in alone for row in outputs_of(phase, batch)]
    if format == "retrieval":  # queries stand before candidates
        apart = apart[::2] + apart[1::2]
    assert len(together) == len(apart)
    for row, other in zip(together, apart, strict=True):
        assert row.keys() == other.keys()
        assert all(np.allclose(row[key], other[key], rtol=0, atol=1e-5) for key in row)
    if format != "retrieval":
        with torch.no_grad():
            total = phase.head.loss_sum(phase.encoder, batch_of(phase))
            parts = sum(phase.head.loss_sum(phase.encoder, batch) for batch in alone)
        assert total.item() == pytest.approx(parts.item(), rel=1e-5)
        assert phase.head.items(batch_of(phase)) == sum(phase.head.items(batch) for batch in alone)


def test_classification_loss_is_over_labelled_rows(still, batch_of):
    phase = still("classification")
    batch = batch_of(phase)
    batch["labels"][[0, 5]] = -100
    logits = torch.from_numpy(np.stack([row["logits"] for row in outputs_of(phase, batch)]))
    assert logits.shape == (8, 3) and logits.dtype == torch.float32
    expected = -sum(functional.log_softmax(logits, -1)[row, batch["labels"][row]] for row in (1, 2, 3, 4, 6, 7))
    assert phase.head.loss_sum(phase.encoder, batch).item() == pytest.approx(expected.item(), rel=1e-6)
    assert phase.head.items(batch) == 6


def test_span_loss_is_the_mean_of_start_and_end(still, batch_of):
    phase = still("span_qa")
    batch = batch_of(phase)
    rows = outputs_of(phase, batch)
    lengths = batch["attention_mask"].sum(1).tolist()
    assert len(set(lengths)) > 1
    assert [len(row["start"]) for row in rows] == [len(row["end"]) for row in rows] == lengths
    expected = 0.0
    for number, row in enumerate(rows):
        for name in ("start", "end"):
            scores = torch.from_numpy(row[name])
            expected -= functional.log_softmax(scores, -1)[batch[f"{name}_positions"][number]].item() / 2
    assert phase.head.loss_sum(phase.encoder, batch).item() == pytest.approx(expected, rel=1e-5)
    assert phase.head.items(batch) == len(rows)


def test_choices_of_different_numbers_share_a_softmax_each(still, batch_of):
    phase = still("multiple_choice")
    batch = batch_of(phase)
    batch["labels"][3] = -100
    rows = [torch.from_numpy(row["logits"]) for row in outputs_of(phase, batch)]
    assert [len(row) for row in rows] == batch["choice_counts"].tolist()
    assert len(set(map(len, rows))) == 3
    losses = [-functional.log_softmax(row, -1)[label] for row, label in zip(rows, batch["labels"], strict=True) if label >= 0]
    assert phase.head.loss_sum(phase.encoder, batch).item() == pytest.approx(sum(losses).item(), rel=1e-5)
    assert phase.head.items(batch) == 7
    logits = phase.head(phase.encoder, batch)
    assert logits.shape == (8, 4) and (logits == float("-inf")).sum() == 8 * 4 - sum(map(len, rows))


@pytest.mark.parametrize("pooler", [True, False])
def test_a_choice_is_scored_through_the_pooler_where_there_is_one(pooler, still, batch_of):
    phase = still("multiple_choice", pooler=pooler)
    batch = batch_of(phase)
    with torch.no_grad():
        first = phase.encoder(batch["input_ids"], batch["attention_mask"])[:, 0]
        vector = torch.tanh(phase.encoder.pooler.layer.dense(first)) if pooler else first
        expected = phase.head.model.classifier(vector).squeeze(-1).numpy()
    np.testing.assert_allclose(np.concatenate([row["logits"] for row in outputs_of(phase, batch)]), expected, rtol=0, atol=1e-6)


def test_one_encoder_call_for_all_choices(still, batch_of):
    phase = still("multiple_choice")
    batch = batch_of(phase)
    calls = []
    phase.encoder.backbone.register_forward_hook(lambda *arguments: calls.append(1))
    outputs_of(phase, batch)
    assert len(calls) == 1


def test_tags_are_read_at_first_tokens(still, batch_of):
    phase = still("tagging")
    batch = batch_of(phase)
    batch["labels"][0] = -100
    with torch.no_grad():
        logits = phase.head(phase.encoder, batch)
    rows = outputs_of(phase, batch)
    for number, positions in enumerate(batch["word_positions"]):
        assert rows[number]["tags"].tolist() == logits[number, positions].argmax(-1).tolist()
    words = sum(map(len, batch["word_positions"][1:]))
    losses = functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), reduction="none", ignore_index=-100)
    assert phase.head.items(batch) == words == (losses > 0).sum()
    assert phase.head.loss_sum(phase.encoder, batch).item() == pytest.approx(losses.sum().item(), rel=1e-6)


def test_mlm_is_tied_to_the_word_embeddings_and_scores_masked_tokens_only(still, batch_of):
    phase = still("mlm")
    batch = batch_of(phase)
    assert phase.head.tied == ["lm_head.decoder.weight"]
    names = dict(phase.head.named_parameters())
    assert "model.lm_head.decoder.weight" not in names and names["model.lm_head.bias"].shape == (65,)
    phase.head.loss_sum(phase.encoder, batch).backward()
    never_seen = [number for number in range(65) if number not in batch["input_ids"]]
    assert never_seen
    gradient = phase.encoder.word_embeddings.grad
    assert gradient[never_seen].abs().sum(1).min() > 0, "as an output every token has a gradient"
    rows = outputs_of(phase, batch)
    assert [row["count"].item() for row in rows] == (batch["labels"] != -100).sum(1).tolist()
    total = sum(row["nll"].item() for row in rows)
    assert phase.head.loss_sum(phase.encoder, batch).item() == pytest.approx(total, rel=1e-5)
    assert total / phase.head.items(batch) == pytest.approx(np.log(65), rel=0.1), "nothing is learnt yet"


def test_a_row_without_a_masked_token_costs_nothing(still, batch_of):
    phase = still("mlm")
    batch = batch_of(phase)
    batch["labels"][:] = -100
    assert phase.head.loss_sum(phase.encoder, batch).item() == 0
    assert phase.head.items(batch) == 0
    assert all(row["nll"].item() == row["count"].item() == 0 for row in outputs_of(phase, batch))


def test_retrieval_loss_is_a_softmax_over_the_candidates_of_the_batch(still, batch_of):
    phase = still("retrieval")
    batch = batch_of(phase)
    name = f"{round(24 * 2 / 24)}-mean"
    vectors = torch.from_numpy(np.stack([row[name] for row in outputs_of(phase, batch)]))
    queries, candidates = vectors[:8], vectors[8:]
    loss = 0.0
    for number, query in enumerate(queries):
        cosines = torch.stack([functional.cosine_similarity(query, other, dim=0) for other in candidates])
        loss -= functional.log_softmax(100 * cosines, -1)[number].item()
    assert phase.head.loss_sum(phase.encoder, batch).item() == pytest.approx(loss, rel=1e-3)
    assert phase.head.items(batch) == 8
    assert phase.head.log_scale.exp().item() == pytest.approx(100)


def test_every_layer_and_pooling_comes_from_one_pass(still, batch_of):
    phase = still("retrieval", retrieval_layers=[0, 1, 2], retrieval_pooling=list(POOLINGS))
    batch = batch_of(phase)
    calls = []
    phase.encoder.backbone.register_forward_hook(lambda *arguments: calls.append(1))
    rows = outputs_of(phase, batch)
    assert len(calls) == 1
    assert set(rows[0]) == {f"{layer}-{pooling}" for layer in (0, 1, 2) for pooling in POOLINGS}
    assert all(vector.shape == (32,) and vector.dtype == np.float32 for vector in rows[0].values())
    with torch.no_grad():
        last = phase.encoder(batch["input_ids"], batch["attention_mask"])
    np.testing.assert_allclose(rows[0]["2-cls"], last[0, 0].numpy(), rtol=0, atol=1e-6)
    assert not np.allclose(rows[0]["1-cls"], rows[0]["2-cls"])


@pytest.mark.parametrize("layers", [[0], [1], [1, 0], [0, 1, 2]])
@pytest.mark.parametrize("known", [True, False])
def test_layers_above_the_highest_one_are_not_run(layers, known, still, batch_of, monkeypatch):
    if not known:
        monkeypatch.setattr("xstilts.encoders.FAMILIES", {})
    phase = still("retrieval", retrieval_layers=layers, retrieval_pooling=["mean", "cls"])
    batch = batch_of(phase)
    with torch.no_grad():
        expected = phase.head.vectors(phase.encoder, batch)  # of the whole encoder
    run = []
    stack = phase.encoder.backbone.encoder
    whole = list(stack.layer)
    for number, layer in enumerate(whole):
        layer.register_forward_hook(lambda *_, number=number: run.append(number))
    for row, outputs in enumerate(outputs_of(phase, batch)):
        assert {name: vector.tolist() for name, vector in outputs.items()} == {
            name: vector_BD[row].tolist() for name, vector_BD in expected.items()
        }
    assert run == (list(range(max(1, *layers))) if known else [0, 1])
    assert list(stack.layer) == whole and phase.encoder.num_layers == 2


def test_an_encoder_is_whole_again_after_an_error(still, batch_of):
    phase = still("retrieval", retrieval_layers=[1])
    layers = list(phase.encoder.backbone.encoder.layer)
    with pytest.raises(torch.OutOfMemoryError), without_layers_above(1, phase.encoder):
        raise torch.OutOfMemoryError
    assert list(phase.encoder.backbone.encoder.layer) == layers


def test_mean_pooling_ignores_padding(build):
    encoder = build("retrieval", retrieval_pooling=["pooler"]).encoder
    hidden = torch.randn(2, 5, 32)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    mean = pool(hidden, mask, "mean", encoder)
    torch.testing.assert_close(mean, torch.stack([hidden[0, :3].mean(0), hidden[1].mean(0)]))
    hidden[0, 3:] = 1e4
    torch.testing.assert_close(pool(hidden, mask, "mean", encoder), mean)
    assert torch.equal(pool(hidden, mask, "cls", encoder), hidden[:, 0])
    last = hidden[range(len(hidden)), mask.sum(1) - 1]
    assert torch.equal(pool(hidden, mask, "last", encoder), last) and not torch.equal(last, hidden[:, -1])
    torch.testing.assert_close(pool(hidden, mask, "pooler", encoder), torch.tanh(encoder.pooler.layer.dense(hidden[:, 0])))


@pytest.mark.parametrize(
    ("values", "depth", "expected"),
    [
        ({"retrieval_layer_of_24": 14}, 24, [14]),
        ({"retrieval_layer_of_24": 14}, 12, [7]),
        ({"retrieval_layer_of_24": 14}, 2, [1]),
        ({"retrieval_layer_of_24": 24}, 12, [12]),
        ({}, 12, [12]),
        ({"retrieval_layers": []}, 6, [6]),
        ({"retrieval_layers": [0, 3, 6], "retrieval_layer_of_24": 14}, 6, [0, 3, 6]),
    ],
)
def test_layers_to_pool(values, depth, expected):
    assert layers_to_pool(Hyperparameters(**values), depth) == expected


@pytest.mark.parametrize("layer", [-1, 13])
def test_a_layer_that_the_encoder_does_not_have_is_refused(layer):
    with pytest.raises(UserError) as error:
        layers_to_pool(Hyperparameters(retrieval_layers=[1, layer]), 12)
    assert str(error.value) == (
        f"retrieval_layers: got layer {layer}, expected 0 to 12, the depth of this encoder; "
        "type target.recipe.retrieval_layers=[...]"
    )


def test_who_needs_a_pooler(build):
    assert {format for format in format_names() if build(format).head.needs_pooler} == {"multiple_choice"}
    assert build("retrieval", retrieval_pooling=["mean", "pooler"]).head.needs_pooler
    assert {format for format in format_names() if build(format).head.contrastive} == {"retrieval"}


def test_who_reads_the_first_token_alone(build):
    heads = [build(format).head for format in format_names() if format != "retrieval"]
    assert {head.auto.__name__ for head in heads if head.only_first} == {
        "AutoModelForSequenceClassification",
        "AutoModelForMultipleChoice",
    }


def test_a_head_has_as_many_outputs_as_labels_and_a_fresh_initialisation(build):
    encoder = build("classification").encoder
    task = Task(name="many", format="classification", labels=[str(number) for number in range(7)])
    torch.manual_seed(3)
    first = build_head(task, encoder, Hyperparameters(head_dropout=0.3))
    second = build_head(task, encoder, Hyperparameters(head_dropout=0.3))
    layers, others = first.model.classifier, second.model.classifier
    assert layers.out_proj.weight.shape == (7, 32) and layers.dropout.p == 0.3
    assert not layers.out_proj.bias.any()
    assert not torch.equal(layers.dense.weight, others.dense.weight)
