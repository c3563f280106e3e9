"""Every study file composes, and the grid it asks for is made of names that exist."""

import math
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from xstilts import config
from xstilts.launch import searchpath
from xstilts.launch.commandline import options
from xstilts.paths import conf_dir, experiments_dir

CELLS = {"babel": 11 * 10, "babel_dose": 4 * 2, "babel_retrieval": 8 * 2, "phang2020": 11 * 9}
STUDIES = sorted(path.stem for path in experiments_dir().glob("*.yaml"))


def test_every_study_has_its_number_of_cells_here():
    assert STUDIES == sorted(CELLS)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_is_a_grid_of_known_names(study: str):
    config.register()
    searchpath.register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed = compose("train", [f"+experiments={study}"], return_hydra_config=True)
    assert composed.study == study
    known = options(conf_dir())
    chosen = {key.removeprefix("+"): str(value).split(",") for key, value in composed.hydra.sweeper.params.items()}
    for key, names in chosen.items():
        if key in known:
            assert set(names) <= set(known[key]), key
        else:
            assert OmegaConf.select(composed, key) is not None, f"{key} is neither a group nor an option"
    assert math.prod(map(len, chosen.values())) == CELLS[study]


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_says_in_its_header_how_to_run_it(study: str):
    text = (Path(experiments_dir()) / f"{study}.yaml").read_text(encoding="utf-8")
    assert (
        f"python -m xstilts.train -m +experiments={study}" in text and f"python -m xstilts.fetch -m +experiments={study}" in text
    )
