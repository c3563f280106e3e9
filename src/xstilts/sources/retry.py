"""Retry requests after temporary network faults, and only after these.

huggingface_hub retries some faults itself, but not a connection reset while it requests metadata, nor a truncated body. Waiting
times double from `FIRST_WAIT` to `LONGEST_WAIT` seconds, each shortened at random so that the jobs of a grid do not all retry at
once. A waiting time that the server sends (`Retry-After`, `RateLimit`) takes precedence.
"""

import logging
import random
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

from xstilts.errors import UserError, causes

log = logging.getLogger("xstilts")

ATTEMPTS = 6
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
LONGEST_NAMED_WAIT = 300.0
"""Seconds; the window in which the Hub counts requests."""
SINCE_1970 = 1e9
"""A larger number is a Unix time, not a number of seconds from now."""
TEMPORARY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
HTTP_LIBRARIES = frozenset({"httpx", "httpx2", "httpcore", "requests", "urllib3"})
"""HTTP libraries that versions of huggingface_hub use."""
Result = TypeVar("Result")


class Damaged(Exception):
    """The received data differs from what was announced."""


def persistently(action: Callable[[], Result], what: str) -> Result:
    """Return the action's result; after a network fault, retry up to `ATTEMPTS` times. Then raises UserError naming `what`.

    Any other error is raised at once, unchanged.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except Exception as error:
            reason = network_fault(error)
            if reason is None:
                raise
            if attempt == ATTEMPTS:
                raise UserError(
                    f"{what}: gave up after {ATTEMPTS} attempts, the last ended with: {reason}; "
                    "run the same command again later, finished downloads are kept"
                ) from error
            wait = _wait(attempt, error)
            log.info(f"{what}: {reason}; attempt {attempt + 1} of {ATTEMPTS} in {wait:.1f} s")
            time.sleep(wait)
    raise AssertionError("unreachable")


def network_fault(error: BaseException) -> str | None:
    """Return a short description of a temporary network fault; None if the error is of another kind."""
    for cause in causes(error):
        status = _status(cause)
        if status is not None:
            return f"HTTP {status}" if status in TEMPORARY_STATUS else None
        if type(cause).__name__ == "OfflineModeIsEnabled":
            return None
        if isinstance(cause, Damaged):
            return str(cause)
        if isinstance(cause, ConnectionError | TimeoutError) or type(cause).__module__.split(".")[0] in HTTP_LIBRARIES:
            return f"{type(cause).__name__}: {_first_line(cause)}"
        if type(cause) is RuntimeError:  # of hf_xet, and of an HTTP client that another thread has closed after an error
            return f"{_first_line(cause)} (HF_HUB_DISABLE_XET=1 downloads in another way)"
        if type(cause).__name__ == "XetDownloadError" or "Consistency check failed" in str(cause):
            return _first_line(cause)
    return None


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _wait(attempt: int, error: BaseException) -> float:
    for cause in causes(error):
        named = named_wait(getattr(getattr(cause, "response", None), "headers", None) or {})
        if named is not None:
            return min(named, LONGEST_NAMED_WAIT)
    return float(min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.5, 1.0))


def named_wait(headers: Mapping[str, str]) -> float | None:
    """Return the waiting time in seconds that the headers of an answer ask for; None if there is none.

    `Retry-After` in seconds or as a date (RFC 9110) takes precedence over an exhausted rate limit, in the forms of the IETF
    drafts, `RateLimit: "api";r=0;t=120`, `RateLimit: limit=10, remaining=0, reset=120` and `RateLimit-Reset: 120`, and the same
    with the prefix `X-`, which many servers use.
    """
    given = {name.lower(): str(value).strip() for name, value in headers.items()}
    waits = [_seconds(given["retry-after"])] if "retry-after" in given else []
    if not any(wait is not None for wait in waits):
        limits = re.sub(r"\s*=\s*", "=", given.get("ratelimit", "")).lower()
        items = [limits] if "remaining=" in limits else limits.split(",")  # in the older form commas separate the parameters
        waits += [_reset(item) for item in items]
        for prefix in ("ratelimit", "x-ratelimit"):
            if given.get(f"{prefix}-remaining", "0") == "0" and f"{prefix}-reset" in given:
                waits.append(_seconds(given[f"{prefix}-reset"]))
    return max((wait for wait in waits if wait is not None), default=None)


def _reset(limit: str) -> float | None:
    """Return the seconds until a limit is reset, if it is exhausted; else None."""
    left, reset = (re.search(rf"\b(?:{names})=(\d+)", limit) for names in ("r|remaining", "t|reset"))
    return float(reset[1]) if left and reset and int(left[1]) == 0 else None


def _seconds(value: str) -> float | None:
    if re.fullmatch(r"\d+(\.\d+)?", value):
        number = float(value)
        return number if number < SINCE_1970 else max(0.0, number - time.time())
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
