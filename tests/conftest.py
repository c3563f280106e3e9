"""What every test may use: the real data beside the repository, and a Hugging Face library that never asks for the network."""

import os
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
