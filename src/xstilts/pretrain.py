"""python -m xstilts.pretrain: pretrain a tokenizer and an encoder on text (phase 1) and store them. Takes the options of `train`.

    python -m xstilts.pretrain data=babel
    python -m xstilts.pretrain model=tiny data=xtreme data.root=PATH pretraining.tasks.mlm.languages=[en,de,sw]

A cell with the same options uses the stored encoder; without it, the cell trains it first.
"""

import sys

import hydra
from omegaconf import DictConfig

from xstilts.cell.resolve import resolve
from xstilts.cell.run import pretrain as run
from xstilts.config import Config
from xstilts.errors import UserError
from xstilts.launch.cells import attempt, exit_code, start
from xstilts.launch.entry import entry_point
from xstilts.paths import conf_dir


@hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="train")
def cell(config: DictConfig) -> float | str | None:
    """Pretrain an encoder, alone or as a job of a sweep; return the error message, None on success."""
    return attempt(config, pretrain, only_pretraining=True)


def pretrain(config: Config) -> None:
    """Check the options, train the missing parts of phase 1, and print their folder."""
    if not resolve(config).encoder.trained:
        given = config.model.name_or_path or f"model.tokenizer={config.model.tokenizer}"
        raise UserError(f"nothing to pretrain: got {given}, expected model=tiny without model.tokenizer")
    folder = run(config)
    use = f"model.name_or_path={folder}" if config.pretraining.encoder else f"model=tiny model.tokenizer={folder}"
    sys.stdout.write(f"{folder}\nto use it elsewhere: {use}\n")


@entry_point()
def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    given = sys.argv[1:] if arguments is None else arguments
    sweeps = bool({"-m", "--multirun"} & set(given))
    added = ["hydra/sweeper=waves", "hydra.sweeper.waves=false"] if sweeps else []  # phase 1 has no waves
    start(cell, given, __doc__, added)
    if code := exit_code():
        sys.exit(code)


if __name__ == "__main__":
    main()
