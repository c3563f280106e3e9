"""python -m xstilts.pretrain: phase 1 from text, a tokenizer and an encoder, left in the store. Takes the options of `train`.

    python -m xstilts.pretrain data=babel
    python -m xstilts.pretrain model=tiny data=xtreme data.root=PATH pretraining.tasks.mlm.languages=[en,de,sw]

A cell with the same options uses it, and trains it itself where it is missing.
"""

import sys

import hydra
from omegaconf import DictConfig

from xstilts.cell.checks import check
from xstilts.cell.encoder_identity import trains_encoder
from xstilts.cell.pipeline import pretrain as run
from xstilts.config import Config
from xstilts.errors import UserError
from xstilts.launch.cells import attempt, exit_code, start
from xstilts.launch.entry import entry_point
from xstilts.paths import conf_dir


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def cell(config: DictConfig) -> str | None:
    """One encoder, or one job of a sweep over encoders; returns what went wrong."""
    return attempt(config, pretrain, only_pretraining=True)


def pretrain(config: Config) -> None:
    """Check the options, make what is missing of phase 1, and show where it is."""
    if not trains_encoder(config.model):
        given = config.model.name_or_path or f"model.tokenizer={config.model.tokenizer}"
        raise UserError(f"there is nothing to pretrain, {given} is given: type model=tiny, without model.tokenizer")
    check(config, runs_here=True)
    folder = run(config)
    use = f"model.name_or_path={folder}" if config.pretraining.encoder else f"model=tiny model.tokenizer={folder}"
    sys.stdout.write(f"{folder}\nto use it elsewhere: {use}\n")


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """The entry point."""
    given = sys.argv[1:] if arguments is None else arguments
    sweeps = bool({"-m", "--multirun"} & set(given))
    added = ["hydra/sweeper=waves", "hydra.sweeper.waves=false"] if sweeps else []  # phase 1 has no waves
    start(cell, given, __doc__, added)
    if code := exit_code():
        sys.exit(code)


if __name__ == "__main__":
    main()
