"""Hydra's composition of configs, without doing twice what many cells have in common.

For each config Hydra reads all files, and merges them from its own defaults to the last group of the command line before it sets
single values. Cells of a grid differ at the end of that list, or in values alone; so what is merged up to there is kept, and
copied for the next. What comes out is what Hydra makes. Files are read once in the life of a process: the jobs of a sweep that
takes days have the configs that it planned.
"""

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Hashable
from dataclasses import astuple, replace
from typing import TypeVar

from hydra._internal import defaults_list
from hydra._internal import hydra as hydra_main
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository, IConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import InputDefault, ResultDefault
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, Node, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

N = TypeVar("N", bound=Node)
MARK = "HYDRA_REMOVE_TOP_LEVEL_DEFAULTS"
KEPT = 32
"""Merged configs that are kept, of about a megabyte each; the one that was not used for longest goes first."""

Place = tuple[str, ...]
"""Where configs are searched: the folders, in order."""

_read: dict[tuple[Place, str], ConfigResult | None] = {}
_merged: OrderedDict[tuple[Place, tuple[Hashable, ...]], DictConfig] = OrderedDict()
"""What was merged of a beginning of a defaults list."""
_last: list[Hashable] = []
"""The defaults list of the config before: where the next one leaves it is worth being kept."""


def install() -> None:
    """From now on Hydra composes all configs of this process so."""
    vars(hydra_main)["ConfigLoaderImpl"] = ConfigLoader
    vars(defaults_list)["_create_interpolation_map"] = _choices_to_fill_in


def forget() -> None:
    """Read files again that may have changed."""
    _read.clear()
    _merged.clear()
    _last.clear()


class Repository(CachingConfigRepository):
    """Remembers files beyond one config. What it gives belongs to all: to be read, and copied before it is merged.

    Hydra's own copies the repository behind it, with all that is registered, to be free to change its search path.
    """

    def __init__(self, search_path: ConfigSearchPath) -> None:
        self.delegate = ConfigRepository(search_path)
        self.cache = {}

    @property
    def place(self) -> Place:
        return tuple(f"{source.scheme()}://{source.path}" for source in self.get_sources())

    def load_config(self, config_path: str) -> ConfigResult | None:
        key = self.place, config_path
        if key not in _read:
            _read[key] = self.delegate.load_config(config_path=config_path)
        return _read[key]


class _Copies(Repository):
    """The repository for the one who merges: gives each config to keep."""

    def __init__(self, repository: Repository) -> None:
        self.delegate, self.cache = repository, {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        found = self.delegate.load_config(config_path)
        return found and replace(found, config=copied(found.config))


class ConfigLoader(ConfigLoaderImpl):
    """Hydra's, with a memory."""

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], Repository]:
        parsed = OverridesParser.create().parse_overrides(overrides=overrides)
        repository = Repository(self.config_search_path)
        self._process_config_searchpath(config_name, parsed, repository)
        return parsed, repository

    def _compose_config_from_defaults_list(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        assert isinstance(repo, Repository)
        place, steps = repo.place, [astuple(default) for default in defaults]
        start = next((end for end in range(len(steps), 0, -1) if (place, tuple(steps[:end])) in _merged), 0)
        if start:
            _merged.move_to_end((place, tuple(steps[:start])))
            config = copied(_merged[place, tuple(steps[:start])])
        else:
            config = OmegaConf.create()
        leaves = next((end for end, pair in enumerate(zip(steps, _last, strict=False)) if pair[0] != pair[1]), -1)
        _last[:] = steps
        copies = _Copies(repo)
        with flag_override(config, "no_deepcopy_set_nodes", True):
            for end in sorted({leaves, len(steps)} - set(range(-1, start + 1))):
                loaded = [self._load_single_config(default=default, repo=copies).config for default in defaults[start:end]]
                try:
                    config.merge_with(*loaded)
                except OmegaConfBaseException:  # Hydra says in which file
                    return super()._compose_config_from_defaults_list(defaults=defaults, repo=copies)
                _keep((place, tuple(steps[:end])), config)
                start = end
        _strip_defaults(config)
        return config


_all_choices = defaults_list._create_interpolation_map


def _choices_to_fill_in(overrides: defaults_list.Overrides, defaults: list[InputDefault], self_added: bool) -> DictConfig | None:
    """A config of all choices, which Hydra makes for every file and needs only for defaults with `${...}`."""
    needed = any("${" in str(vars(default)) for default in defaults)
    return _all_choices(overrides, defaults, self_added) if needed else None


def _keep(key: tuple[Place, tuple[Hashable, ...]], config: DictConfig) -> None:
    with flag_override(config, "no_deepcopy_set_nodes", None):
        _merged[key] = copied(config)
    while len(_merged) > KEPT:
        _merged.popitem(last=False)


def copied(node: N, parent: Node | None = None) -> N:
    """What `copy.deepcopy` makes of a config, in a tenth of the time: values are not copied, as nothing can change them."""
    made = object.__new__(type(node))
    state = dict(vars(node))
    metadata = object.__new__(type(state["_metadata"]))
    vars(metadata).update(vars(state["_metadata"]))
    metadata.flags = dict(metadata.flags)
    metadata.resolver_cache = copy.deepcopy(metadata.resolver_cache) if metadata.resolver_cache else defaultdict(dict)
    state |= {"_metadata": metadata, "_parent": parent, "_flags_cache": None}
    content = state.get("_content")
    if isinstance(content, dict):
        state["_content"] = {key: copied(value, made) for key, value in content.items()}
    elif isinstance(content, list):
        state["_content"] = [copied(value, made) for value in content]
    elif isinstance(content, Node):  # of a field that takes values of several types
        state["_content"] = copied(content, made)
    vars(made).update(state)
    return made


def _strip_defaults(config: Node) -> None:
    """Take out the defaults lists of dataclasses, which Hydra marks and keeps until all is merged."""
    content = vars(config).get("_content")
    if not isinstance(config, DictConfig) or not isinstance(content, dict):
        return
    if config._metadata.flags and config._metadata.flags.get(MARK):
        with flag_override(config, ["readonly", "struct"], False):
            config._set_flag(MARK, None)
            config.pop("defaults", None)
    for value in content.values():
        _strip_defaults(value)
