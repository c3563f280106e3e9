"""python -m xstilts.demo: a small study in the synthetic world, from pretraining to its table, without network.

It runs the commands that a user would type: `xstilts pretrain` once, `xstilts train -m +experiments=demo` in two processes side
by side, each with half of the seeds, and `xstilts report --table`.
"""

import argparse
import functools
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from xstilts import signals
from xstilts.launch.entry import entry_point
from xstilts.launch.parent import PARENT
from xstilts.launch.process import clean_environment
from xstilts.paths import results_dir
from xstilts.reporting.analysis import analyse
from xstilts.reporting.views.terminal import show_study

FOLDER = Path("outputs") / "demo"
SEEDS = ("1", "2", "3", "4")
PROCESSES = 2
INTRODUCTION = """\
A study in a synthetic world of eight made-up languages: it shows how xstilts works, and is no evidence about real languages.
A small encoder is pretrained on all of them, trained on an intermediate task or none, then on a target task, both in the first
language only, and evaluated in every language. Five to eight minutes on two cores; a second time everything is reused.
Settings were chosen in other worlds than the demo's; docs/demo.md says how, and what was tried in vain.
"""


def commands(folder: Path, more: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the commands of the demo without the interpreter: pretraining, and a part of the study by the seeds of each process.

    `more` are the user's options for all commands; seeds among them replace those of the demo. The number of threads is fixed,
    since another number rounds differently.
    """
    folders = [f"output={folder.as_posix()}", f"store.root={(folder / 'store').as_posix()}"]
    given = [word for word in more if word.startswith("seed=")]
    seeds = given[-1].removeprefix("seed=").split(",") if given else SEEDS
    rest = [*folders, "worker=inline", "trainer.num_threads=1", *(word for word in more if word not in given)]
    shares = [",".join(seeds[first::PROCESSES]) for first in range(min(PROCESSES, len(seeds)))]
    pretraining = ["-m", "xstilts.pretrain", "-m", "data=babel", "study=demo", *rest]
    train = ["-m", "xstilts.train", "-m", "+experiments=demo"]
    return pretraining, {f"seed={share}": [*train, f"seed={share}", *rest] for share in shares}


def run(folder: Path, more: list[str]) -> int:
    """Run all commands and show the answer and tables; return an exit code, that of the first command that failed."""
    pretraining, cells = commands(folder, more)
    _say(INTRODUCTION, "\nPhase 1, the encoder:\n\n", _shown(pretraining), "\n\n")
    (code,) = _ended([lambda: _started(pretraining)])
    if not code:
        _say("\nPhases 2 to 4, the cells, by processes side by side:\n\n", "\n\n".join(map(_shown, cells.values())), "\n\n")
        code = _side_by_side(cells, folder / "logs")
    if signals.stop_signal(code):
        return code  # the command has reported it
    if code:
        sys.stderr.write(f"error: the demo failed: a command ended with exit code {code}\n")
        return code if code > 0 else 1
    output, store = (Path(_last(key, pretraining)) for key in ("output", "store.root"))
    _say("\n")
    show_study(analyse(output))
    _say(
        f"\nresults:        {results_dir(output)}\npredictions:    {output / 'predictions'}\n"
        f"per language:   {folder / 'logs'}\nartifacts:      {store / 'trained'}\n"
        f"\nThe whole report: `xstilts report {output}`.\n"
        "Another world, with another encoder: `xstilts demo data.world.seed=1`.\n"
    )
    return 0


def _side_by_side(cells: dict[str, list[str]], logs: Path) -> int:
    """Run the commands at once; return the first exit code that is not 0.

    Show their progress line by line; write their standard output, the tables of all cells, to files.
    """
    logs.mkdir(parents=True, exist_ok=True)
    followers: list[threading.Thread] = []

    width = max(map(len, cells))

    def start(share: str) -> "subprocess.Popen[str]":
        with (logs / f"{share}.txt").open("wb") as log:
            process = _started(cells[share], log, subprocess.PIPE)
        followers.append(threading.Thread(target=_follow, args=(f"{share:>{width}}", process), daemon=True))
        followers[-1].start()
        return process

    codes = _ended([functools.partial(start, share) for share in cells])
    for follower in followers:
        follower.join()
    return next((code for code in codes if code), 0)


def _ended(starts: list[Callable[[], "subprocess.Popen[str]"]]) -> list[int]:
    """Start processes, forward stop signals to them, wait for all, and return their exit codes."""
    processes: list[subprocess.Popen[str]] = []

    def forward(number: signal.Signals) -> None:
        for process in processes:
            process.send_signal(number)

    with signals.handled(forward):
        for start in starts:
            if not signals.received:
                processes.append(start())
        codes = [process.wait() for process in processes]
    if signals.received and not any(map(signals.stop_signal, codes)):
        signals.stop_if_received()
    return codes


def _started(words: list[str], output: IO[bytes] | None = None, errors: int | None = None) -> "subprocess.Popen[str]":
    """Start a command in a new process group, so that Ctrl-C reaches it once, through us; on Linux it ends if we are killed."""
    with signals.held():  # until `entry_point` handles them
        return subprocess.Popen(
            [sys.executable, *words],
            env=clean_environment(os.environ) | {PARENT: str(os.getpid()), "HF_HUB_OFFLINE": "1"},
            stdout=output,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
            process_group=0,
        )


def _follow(name: str, process: "subprocess.Popen[str]") -> None:
    """Show the messages of a process with its name in front, except those about reused artifacts."""
    for line in process.stderr or ():
        if ": reused " not in line:
            sys.stderr.write(f"{name} | {line}")


def _shown(words: list[str]) -> str:
    """Return the command as it can be typed here, over several lines."""
    python = Path(sys.executable)
    interpreter = str(python.relative_to(Path.cwd())) if python.is_relative_to(Path.cwd()) else str(python)
    lines = [[interpreter, *words[:2]]]
    for word in words[2:]:
        if len(lines) == 1 or sum(map(len, lines[-1])) + len(word) > 100:
            lines.append([])
        lines[-1].append(word)
    return " \\\n      ".join(shlex.join(line) for line in lines)


def _last(key: str, words: list[str]) -> str:
    """Return the value of an option in a command: the last one counts."""
    return [word.removeprefix(f"{key}=") for word in words if word.startswith(f"{key}=")][-1]


def _say(*texts: str) -> None:
    sys.stdout.write("".join(texts))
    sys.stdout.flush()


@entry_point()
def main(words: list[str] | None = None) -> int:
    """The entry point; returns an exit code."""
    parser = argparse.ArgumentParser(prog="xstilts demo", description="A small study in a synthetic world, without network.")
    parser.add_argument("overrides", nargs="*", help="further options of `xstilts train`, for instance seed=2")
    given = parser.parse_args(words)
    return run(FOLDER, given.overrides)


if __name__ == "__main__":
    sys.exit(main())
