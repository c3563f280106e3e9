"""Files that other programs have downloaded, used without a network."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants, hf_hub_download

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import hub as client
from xstilts.sources import languages_with_data, locate, source_of
from xstilts.sources.fetch import fetch, fetch_model, pinned
from xstilts.sources.hub_cache import Entry, files_of
from xstilts.sources.load import load
from xstilts.store.checksums import file_sha256
from xstilts.tasks.declaration import Source, Task

DATA = DataConfig(source="hub")
NAME, MODEL = "owner/pairs", "owner/encoder"
PARTS = ["en/train-00000-of-00002.parquet", "en/train-00001-of-00002.parquet"]


def task(revision: str | None = None) -> Task:
    source = Source(
        reader="parquet",
        hub=NAME,
        revision=revision,
        files={"train": "{language}/train-*.parquet"},
        columns={"text_a": "text"},
        positional_ids=["train"],
    )
    return Task(
        name="toy",
        format="classification",
        languages=["en", "sw"],
        labels=["a", "b"],
        metrics=["accuracy"],
        sources={"hub": source},
    )


@pytest.fixture
def served(hub: Any, parquet: Callable[..., bytes]) -> Any:
    """The stand-in hub with a data set of two languages and a model."""
    files = {path: parquet([{"text": path, "label": "a"}]) for path in [*PARTS, "sw/train-00000-of-00001.parquet"]}
    hub.add("dataset", NAME, files | {"README.md": b"pairs"})
    weights = {f"model-0000{number}-of-00002.safetensors": b"w" * number for number in (1, 2)}
    hub.add("model", MODEL, {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors.index.json": b"{}"} | weights)
    return hub


def download(hub: Any, kind: str, name: str) -> Path:
    """The folder of all files of a repository, as another program gets them."""
    files = hub.repositories[f"{kind}s", name].files
    places = {path: Path(hf_hub_download(name, path, repo_type=kind)) for path in files}
    return next(place for path, place in places.items() if "/" not in path).parent


def folder_of(path: str) -> Path:
    return Path(constants.HF_HUB_CACHE) / path


def test_a_data_set_that_others_downloaded(served: Any, restart: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    download(served, "dataset", NAME)
    asked = len(served.requests)
    restart(offline=True)
    caplog.set_level("INFO", logger="xstilts")
    commit = served.repositories["datasets", NAME].commit
    assert pinned(task(), DATA).sources["hub"].revision == commit
    for revision in (None, "main", commit):
        assert languages_with_data(source_of(task(revision), DATA), "train") == ["en", "sw"]
        files = fetch(source_of(task(revision), DATA), "train", None, file_sha256)
        assert [path.relative_to(path.parents[1]).as_posix() for path in files] == [*PARTS, "sw/train-00000-of-00001.parquet"]
        assert list(locate(source_of(task(revision), DATA), "train", "en").values()) == files[:2]
        assert load(source_of(task(revision), DATA), "train", ["en", "sw"])["text_a"][:] == [
            *PARTS,
            "sw/train-00000-of-00001.parquet",
        ]
    assert len(served.requests) == asked, "nobody is asked"
    assert f"{NAME} at revision main: offline, using the files in " in caplog.text


def test_with_a_network_the_whole_list_is_asked_for(served: Any, restart: Callable[..., None]) -> None:
    hf_hub_download(NAME, PARTS[0], repo_type="dataset")
    assert languages_with_data(source_of(task(), DATA), "train") == ["en", "sw"]
    restart(offline=True)
    assert languages_with_data(source_of(task(), DATA), "train") == ["en", "sw"], "and the list is kept"


@pytest.mark.parametrize("part", [0, 1])
def test_a_part_that_is_missing_is_noticed(served: Any, restart: Callable[..., None], part: int) -> None:
    hf_hub_download(NAME, PARTS[part], repo_type="dataset")
    restart(offline=True)
    missing = PARTS[1 - part]
    with pytest.raises(
        UserError, match=f"^data set {NAME} at revision [0-9a-f]{{40}}: {missing} not in the cache .*HF_HUB_OFFLINE=1"
    ):
        fetch(source_of(task(), DATA), "train", ["en"], file_sha256)
    assert locate(source_of(task(), DATA), "train", "en") == {}
    with pytest.raises(UserError, match=f"no train data in 'sw': the cache of {NAME} at .* has it in en, and HF_HUB_OFFLINE=1"):
        fetch(source_of(task(), DATA), "train", ["en", "sw"], file_sha256)


def test_names_of_missing_parts(served: Any, tmp_path: Path) -> None:
    snapshot = folder_of("models--a--b") / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    names = [
        "model-00002-of-00002.safetensors",
        "train-00001-of-00003-0123abcd.parquet",
        "x-00000-of-00001.parquet",
        "y-00001.txt",
    ]
    for name in names:
        (snapshot / name).touch()
    expected = {
        *names,
        "model-00001-of-00002.safetensors",
        "train-00000-of-00003-0123abcd.parquet",
        "train-00002-of-00003-0123abcd.parquet",
    }
    assert set(files_of("model", "a/b", "0" * 40)) == expected


def test_files_of_others_are_checked(served: Any, restart: Callable[..., None]) -> None:
    """Their checksums are the names of the blobs; a copy without links has none."""
    paths = [Path(hf_hub_download(NAME, path, repo_type="dataset")) for path in (*PARTS, "README.md")]
    commit = served.repositories["datasets", NAME].commit
    found = files_of("dataset", NAME, commit)
    assert found["README.md"] == Entry(5, None, paths[2].resolve().name) and found[PARTS[0]].sha256 == file_sha256(paths[0])
    paths[0].resolve().write_bytes(bytes(paths[0].stat().st_size))
    restart(offline=True)
    with pytest.raises(UserError, match=f"{PARTS[0]}: got sha256 .*; delete the file, and HF_HUB_OFFLINE=1 forbids the network"):
        fetch(source_of(task(), DATA), "train", ["en"], file_sha256)
    copy = paths[0].read_bytes()
    paths[0].unlink()
    paths[0].write_bytes(copy)
    assert files_of("dataset", NAME, commit)[PARTS[0]] == Entry(len(copy), None, None)


def test_another_commit_in_the_cache_is_named(served: Any, restart: Callable[..., None]) -> None:
    download(served, "dataset", NAME)
    commit = served.repositories["datasets", NAME].commit
    restart(offline=True)
    with pytest.raises(UserError) as error:
        fetch(source_of(task("f" * 40), DATA), "train", None, file_sha256)
    assert re.match(
        rf"data set {NAME} at revision f{{40}} is not in the cache .*, which has it at {commit}, and HF_HUB_OFFLINE=1 forbids",
        str(error.value),
    )


@pytest.mark.parametrize("revision", [None, "main"])
def test_the_only_commit_in_the_cache_is_main(served: Any, restart: Callable[..., None], revision: str | None) -> None:
    hf_hub_download(NAME, "README.md", repo_type="dataset", revision="a" * 40)
    restart(offline=True)
    assert client.listing("dataset", NAME, revision).commit == "a" * 40
    restart()
    hf_hub_download(NAME, "README.md", repo_type="dataset", revision="b" * 40)
    restart(offline=True)
    with pytest.raises(UserError, match="is not in the cache .*, which has it at a{40}, b{40}, and HF_HUB_OFFLINE=1"):
        client.listing("dataset", NAME, revision)


def test_a_cache_without_files_is_none(served: Any, restart: Callable[..., None]) -> None:
    download(served, "dataset", NAME)
    shutil.rmtree(folder_of(f"datasets--{NAME.replace('/', '--')}") / "snapshots")
    restart(offline=True)
    with pytest.raises(UserError, match=f"data set {NAME} at revision main is not in the cache "):
        client.listing("dataset", NAME, None)


def test_a_model_that_others_downloaded(served: Any, restart: Callable[..., None]) -> None:
    folder = download(served, "model", MODEL)
    restart(offline=True)
    assert fetch_model(MODEL, None, True, file_sha256) == folder
    assert fetch_model(MODEL, folder.name, False, file_sha256) == folder
    (folder / "model-00001-of-00002.safetensors").unlink()
    restart(offline=True)
    assert fetch_model(MODEL, None, False, file_sha256) == folder
    with pytest.raises(
        UserError, match=f"model {MODEL} at .*: model-00001-of-00002.safetensors not in the cache .*xstilts.fetch"
    ):
        fetch_model(MODEL, None, True, file_sha256)
    (folder / "model-00002-of-00002.safetensors").unlink()
    restart(offline=True)
    with pytest.raises(UserError, match=f"model {MODEL} at .* has no weights in the cache: expected .*HF_HUB_OFFLINE=1"):
        fetch_model(MODEL, None, True, file_sha256)
