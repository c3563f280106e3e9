"""The console script: `xstilts train ...` runs `python -m xstilts.train ...` and imports only that module."""

import runpy
import sys

from xstilts import __version__
from xstilts.errors import unknown_name
from xstilts.launch.entry import entry_point

COMMANDS = {
    "train": "run one cell: intermediate task, target task, evaluation in every language; with -m, a grid of cells",
    "evaluate": "evaluate a checkpoint with its own head in every language; with -m, a grid of checkpoints and targets",
    "plan": "show what `train -m` with the same options would do: waves, what exists, what is stale and why, the cost",
    "rank": "predict which intermediate task helps a target, at a small part of the grid's cost, and measure such a ranking",
    "fetch": "download and prepare all data that `train` needs with the same options, for machines without a network",
    "check-task": "read the files of a task of your own: counts, labels, examples, and every problem at once",
    "pretrain": "pretrain a tokenizer and a small encoder on text (phase 1), as `train` does when they are missing",
    "report": "write the report of a study: one HTML page, tables and figures; or compare two studies",
    "predictions": "show predictions of a study: confusion matrices, calibration, examples on which choices disagree",
    "submit": "write the predictions of a study as a folder in the layout of XTREME's leaderboard",
    "push": "upload a trained artifact to the Hugging Face Hub, private unless told otherwise",
    "dashboard": "make a workspace and a report in W&B for the runs of a study (logger=wandb)",
    "demo": "run a small study in a synthetic world from end to end, without network",
    "worker": "run one phase of one cell from its job file (`train` starts it automatically)",
}
"""Name of a command, which is also the name of its module in xstilts -> description."""
MODULES = {"plan": "show_plan", "check-task": "check_task"}
"""Commands whose module has another name: `xstilts.plan` is a function of the Python API, and no module has a hyphen."""


def usage() -> str:
    """Return the text of `xstilts --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(["usage: xstilts COMMAND ...", "", "commands:", *lines, "", "`xstilts COMMAND --help` says more."]) + "\n"


@entry_point()
def main(arguments: list[str] | None = None) -> int:
    """Run the command that the first argument names (default: of the command line); return 2 if there is no such command."""
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if command in ("-h", "--help"):
        sys.stdout.write(usage())
        return 0
    if command == "--version":
        sys.stdout.write(f"xstilts {__version__}\n")
        return 0
    if command not in COMMANDS:
        wrong = unknown_name("command", command, COMMANDS, "`xstilts --help` says what each does.")
        sys.stderr.write(f"error: {wrong}\n" if command else usage())
        return 2
    sys.argv = [command, *rest]  # runpy puts the module's file in the first place, as `python -m` does
    runpy.run_module(f"xstilts.{MODULES.get(command, command)}", run_name="__main__", alter_sys=True)
    return 0
