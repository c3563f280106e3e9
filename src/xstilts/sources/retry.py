"""What a network does wrong for a moment is tried again; what is wrong for good is not.

huggingface_hub tries some of it again by itself, but not a connection that is reset while a repository or a file's metadata is
asked for, and not a body that came short. Waits double from `FIRST_WAIT` up to `LONGEST_WAIT` seconds, each shortened by chance
so that the jobs of a grid do not come back all at once; a server's `Retry-After` counts before that.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from xstilts.errors import UserError

log = logging.getLogger("xstilts")

ATTEMPTS = 6
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
LONGEST_RETRY_AFTER = 300.0
TEMPORARY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
HTTP_LIBRARIES = frozenset({"httpx", "httpx2", "httpcore", "requests", "urllib3"})
"""Those that huggingface_hub has used so far."""
Result = TypeVar("Result")


class Damaged(Exception):
    """What arrived is not what was announced."""


def persistently(action: Callable[[], Result], what: str) -> Result:
    """The action's result, tried at most `ATTEMPTS` times; UserError naming `what` after the last network fault.

    An error that is no network fault is raised as it is, at once.
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
                    "run the same command again later, what has arrived is kept"
                ) from error
            wait = _wait(attempt, error)
            log.info(f"{what}: {reason}; attempt {attempt + 1} of {ATTEMPTS} in {wait:.1f} s")
            time.sleep(wait)
    raise AssertionError("unreachable")


def network_fault(error: BaseException) -> str | None:
    """What went wrong on the way, in a few words; None if the error is of another kind."""
    for cause in _causes(error):
        status = _status(cause)
        if status is not None:
            return f"HTTP {status}" if status in TEMPORARY_STATUS else None
        if type(cause).__name__ == "OfflineModeIsEnabled":
            return None
        if isinstance(cause, Damaged):
            return str(cause)
        if isinstance(cause, ConnectionError | TimeoutError) or type(cause).__module__.split(".")[0] in HTTP_LIBRARIES:
            return f"{type(cause).__name__}: {_first_line(cause)}"
        if type(cause).__name__ == "XetDownloadError" or "Consistency check failed" in str(cause):
            return _first_line(cause)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _wait(attempt: int, error: BaseException) -> float:
    for cause in _causes(error):
        headers: Any = getattr(getattr(cause, "response", None), "headers", None) or {}
        given = str(headers.get("Retry-After", "")).strip()
        if given.isdigit():
            return min(float(given), LONGEST_RETRY_AFTER)
    return float(min(FIRST_WAIT * 2 ** (attempt - 1), LONGEST_WAIT) * random.uniform(0.5, 1.0))


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
