"""Check that launcher and settings can work together, before any job starts."""

import importlib.util
import shutil
from collections.abc import Iterator

from xstilts.config import Config
from xstilts.launch import machine

ON_THIS_MACHINE = ("basic", "local", "slurm_local")
"""Launchers whose jobs run where the sweep was started; any other may hand them to a cluster."""
BY_SUBMITIT = ("slurm", "slurm_local")


def problems(launcher_name: str, config: Config) -> Iterator[str]:
    """One line for each reason why this launcher cannot run this cell; `launcher_name` as in `hydra/launcher=NAME`."""
    if launcher_name == "joblib":
        yield "hydra/launcher=joblib ends the whole sweep when one job is killed: type hydra/launcher=local"
    if launcher_name in BY_SUBMITIT:
        if importlib.util.find_spec("submitit") is None:
            yield f"hydra/launcher={launcher_name} needs submitit: type pip install 'xstilts[slurm]'"
        if launcher_name == "slurm" and shutil.which("sbatch") is None:
            yield "hydra/launcher=slurm: there is no sbatch here: start the sweep on a machine of the cluster that submits jobs"
    if launcher_name in ON_THIS_MACHINE:
        yield from machine.problems(config.trainer)
