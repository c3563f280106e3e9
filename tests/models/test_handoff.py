"""The start of a phase: always the parent's encoder; its pooler and head if the job says so."""

from dataclasses import replace

import pytest
import torch
from transformers import BertConfig, BertModel

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.export.checkpoint import export
from xstilts.hyperparameters import Hyperparameters
from xstilts.jobs import EvaluationJob, TrainingData, TrainingJob
from xstilts.sources import TaskSource
from xstilts.sources.splits import DataSplit
from xstilts.tasks.declaration import Source, Task, head_name
from xstilts.tasks.formats import format_names
from xstilts.training.evaluate import _model as evaluated_model
from xstilts.training.fit import _model

CHOICE = Task(name="copa", format="multiple_choice")
NLI = Task(name="mnli", format="classification", labels=["no", "yes", "maybe"], head="nli")


def source(task):
    return TaskSource(task, "files", Source(), DataConfig())


def job(model, parent=None, tasks=(CHOICE,), **words):
    return TrainingJob(
        parent=str(parent) if parent else None,
        model=model,
        tasks={
            task.name: TrainingData(
                source(task), DataSplit("train", ["en"]), hyperparameters=Hyperparameters(head_dropout=0.1, max_length=64)
            )
            for task in tasks
        },
        **words,
    )


@pytest.fixture
def parent(build, tokenizer, tmp_path):
    """parent(format) -> the folder of its artifact, and the phase it was exported from."""

    def make(format, **words):
        phase = build(format, **words)
        with torch.no_grad():
            for parameter in phase.model.parameters():
                parameter += 0.1
        export(tmp_path, phase.encoder, {phase.task.name: (phase.task, phase.head)}, tokenizer)
        return tmp_path, phase

    return make


def same(left, right):
    left, right = left.state_dict(), right.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize("policy", ["carried", "fresh", "none"])
def test_the_three_policies_for_the_pooler(policy, parent, tiny_model, tokenizer):
    folder, phase = parent("multiple_choice")
    encoder, heads = _model(job(replace(tiny_model(), pooler=policy), folder), tokenizer)
    assert same(encoder.backbone, phase.encoder.backbone)
    assert list(heads) == ["copa"] and not same(heads["copa"][1], phase.head)
    if policy == "none":
        assert encoder.pooler is None
    else:
        assert same(encoder.pooler, phase.encoder.pooler) == (policy == "carried")


def test_a_carried_pooler_is_fresh_where_the_parent_has_none(parent, tiny_model, tokenizer):
    folder, _ = parent("tagging")
    encoder, _ = _model(job(tiny_model(), folder), tokenizer)
    assert encoder.pooler is not None and not encoder.pooler.layer.dense.bias.any()


@pytest.mark.parametrize("policy", ["carried", "fresh", "none"])
def test_the_pooler_of_a_published_encoder_is_where_a_carried_one_starts(policy, tiny_model, tokenizer, tmp_path):
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    published = BertModel(BertConfig(vocab_size=65, **sizes))
    published.save_pretrained(tmp_path)
    model = replace(tiny_model(), pooler=policy, name_or_path=str(tmp_path))
    encoder, _ = _model(job(model, tasks=[NLI]), tokenizer)  # BERT's class for classification reads the pooler
    assert (encoder.pooler is None) == (policy == "none")
    if encoder.pooler:
        assert same(encoder.pooler.layer, published.pooler) == (policy == "carried")


def test_a_head_that_needs_no_pooler_gets_none(parent, tiny_model, tokenizer):
    folder, _ = parent("multiple_choice")
    encoder, _ = _model(job(tiny_model(), folder, [NLI]), tokenizer)
    assert encoder.pooler is None


def test_the_head_is_carried_where_the_job_says_so(parent, tiny_model, tokenizer):
    folder, phase = parent("multiple_choice")
    _, heads = _model(job(tiny_model(), folder, carry_head=True), tokenizer)
    assert same(heads["copa"][1], phase.head)


RETRIEVAL = Task(name="pairs", format="retrieval", protocol="sentence_matching")


def evaluation(model, task, folder=None, training=True, **values):
    return EvaluationJob(
        source(task),
        label=f"phase 4: {task.name}",
        artifact=str(folder) if folder else None,
        model=model,
        trained=training,
        hyperparameters=Hyperparameters(max_length=64, **values),
    )


@pytest.mark.parametrize("format", format_names())
def test_phase_4_has_every_weight_from_the_artifact(format, parent, tiny_model, tokenizer):
    folder, phase = parent(format, retrieval_pooling=["pooler"])
    found = evaluated_model(evaluation(tiny_model(), phase.task, folder, retrieval_pooling=["pooler"]), phase.task, tokenizer)
    assert same(found.encoder, phase.encoder) and same(found.head(head_name(phase.task)), phase.head)


@pytest.mark.parametrize("pooler", ["carried", "fresh", "none"])
def test_phase_4_never_scores_a_pooler_or_a_head_that_was_drawn(pooler, parent, tiny_model, tokenizer):
    model = replace(tiny_model(), pooler=pooler)
    folder, _ = parent("tagging")
    for place in (folder, None):
        job = evaluation(model, RETRIEVAL, place, training=False, retrieval_pooling=["mean", "pooler"])
        with pytest.raises(UserError, match="phase 4: pairs: .* has no trained pooler"):
            evaluated_model(job, RETRIEVAL, tokenizer)
        assert evaluated_model(evaluation(model, RETRIEVAL, place, training=False), RETRIEVAL, tokenizer).encoder.pooler is None
    for task in (NLI, CHOICE):
        with pytest.raises(UserError, match=f"phase 4: {task.name}: .* has no trained (head|pooler)"):
            evaluated_model(evaluation(model, task), task, tokenizer)


def test_without_a_parent_the_encoder_is_that_of_phase_1(tiny_model, tokenizer):
    first, heads = _model(job(tiny_model()), tokenizer)
    second, _ = _model(job(tiny_model(), seed=2), tokenizer)
    assert same(first.backbone, second.backbone)
    assert not same(first.pooler, second.pooler), "fresh parts depend on the cell's seed"
    again, same_heads = _model(job(tiny_model()), tokenizer)
    assert same(first.pooler, again.pooler) and same(heads["copa"][1], same_heads["copa"][1])


def test_tasks_may_share_a_head(tiny_model, tokenizer):
    snli = replace(NLI, name="snli")
    _, heads = _model(job(tiny_model(), tasks=[NLI, snli, CHOICE]), tokenizer)
    assert list(heads) == ["nli", "copa"]


def test_a_shared_head_of_different_labels_is_refused(tiny_model, tokenizer):
    other = replace(NLI, name="rte", labels=["no", "yes"])
    with pytest.raises(UserError) as error:
        _model(job(tiny_model(), tasks=[NLI, other]), tokenizer)
    assert str(error.value) == (
        "tasks mnli and rte share the head 'nli' but not its format and labels: "
        "classification ['no', 'yes', 'maybe'] and classification ['no', 'yes']"
    )
