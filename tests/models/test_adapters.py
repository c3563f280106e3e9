"""Adapters on an encoder: what they compute, what is trained, and what is left when they are merged."""

import copy
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModel

from xstilts.config import ModelConfig
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.models import trimming
from xstilts.models.adapters import put_on
from xstilts.models.encoder import build_encoder
from xstilts.recipes import with_adapter
from xstilts.tasks.formats import format_names
from xstilts.training.optimizer import optimizer

peft = pytest.importorskip("peft")
KINDS = ("lora", "ia3")


def values_of(kind, **options):
    return with_adapter(Hyperparameters(**options), ModelConfig(adapter=kind))


def moved(encoder):
    """The encoder, with an adapter that does something, as a trained one does."""
    torch.manual_seed(3)
    for parameter in encoder.backbone.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, 0.5, 0.3)
    return encoder.eval()


@pytest.fixture
def folder(tokenizer, tiny_model, tmp_path):
    """An encoder's folder."""
    build_encoder(tiny_model(), tokenizer).backbone.save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.fixture
def load(folder, tokenizer):
    """load() -> the encoder of the folder."""

    def read(padding_free=True):
        encoder = build_encoder(ModelConfig(name_or_path=str(folder)), tokenizer)
        if padding_free:
            encoder.leave_padding_out()
        return encoder.eval()

    return read


def inputs():
    ids_BL = torch.randint(4, 60, (3, 9), generator=torch.Generator().manual_seed(1))
    mask_BL = torch.ones_like(ids_BL)
    mask_BL[1, 5:] = 0
    return ids_BL, mask_BL


