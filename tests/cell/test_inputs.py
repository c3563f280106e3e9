"""The inputs of a cell: revisions of Hub models, and data of a synthetic world."""

from dataclasses import replace
from pathlib import Path

import pytest

from xstilts.babel.declaration import Language, WorldConfig
from xstilts.cell import inputs
from xstilts.cell.resolve import resolve
from xstilts.config import Config, DataConfig, ModelConfig, StoreConfig
from xstilts.errors import UserError
from xstilts.sources.generated import resolve_generated
from xstilts.tasks.declaration import Generator, Source, Task, TrainingTask

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        (ModelConfig("owner/encoder", pinned={"owner/encoder": COMMIT}), [("owner/encoder", COMMIT)]),
        (ModelConfig("owner/encoder", revision="v2", pinned={"owner/encoder": COMMIT}), [("owner/encoder", "v2")]),
        (ModelConfig("owner/other", pinned={"owner/encoder": COMMIT}), [("owner/other", None)]),
        (
            ModelConfig("owner/other", tokenizer="owner/encoder", pinned={"owner/encoder": COMMIT}),
            [("owner/other", None), ("owner/encoder", COMMIT)],
        ),
    ],
)
def test_a_pin_is_of_one_id_and_gives_way_to_a_revision(
    model: ModelConfig, asked: list[tuple[str, str | None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []

    def fetch_model(name: str, revision: str | None, weights: bool, checksum: object) -> Path:
        seen.append((name, revision))
        (tmp_path / "config.json").write_text('{"model_type": "bert"}')
        return tmp_path

    monkeypatch.setattr(inputs, "fetch_model", fetch_model)
    local = inputs.local_model(replace(Config(), model=model, store=StoreConfig(root=str(tmp_path))))
    assert list(dict.fromkeys(seen)) == asked
    assert (local.name_or_path, local.revision) == (str(tmp_path), None)


def test_weights_of_no_use_are_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fetch_model(name: str, revision: str | None, weights: bool, checksum: object) -> Path:
        assert not weights
        (tmp_path / "config.json").write_text('{"model_type": "t5", "is_encoder_decoder": true}')
        return tmp_path

    monkeypatch.setattr(inputs, "fetch_model", fetch_model)
    with pytest.raises(UserError, match=r"model.name_or_path=google/mt5 holds a model of the type t5, an encoder-decoder"):
        inputs.local_model(Config(model=ModelConfig("google/mt5"), store=StoreConfig(root=str(tmp_path))))


def test_a_path_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = Config(model=ModelConfig("~/encoder", tokenizer="~/words"), store=StoreConfig(root=str(tmp_path)))
    local = inputs.local_model(config)
    assert (local.name_or_path, local.tokenizer) == (str(tmp_path / "encoder"), str(tmp_path / "words"))


@pytest.fixture
def babel(tmp_path: Path) -> Config:
    """A cell of a small synthetic world, with pretraining."""

    def task(name: str, format: str, generator: str) -> Task:
        return Task(
            name=name,
            format=format,
            labels=["contradiction", "entailment", "neutral"] if format == "classification" else [],
            evaluate=["test"],
            sources={"babel": Source(generator=Generator(generator, {"train": 6, "validation": 3, "test": 3}))},
        )

    config = Config(store=StoreConfig(root=str(tmp_path)))
    world = WorldConfig(languages={"qaa": Language(), "qab": Language(order="SOV")}, stories=5, pairs=5)
    config.data = DataConfig(source="babel", world=world)
    config.pretraining.tasks = {"mlm": TrainingTask(task("mlm", "mlm", "text"))}
    config.intermediate.tasks = {"nli": TrainingTask(task("nli", "classification", "inference"))}
    config.target.task = task("last", "classification", "inference")
    resolve_generated(config)
    return config


def test_what_a_world_makes_is_there_after_it_was_ensured(babel: Config):
    ensured = inputs.fetched(resolve(babel))
    root = Path(babel.data.root or "")
    made = sorted(f"{path.parent.name}/{path.name}" for path in root.rglob("*") if path.is_file())
    train, test = ("train-{}.jsonl", "test-{}.jsonl")
    assert made == [
        *(f"last/{test.format(language)}" for language in ("qaa", "qab")),
        *(f"mlm/{train.format(language)}" for language in ("qaa", "qab")),
        f"nli/{train.format('qaa')}",
    ], "pretraining in all languages, an intermediate task in the pivot, the target where it is evaluated"
    assert ensured.config == babel


def test_text_is_wanted_only_where_an_encoder_is_trained(babel: Config):
    names = [item.source.task.name for item in inputs.needed(resolve(babel))]
    assert names == ["mlm", "nli", "last"]
    for model in (ModelConfig(tokenizer="some/tokenizer"), ModelConfig(name_or_path="some/encoder")):
        assert [item.source.task.name for item in inputs.needed(resolve(replace(babel, model=model)))] == ["nli", "last"]


def test_pretraining_selects_by_its_own_recipe(babel: Config):
    babel.recipe.default.selection = "best"
    babel.pretraining.recipe.selection = "last"
    wanted = [(item.source.task.name, item.split, item.languages) for item in inputs.needed(resolve(babel))]
    assert wanted == [
        ("mlm", "train", ["qaa", "qab"]),
        ("nli", "train", ["qaa"]),
        ("nli", "validation", ["qaa"]),
        ("last", "test", None),
    ]
