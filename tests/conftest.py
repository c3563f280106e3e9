"""Shared fixtures: the real data beside the repository, and a Hugging Face library that never uses the network."""

import gc
import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from tests import required

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read at import; set before any library
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Under nohup, or in the background of a script, signals are ignored, and by all programs that are started here, too.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

settings.register_profile("xstilts", deadline=None)  # a first example may import a library; shared cores are slow at times
settings.load_profile("xstilts")

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_ENCODER = Path(
    os.environ.get("XSTILTS_TEST_ENCODER")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xstilts" / "e5_small"
)


def pytest_collection_finish() -> None:
    """Leave the libraries and tests out of garbage collection, which otherwise looks at a million objects each time."""
    gc.freeze()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data files: `$XSTILTS_TEST_DATA`, or `../shared/data` beside the repository."""
    folder = Path(os.environ.get("XSTILTS_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: put it there, or name its folder in XSTILTS_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def real_encoder() -> Path:
    """The folder of multilingual-e5-small: `$XSTILTS_TEST_ENCODER`, or where `.ci/run` puts it."""
    if not (REAL_ENCODER / "model.safetensors").is_file():
        reason = f"no real encoder at {REAL_ENCODER}: run .ci/run, which makes it, or name a folder in XSTILTS_TEST_ENCODER"
        required.missing(reason, required.ENCODER)
    return REAL_ENCODER


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """No test leaves this machine: a connection to anywhere but the loopback interface fails at once."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(own: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if own.family != socket.AF_UNIX and not str(host).startswith(("127.", "::1", "localhost")):
            raise OSError(f"the test tried to reach {address}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", lambda own, address: check(own, address) or connect(own, address))
        patch.setattr(socket.socket, "connect_ex", lambda own, address: check(own, address) or connect_ex(own, address))
        yield


def of_tracking(name: str) -> ModuleType:
    """A helper module of tests/tracking."""
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "tests" / "tracking" / f"{name}.py")
    assert spec and spec.loader
    sys.modules[name] = found = importlib.util.module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def wandb_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A stand-in for W&B's server that this process and its children are logged in to."""
    stand_in = of_tracking("stand_in").StandIn()
    monkeypatch.setenv("WANDB_BASE_URL", stand_in.start())
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "5")
    monkeypatch.setenv("WANDB_FINISH_TIMEOUT", "2")
    monkeypatch.delenv("WANDB_MODE")
    yield stand_in
    stand_in.stop()
    import wandb

    wandb.teardown()


@pytest.fixture(scope="session")
def offline_runs() -> Callable[..., dict[str, Any]]:
    """offline_runs(output) -> the runs that W&B wrote there, by name."""
    return of_tracking("offline_runs").offline_runs
