"""Every study file composes, and the grid it asks for is made of names that exist."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from xstilts import config
from xstilts.cell.checks import check
from xstilts.launch.cells import to_schema
from xstilts.launch.commandline import options
from xstilts.paths import conf_dir, experiments_dir
from xstilts.store.fingerprint import without_defaults
from xstilts.tasks.catalogue import load_task

CELLS = {
    "babel": 11 * 10,
    "babel_dose": 4 * 2,
    "babel_retrieval": 8 * 2,
    "data_scaling": 11 * 3,
    "multilingual_reasoning": 9 * 2,
    "multilingual_vs_english": 7 * 9,
    "phang2020": 11 * 9,
    "phang2020_mlm": 8 * 9,
    "phang2020_translated": 6 * 9,
    "task_difficulty": 13 * 9,
    "typological_diversity": 6 * 9,
}
ABOUT_THE_WORLD = {"babel", "babel_dose", "babel_retrieval"}
WORLD = ("data=babel", "model=tiny")
STUDIES = sorted(path.stem for path in experiments_dir().glob("*.yaml"))


def test_every_study_has_its_number_of_cells_here():
    assert STUDIES == sorted(CELLS)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_is_a_grid_of_known_names(study: str):
    config.register()
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
    combined, points = math.prod(map(len, chosen.values())), composed.hydra.sweeper.alternatives
    assert combined * len(points or [()]) == CELLS[study]
    if points:
        assert "+intermediate" not in chosen, "which would replace the alternatives"
        text = (Path(experiments_dir()) / f"{study}.yaml").read_text(encoding="utf-8")
        assert f"{len(points)} x {combined} cells for" in " ".join(text.replace("\n#", "").split())


def alternatives(study: str) -> dict[str, list[str]]:
    written = OmegaConf.load(Path(experiments_dir()) / f"{study}.yaml").hydra.sweeper.get("alternatives") or {}
    return OmegaConf.to_container(OmegaConf.create(written), resolve=False)


def targets_of(study: str) -> list[str]:
    return str(OmegaConf.load(Path(experiments_dir()) / f"{study}.yaml").hydra.sweeper.params["+target"]).split(",")


@pytest.mark.slow
@pytest.mark.parametrize("data", [("data=hub",), WORLD], ids=["hub", "world"])
@pytest.mark.parametrize("study", [study for study in STUDIES if alternatives(study)])
def test_every_alternative_is_a_cell_of_its_own_in_the_real_and_in_the_synthetic_world(study: str, data: tuple[str, ...]):
    config.register()
    target = targets_of(study)[0]
    uses = set()
    for name, overrides in alternatives(study).items():
        words = [*overrides, f"+target={target}", f"intermediate.name={name}"]
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            typed = to_schema(compose("train", [*data, f"+experiments={study}", *words]))
        if data == WORLD or not any(used.task.sources["hub"].unusable for used in typed.intermediate.tasks.values()):
            check(typed)
        assert typed.intermediate.name == name
        uses.add(json.dumps({key: without_defaults(used) for key, used in typed.intermediate.tasks.items()}))
        known = set(typed.data.world.languages)
        for used in typed.intermediate.tasks.values():
            assert set(used.languages) <= (known or set(used.task.languages)), name
    assert len(uses) == len(alternatives(study)), "each is another choice"


@pytest.mark.slow
@pytest.mark.parametrize("study", sorted(set(STUDIES) - ABOUT_THE_WORLD))
def test_every_study_plans_in_the_synthetic_world(study: str, tmp_path: Path):
    folders = (f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}")
    targets, cells = targets_of(study), CELLS[study]
    fewer = []
    if alternatives(study):  # which meet all targets alike: two of them tell
        fewer, cells = [f"+target={','.join(targets[:2])}"], cells * 2 // len(targets)
    words = [sys.executable, "-m", "xstilts", "plan", f"+experiments={study}", *WORLD, *fewer, *folders]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0 and "error" not in ran.stdout, ran.stdout + ran.stderr
    assert f"{cells} cells;" in ran.stdout


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_says_in_its_header_how_to_run_it(study: str):
    text = (Path(experiments_dir()) / f"{study}.yaml").read_text(encoding="utf-8")
    assert (
        f"python -m xstilts.train -m +experiments={study}" in text and f"python -m xstilts.fetch -m +experiments={study}" in text
    )


@pytest.mark.parametrize("data", ["babel", "babel_micro", "babel_families"])
def test_a_synthetic_world_has_all_sets_of_languages_that_studies_name(data: str):
    config.register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed = compose("train", [f"data={data}"])
    sets, known = composed.data.language_sets, list(composed.data.world.languages)
    assert set(sets) == set(config.LANGUAGE_SETS)
    for name, languages in sets.items():
        assert languages and set(languages) <= set(known) and len(set(languages)) == len(languages), name
        assert (known[0] in languages) == ("en" in config.LANGUAGE_SETS[name].split()), name


def test_sets_of_languages_are_those_of_the_tasks():
    codes = {name: set(languages.split()) for name, languages in config.LANGUAGE_SETS.items()}
    assert codes["close"] | codes["middle"] | codes["far"] | codes["translated"] <= codes["xnli"]
    for name, task in (("xnli", "xnli"), ("pawsx", "pawsx"), ("squad", "squad_translated"), ("xcopa", "xcopa")):
        assert codes[name] == set(load_task(conf_dir(), task).languages)
    assert len(codes["xtreme"]) == 40
