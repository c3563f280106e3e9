"""Answers of servers that are busy, and of those that are not the Hub at all."""

import time
from email.utils import formatdate
from typing import Any

import huggingface_hub
import pytest

from xstilts.errors import UserError
from xstilts.sources import hub as client
from xstilts.sources import retry
from xstilts.sources.retry import named_wait
from xstilts.store.checksums import file_sha256

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME, FILE = "owner/data", "train.parquet"
WHAT = f"data set {NAME} at revision {COMMIT}"
PAGE = "<!DOCTYPE html><title>Log in</title>"
HTML = {"Content_Type": "text/html; charset=utf-8"}
IN_TWO_MINUTES = time.time() + 120


@pytest.fixture
def data(hub: Any) -> Any:
    """The stand-in hub with one file."""
    hub.add("dataset", NAME, {FILE: b"0123456789" * 500})
    return hub


def fetched() -> bytes:
    found = client.listing("dataset", NAME, COMMIT)
    (path,) = client.download(found, [FILE], file_sha256)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"Retry-After": "soon"}, None),
        ({"RateLimit": '"api";r=0;t=120'}, 120),
        ({"ratelimit": '"api"; r = 0 ; t = 120'}, 120),
        ({"RateLimit": '"pages";r=5;t=9, "api";r=0;t=120, "day";r=0;t=40', "RateLimit-Policy": '"api";q=500;w=300'}, 120),
        ({"RateLimit": '"api";r=3;t=120'}, None),
        ({"RateLimit": "limit=100, remaining=0, reset=50"}, 50),
        ({"RateLimit": "limit=100, remaining=1, reset=50"}, None),
        ({"RateLimit-Reset": "60"}, 60),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "60"}, 60),
        ({"RateLimit-Remaining": "9", "RateLimit-Reset": "60"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(IN_TWO_MINUTES)}, 120),
        ({"Retry-After": formatdate(IN_TWO_MINUTES, usegmt=True)}, 120),
        ({"RateLimit-Reset": formatdate(IN_TWO_MINUTES, usegmt=True)}, 120),
        ({"Retry-After": formatdate(IN_TWO_MINUTES - 1000, usegmt=True)}, 0),
        ({"Retry-After": "30", "RateLimit": '"api";r=0;t=120'}, 30),
        ({"Retry-After": "soon", "RateLimit": '"api";r=0;t=120'}, 120),
        ({"RateLimit": "banana", "RateLimit-Reset": "-3"}, None),
    ],
)
def test_the_wait_that_a_server_names(monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], expected: float | None) -> None:
    monkeypatch.setattr(time, "time", lambda: IN_TWO_MINUTES - 120)
    assert named_wait(headers) == (None if expected is None else pytest.approx(expected, abs=1))


@pytest.mark.parametrize("place", ["GET /api", "HEAD .*resolve", "GET .*resolve"])
@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"RateLimit": '"api";r=0;t=120'}, 120.0),
        ({"RateLimit": '"api";r=0;t=299'}, 299.0),
        ({"RateLimit_Reset": "90"}, 90.0),
        ({"Retry_After": "3600"}, retry.LONGEST_NAMED_WAIT),
    ],
)
def test_a_rate_limit_is_waited_for_up_to_its_window(
    data: Any, waits: list[float], place: str, headers: dict[str, str], wait: float
) -> None:
    data.fail(place, "429", 2, **headers)
    assert fetched()
    assert waits == [wait, wait]


def test_a_429_without_a_limit_that_is_used_up_waits_as_ever(data: Any, waits: list[float]) -> None:
    data.fail("GET /api", "429", 1, RateLimit='"api";r=12;t=120')
    assert fetched()
    assert len(waits) == 1 and waits[0] <= retry.FIRST_WAIT


