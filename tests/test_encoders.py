"""Encoders and tokenizers by their names and config.json."""

import json

import pytest

from xstilts import encoders
from xstilts.errors import UserError


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("FacebookAI/xlm-roberta-base", False),
        ("gpt2", False),
        ("/models/e5", True),
        ("./e5", True),
        ("../e5", True),
        ("~/e5", True),
        ("~someone/e5", True),
        ("models/e5/", True),
        ("a/b/c", True),
    ],
)
def test_a_name_is_a_path_or_a_hub_id(name, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert encoders.is_path(name) == path


def test_what_exists_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "encoder").mkdir(parents=True)
    assert encoders.is_path("owner/encoder") and encoders.is_path("owner") and not encoders.is_path("encoder")


def test_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert encoders.local_path("~/x") == tmp_path / "x"
    with pytest.raises(UserError, match="names a user without a home folder"):
        encoders.local_path("~nobody-of-this-name/x")


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        (["tokenizer.json", "tokenizer_config.json"], True),
        (["sentencepiece.bpe.model"], True),
        (["spm.model", "tokenizer_config.json"], True),  # mDeBERTa-v3
        (["spiece.model"], True),
        (["sentencepiece.model"], True),  # RemBERT
        (["vocab.txt"], True),
        (["vocab.json", "merges.txt"], True),
        (["tokenizer_config.json", "special_tokens_map.json"], False),
        (["config.json", "model.safetensors", "README.md"], False),
    ],
)
def test_files_of_tokenizers(files, whole):
    assert encoders.has_tokenizer(files) == whole
    assert encoders.has_tokenizer(files, "xlm") == ("tokenizer.json" in files), "its own tokenizer has no fast form"
    tokenizers = [name for name in files if encoders.is_tokenizer_file(name)]
    assert tokenizers == [name for name in files if name not in ("config.json", "model.safetensors", "README.md")]


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514}, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 0}, 513),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 3}, 510),
        ({"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "data2vec-text", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "longformer", "max_position_embeddings": 4098, "pad_token_id": 1}, 4096),
        ({"model_type": "luke", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}, 512),
        ({"model_type": "distilbert", "max_position_embeddings": 512}, 512),
        ({"model_type": "modernbert", "max_position_embeddings": 8192}, 8192),
        ({"model_type": "deberta-v2", "max_position_embeddings": 512, "position_biased_input": False}, None),
        ({"model_type": "deberta-v2", "max_position_embeddings": 512}, 512),
        ({"model_type": "funnel", "max_position_embeddings": 512}, None),
        ({"model_type": "new", "max_position_embeddings": 100}, 100),
        ({"model_type": "new", "max_position_embeddings": -1}, None),
        ({"model_type": "new"}, None),
    ],
)
def test_the_longest_input_of_each_kind_of_positions(config, longest):
    assert encoders.longest_input(config) == longest


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"model_type": "t5", "is_encoder_decoder": True}, "an encoder-decoder"),
        ({"model_type": "umt5", "architectures": ["UMT5ForConditionalGeneration"]}, "an encoder-decoder"),
        ({"model_type": "mt5", "architectures": ["MT5EncoderModel"], "is_encoder_decoder": False}, "an encoder-decoder"),
        ({"model_type": "gpt2", "architectures": ["GPT2Model"]}, "a decoder"),
        ({"model_type": "llama"}, "a decoder"),
        ({"model_type": "newllm", "architectures": ["NewLLMForCausalLM"]}, "a decoder"),
        ({"model_type": "bert", "is_decoder": True}, "a decoder"),
        ({"max_position_embeddings": 512}, "a model without model_type"),
        ({"model_type": "xlm", "architectures": ["XLMWithLMHeadModel"]}, None),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"], "is_decoder": False}, None),
        ({"model_type": "new", "architectures": ["NewForMaskedLM"]}, None),
    ],
)
def test_only_encoders_are_accepted(config, kind):
    found = encoders.refusal(config)
    assert found is None if kind is None else kind in (found or "")


def test_known_encoders_are_no_decoders():
    assert not set(encoders.FAMILIES) & encoders.DECODERS
    assert not [name for name in encoders.FAMILIES if encoders.refusal({"model_type": name})]


@pytest.mark.parametrize("text", ["{", "[1]", "null", "\xff"])
def test_a_broken_config_is_one_line(text, tmp_path):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as error:
        encoders.read_config(tmp_path)
    assert str(tmp_path / "config.json") in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ('{"pad_token_id": "x"}', "pad_token_id is 'x', expected a whole number"),
        ('{"max_position_embeddings": "514"}', "max_position_embeddings is '514', expected a whole number"),
        ('{"hidden_size": []}', r"hidden_size is '\[\]', expected a whole number"),
        ('{"num_hidden_layers": true}', "num_hidden_layers is 'True', expected a whole number"),
        ('{"model_type": ["bert"]}', "model_type is .*, expected a text"),
        ('{"architectures": "BertModel"}', "architectures is 'BertModel', expected a list"),
    ],
)
def test_a_config_with_a_value_of_a_wrong_type(values, told, tmp_path):
    (tmp_path / "config.json").write_text(values)
    with pytest.raises(UserError, match=f"config.json: {told}"):
        encoders.read_config(tmp_path)


def test_a_config_is_read(tmp_path):
    assert encoders.read_config(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert encoders.read_config(tmp_path) == {"model_type": "bert"}


def test_attention_of_a_type_without_sdpa():
    assert encoders.attention_used("sdpa", {"model_type": "rembert"}) == "eager"
    assert encoders.attention_used("sdpa", {"model_type": "xlm-roberta"}) == "sdpa" == encoders.attention_used("sdpa", {})
    assert encoders.attention_used("eager", {"model_type": "xlm-roberta"}) == "eager"
    assert encoders.attention_installed("sdpa") and encoders.attention_installed("eager")
