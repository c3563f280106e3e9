"""What every test may use: the real data beside the repository, and a Hugging Face library that never asks for the network."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read at import; set before any library
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

settings.register_profile("xstilts", deadline=None)  # a first example may import a library; shared cores are slow at times
settings.load_profile("xstilts")

REPOSITORY = Path(__file__).resolve().parents[1]


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
