"""Cells that are killed at a chosen moment, in a copy of this process."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock


@contextlib.contextmanager
def killing(moment: str, number: int) -> Iterator[None]:
    """This process kills itself at the `number`-th time that `moment` comes."""
    from pytorch_lightning import Trainer

    from xstilts.training import fit
    from xstilts.training.callbacks import validation
    from xstilts.training.module import TaskModule

    targets = {
        "step": (TaskModule, "on_train_batch_start"),
        "checkpoint": (Trainer, "save_checkpoint"),
        "moving a file to its place": (os, "replace"),
        "evaluation": (TaskModule, "validation_score"),
        "best weights": (validation, "save_atomically"),
        "publishing": (fit, "_publish"),
    }
    owner, name = targets[moment]
    original, count = getattr(owner, name), 0

    def counted(*arguments: Any, **keywords: Any) -> Any:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **keywords)

    with mock.patch.object(owner, name, counted):
        yield


def killed(run: Callable[[], Any], moment: str, number: int) -> None:
    """Run in a copy of this process that is killed; fails if it ends before."""
    child = os.fork()
    if child == 0:
        try:
            with killing(moment, number):
                run()
        finally:
            os._exit(3)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"ended before '{moment}' no. {number}: {status}"
