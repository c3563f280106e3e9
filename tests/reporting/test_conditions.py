from typing import Any

from xstilts.reporting.conditions import condition, differences, intermediate_settings, told


def a_result(**config: Any) -> dict[str, Any]:
    return {"config": config}


def test_what_changes_no_comparison_is_left_out() -> None:
    config = {
        "seed": 3,
        "study": "a",
        "output": "there",
        "store": {"root": "here", "refresh": "never"},
        "trainer": {"devices": 4, "precision": "bf16-mixed"},
        "data": {"source": "hub", "root": "/data"},
        "intermediate": {"tasks": {"mnli": {"max_examples": 10}}, "recipe": {"epochs": 2}},
        "target": {"task": {"name": "xnli"}, "training": {"mnli": {"fraction": 0.5, "task": {"name": "mnli"}}}},
        "pretraining": {"tasks": {"mlm": {"languages": ["en"], "task": {"sources": {"hub": {"hub": "x"}}}}}},
    }
    assert condition(a_result(**config)) == {
        "trainer.precision": '"bf16-mixed"',
        "data.source": '"hub"',
        "intermediate.recipe.epochs": "2",
        "target.training.mnli.fraction": "0.5",
        "pretraining.tasks.mlm.languages": '["en"]',
    }


def test_how_the_intermediate_tasks_are_used() -> None:
    tasks = {"mnli": {"max_examples": 10, "task": {"name": "mnli", "sources": {}}}}
    assert intermediate_settings(a_result(intermediate={"tasks": tasks})) == {"mnli.max_examples": "10"}
    assert intermediate_settings(a_result()) == {}


def test_differences_are_told_as_options() -> None:
    one = {"data.world.seed": "0", "recipe.name": '"babel"', "recipe.default.epochs": "1", "same": "1"}
    two = {"data.world.seed": "1", "recipe.name": '"jiant"', "recipe.default.epochs": "3", "same": "1"}
    keys = differences([one, two])
    assert keys == ["data.world.seed", "recipe.name"]
    assert told(two, keys) == "data.world.seed=1 recipe.name=jiant"
    assert differences([one, one]) == [] and differences([]) == []
    assert differences([{"recipe.default.epochs": "1"}, {}]) == ["recipe.default.epochs"]
