"""Options of single tasks in a grid: where they apply, and where they are left out."""

import logging

import pytest
from omegaconf import DictConfig, OmegaConf

from xstilts.errors import UserError
from xstilts.launch.fitting import fitted, of_cells

OPTION = "intermediate.tasks.snli.max_examples=8000"


def compose(words) -> DictConfig:
    chosen = next(word.partition("=")[2] for word in words if word.startswith("+intermediate="))
    tasks = {} if chosen == "none" else {name: {"max_examples": None} for name in chosen.strip("[]").split(",")}
    return OmegaConf.create(
        {"intermediate": {"tasks": tasks}, "target": {"training": {"mnli": {}}}, "pretraining": {"tasks": {}}}
    )


def cells(*choices):
    return [(f"+intermediate={choice}", "+target=xnli", f"seed={seed}", OPTION) for choice in choices for seed in (1, 2)]


@pytest.fixture
def said():
    """The messages of the log, whatever other tests have made of its handlers."""
    messages = []
    log, handler = logging.getLogger("xstilts"), logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield messages
    log.removeHandler(handler)
    log.setLevel(level)


def test_it_stays_where_the_task_is_and_is_said_once(said):
    found = fitted(cells("none", "snli", "[snli,mnli]"), [OPTION], compose)
    assert [OPTION in cell for cell in found] == [False, False, True, True, True, True]
    assert said == [f"{OPTION}: left out in 2 of 6 cells, those without the task snli"]


def test_values_that_a_cell_does_not_have_make_no_two_cells():
    options = [f"intermediate.tasks.snli.max_examples={number}" for number in (10, 20)]
    grid = [(f"+intermediate={choice}", option) for choice in ("none", "snli") for option in options]
    assert fitted(grid, options, compose) == [("+intermediate=none",), *(("+intermediate=snli", option) for option in options)]


def test_of_a_task_that_no_cell_has():
    with pytest.raises(UserError, match=r"^intermediate\.tasks\.snli\..*: no cell has the task 'snli' in .*: they have mnli$"):
        fitted(cells("none", "mnli"), [OPTION], compose)


def test_where_all_have_it_nothing_changes():
    assert fitted(cells("snli"), [OPTION], compose) == cells("snli")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["+intermediate=none,snli", OPTION], f"{OPTION[:-4]}choice(8000)"),
        (["+intermediate=snli", OPTION], OPTION),
        (["+experiments=mine", "intermediate.tasks.snli.languages=[en,de]"], "intermediate.tasks.snli.languages=choice([en,de])"),
        (["+target=a,b", "target.training.mnli.max_examples=1,2"], "target.training.mnli.max_examples=1,2"),
        (["+target=a,b", "target.recipe.epochs=3"], "target.recipe.epochs=3"),
    ],
)
def test_hydra_sets_them_in_the_cells_alone(words, expected):
    assert of_cells(words) == [words[0], expected]


def test_an_option_of_all_intermediate_tasks_is_left_out_where_there_is_none(said):
    option = "intermediate.max_examples=8000"
    grid = [(f"+intermediate={choice}", option) for choice in ("none", "snli")]
    assert fitted(grid, [option], compose) == [("+intermediate=none",), ("+intermediate=snli", option)]
    assert said == [f"{option}: left out in 1 of 2 cells, those without an intermediate task"]
    with pytest.raises(UserError, match=r"^intermediate\.max_examples=8000: no cell has a task in intermediate\.tasks"):
        fitted([("+intermediate=none", option)], [option], compose)
