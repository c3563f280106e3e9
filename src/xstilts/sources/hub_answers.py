"""Recognise answers that do not come from the Hugging Face Hub, and answers with a waiting time.

The former are a login page, a proxy's page or truncated JSON; for the latter, huggingface_hub would wait without limit.
"""

import json
from collections.abc import Callable
from typing import Any

from xstilts.numbering import counted
from xstilts.sources.hub_cache import COMMIT, Entry
from xstilts.sources.retry import TEMPORARY_STATUS, Damaged, named_wait

PAGES = ("text/html", "application/xhtml+xml")


class WebPage(Exception):
    """An HTML page was received instead of data."""

    def __init__(self, host: str, answer: str) -> None:
        super().__init__(
            f"{host} answers with a web page ({answer}) instead of data: log in to the network, or check the proxy "
            "(HTTPS_PROXY) and HF_ENDPOINT"
        )


class Busy(Exception):
    """The server asks for a waiting time before the next request."""

    def __init__(self, response: Any) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


def watch_answers() -> None:
    """Make huggingface_hub's HTTP client raise `WebPage` or `Busy` for such answers.

    Call it before every request, because the client is replaced after some errors.
    """
    from huggingface_hub import get_session

    client = get_session()
    hooks = client.event_hooks
    if _refuse not in hooks["response"]:
        client.event_hooks = {**hooks, "response": [*hooks["response"], _refuse]}


def _refuse(response: Any) -> None:
    if response.status_code in TEMPORARY_STATUS:
        if named_wait(response.headers) is not None:
            raise Busy(response)
        return
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind in PAGES and not response.is_redirect and "X-Error-Code" not in response.headers:
        raise WebPage(response.url.host, f"HTTP {response.status_code}, {kind}")


def described(ask: Callable[[], Any]) -> tuple[str, dict[str, Entry]]:
    """Return commit and files of a repository from the description that `ask` requests. Raises `Damaged` if it is malformed."""
    from huggingface_hub.errors import HFValidationError

    try:
        info = ask()
        commit, siblings = str(info.sha), list(info.siblings)
        files = {file.rfilename: _entry(file) for file in siblings}
    except HFValidationError:
        raise
    except json.JSONDecodeError as error:
        if error.doc.lstrip().startswith("<"):
            raise WebPage("the Hub's address", "no JSON") from error
        raise Damaged(f"the answer is no JSON, or is cut off after {counted(len(error.doc), 'character')}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"the answer does not describe a repository ({type(error).__name__}: {error})") from error
    if not COMMIT.fullmatch(commit):
        raise Damaged("the answer does not describe a repository (it names no commit)")
    return commit, files


def _entry(file: Any) -> Entry:
    return Entry(int(file.size or 0), file.lfs["sha256"] if file.lfs else None, None if file.lfs else file.blob_id)
