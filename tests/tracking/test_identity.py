"""Names of runs on a dashboard."""

import pytest

from xstilts.config import Config, Target
from xstilts.hyperparameters import Recipe
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.tracking.identity import model_name, of_evaluation, of_phase


def config(study: str = "phang", intermediate: tuple[str, ...] = ()) -> Config:
    made = Config(recipe=Recipe(name="jiant"), target=Target(task=Task(name="xnli")), study=study, seed=3, output="out")
    made.intermediate.tasks = {name: TrainingTask() for name in intermediate}
    made.model.name_or_path = "/home/me/.cache/huggingface/hub/models--FacebookAI--xlm-roberta-large/snapshots/c23d21b0620b"
    return made


def test_a_phase_names_what_all_its_cells_share():
    second = of_phase(config(intermediate=("mnli", "mlm")), "phase 2: mnli+mlm", "f" * 64)
    assert (second.id, second.group, second.job_type) == ("f" * 16, "phang", "phase 2")
    assert second.name == "phase 2: mnli+mlm, seed 3"
    assert second.tags == ["mnli+mlm", "seed 3", "FacebookAI/xlm-roberta-large", "jiant"]
    third = of_phase(config(), "phase 3: squad_v1", "e" * 64)
    assert third.name == "phase 3: none > squad_v1, seed 3" and third.config["target"] == "squad_v1"


def test_one_cell_in_two_studies_is_two_evaluations():
    first, again, other = (of_evaluation(config(study), "a" * 64) for study in ("one", "one", "two"))
    assert first == again and first.id != other.id and len(first.id) == 16
    assert first.name == "none > xnli, seed 3"


def test_a_choice_that_a_study_names_is_called_so():
    named = config(intermediate=("xnli",))
    named.intermediate.name = "far"
    assert of_evaluation(named, "a" * 64).name == "far > xnli, seed 3"
    assert of_phase(named, "phase 2: xnli", "f" * 64).config["intermediate"] == "far"


def test_names_and_tags_keep_to_the_limits():
    long = of_evaluation(config(intermediate=tuple(f"task_number_{number}" for number in range(30))), "a" * 64)
    assert len(long.name) == 128 and max(map(len, long.tags)) == 64
    assert len(long.config["intermediate"]) > 128


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, "tiny"),
        ("FacebookAI/xlm-roberta-base", "FacebookAI/xlm-roberta-base"),
        ("/data/encoders/mine/", "mine"),
        ("./mine", "mine"),
    ],
)
def test_models_are_called_as_people_call_them(given, name):
    assert model_name(given) == name
