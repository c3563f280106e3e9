"""Every study of experiments/ about a research question, as a user types it, from the command to the report; and the notebooks.

A part of each grid, in the synthetic world, with so little training that no score means anything.
"""

import html
import itertools
import os
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pyarrow.parquet as pq
import pytest
from nbclient import NotebookClient
from omegaconf import OmegaConf

from xstilts.paths import DYNAMICS, experiments_dir, report_page, results_dir
from xstilts.report import report
from xstilts.reporting.analysis import analyse, question
from xstilts.reporting.diversity import diversity
from xstilts.reporting.groups import OTHERS
from xstilts.reporting.scaling import curves
from xstilts.reporting.verdicts import CONTRADICTED, NO_EFFECT, SUPPORTED, UNDECIDED, UNTESTED
from xstilts.store.results import read_results

pytestmark = pytest.mark.long

SIZES = runpy.run_path(str(Path(__file__).with_name("reduced.py")))
REDUCED: dict[str, list[str]] = SIZES["REDUCED"]
HERE = ("worker=inline", "trainer.accelerator=cpu", "trainer.num_threads=1", "logger=none")
NOTEBOOKS = {"01_quickstart": "phang2020", "02_grid_analysis": "phang2020", "03_typology": "typological_diversity"}
NOTEBOOKS |= {"04_scaling": "data_scaling"}
FIGURES = {"01_quickstart": 0, "02_grid_analysis": 2, "03_typology": 4, "04_scaling": 1}
"""Notebook -> how many it shows of its study; of 03 one for each target and outcome."""
LANGUAGES = {
    "phang2020_mlm": {"mnli": "qaa", "mnli_mlm": "qaa qab qaf"},
    "phang2020_translated": {"nli": "qaa", "nli_translated": "qab qaf"},
    "typological_diversity": {"english": "qaa", "close_1": "qab qac", "far_1": "qaf qag"},
    "multilingual_reasoning": {"copa": "qaa", "copa_translated": "qab qaf"},
    "multilingual_vs_english": {"squad_english": "qaa", "squad_translated": "qab qaf"},
}
"""Study -> choice -> the languages of phase 2."""
Study = Callable[[str], Path]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all studies and all processes of a test run: what one has made, the others reuse."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "studies"


@pytest.fixture(scope="session")
def study(run_cell: Callable[..., tuple[int, str, str]], place: Path) -> Study:
    """study(name) -> the folder of its results; run at the first call."""
    done: dict[str, Path] = {}

    def run(name: str) -> Path:
        if name not in done:
            words = (f"+experiments={name}", *SIZES["WORLD"], *REDUCED[name], *SIZES["BRIEF"], *HERE)
            code, out, err = run_cell("-m", *words, f"store.root={place / 'store'}", f"output={place / name}")
            assert code == 0, out + err
            done[name] = place / name
        return done[name]

    return run


@pytest.fixture(scope="session")
def reported(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """reported(name) -> the folder of its report."""
    done: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name)
            page, *files = report(study(name), done[name])
            assert page == report_page(done[name]) and all(path.stat().st_size for path in files)
        return done[name]

    return write


def grid(name: str) -> tuple[list[str], list[str], list[int]]:
    """Intermediate choices, targets and seeds of the part of a study's grid that is run here."""
    typed = dict(word.split("=", 1) for word in REDUCED[name])
    values = {key: value.strip("[]").split(",") for key, value in typed.items()}
    choices = values.get("hydra.sweeper.only") or values["+intermediate"]
    return choices, values["+target"], [int(seed) for seed in values.get("seed", ["1"])]


@pytest.mark.parametrize("name", REDUCED)
def test_a_study_from_its_command_to_its_report(name: str, study: Study, reported: Study, place: Path) -> None:
    folder, (choices, targets, seeds) = study(name), grid(name)
    results = read_results(results_dir(folder))
    assert len(results) == len(choices) * len(targets) * len(seeds)
    artifacts = {(each["kind"], each["label"], each["fingerprint"]) for one in results for each in one["artifacts"]}
    first = {kind: fingerprint for kind, label, fingerprint in artifacts if label.startswith("phase 1")}
    tokenizers = [path.name for path in (place / "store" / "tokenizers").iterdir() if path.name[0] != "."]
    assert tokenizers == [first["tokenizers"]] and set(first) == {"tokenizers", "trained"}, "one encoder for all studies"

    told = reported(name)
    provenance, effects, problems = (pd.read_csv(told / f"data/{of}.csv") for of in ("provenance", "effects", "problems"))
    cells = provenance[["intermediate", "target", "seed"]].itertuples(index=False, name=None)
    assert sorted(cells) == sorted(itertools.product(choices, targets, seeds))
    assert set(problems["kind"]) <= {"degenerate"}, "nothing failed"
    made = {path.relative_to(told).as_posix() for path in told.rglob("*")}
    for stem in ("differences", "differences_others", "averages", *(f"scores_{target}" for target in targets)):
        assert {f"tables/{stem}.{ending}" for ending in ("csv", "md", "tex")} <= made
    for stem in ("differences", *(f"languages_{target}" for target in targets)):
        assert {f"figures/{stem}.{ending}" for ending in ("svg", "png")} <= made

    answers = pd.read_csv(told / "tables/answers.csv")
    declared = OmegaConf.load(experiments_dir() / f"{name}.yaml").analysis
    assert answers["question"].tolist() == [*declared.primary, *declared.exploratory] and answers["verdict"].notna().all()

    others = effects[effects["group"] == OTHERS]
    found = others[["intermediate", "target"]].itertuples(index=False, name=None)
    assert sorted(found) == sorted(itertools.product(set(choices) - {"none"}, targets))
    known, unknown = others[others["low"].notna()], others[others["low"].isna()]
    assert (unknown["collapsed"] > 0).all(), "only runs that learnt nothing have no interval, as some of these short ones"
    assert (known["low"] <= known["difference"]).all() and (known["difference"] <= known["high"]).all()
    assert (others["items"] > 0).all() and (others["seeds"] == len(seeds)).all()

    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", report_page(told).read_text(encoding="utf-8"))).split())
    asked = " ".join(question(name).split("\n\n")[0].split())
    assert "?" in asked and asked in text, "the page tells the question of the study's header"
    assert all(word in text for word in (name, *choices, *targets)) and "synthetic" in text


