"""Every study file composes, and the grid it asks for is made of names that exist."""

import json
import math
import subprocess
import sys
from fnmatch import fnmatchcase
from itertools import combinations, pairwise
from pathlib import Path
from random import Random
from statistics import fmean

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from xstilts import config
from xstilts.babel.declaration import Language
from xstilts.babel.distance import structural
from xstilts.cell.checks import check
from xstilts.errors import UserError
from xstilts.launch.cells import to_schema
from xstilts.launch.commandline import options
from xstilts.paths import conf_dir, experiments_dir
from xstilts.reporting.groups import language_facts
from xstilts.store.fingerprint import without_defaults
from xstilts.tasks.catalogue import load_task
from xstilts.tasks.language_sets import LANGUAGE_SETS, RANDOM_SETS

CELLS = {
    "babel": 11 * 10,
    "babel_dose": 4 * 2,
    "babel_retrieval": 8 * 2,
    "data_scaling": 21 * 3,
    "demo": 3 * 2,
    "few_shot": 3 * 2 * 3,
    "language_adapters": 3 * 3,
    "multilingual_reasoning": 13 * 2,
    "multilingual_vs_english": 9 * 9,
    "phang2020": 11 * 9,
    "phang2020_mlm": 8 * 9,
    "phang2020_translated": 6 * 9,
    "real_difficulty": 5 * 2,
    "real_languages": 7 * 5,
    "real_multilingual": 7 * 2,
    "real_reasoning": 6 * 1,
    "real_sizes": 4 * 1,
    "task_difficulty": 15 * 9,
    "translate_test": 3 * 4,
    "translate_train": 3 * 3,
    "typological_diversity": 41 * 5,
}
ABOUT_THE_WORLD = {"babel", "babel_dose", "babel_retrieval", "demo"}
SMALL = {"real_difficulty", "real_languages", "real_multilingual", "real_reasoning", "real_sizes", "translate_test"}
"""Studies of files in a folder; not of the Hub or the synthetic world."""
WORLD = ("data=babel", "model=tiny")
LEFT_OUT = {
    ("typological_diversity", ("data=hub",)): ["english_back"],
    ("typological_diversity", WORLD): [
        "english_back",
        *(f"{kind}_{number}" for kind in ("close", "middle", "far") for number in (7, 8)),
        *(f"alone_{number}" for number in range(7, 15)),
    ],
    ("multilingual_reasoning", ("data=hub",)): ["siqa_translated", "copa_translated", "cosmosqa_translated"],
}
"""Study and data -> the alternatives whose data does not exist."""
STUDIES = sorted(path.stem for path in experiments_dir().glob("*.yaml"))


def test_every_study_has_its_number_of_cells_here():
    assert sorted(CELLS) == STUDIES


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
        elif not key.startswith(("intermediate.tasks.", "target.training.")):  # which are of the alternatives and the targets
            place, _, name = key.rpartition(".")
            assert name in (OmegaConf.select(composed, place) if place else composed), f"{key} is no group and no option"
    assert len(chosen.pop("seed", "")) >= 3 or study in ABOUT_THE_WORLD, "one seed can test nothing"
    combined, points = math.prod(map(len, chosen.values())), composed.hydra.sweeper.alternatives
    assert combined * len(points or [()]) == CELLS[study]
    if points:
        assert "+intermediate" not in chosen, "which would replace the alternatives"
        text = (Path(experiments_dir()) / f"{study}.yaml").read_text(encoding="utf-8")
        assert f"{len(points)} x {combined} cells for" in " ".join(text.replace("\n#", "").split())


def alternatives(study: str) -> dict[str, list[str]]:
    written = OmegaConf.load(Path(experiments_dir()) / f"{study}.yaml").hydra.sweeper.get("alternatives") or {}
    return OmegaConf.to_container(OmegaConf.create(written), resolve=False)


def optional(study: str) -> list[str]:
    """Names and patterns of alternatives whose data may not exist."""
    return OmegaConf.load(Path(experiments_dir()) / f"{study}.yaml").hydra.sweeper.get("optional") or []


def targets_of(study: str) -> list[str]:
    return str(OmegaConf.load(Path(experiments_dir()) / f"{study}.yaml").hydra.sweeper.params["+target"]).split(",")


@pytest.mark.long
@pytest.mark.parametrize(
    ("study", "data"),
    [
        pytest.param(study, data, id=f"{study}-{name}")
        for study in STUDIES
        for name, data in {"hub": ("data=hub",), "world": WORLD}.items()
        if alternatives(study) and study not in SMALL and (study not in ABOUT_THE_WORLD or data == WORLD)
    ],
)
def test_every_alternative_is_a_cell_of_its_own_in_the_real_and_in_the_synthetic_world(study: str, data: tuple[str, ...]):
    config.register()
    target = targets_of(study)[0]
    uses, missing = set(), list[str]()
    for name, overrides in alternatives(study).items():
        words = [*overrides, f"+target={target}", f"intermediate.name={name}"]
        try:
            with initialize_config_dir(str(conf_dir()), version_base="1.3"):
                typed = to_schema(compose("train", [*data, f"+experiments={study}", *words]))
            check(typed)
        except UserError:
            assert any(fnmatchcase(name, pattern) for pattern in optional(study)), name
            missing.append(name)
            continue
        assert typed.intermediate.name == name
        tasks = {key: without_defaults(used) for key, used in typed.intermediate.tasks.items()}
        uses.add(json.dumps([tasks, without_defaults(typed.intermediate.recipe)]))
        known = set(typed.data.world.languages)
        for used in typed.intermediate.tasks.values():
            assert set(used.languages) <= (known or set(used.task.languages)), name
    assert missing == LEFT_OUT.get((study, data), [])
    assert len(uses) + len(missing) == len(alternatives(study)), "each is another choice"


