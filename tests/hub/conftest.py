"""The stand-in hub, in this process (`hub`) and for processes of their own (`hub_environment`), and what to put into it."""

import importlib.util
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _module() -> ModuleType:
    path = Path(__file__).with_name("stand_in.py")
    spec = importlib.util.spec_from_file_location("stand_in", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["stand_in"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hub_address(hub_server: Any) -> str:
    return hub_server[1]


@pytest.fixture
def hub_server() -> Iterator[tuple[Any, str]]:
    """An empty stand-in hub and its address."""
    stand_in = _module().StandIn()
    address = stand_in.start()
    yield stand_in, address
    stand_in.stop()


@pytest.fixture
def hub(hub_server: tuple[Any, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stand-in hub, which huggingface_hub of this process asks, with a cache of its own."""
    from huggingface_hub import constants

    from xstilts.sources import hub as client

    monkeypatch.setattr(constants, "ENDPOINT", hub_server[1])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    monkeypatch.setattr(client, "_asked", {})
    return hub_server[0]


@pytest.fixture
def restart(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What a new process does: forget what was asked; with the network or without."""
    from huggingface_hub import constants

    from xstilts.sources import hub as client

    def forget(offline: bool = False) -> None:
        monkeypatch.setattr(client, "_asked", {})
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)

    return forget


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of every wait; none is waited for."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture
def hub_environment(hub_server: tuple[Any, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a process that asks the stand-in hub, and reaches nothing else."""
    nowhere = {f"{name}_proxy": "http://127.0.0.1:9" for name in ("http", "https", "all")}
    return os.environ | {
        "HF_ENDPOINT": hub_server[1],
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",
        "OMP_NUM_THREADS": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        **nowhere,
    }


@pytest.fixture(scope="session")
def parquet() -> Callable[[list[dict[str, Any]]], bytes]:
    """Rows -> the bytes of a Parquet file."""
    import pyarrow
    from pyarrow import parquet as writer

    def write(rows: list[dict[str, Any]]) -> bytes:
        file = io.BytesIO()
        writer.write_table(pyarrow.Table.from_pylist(rows), file)
        return file.getvalue()

    return write