def test_a_small_study_with_two_seeds_answers_its_question(reported: Study) -> None:
    answers = pd.read_csv(reported("phang2020") / "tables/answers.csv").set_index("question")
    assert set(answers.loc[["mnli_helps", "squad_helps"], "verdict"]) <= {SUPPORTED, CONTRADICTED, NO_EFFECT, UNDECIDED}
    assert answers.loc["hellaswag_helps", "verdict"] == UNTESTED, "which this part of the grid does not have"


@pytest.mark.parametrize("name", LANGUAGES)
def test_choices_train_in_the_languages_that_the_study_is_about(name: str, study: Study) -> None:
    told = diversity(analyse(study(name))).drop_duplicates("intermediate")
    assert dict(zip(told["intermediate"], told["languages"], strict=True)) == LANGUAGES[name]


def test_data_scaling_has_curves_by_the_number_of_examples(study: Study, reported: Study) -> None:
    found = curves(analyse(study("data_scaling")))
    assert {(one.target, one.intermediate, one.task) for one in found} == {("xquad", "squad_v1", "squad_v1")}
    assert {one.sizes for one in found} == {(10, 30, 60, 100)}
    assert all(one.baseline is not None for one in found)
    assert (reported("data_scaling") / "figures" / "scaling_1_xquad.svg").is_file()
    table = pd.read_csv(reported("data_scaling") / "tables" / "scaling.csv")
    assert sorted(table["size"].unique()) == [10, 30, 60, 100] and (table["low"] <= table["high"]).all()


def test_task_difficulty_records_one_data_map_and_trains_on_its_bins(study: Study, place: Path) -> None:
    results = {one["config"]["intermediate"]["name"]: one for one in read_results(results_dir(study("task_difficulty")))}
    lineage = {name: {each["label"]: each["fingerprint"] for each in one["artifacts"]} for name, one in results.items()}
    maps = {name: labels["phase 2: map of mnli"] for name, labels in lineage.items() if "phase 2: map of mnli" in labels}
    assert set(maps) == {"bin_1", "bin_6"} and len(set(maps.values())) == 1
    assert len({lineage[choice]["phase 2: mnli"] for choice in ("random", "bin_1", "bin_6")}) == 3
    table = pq.read_table(place / "store" / "trained" / maps["bin_1"] / DYNAMICS).to_pandas()
    assert table.groupby("epoch").size().to_dict() == dict.fromkeys(range(1, 6), 108), "30 % of 360 examples, after each epoch"
    assert table["probability"].between(0, 1).all() and table.groupby("id")["probability"].std().max() > 0


def test_distance_is_told_of_a_study_with_enough_languages(reported: Study) -> None:
    table = pd.read_csv(reported("typological_diversity") / "tables" / "typology.csv")
    assert set(table["target"]) == {"xnli", "tatoeba"} and (table["languages"] == 5).all()
    assert {"structural", "lexical", "script"} == set(table["distance"])
    assert list((reported("typological_diversity") / "figures").glob("typology_xnli_gain*.svg"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_reads_a_study(
    name: str, study: Study, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a kernel of its own, where warnings are errors."""
    monkeypatch.setenv("XSTILTS_STUDY", str(study(NOTEBOOKS[name])))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = read(repository / "notebooks" / f"{name}.ipynb")
    strict = "import warnings; warnings.simplefilter('error'); warnings.filterwarnings('ignore', module='ipykernel')"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(strict))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(repository / "notebooks")}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output["output_type"] in ("stream", "error")]
    shown = [output["data"] for output in outputs if "data" in output]
    assert sum("image/svg+xml" in data for data in shown) == FIGURES[name]


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def test_notebooks_are_kept_without_outputs_and_short_cells(repository: Path) -> None:
    paths = sorted((repository / "notebooks").glob("*.ipynb"))
    assert [path.stem for path in paths] == sorted(NOTEBOOKS)
    for path in paths:
        notebook = read(path)
        nbformat.validate(notebook)
        assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"
        assert notebook.cells[0].cell_type == "markdown" and "XSTILTS_STUDY" in notebook.cells[1].source
        for cell in notebook.cells:
            if cell.cell_type == "code":
                assert cell.outputs == [] and cell.execution_count is None and cell.metadata == {}, f"{path.name}: run nbstripout"
                assert len(cell.source.splitlines()) <= 20
                rooms = re.findall(r"^(?:from|import) xstilts\.?([\w.]*)", cell.source, re.MULTILINE)
                assert set(rooms) <= {""}, "notebooks use the Python API alone"
