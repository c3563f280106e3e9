"""Where Hydra finds configs besides conf/: the folder experiments/ is a config group too, `+experiments=NAME`."""

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from xstilts.paths import experiments_dir


class ExperimentsSource(FileConfigSource):
    """The folder experiments/ as a config group, and nothing else of the folder it lies in, which may be a whole checkout."""

    @staticmethod
    def scheme() -> str:
        return "experiments"

    def is_group(self, config_path: str) -> bool:
        return config_path in ("", "experiments")

    def is_config(self, config_path: str) -> bool:
        return config_path.startswith("experiments/") and super().is_config(config_path)

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        if config_path == "":
            return ["experiments"] if results_filter in (None, ObjectType.GROUP) else []
        return super().list(config_path, results_filter)


class ExperimentsSearchPath(SearchPathPlugin):
    """Appends that source to Hydra's search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("xstilts", f"experiments://{experiments_dir().parent}")


def register() -> None:
    """Make both known to Hydra."""
    for plugin in (ExperimentsSource, ExperimentsSearchPath):
        Plugins.instance().register(plugin)
