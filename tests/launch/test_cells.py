"""Tests of the parts that all commands with a cell's options share."""

import contextlib
import io
import logging

import pytest

from xstilts.launch.cells import log_to_stderr


def test_messages_go_to_the_standard_error_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook and a test replace `sys.stderr`, and close the old one."""
    log = logging.getLogger("xstilts")
    monkeypatch.setattr(log, "handlers", [])
    monkeypatch.setattr(log, "propagate", log.propagate)
    monkeypatch.setattr(log, "level", log.level)
    for text in ("first", "second"):
        with io.TextIOWrapper(io.BytesIO()) as errors, contextlib.redirect_stderr(errors):  # flushing a closed one is an error
            log_to_stderr()
            log.info(text)
            assert errors.buffer.getvalue() == f"{text}\n".encode()