@pytest.mark.long
@pytest.mark.parametrize("study", sorted(set(STUDIES) - ABOUT_THE_WORLD - SMALL))
def test_every_study_plans_in_the_synthetic_world(study: str, tmp_path: Path):
    folders = (f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}")
    targets, cells = targets_of(study), CELLS[study]
    fewer = ["seed=1"]
    if alternatives(study):  # which meet all targets alike: two of them tell
        points = cells // len(targets) - len(LEFT_OUT.get((study, WORLD), []))
        fewer, cells = [*fewer, f"+target={','.join(targets[:2])}"], points * 2
    words = [sys.executable, "-m", "xstilts", "plan", f"+experiments={study}", *WORLD, *fewer, *folders]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0 and "error" not in ran.stdout, ran.stdout + ran.stderr
    assert f"{cells} cells;" in ran.stdout


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_says_in_its_header_how_to_run_it(study: str):
    text = (Path(experiments_dir()) / f"{study}.yaml").read_text(encoding="utf-8")
    commands = ["train"] if study in SMALL else ["train", "fetch"]
    assert all(f"python -m xstilts.{command} -m +experiments={study}" in text for command in commands)


@pytest.mark.parametrize("data", ["babel", "babel_micro", "babel_families"])
def test_a_synthetic_world_has_all_sets_of_languages_that_studies_name(data: str):
    config.register()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        composed = compose("train", [f"data={data}"])
    sets, known = composed.data.language_sets, list(composed.data.world.languages)
    assert set(sets) == set(LANGUAGE_SETS)
    for name, languages in sets.items():
        if languages == LANGUAGE_SETS[name].split():
            assert name.partition("_")[0] in RANDOM_SETS, "optional in its study, as this world does not have it"
            continue
        assert languages and set(languages) <= set(known) and len(set(languages)) == len(languages), name
        assert (known[0] in languages) == ("en" in LANGUAGE_SETS[name].split()), name
        assert data != "babel" or (known[-1] in languages) == (name == "xtreme"), "no intermediate task sees the last language"


def test_sets_of_languages_are_those_of_the_tasks():
    codes = {name: set(languages.split()) for name, languages in LANGUAGE_SETS.items()}
    assert codes["translated"] <= codes["xnli"]
    for name, task in (("xnli", "xnli"), ("pawsx", "pawsx"), ("squad", "squad_translated"), ("xcopa", "xcopa")):
        assert codes[name] == set(load_task(conf_dir(), task).languages)
    assert all(codes[f"{name}_others"] == codes[name] - {"en"} for name in ("xnli", "pawsx"))
    assert len(codes["xtreme"]) == 40


def drawn(strata: dict[str, list[tuple[str, ...]]], number: int) -> dict[str, tuple[str, ...]]:
    """Draw some sets of each kind, as the sets of studies were drawn."""
    samples = {kind: Random(2020).sample(sets, number) for kind, sets in strata.items()}
    return {f"{kind}_{number}": codes for kind, sets in samples.items() for number, codes in enumerate(sets, 1)}


def test_random_sets_are_drawn_by_the_documented_rule():
    facts = language_facts()
    sets = list(combinations(sorted(LANGUAGE_SETS["xnli_others"].split()), 4))
    families = {codes: len({facts[code][0].partition(",")[0] for code in codes}) for codes in sets}
    numbers = {"close": (1,), "middle": (2, 3), "far": (4,)}
    expected = drawn({kind: [codes for codes in sets if families[codes] in of] for kind, of in numbers.items()}, 8)
    assert {name: tuple(LANGUAGE_SETS[name].split()) for name in expected} == expected


def test_random_sets_of_the_synthetic_world_are_drawn_by_the_documented_rule():
    data = OmegaConf.load(conf_dir() / "data" / "babel.yaml").data
    languages = {code: Language(**fields) for code, fields in data.world.languages.items()}

    def diversity(codes: tuple[str, ...]) -> float:
        return round(fmean(structural(languages[one], languages[other]) for one, other in combinations(codes, 2)), 6)

    sets = sorted(combinations(list(languages)[1:-1], 3), key=lambda codes: (diversity(codes), codes))
    bounds = [len(sets) * third // 3 for third in range(4)]
    kinds = zip(("close", "middle", "far"), pairwise(bounds), strict=True)
    expected = drawn({kind: sets[start:end] for kind, (start, end) in kinds}, 6)
    assert {name: tuple(data.language_sets[name]) for name in expected} == expected
