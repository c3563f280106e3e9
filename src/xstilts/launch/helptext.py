"""Write the text of `--help` from conf/train.yaml, without the seconds that Hydra takes to list its groups."""

import inspect
from pathlib import Path

from omegaconf import OmegaConf

from xstilts.launch.arguments import Arguments
from xstilts.launch.commandline import choices
from xstilts.paths import conf_dir

GROUPS = "$APP_CONFIG_GROUPS"
"""Placeholder of the choices in the text, as in any Hydra program."""


def text(given: Arguments, about: str | None = None) -> str:
    """The help, with the options of the user's own folder (`--config-dir`); `about`: a command's own words."""
    own = given.config_dir
    groups = choices(Path(own) if own and Path(own).is_dir() else None)
    listed = "\n".join(f"{group}: {', '.join(groups[group])}" for group in sorted(groups) if group != "hydra")
    template = str(OmegaConf.select(OmegaConf.load(conf_dir() / "train.yaml"), "hydra.help.template"))
    if about:
        template = f"{inspect.cleandoc(about)}\n\n{template[template.index('Choices:') :]}"
    return template.replace(GROUPS, listed + "\n") + "\n"