@pytest.mark.parametrize("place", ["GET /api", "HEAD .*resolve", "GET .*resolve"])
@pytest.mark.parametrize("status", ["text", "403", "511"])
def test_a_web_page_is_no_data(data: Any, waits: list[float], place: str, status: str) -> None:
    data.fail(place, status, text=PAGE, **HTML)
    with pytest.raises(UserError) as error:
        fetched()
    file = "" if "api" in place else f": {FILE}"
    assert str(error.value) == (
        f"{WHAT}{file}: 127.0.0.1 answers with a web page (HTTP {200 if status == 'text' else status}, text/html) instead of "
        "data: log in to the network, or check the proxy (HTTPS_PROXY) and HF_ENDPOINT"
    )
    assert not waits, "it does not go away by itself"
    data.faults.clear()
    assert fetched() == b"0123456789" * 500, "and nothing of it is kept"


def test_a_fault_of_xets_own_downloads_is_tried_again(data: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    download = huggingface_hub.hf_hub_download

    def fails_once(*arguments: Any, **options: Any) -> str:
        asked.append(arguments)
        if len(asked) == 1:
            raise RuntimeError("Data processing error: CAS service error : ReqwestMiddleware Error: Request failed\nand more")
        return download(*arguments, **options)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fails_once)
    assert fetched() and len(asked) == 2 and len(waits) == 1


def test_a_portal_that_sends_on_to_its_page(data: Any, waits: list[float]) -> None:
    data.fail("GET /api", "portal")
    with pytest.raises(UserError, match=rf"^{WHAT}: 127.0.0.1 answers with a web page \(HTTP 200, text/html\)"):
        fetched()


def test_a_page_without_content_type(data: Any, waits: list[float]) -> None:
    data.fail("GET /api", "text", text=PAGE)
    with pytest.raises(UserError, match=rf"^{WHAT}: the Hub's address answers with a web page \(no JSON\)"):
        fetched()


def test_a_busy_server_may_say_so_with_a_page(data: Any, waits: list[float]) -> None:
    data.fail("GET /api", "503", 1, text=PAGE, **HTML)
    assert fetched() and len(waits) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"id": "owner/data", "sha": "01', "the answer is no JSON, or is cut off after 31 characters"),
        ("", "the answer is no JSON, or is cut off after 0 characters"),
        ("{}", "the answer does not describe a repository (KeyError: 'id')"),
        ("[]", "the answer does not describe a repository (TypeError"),
        ("null", "the answer does not describe a repository (TypeError"),
        ('{"id": "owner/data", "siblings": []}', "the answer does not describe a repository (it names no commit)"),
        (f'{{"id": "owner/data", "sha": "{COMMIT}"}}', "the answer does not describe a repository (TypeError"),
    ],
)
def test_an_answer_that_is_no_description_is_asked_for_again(data: Any, waits: list[float], text: str, reason: str) -> None:
    data.fail("GET /api", "text", 2, text=text, Content_Type="application/json")
    assert fetched()
    assert len(waits) == 2
    client._asked.clear()
    data.fail("GET /api", "text", text=text, Content_Type="application/json")
    with pytest.raises(UserError) as error:
        client.listing("dataset", NAME, "main")
    start = f"data set {NAME} at revision main: gave up after 6 attempts, the last ended with: "
    assert str(error.value).startswith(start + reason) and "\n" not in str(error.value)


def test_behind_a_portal_a_branch_is_what_it_was(data: Any, waits: list[float], restart: Any, caplog: Any) -> None:
    known = client.listing("dataset", NAME, "main").commit
    restart()
    data.fail("GET /api", "text", text=PAGE, **HTML)
    assert client.listing("dataset", NAME, "main").commit == known
    assert "answers with a web page" in caplog.text and f"going on with commit {known}, the last one known here" in caplog.text


def test_a_file_without_the_hubs_headers_is_not_called_missing(data: Any, waits: list[float]) -> None:
    data.fail("HEAD .*resolve", "text", text="welcome", Content_Type="text/plain")
    with pytest.raises(UserError, match=rf"^{WHAT}: {FILE}: .*X-Repo-Commit.*does not seem to be served by"):
        fetched()
