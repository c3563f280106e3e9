"""`xstilts push` against the stand-in hub: what it sends, what it keeps private, and what it refuses before it sends anything."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts import push
from xstilts.store.artifacts import publish

# 2026-11-27: huggingface_hub 2.4.0 hands files to httpx in a way that httpx calls deprecated (lfs.py, _upload_single_part).
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
METADATA = {"label": "phase 2: mnli", "fingerprint": "ab12", "heads": {"nli": "classification"}, "identity": {}}


@pytest.fixture
def artifact(tmp_path: Path) -> Callable[..., Path]:
    """artifact(fingerprint, name=text, ...) makes one."""

    def make(fingerprint: str = "ab12", **texts: str) -> Path:
        new, final = tmp_path / "new", tmp_path / "store" / "trained" / fingerprint
        (new / "heads" / "nli").mkdir(parents=True)
        final.parent.mkdir(parents=True, exist_ok=True)
        files = {"config.json": '{"model_type": "xlm-roberta"}', "README.md": "# phase 2: mnli\nsee https://a.org/b/c/d", **texts}
        for name, text in files.items():
            (new / name).write_text(text)
        (new / "model.safetensors").write_bytes(b"weights" * 1000)
        (new / "heads" / "nli" / "model.safetensors").symlink_to("../../model.safetensors")
        publish(new, final, METADATA | {"fingerprint": fingerprint})
        return final

    return make


@pytest.fixture
def remote(hub: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stand-in hub, and a token for it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_a")
    return hub


def files_of(hub: Any, name: str = "owner/name") -> dict[str, bytes]:
    return {path: data for path, data in hub.repositories["models", name].files.items() if path != ".gitattributes"}


def test_all_files_go_into_a_new_private_repository(remote: Any, artifact: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = artifact()
    push.main([str(folder), "owner/name"])
    assert files_of(remote) == {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    repository = remote.repositories["models", "owner/name"]
    assert repository.private and repository.commits == ["phase 2: mnli, by xstilts"]
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "owner/name (private, new): 6 files, 0.0 MB" and re.fullmatch(r"http://127.0.0.1:\d+/owner/name", out[1])


@pytest.mark.slow
def test_the_same_artifact_again_sends_what_changed(remote: Any, artifact: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = artifact()
    push.main([str(folder), "owner/name", "--public"])
    assert not remote.repositories["models", "owner/name"].private
    (folder / "README.md").write_text("# with scores")
    remote.requests.clear()
    push.main([str(folder), "owner/name", "--public"])
    assert files_of(remote)["README.md"] == b"# with scores"
    assert not any(request.startswith("PUT") for request in remote.requests), "the weights are there"
    assert "(public, exists)" in capsys.readouterr().out


@pytest.mark.slow
def test_another_artifact_replaces_only_if_asked(remote: Any, artifact: Any, capsys: pytest.CaptureFixture[str]) -> None:
    push.main([str(artifact(**{"extra.txt": "x"})), "owner/name"])
    other = artifact("cd34")
    with pytest.raises(SystemExit, match="^2$"):
        push.main([str(other), "owner/name"])
    assert "model owner/name has other files, such as README.md: " in capsys.readouterr().err
    assert "extra.txt" in files_of(remote)
    push.main([str(other), "owner/name", "--replace"])
    assert "removes extra.txt" in capsys.readouterr().out
    assert "extra.txt" not in files_of(remote)
    assert json.loads(files_of(remote)["metadata.json"])["fingerprint"] == "cd34"


def test_a_dry_run_sends_nothing(remote: Any, artifact: Any, capsys: pytest.CaptureFixture[str]) -> None:
    push.main([str(artifact()), "owner/name", "--dry-run"])
    assert "sends heads/nli/model.safetensors" in capsys.readouterr().out
    assert all(request.startswith(("GET", "HEAD")) for request in remote.requests) and not remote.repositories


@pytest.mark.parametrize("public", [False, True])
def test_it_never_changes_who_sees_a_repository(
    public: bool, remote: Any, artifact: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    remote.add("model", "owner/name", {}).private = public
    with pytest.raises(SystemExit, match="^2$"):
        push.main([str(artifact()), "owner/name", *["--public"] * public])
    other = "private: leave out --public" if public else "public: type --public"
    assert capsys.readouterr().err.startswith(f"error: model owner/name exists and is {other}, or change it")
    assert not files_of(remote)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "a folder called `/home/me/secret-project/encoder`"),
        ("config.json", '{"_name_or_path": "/data/users/me"}'),
        ("tokenizer_config.json", '{"name_or_path": "C:\\\\Users\\\\me"}'),
    ],
)
def test_paths_of_this_machine_stay_here(
    name: str, text: str, remote: Any, artifact: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="^2$"):
        push.main([str(artifact(**{name: text})), "owner/name"])
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and f"{name} has the path " in err and "of this machine" in err
    assert not remote.requests


def test_what_is_wrong_is_one_line_and_sends_nothing(
    remote: Any, artifact: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = artifact()
    damaged = artifact("ef56")
    (damaged / "model.safetensors").write_bytes(b"weightz" * 1000)
    for words, said in (
        ([str(tmp_path), "owner/name"], "is no finished artifact: name a folder such as store/trained/FINGERPRINT"),
        ([str(folder), "name"], "got 'name', expected the repository's owner and name: OWNER/NAME"),
        ([str(damaged), "owner/name"], "is altered: got sha256"),
    ):
        with pytest.raises(SystemExit, match="^2$"):
            push.main(words)
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(SystemExit, match="^2$"):
        push.main([str(folder), "owner/name"])
    assert capsys.readouterr().err == (
        "error: no token for the Hub: type `hf auth login`, or set HF_TOKEN to one that may write\n"
    )
    assert not remote.requests


def test_a_token_that_may_not_write(remote: Any, artifact: Any, capsys: pytest.CaptureFixture[str]) -> None:
    remote.fail("POST /api/repos/create", "403", text='{"error": "You do not have the rights to create a model under owner"}')
    with pytest.raises(SystemExit, match="^2$"):
        push.main([str(artifact()), "owner/name"])
    err = capsys.readouterr().err
    assert err.startswith("error: model owner/name: ") and "403" in err and err.count("\n") == 1


@pytest.mark.slow
def test_an_upload_that_breaks_goes_on(
    remote: Any, artifact: Any, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = artifact()
    remote.fail("POST .*/commit/main", "503")
    with pytest.raises(SystemExit, match="^2$"):
        push.main([str(folder), "owner/name"])
    err = capsys.readouterr().err
    assert "HTTP 503; run the same command again, which sends only what is missing" in err.splitlines()[-1]
    remote.faults.clear()
    remote.requests.clear()
    push.main([str(folder), "owner/name"])
    assert len(files_of(remote)) == 6 and not any(request.startswith("PUT") for request in remote.requests)
