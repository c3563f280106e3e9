"""The identity of a pretrained encoder, computed without loading it."""

import json
from dataclasses import replace

import pytest

from xstilts.babel.declaration import Language, WorldConfig
from xstilts.cell.encoder_identity import check_world, encoder_identity, max_positions, with_attention_used, world_identity
from xstilts.config import DataConfig, ModelConfig, TinyArchitecture
from xstilts.errors import UserError
from xstilts.tasks.declaration import Generator, Source, Task


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


def test_a_tokenizer_that_is_still_to_be_trained_is_known_by_its_fingerprint(tmp_path):
    found = encoder_identity(ModelConfig(), tmp_path / "checksums.json", "0123")
    assert found == {"kind": "encoder", "tokenizer": {"trained": "0123"}, "architecture": "tiny", "tiny": {}}


def made_by(world, seed=0, **more):
    """Where a task's data comes from: a world of these languages."""
    return DataConfig(source="babel", world=WorldConfig(seed=seed, languages=world, **more))


GENERATED = Task(name="t", format="mlm", sources={"babel": Source(reader="examples", generator=Generator(name="text"))})
WORLD = {"qaa": Language(), "qab": Language(order="SOV")}


def test_a_world_is_known_by_its_words_and_grammar():
    first = world_identity(made_by(WORLD), [GENERATED])
    assert first == world_identity(made_by(WORLD, stories=7, rows=0.1, target_share=50), [GENERATED])
    assert first == world_identity(made_by(WORLD | {"qab": Language(order="SOV", text=0.2)}), [GENERATED])
    others = [made_by(WORLD, seed=1), made_by({"qaa": Language()}), made_by(WORLD | {"qab": Language(order="VSO")})]
    assert len({first, *(world_identity(data, [GENERATED]) for data in others)}) == 4
    files = Task(name="t", format="mlm", sources={"babel": Source(reader="text")})
    assert world_identity(made_by(WORLD), [files]) is None


def test_an_encoder_of_another_world_is_refused(folder):
    def pretrained_on(data):
        (folder / "metadata.json").write_text(json.dumps({"identity": {"world": world_identity(data, [GENERATED])}}))

    model = ModelConfig(name_or_path=str(folder))
    check_world(model, made_by(WORLD), [GENERATED])  # nothing is known of where it comes from
    pretrained_on(made_by(WORLD))
    check_world(model, made_by(WORLD, stories=7), [GENERATED])
    with pytest.raises(UserError) as error:
        check_world(model, made_by(WORLD, seed=1), [GENERATED])
    message = str(error.value)
    assert message.startswith(
        f"the encoder model.name_or_path={folder} was pretrained on another synthetic world than data.world"
    )
    assert "\n" not in message
    check_world(model, DataConfig(), [Task(name="t", format="mlm", sources={"xtreme": Source(reader="text")})])


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
    assert max_positions(ModelConfig(name_or_path=str(folder))) == 512


@pytest.mark.parametrize("name", ["spm.model", "sentencepiece.bpe.model", "vocab.txt", "tokenizer_config.json"])
def test_every_file_of_a_tokenizer_is_part_of_the_identity(name, folder, identity):
    before = identity(ModelConfig(name_or_path=str(folder)))
    (folder / name).write_text("something")
    assert identity(ModelConfig(name_or_path=str(folder))) != before


def test_a_path_may_begin_with_the_home_folder(folder, identity, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    model = ModelConfig(name_or_path=f"~/{folder.name}")
    assert identity(model) == identity(ModelConfig(name_or_path=str(folder)))
    assert max_positions(model) == 512
    with pytest.raises(UserError, match="there is no folder '~/nothing'"):
        identity(ModelConfig(name_or_path="~/nothing"))


def test_an_encoder_without_sdpa_gets_eager_attention_and_one_line_says_so(folder, caplog):
    sdpa = ModelConfig(name_or_path=str(folder))
    assert with_attention_used(sdpa) == sdpa == with_attention_used(sdpa)
    (folder / "config.json").write_text(json.dumps({"model_type": "mpnet", "max_position_embeddings": 514}))
    with caplog.at_level("INFO", logger="xstilts"):
        assert [with_attention_used(sdpa).attention for _ in range(3)] == ["eager"] * 3
    assert caplog.messages == [f"{folder} has no SDPA attention; model.attention=eager is used"]
    assert with_attention_used(replace(sdpa, attention="eager")).attention == "eager"
    assert with_attention_used(ModelConfig(name_or_path="owner/encoder")).attention == "sdpa"
