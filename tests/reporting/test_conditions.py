from typing import Any

from xstilts.reporting.conditions import condition, differences, following_draws, following_seed, intermediate_settings, typed


def a_result(**config: Any) -> dict[str, Any]:
    return {"cell": {"seed": 1}, "config": config}


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
        "target.training": '"mnli"',
        "target.training.mnli.fraction": "0.5",
        "pretraining.tasks.mlm.languages": '["en"]',
    }


def test_how_the_intermediate_tasks_are_used() -> None:
    tasks = {"mnli": {"max_examples": 10, "task": {"name": "mnli", "sources": {}}}}
    assert intermediate_settings(a_result(intermediate={"tasks": tasks})) == {"mnli.max_examples": "10"}
    assert intermediate_settings(a_result()) == {}


def test_a_mixture_is_told_of_several_tasks_and_nothing_of_none() -> None:
    """So that ANLI+, which mixes its parts in its own way, is compared with the baseline, which mixes nothing."""
    used = {"mixture": {"cap": None}, "recipe": {"max_steps": 5}}
    assert intermediate_settings(a_result(intermediate={"tasks": {}, **used})) == {}
    assert intermediate_settings(a_result(intermediate={"tasks": {"mnli": {}}, **used})) == {"intermediate.recipe.max_steps": "5"}
    both = intermediate_settings(a_result(intermediate={"tasks": {"mnli": {}, "snli": {}}, **used}))
    assert both == {"intermediate.recipe.max_steps": "5", "intermediate.mixture.cap": "null"}
    assert condition(a_result(intermediate={"tasks": {}, **used})) == {}


def test_what_follows_the_seed_does_so_in_every_result() -> None:
    def of_seed(seed: int, world: int, encoder: int) -> dict[str, Any]:
        config = {"data": {"world": {"seed": world}}, "model": {"tiny": {"seed": encoder}}}
        return {"cell": {"seed": seed}, "config": config}

    both = [of_seed(1, 1, 1), of_seed(2, 2, 2)]
    assert following_seed(both) == ["data.world.seed", "model.tiny.seed"]
    assert following_seed([*both, of_seed(3, 3, 0)]) == ["data.world.seed"]
    assert following_seed([*both, {"cell": {"seed": 3}, "config": {}}]) == []
    assert condition(both[0], following_seed(both)) == condition(both[1], following_seed(both)) == {}


def test_draws_that_follow_the_seed() -> None:
    def of_seed(seed: int, draw: int) -> dict[str, Any]:
        return {"cell": {"seed": seed}, "config": {"intermediate": {"tasks": {"mnli": {"draw": draw}, "snli": {"draw": 0}}}}}

    assert following_draws([of_seed(0, 0), of_seed(1, 1)]) == ["mnli"]
    assert following_draws([of_seed(0, 0)]) == following_draws([of_seed(1, 1), of_seed(2, 1)]) == []
    assert intermediate_settings(of_seed(3, 3))["mnli.draw"] == '"${seed}"'
    assert intermediate_settings(of_seed(3, 2))["mnli.draw"] == "2"


def test_two_sets_of_languages_are_told_in_one_word() -> None:
    def world(*codes: str) -> dict[str, str]:
        config = {"data": {"world": {"languages": {code: {"order": "SOV"} for code in codes}}}}
        return condition(a_result(**config | {"pretraining": {"tasks": {"mlm": {"languages": list(codes)}}}}))

    one, two = world("qaa", "qab"), world("qaa", "qba")
    assert differences([one, two]) == ["data.world.languages"]
    assert typed(two, ["data.world.languages"]) == "data.world.languages=qaa,qba"


def test_differences_are_told_as_options() -> None:
    one = {"data.world.seed": "0", "recipe.name": '"babel"', "recipe.default.epochs": "1", "same": "1"}
    two = {"data.world.seed": "1", "recipe.name": '"jiant"', "recipe.default.epochs": "3", "same": "1"}
    keys = differences([one, two])
    assert keys == ["data.world.seed", "recipe.name"]
    assert typed(two, keys) == "data.world.seed=1 recipe.name=jiant"
    assert differences([one, one]) == [] and differences([]) == []
    assert differences([{"recipe.default.epochs": "1"}, {}]) == ["recipe.default.epochs"]


def test_a_target_without_training_is_told_in_a_word() -> None:
    """And not by every option of the training that the others have."""
    used = {"languages": ["en"], "train": "train", "validation": "validation", "max_examples": None, "fraction": None}
    trained = condition(a_result(target={"training": {"snli": used}}))
    untrained = condition(a_result(target={"training": {}}))
    assert differences([trained, untrained]) == ["target.training"]
    assert (
        typed(untrained, ["target.training"]) == "target.training=none"
        and typed(trained, ["target.training"]) == "target.training=snli"
    )
    less = condition(a_result(target={"training": {"snli": used | {"max_examples": 5}}}))
    assert differences([trained, less]) == ["target.training.snli.max_examples"]
