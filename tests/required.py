"""Programs of the system and the real encoder: without them a test is skipped, or fails where it must run (`.ci/run`)."""

import os
from typing import NoReturn

import pytest

SLURM = "XSTILTS_REQUIRE_SLURM"
BROWSER = "XSTILTS_REQUIRE_BROWSER"
ENCODER = "XSTILTS_REQUIRE_ENCODER"


def missing(reason: str, variable: str) -> NoReturn:
    """Skip the test because of `reason`, or fail where the environment `variable` is set."""
    if os.environ.get(variable):
        pytest.fail(f"{reason}, and {variable} is set")
    pytest.skip(reason)
