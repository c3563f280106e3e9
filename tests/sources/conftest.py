"""Real data as a config, and files written on the spot."""

from collections.abc import Callable
from pathlib import Path

import pytest

from xstilts.config import DataConfig


@pytest.fixture(scope="session")
def real_data(shared_data: Path) -> DataConfig:
    """The XTREME folder, with Tatoeba's gold and the original releases beside it."""
    return DataConfig(root=str(shared_data / "xtreme"), extra_roots=[str(shared_data / "gold"), str(shared_data / "originals")])


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write a file under the test's folder."""

    def _write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write
