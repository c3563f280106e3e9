"""Configs that are composed with a memory are those that Hydra composes without one."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal import defaults_list
from hydra._internal import hydra as hydra_main
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from xstilts import config as schema
from xstilts.launch import composition, searchpath
from xstilts.launch.cells import to_schema
from xstilts.paths import conf_dir

GRID = [
    line.split()
    for line in """
+intermediate=none +target=xnli
+intermediate=none +target=xnli seed=2
+intermediate=none +target=xnli seed=3 stop_after=0123
+intermediate=mnli +target=xnli
+intermediate=mnli +target=tatoeba
+intermediate=mnli +target=tatoeba
+intermediate=mnli +target=xnli target.languages=[de,fr]
+intermediate=[mnli,mlm] +target=xquad intermediate.mixture.cap=null
+intermediate=[mnli,mlm] +target=xquad ~intermediate.tasks.mlm
+target=xnli model=tiny model.tokenizer=HERE recipe=xtreme
+target=xnli model=tiny model.tokenizer=HERE recipe=xtreme ~trainer
+target=xnli data=babel_micro
+target=xnli data=babel_micro data.world.rows=0.5
+experiments=babel +target=xnli
+experiments=babel +target=xnli seed=4
+target=xnli +model.pinned.a=b
++target.recipe.max_steps=5 +target=xnli
+intermediate=none +target=xnli
""".strip().splitlines()
]


@pytest.fixture
def loaders(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ConfigLoaderImpl, ConfigLoaderImpl]]:
    """Hydra's own and ours, with an empty memory."""
    schema.register()
    searchpath.register()
    composition.forget()
    for module, name in ((hydra_main, "ConfigLoaderImpl"), (defaults_list, "_create_interpolation_map")):
        monkeypatch.setattr(module, name, vars(module)[name])  # put back at the end
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        path = hydra.config_loader.get_search_path()
        yield ConfigLoaderImpl(path), composition.ConfigLoader(path)
    composition.forget()


def composed(loader: ConfigLoaderImpl, overrides: list[str], mode: RunMode = RunMode.RUN) -> DictConfig:
    return loader.load_configuration("train", overrides, mode)


def everything(node: Any) -> Any:
    """All that a config is: values and what is asked of them, flags and types."""
    metadata = {name: value for name, value in vars(node._metadata).items() if name != "resolver_cache"}
    content = node._value() if not isinstance(node, DictConfig) else node.__dict__["_content"]
    if isinstance(content, dict):
        return type(node), metadata, {key: everything(value) for key, value in content.items()}
    if isinstance(content, list):
        return type(node), metadata, [everything(value) for value in content]
    return type(node), metadata, content


@pytest.mark.slow
def test_a_grid_is_composed_as_hydra_composes_it(loaders: tuple[ConfigLoaderImpl, ConfigLoaderImpl]) -> None:
    """One after the other, so that each meets what the ones before left behind."""
    theirs, ours = loaders
    expected = [composed(theirs, overrides) for overrides in GRID]
    composition.install()  # Hydra's module that makes lists of defaults, too
    for overrides, wanted in zip(GRID, expected, strict=True):
        got = composed(ours, overrides)
        assert everything(got) == everything(wanted), overrides
        for config in (got, wanted):
            OmegaConf.set_struct(config, False)
            del config["hydra"]
        assert to_schema(got) == to_schema(wanted), overrides


@pytest.mark.parametrize(
    "overrides",
    [
        ["+target=xnli", "seed=one"],
        ["+target=xnli", "+target=xquad"],
        ["+target=xnil"],
        ["+target=xnli", "~intermediate.tasks.mnli"],
        ["+target=xnli", "+seed=2"],
        ["+target=xnli", "seed=1,2"],
        ["+target=xnli", "logger=[csv"],
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_told_as_by_hydra(overrides: list[str], loaders: tuple[ConfigLoaderImpl, ConfigLoaderImpl]) -> None:
    def complaint(loader: ConfigLoaderImpl) -> list[str]:
        with pytest.raises(Exception) as told:
            composed(loader, overrides)
        errors, error = [], told.value
        while error is not None:
            errors.append(f"{type(error).__name__}: {error}")
            error = error.__cause__
        return errors

    theirs, ours = loaders
    composed(ours, ["+target=xnli"])
    assert complaint(ours) == complaint(theirs)


def test_a_config_that_is_changed_changes_no_other(loaders: tuple[ConfigLoaderImpl, ConfigLoaderImpl]) -> None:
    ours = loaders[1]
    first = composed(ours, ["+target=xnli"])
    before = OmegaConf.to_yaml(first)
    first.seed, first.target.languages = 77, ["de"]
    OmegaConf.set_readonly(first.trainer, True)
    second = composed(ours, ["+target=xnli"])
    assert OmegaConf.to_yaml(second) == before and second.trainer._get_flag("readonly") is None


def test_what_beginnings_share_is_merged_once(
    loaders: tuple[ConfigLoaderImpl, ConfigLoaderImpl], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, merged = loaders[1], []
    single = composition.ConfigLoader._load_single_config

    def counted(self: Any, default: Any, repo: Any) -> Any:
        merged.append(default.config_path)
        return single(self, default, repo)

    monkeypatch.setattr(composition.ConfigLoader, "_load_single_config", counted)

    def merges(*overrides: str) -> list[str]:
        merged.clear()
        composed(ours, list(overrides))
        return list(merged)

    assert "schema" in merges("+intermediate=mnli", "+target=xnli")
    assert merges("+intermediate=mnli", "+target=xnli", "seed=2") == []
    assert "schema" in merges("+intermediate=mnli", "+target=xquad")  # what it shares with the first is kept from here on
    last = merges("+intermediate=mnli", "+target=tatoeba")
    assert last and "schema" not in last and not [path for path in last if path.startswith("intermediate")]


def test_only_so_many_are_kept(loaders: tuple[ConfigLoaderImpl, ConfigLoaderImpl], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composition, "KEPT", 2)
    for target in ("xnli", "xquad", "tatoeba"):
        composed(loaders[1], [f"+target={target}"])
    assert len(composition._merged) == 2


@dataclass
class Part:
    number: int | str = 1
    names: list[str] = field(default_factory=lambda: ["a"])


def test_a_copy_is_a_deep_copy() -> None:
    config = OmegaConf.create({"part": Part(), "nothing": None, "other": "${part.number}", "unset": "???", "some": [1, {"a": 2}]})
    OmegaConf.set_struct(config.part, True)
    made = composition.copied(config)
    assert everything(made) == everything(copy.deepcopy(config))
    made.part.number, made.some[1].a = "two", 3
    OmegaConf.set_struct(made.part, False)
    assert config.part.number == 1 and config.some[1].a == 2 and made.other == "two"
    assert config.part._get_flag("struct") is True and made.part._get_node("number")._get_parent() is made.part


def test_a_file_that_does_not_fit_is_named(loaders: tuple[ConfigLoaderImpl, ConfigLoaderImpl], tmp_path: Path) -> None:
    (tmp_path / "logger").mkdir()
    (tmp_path / "logger" / "mine.yaml").write_text("# Mine.\nevery_n_steps: often\n")
    overrides, told = ["+target=xnli", "logger=mine", f"hydra.searchpath=[file://{tmp_path}]"], []
    for loader in loaders:
        with pytest.raises(ConfigCompositionException) as error:
            composed(loader, overrides)
        told.append(str(error.value))
    assert told[0] == told[1] and "In 'logger/mine': ValidationError raised while composing config" in told[0]
