"""A cell's config composed from Python: as the command line has it, with its messages, and without traces in Hydra's state."""

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml
from hydra.core.global_hydra import GlobalHydra

from xstilts.errors import UserError
from xstilts.launch.cells import to_schema
from xstilts.launch.compose import HELD_OUT, composed, composed_grid
from xstilts.tasks.declaration import Source, Task

WORDS = ["data=babel_micro", "+intermediate=snli", "+target=xnli", "seed=3"]
TASK = Task(
    name="mine",
    format="classification",
    labels=["no", "yes"],
    languages=["en", "de", "sw"],
    metrics=["accuracy"],
    sources={"*": Source(files={"train": {"en": "/d/a.jsonl", "sw": "/d/b.jsonl"}, "test": {"de": "/d/c.jsonl"}})},
)


@pytest.mark.slow
def test_config_is_that_of_the_command_line():
    command = [sys.executable, "-m", "xstilts.train", *WORDS, "--cfg", "job", "--resolve"]
    shown = yaml.safe_load(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    config = asdict(composed(WORDS))
    same = ("model", "recipe", "trainer", "logger", "store", "seed", "study", "output", "worker", "stop_after")
    assert {name: config[name] for name in same} == {name: shown[name] for name in same}
    assert [*config["intermediate"]["tasks"]] == ["snli"] and config["target"]["task"]["name"] == "xnli"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["+target=xnly"], "unknown target 'xnly': did you mean xnli"),
        (["target=xnli"], "target is chosen with a plus: type \\+target=xnli"),
        ([], "no target task: type \\+target=NAME"),
        (["+target=xnli", "seed=1,2"], "seed=1,2 gives several values, for a cell each"),
        (["+target=xnli", "-m"], "got the flag --multirun, expected overrides such as seed=1"),
        (["--help"], "got the flag --help"),
        (["--config-dir=nowhere", "+target=xnli"], "--config-dir: there is no folder 'nowhere'"),
    ],
)
def test_mistakes_have_the_lines_of_the_command(words: list[str], message: str):
    with pytest.raises(UserError, match=message):
        composed(words)
    assert not GlobalHydra.instance().is_initialized()


@pytest.mark.slow
def test_a_grid_has_the_cells_of_the_command():
    words = ["data=babel_micro", "+intermediate=none,mine", "+target=xnli", "seed=1,2", "intermediate.tasks.mine.max_examples=5"]
    with composed_grid(words, [TASK]) as (cells, compose, _):
        assert [(cell[1], cell[-1]) for cell in cells] == [
            (f"+intermediate={name}", f"seed={n}") for name in ("none", "mine") for n in (1, 2)
        ]
        configs = [to_schema(compose(cell)) for cell in cells]
    assert [config.seed for config in configs] == [1, 2, 1, 2]
    assert [config.intermediate.tasks["mine"].max_examples for config in configs[2:]] == [5, 5]
    assert not GlobalHydra.instance().is_initialized()


@pytest.mark.slow
def test_a_study_is_a_grid_whose_options_can_be_set():
    words = ["+experiments=task_difficulty", "data=babel_micro", "hydra.sweeper.only=[none,snli]", "+target=xnli", "seed=7"]
    with composed_grid(words) as (cells, compose, _):
        configs = [to_schema(compose(cell)) for cell in cells]
    assert [(config.intermediate.name, config.target.task.name, config.seed) for config in configs] == [
        (name, "xnli", 7) for name in ("none", "snli")
    ]
    wrong = composed_grid([*words[:2], "hydra.sweeper.only=[snly]"])
    with pytest.raises(UserError, match="unknown alternative in hydra.sweeper.only 'snly': did you mean snli"), wrong:
        pass


@pytest.mark.slow
def test_several_calls_leave_no_state():
    first = composed(WORDS)
    assert not GlobalHydra.instance().is_initialized()
    assert composed(WORDS) == first and composed([*WORDS[:-1], "seed=4"]) == replace(first, seed=4)


@pytest.mark.slow
def test_a_running_application_keeps_its_state(tmp_path: Path):
    program = """
import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.version import getbase
from xstilts.launch.compose import composed

@hydra.main(version_base="1.2", config_path=None)
def app(config):
    before = GlobalHydra.instance().hydra, str(getbase())
    print(composed(["data=babel_micro", "+target=xnli"]).target.task.name, config)
    assert (GlobalHydra.instance().hydra, str(getbase())) == before and HydraConfig.get().job.name == "app"

app()
"""
    (tmp_path / "app.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "app.py", "hydra.run.dir=.", "hydra.output_subdir=null", "+x=1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip() == "xnli {'x': 1}", done.stderr


@pytest.mark.slow
def test_a_task_is_chosen_by_its_name(tmp_path: Path):
    config = composed(["+intermediate=[mnli,mine]", "+target=mine", "intermediate.tasks.mine.max_examples=5"], [TASK])
    assert config.target.task == TASK and [*config.target.training] == ["mine"]
    for used in (config.target.training["mine"], config.intermediate.tasks["mine"]):
        assert (used.task, used.languages) == (TASK, ["en", "sw"])
        assert {"train": used.train, "validation": used.validation} == HELD_OUT
    assert config.intermediate.tasks["mine"].max_examples == 5


def test_a_task_with_validation_data_holds_nothing_out():
    files = TASK.sources["*"].files
    whole = replace(TASK, sources={"*": Source(files=files | {"validation": files["train"]})})
    used = composed(["+target=mine"], [whole]).target.training["mine"]
    assert (used.train, used.validation) == ("train", "validation")


def test_a_task_without_training_data_is_no_training_task():
    tested = replace(TASK, sources={"*": Source(files={"test": "/d/{language}.jsonl"})})
    assert composed(["+target=mine"], [tested]).target.training == {}


@pytest.mark.parametrize(
    ("tasks", "words", "message"),
    [
        ([TASK, replace(TASK, version=2)], [], "two different tasks have the name 'mine'"),
        ([TASK], ["--config-dir=."], "--config-dir and Task objects cannot be used together"),
        ([replace(TASK, name="xnli")], [], "task name: the package has a 'xnli' already: give the Task another name"),
        ([replace(TASK, name="a/b")], [], "task name: got 'a/b', expected at most"),
    ],
)
def test_tasks_that_cannot_be_offered_are_refused(tasks: list[Task], words: list[str], message: str):
    with pytest.raises(UserError, match=message):
        composed([f"+target={tasks[0].name}", *words], tasks)
