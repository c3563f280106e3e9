"""The identity of a pretrained encoder, computed without loading it."""

import json
from dataclasses import replace

import pytest

from xstilts.babel.declaration import Language, WorldConfig
from xstilts.cell.encoder import check_world, encoder_identity, resolve_encoder, world_identity
from xstilts.cell.phases import first_phase
from xstilts.cell.resolve import resolve
from xstilts.config import Config, DataConfig, ModelConfig, StoreConfig, TinyArchitecture
from xstilts.errors import UserError
from xstilts.sources import source_of
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
    return lambda model: encoder_identity(resolve_encoder(model), tmp_path / "checksums.json")


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
    found = encoder_identity(resolve_encoder(ModelConfig()), tmp_path / "checksums.json", "0123")
    assert found == {"kind": "encoder", "tokenizer": {"trained": "0123"}, "architecture": "tiny", "tiny": {}}


def made_by(world, seed=0, **more):
    """The data config of a world of these languages."""
    return DataConfig(source="babel", world=WorldConfig(seed=seed, languages=world, **more))


GENERATED = Task(name="t", format="mlm", sources={"babel": Source(reader="examples", generator=Generator(name="text"))})
WORLD = {"qaa": Language(), "qab": Language(order="SOV")}


def world_of(data, task=GENERATED):
    return world_identity(data, [source_of(task, data)])


def test_a_world_is_known_by_its_words_and_grammar():
    first = world_of(made_by(WORLD))
    assert first == world_of(made_by(WORLD, stories=7, rows=0.1, target_share=50))
    assert first == world_of(made_by(WORLD | {"qab": Language(order="SOV", text=0.2)}))
    others = [made_by(WORLD, seed=1), made_by({"qaa": Language()}), made_by(WORLD | {"qab": Language(order="VSO")})]
    assert len({first, *map(world_of, others)}) == 4
    files = Task(name="t", format="mlm", sources={"babel": Source(reader="text")})
    assert world_of(made_by(WORLD), files) is None


def test_an_encoder_of_another_world_is_refused(folder):
    def pretrained_on(data):
        (folder / "metadata.json").write_text(json.dumps({"identity": {"world": world_of(data)}}))

    def check(data, task=GENERATED):
        check_world(resolve_encoder(ModelConfig(name_or_path=str(folder))), data, [source_of(task, data)])

    check(made_by(WORLD))  # nothing is known of where it comes from
    pretrained_on(made_by(WORLD))
    check(made_by(WORLD, stories=7))
    with pytest.raises(UserError) as error:
        check(made_by(WORLD, seed=1))
    message = str(error.value)
    assert message.startswith(
        f"the encoder model.name_or_path={folder} was pretrained on another synthetic world than data.world"
    )
    assert "\n" not in message
    check(DataConfig(), Task(name="t", format="mlm", sources={"xtreme": Source(reader="text")}))


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
    assert resolve_encoder(ModelConfig(tiny=TinyArchitecture(max_position_embeddings=130))).longest_input == 128
    assert resolve_encoder(ModelConfig(name_or_path=str(folder))).longest_input == 512
    assert resolve_encoder(ModelConfig(name_or_path="FacebookAI/xlm-roberta-base")).longest_input is None
    assert resolve_encoder(ModelConfig(name_or_path=str(tmp_path))).longest_input is None
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 0}))
    assert resolve_encoder(ModelConfig(name_or_path=str(folder))).longest_input == 513
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "max_position_embeddings": 512}))
    assert resolve_encoder(ModelConfig(name_or_path=str(folder))).longest_input == 512


@pytest.mark.parametrize("name", ["spm.model", "sentencepiece.bpe.model", "vocab.txt", "tokenizer_config.json"])
def test_every_file_of_a_tokenizer_is_part_of_the_identity(name, folder, identity):
    before = identity(ModelConfig(name_or_path=str(folder)))
    (folder / name).write_text("something")
    assert identity(ModelConfig(name_or_path=str(folder))) != before


def test_a_path_may_begin_with_the_home_folder(folder, identity, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    model = ModelConfig(name_or_path=f"~/{folder.name}")
    assert identity(model) == identity(ModelConfig(name_or_path=str(folder)))
    assert resolve_encoder(model).longest_input == 512
    with pytest.raises(UserError, match="there is no folder '~/nothing'"):
        identity(ModelConfig(name_or_path="~/nothing"))


def test_an_encoder_without_sdpa_gets_eager_attention_and_one_line_says_so(folder, caplog):
    def used(model):
        config = Config(model=model, store=StoreConfig(root=str(folder / "store")))
        return first_phase(resolve(config))[1].model.attention

    sdpa = ModelConfig(name_or_path=str(folder))
    assert used(sdpa) == "sdpa"
    (folder / "config.json").write_text(json.dumps({"model_type": "mpnet", "max_position_embeddings": 514}))
    with caplog.at_level("INFO", logger="xstilts"):
        assert [used(sdpa) for _ in range(3)] == ["eager"] * 3
    assert caplog.messages == [f"{folder} has no SDPA attention; model.attention=eager is used"]
    assert used(replace(sdpa, attention="eager")) == "eager"
    assert used(ModelConfig(name_or_path="owner/encoder")) == "sdpa"
