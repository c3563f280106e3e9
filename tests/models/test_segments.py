"""Segment ids (`token_type_ids`) of BERT types: ours are the tokenizer's, in every batch, with and without padding."""

import json
from dataclasses import replace

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel, DebertaV2Config, DebertaV2Model

from xstilts.export.checkpoint import export
from xstilts.models.encoder import Encoder, build_encoder
from xstilts.models.heads.class_head import auto_class
from xstilts.tasks.formats import format_named, formats

SMALL = {"vocab_size": 65, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
PAIRS = ("classification", "span_qa", "multiple_choice")


def bert(**more) -> Encoder:
    torch.manual_seed(0)
    return Encoder(BertModel(BertConfig(**SMALL, pad_token_id=1, initializer_range=0.3, **more), add_pooling_layer=False))


@pytest.fixture
def make(build, bert_tokenizer):
    """make(format, encoder) -> a phase of BERT's form whose weights are nowhere what an initialisation would give."""

    def phase(format, encoder=None):
        made = build(format, encoder=encoder or bert(), words=bert_tokenizer, max_length=100)
        with torch.no_grad():
            for parameter in made.model.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        made.model.eval()
        return made

    return phase


def texts(format, example):
    """The first and the second text of each row of an example."""
    if format == "classification":
        return [(example["text_a"], example["text_b"])]
    if format == "span_qa":
        return [(example["question"], example["context"])]
    if format == "multiple_choice":
        return [(example["prompt"], choice) for choice in example["choices"]]
    return [(" ".join(example["words"]) if format == "tagging" else example["text"], None)]


@pytest.mark.parametrize("format", PAIRS)
def test_segments_of_a_batch_are_those_of_the_tokenizer(format, make, batch_of, bert_tokenizer):
    phase = make(format)
    batch = batch_of(phase)
    pairs = [pair for example in phase.examples for pair in texts(format, example)]
    expected = [bert_tokenizer(*(text for text in pair if text is not None))["token_type_ids"] for pair in pairs]
    lengths = batch["attention_mask"].sum(1).tolist()
    assert lengths == [len(row) for row in expected]
    for row, wanted in zip(batch["token_type_ids"], expected, strict=True):
        assert row[: len(wanted)].tolist() == wanted and not row[len(wanted) :].any()


@pytest.mark.parametrize("format", [name for name, format in formats().items() if format.transformers])
def test_transformers_gives_our_logits_for_what_its_tokenizer_gives(format, make, bert_tokenizer, tmp_path):
    phase = make(format)
    assert export(tmp_path, phase.encoder, {phase.task.name: (phase.task, phase.head)}, bert_tokenizer)[0].startswith("BertFor")
    model, tokenizer = (
        auto_class(format_named(format)).from_pretrained(tmp_path).eval(),
        AutoTokenizer.from_pretrained(tmp_path, trust_remote_code=False),
    )
    assert "token_type_ids" in tokenizer.model_input_names
    changed = 0.0
    for row, example in enumerate(phase.examples):
        batch = phase.features.collate([row], mask_seed=7)
        pairs = [[text for text in pair if text is not None] for pair in texts(format, example)]
        given = tokenizer(*zip(*pairs, strict=True), return_tensors="pt", padding=True) if format == "multiple_choice" else None
        given = given or tokenizer(*pairs[0], return_tensors="pt")
        if format == "multiple_choice":
            given = {name: values[None] for name, values in given.items()}
        if format == "mlm":
            given = given | {"input_ids": batch["input_ids"]}
        with torch.no_grad():
            theirs, one_segment = model(**given), model(**given | {"token_type_ids": torch.zeros_like(given["token_type_ids"])})
            ours = (
                phase.head.negative_log_likelihood(phase.encoder, batch) if format == "mlm" else phase.head(phase.encoder, batch)
            )
        if format == "span_qa":
            torch.testing.assert_close(torch.cat(ours), torch.cat([theirs.start_logits, theirs.end_logits]), rtol=0, atol=1e-5)
            changed = max(changed, float((theirs.start_logits - one_segment.start_logits).abs().max()))
            continue
        if format == "mlm":
            loss, masked = ours
            expected = torch.nn.functional.cross_entropy(theirs.logits[masked], batch["labels"][masked], reduction="none")
            torch.testing.assert_close(loss, expected, rtol=0, atol=1e-4)
        else:
            torch.testing.assert_close(ours, theirs.logits, rtol=0, atol=1e-5)
        changed = max(changed, float((theirs.logits - one_segment.logits).abs().max()))
    assert (changed > 0.01) == (format in PAIRS), "segments are there to be seen"


@pytest.mark.parametrize("format", PAIRS)
def test_without_padding_the_numbers_are_the_same(format, make, batch_of):
    phase = make(format)
    losses, gradients = [], []
    for padded in (True, False):
        if not padded:
            phase.encoder.leave_padding_out()
            assert phase.encoder.padding_free
        phase.model.zero_grad()
        loss = phase.head.loss_sum(phase.encoder, batch_of(phase))
        loss.backward()
        losses.append(loss.detach())
        gradients.append(phase.encoder.backbone.embeddings.token_type_embeddings.weight.grad.clone())
    torch.testing.assert_close(*losses, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
    assert gradients[0][1].abs().sum() > 0, "the second segment is trained"


def test_an_encoder_of_one_segment_is_given_none(make, bert_tokenizer, build, batch_of, tmp_path, tiny_model):
    """Neither here nor by the tokenizer of its artifact."""
    one = build_encoder(tiny_model(), bert_tokenizer)
    deberta = DebertaV2Model(DebertaV2Config(**SMALL, type_vocab_size=0, attn_implementation="eager"))
    for number, encoder in enumerate((one, Encoder(deberta), bert(type_vocab_size=1))):
        assert not encoder.reads_segments
        phase = make("classification", encoder)
        batch = batch_of(phase)
        assert batch["token_type_ids"].any()
        with torch.no_grad():
            assert torch.equal(encoder.read(batch), encoder(batch["input_ids"], batch["attention_mask"]))
        folder = tmp_path / str(number)
        folder.mkdir()
        export(folder, encoder, {"nli": (phase.task, phase.head)}, bert_tokenizer)
        names = json.loads((folder / "tokenizer_config.json").read_text())["model_input_names"]
        assert "token_type_ids" not in names and "token_type_ids" not in AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False
        )("w1", "w2")
    assert "token_type_ids" in bert_tokenizer.model_input_names


def test_a_tokenizer_that_gives_no_segments_gets_none(build, bert_tokenizer, batch_of):
    """As `tokenizer(text, pair)` does: the model's own default holds, segment 0."""
    names = [name for name in bert_tokenizer.model_input_names if name != "token_type_ids"]
    phase = build("classification", encoder=bert(), words=bert_tokenizer)
    silent = replace(phase.features, special=replace(phase.features.special, segments="token_type_ids" in names))
    assert "token_type_ids" not in silent.collate([0, 1])


def test_heads_of_one_bert_have_poolers_of_their_own(make, bert_tokenizer, batch_of, tmp_path):
    """A classification head is the pooler of BERT's class: that of one task is not that of another."""
    first, second = make("classification"), None
    second = make("multiple_choice", first.encoder)
    heads = {phase.task.name: (phase.task, phase.head) for phase in (first, second)}
    assert export(tmp_path, first.encoder, heads, bert_tokenizer) == [
        "BertForSequenceClassification",
        "BertForMultipleChoice",
    ]
    for phase in (first, second):
        format = phase.task.format
        model = auto_class(format_named(format)).from_pretrained(tmp_path / "heads" / phase.task.name).eval()
        batch = phase.features.collate([0])
        given = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids") if name in batch}
        if format == "multiple_choice":
            given = {name: values[None] for name, values in given.items()}
        with torch.no_grad():
            torch.testing.assert_close(phase.head(phase.encoder, batch), model(**given).logits, rtol=0, atol=1e-5)
