"""What tells one pretrained encoder from another, without loading it."""

import json
from dataclasses import replace

import pytest

from xstilts.config import ModelConfig, TinyArchitecture
from xstilts.errors import UserError
from xstilts.phases.pretrained import encoder_identity, max_positions


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "encoder"
    place.mkdir()
    (place / "config.json").write_text(
        json.dumps({"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1})
    )
    (place / "model.safetensors").write_bytes(b"weights")
    (place / "tokenizer.json").write_text("{}")
    return place


@pytest.fixture
def identity(tmp_path):
    return lambda model: encoder_identity(model, tmp_path / "checksums.json")


def test_a_folder_is_known_by_what_is_in_its_files(folder, identity):
    first = identity(ModelConfig(name_or_path=str(folder)))
    assert set(first) == {"kind", "tokenizer", "weights"}
    assert set(first["weights"]["files"]) == {"config.json", "model.safetensors", "tokenizer.json"}
    moved = folder.rename(folder.with_name("elsewhere"))
    assert identity(ModelConfig(name_or_path=str(moved))) == first, "a path is no part of it"
    (moved / "README.md").write_text("nothing")
    assert identity(ModelConfig(name_or_path=str(moved))) == first, "nor is a file that is not read"
    (moved / "model.safetensors").write_bytes(b"other weights")
    assert identity(ModelConfig(name_or_path=str(moved))) != first


def test_a_hub_id_is_known_by_its_revision(identity):
    model = ModelConfig(name_or_path="FacebookAI/xlm-roberta-base", revision="abc")
    assert identity(model)["weights"] == {"hub": "FacebookAI/xlm-roberta-base", "revision": "abc"} == identity(model)["tokenizer"]
    assert identity(replace(model, revision="abd")) != identity(model)
    assert identity(replace(model, tokenizer="other/tokenizer"))["tokenizer"]["hub"] == "other/tokenizer"


def test_tiny_is_known_by_its_shape_and_tokenizer(folder, identity):
    model = ModelConfig(tokenizer=str(folder))
    first = identity(model)
    assert first["architecture"] == "tiny" and "weights" not in first
    assert identity(replace(model, tiny=TinyArchitecture(seed=1))) != first
    assert identity(replace(model, tiny=TinyArchitecture(hidden_size=64))) != first
    (folder / "tokenizer.json").write_text("{ }")
    assert identity(model) != first


def test_how_it_is_computed_is_no_part_of_it(folder, identity):
    model = ModelConfig(tokenizer=str(folder))
    assert identity(replace(model, attention="eager", pooler="none")) == identity(model)


def test_tiny_without_a_tokenizer_is_refused(identity):
    with pytest.raises(UserError) as error:
        identity(ModelConfig())
    assert str(error.value) == "model=tiny has no tokenizer of its own: type model.tokenizer=FOLDER (or a Hub id)"


@pytest.mark.parametrize("name", ["/no/such/folder", "./no-such-folder", "a/b/c"])
def test_a_path_that_does_not_exist_is_no_hub_id(name, identity):
    with pytest.raises(UserError) as error:
        identity(ModelConfig(name_or_path=name))
    assert str(error.value) == (
        f"there is no folder '{name}': expected a Hugging Face encoder's or tokenizer's folder, or a Hub id OWNER/NAME"
    )


def test_a_folder_without_anything_is_refused(tmp_path, identity):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError) as error:
        identity(ModelConfig(name_or_path=str(empty)))
    assert str(error.value) == (
        f"the folder '{empty}' holds no encoder and no tokenizer: expected config.json and model.safetensors, or tokenizer.json"
    )


def test_max_positions_of_what_can_be_told_without_loading(folder, tmp_path):
    assert max_positions(ModelConfig(tiny=TinyArchitecture(max_position_embeddings=130))) == 128
    assert max_positions(ModelConfig(name_or_path=str(folder))) == 512
    assert max_positions(ModelConfig(name_or_path="FacebookAI/xlm-roberta-base")) is None
    assert max_positions(ModelConfig(name_or_path=str(tmp_path))) is None
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 0}))
    assert max_positions(ModelConfig(name_or_path=str(folder))) == 513
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "max_position_embeddings": 512}))
    assert max_positions(ModelConfig(name_or_path=str(folder))) is None