def hidden(encoder):
    with torch.no_grad():
        return encoder(*inputs())[inputs()[1].bool()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_adapter_changes_nothing_and_a_trained_one_is_merged_to_rounding(kind, load):
    plain, encoder = load(), load()
    encoder.adapters = put_on(encoder.backbone, values_of(kind), seed=1)
    torch.testing.assert_close(hidden(encoder), hidden(plain))
    apart = hidden(moved(encoder))
    assert (apart - hidden(plain)).abs().max() > 0.01
    first_tokens = encoder(*inputs(), only_first=True)[:, 0]
    torch.testing.assert_close(first_tokens, encoder(*inputs())[:, 0])
    encoder.adapters.merge()
    torch.testing.assert_close(hidden(encoder), apart, rtol=1e-5, atol=1e-5)
    assert [name for name, _ in encoder.named_modules()] == [name for name, _ in plain.named_modules()]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # as put_on does
@pytest.mark.parametrize("kind", KINDS)
def test_peft_itself_reads_what_is_saved_and_another_phase_goes_on_with_it(kind, load, folder, tmp_path):
    encoder, values = load(), values_of(kind)
    encoder.adapters = put_on(encoder.backbone, values, seed=1, place={"hub": "owner/name", "revision": "1a2b"})
    expected = hidden(moved(encoder))
    encoder.adapters.save(tmp_path)
    saved = tmp_path / "adapters" / "1"
    config = peft.PeftConfig.from_pretrained(saved)
    assert (config.base_model_name_or_path, config.revision) == ("owner/name", "1a2b")
    model = peft.PeftModel.from_pretrained(
        AutoModel.from_pretrained(folder, add_pooling_layer=False, trust_remote_code=False), saved
    ).eval()
    ids_BL, mask_BL = inputs()
    found = model(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state[mask_BL.bool()]
    torch.testing.assert_close(found, expected)

    kept, stacked = load(), load()
    kept.adapters = put_on(kept.backbone, values, 2, [str(saved)], kept=True)
    stacked.adapters = put_on(stacked.backbone, values, 2, [str(saved)])
    assert [kept.adapters.names, stacked.adapters.names] == [["adapter_1"], ["adapter_1", "adapter_2"]]
    for after in (kept, stacked):
        torch.testing.assert_close(hidden(after.eval()), expected)
    stacked.adapters.save(tmp_path / "second")
    before = load_file(saved / "adapter_model.safetensors")
    for name, tensor in load_file(tmp_path / "second" / "adapters" / "1" / "adapter_model.safetensors").items():
        assert torch.equal(tensor, before[name])
    both = hidden(moved(stacked))
    stacked.adapters.merge()
    torch.testing.assert_close(hidden(stacked), both, rtol=1e-5, atol=1e-5)


def test_a_stacked_adapter_has_no_dropout_as_if_it_were_merged(load, tmp_path):
    encoder = load()
    encoder.adapters = put_on(encoder.backbone, values_of("lora", adapter_dropout=0.5), seed=1)
    expected = hidden(moved(encoder))
    encoder.adapters.save(tmp_path)
    below = [str(tmp_path / "adapters" / "1")]
    stacked = load()
    stacked.set_dropout(0.0)
    stacked.adapters = put_on(stacked.backbone, values_of("lora"), 1, below)
    torch.testing.assert_close(hidden(stacked.train()), expected)


@pytest.mark.parametrize("format", format_names())
@pytest.mark.parametrize("kind", KINDS)
def test_training_changes_the_adapter_and_the_head_alone(kind, format, build, fit):
    phase = build(format, steps=3)
    own = copy.deepcopy(phase.encoder.backbone.state_dict())
    head = copy.deepcopy(phase.head.state_dict())
    adapters = put_on(phase.encoder.backbone, values_of(kind), seed=1)
    names = {name for name, parameter in phase.model.named_parameters() if parameter.requires_grad}
    assert {name for name in names if name.startswith("encoder.backbone.")} == {
        name for name, _ in phase.model.named_parameters() if ".adapter_1" in name
    }
    before = {name: tensor.clone() for name, tensor in phase.model.named_parameters()}
    fit(phase)
    changed = {name for name, tensor in phase.model.named_parameters() if not torch.equal(tensor, before[name])}
    assert changed <= names
    assert any(".adapter_1" in name for name in changed)
    assert not head or any(not torch.equal(tensor, head[name]) for name, tensor in phase.head.state_dict().items())
    adapters.merge()
    ends = ("query.weight", "value.weight") if kind == "lora" else ("key.", "value.", "output.dense.")
    for name, tensor in phase.encoder.backbone.state_dict().items():
        assert torch.equal(tensor, own[name]) or any(end in name for end in ends), name


def test_the_seed_draws_the_adapter(load):
    def drawn(seed):
        encoder = load()
        put_on(encoder.backbone, values_of("lora"), seed)
        return torch.cat([tensor.flatten() for tensor in encoder.backbone.parameters() if tensor.requires_grad])

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_weight_decay_spares_the_scales_of_ia3(build):
    phase = build("tagging")
    put_on(phase.encoder.backbone, values_of("ia3"), seed=1)
    decayed, spared = optimizer(phase.model, replace(phase.model.hyperparameters, weight_decay=0.1)).param_groups
    scales = {id(parameter) for name, parameter in phase.model.named_parameters() if "ia3_l" in name}
    assert scales
    assert scales <= {id(parameter) for parameter in spared["params"]}
    assert not scales & {id(parameter) for parameter in decayed["params"]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_vocabulary_can_be_trimmed_below_an_adapter(kind, load, tmp_path):
    plain, encoder = load(), load()
    encoder.adapters = put_on(encoder.backbone, values_of(kind), seed=1)
    expected = hidden(moved(encoder))
    trimming.write_rows(encoder, tmp_path / "rows.npy")
    trimming.trim(encoder, torch.unique(inputs()[0]))
    torch.testing.assert_close(hidden(encoder), expected)
    trimming.restore(encoder, tmp_path / "rows.npy")
    encoder.adapters.merge()
    assert torch.equal(encoder.word_embeddings, plain.word_embeddings)
    torch.testing.assert_close(hidden(encoder), expected, rtol=1e-5, atol=1e-5)


def test_layers_can_be_chosen_and_those_that_are_not_there_are_refused_in_one_line(load):
    encoder = load()
    adapters = put_on(encoder.backbone, values_of("lora", adapter_rank=2, adapter_modules=["intermediate.dense"]), seed=1)
    assert adapters.trained == 2 * 2 * (32 + 64)
    with pytest.raises(
        UserError, match=r"^adapter_modules: a XLMRobertaModel has no linear layer word_embeddings, qq, expected "
    ):
        put_on(load().backbone, values_of("lora", adapter_modules=["word_embeddings", "qq", "key"]), seed=1)
