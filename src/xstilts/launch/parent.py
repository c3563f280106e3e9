"""Processes that end with the process that started them, even if that is killed (Linux).

The parent passes its id in the environment, and the new process asks the kernel for its end: `entry_point` does so for our
commands, and `python -m xstilts.launch.parent COMMAND` for other programs, such as srun. `preexec_fn` of Popen would run between
fork and exec, where a copy of a process with threads can hang.
"""

import os
import signal
import sys

PARENT = "XSTILTS_PARENT"
"""Names the process that a new process must have as its parent."""
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


def obey_parent() -> None:
    """End with the parent that the environment names, if it names one, and remove the name."""
    if parent := os.environ.pop(PARENT, ""):
        die_with_parent(int(parent))


def join_parent() -> int:
    """Make a worker or a rank end with its parent; returns the parent's process id.

    Ranks that this process starts get its own id as that of their parent.
    """
    parent = os.getppid()
    die_with_parent(parent)
    os.environ[PARENT] = str(os.getpid())
    return parent


def die_with_parent(parent: int) -> None:
    """Have this process killed when the thread that started it ends; at once if its parent is not, or no more, `parent`.

    Linux only; elsewhere it does nothing.
    """
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    obey_parent()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and the program would too
    os.execvp(sys.argv[1], sys.argv[1:])
