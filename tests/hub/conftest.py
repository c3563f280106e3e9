"""The stand-in hub, in this process (`hub`) and for processes of their own (`hub_environment`), and what to put into it."""

import contextlib
import importlib.util
import io
import logging
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
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub_server[1] + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
    monkeypatch.setattr(client, "_asked", {})
    return hub_server[0]


@pytest.fixture
def restart(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Forget earlier requests, as a new process does; with the network or without."""
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


@pytest.fixture(scope="session")
def as_loaded() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A question of a release -> the row that the Hub has of it: texts stripped, positions kept, as the data sets' loaders do."""

    def strip(row: dict[str, Any]) -> dict[str, Any]:
        answers = row["answers"] | {"text": [text.strip() for text in row["answers"]["text"]]}
        return row | {name: row[name].strip() for name in ("title", "context", "question") if name in row} | {"answers": answers}

    return strip


@pytest.fixture(scope="session")
def tokenizer_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A tokenizer of letters and a few words, in XLM-R's form."""
    from transformers import XLMRobertaTokenizer

    words = "red green blue one two three cat dog bird runs sleeps sings where".split()
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"▁{word}", -2.0) for word in words)]
    pieces += [(character, -8.0) for character in "▁abcdefghijklmnopqrstuvwxyzQ0123456789?.:{}"]
    folder = tmp_path_factory.mktemp("tokenizer")
    XLMRobertaTokenizer(vocab=[*pieces, ("<mask>", 0.0)]).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="session")
def encoder_files(tokenizer_files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small XLM-R with random weights, its tokenizer beside it."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel

    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=61,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=130,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    folder = tmp_path_factory.mktemp("encoder")
    XLMRobertaModel(config).save_pretrained(folder)
    return tokenizer_files | {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def run_here() -> Callable[..., dict[str, Any]]:
    """Compose a cell's config, change it, and run it in this process."""
    return _run_here


def _run_here(overrides: list[str], change: Callable[[Any], Any] = lambda config: config) -> dict[str, Any]:
    import warnings

    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from xstilts.cell.run import run
    from xstilts.config import register
    from xstilts.launch.cells import to_schema
    from xstilts.paths import conf_dir

    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = change(to_schema(compose("train", overrides)))
    with warnings.catch_warnings(), _own_settings():
        return run(config)


@contextlib.contextmanager
def _own_settings() -> Iterator[None]:
    """Put back what a cell changes in its process."""
    import random

    import numpy
    import torch

    environment, threads = dict(os.environ), torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    randomness = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric"))]
    levels = [(logger, logger.level) for logger in loggers]
    torch.set_num_threads(1)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        random.setstate(randomness[0])
        numpy.random.set_state(randomness[1])
        torch.set_rng_state(randomness[2])
        for logger, level in levels:
            logger.setLevel(level)
