import json
from collections.abc import Callable
from pathlib import Path

from xstilts.paths import results_dir
from xstilts.reporting.comparison import comparisons, most_common

Write = Callable[..., None]


def test_seeds_of_other_worlds_and_encoders_are_one_comparison(write_made_up: Write, tmp_path: Path) -> None:
    for seed in (1, 2):
        write_made_up(seed=seed)
    (one,) = comparisons(tmp_path)
    assert list(one.cells["none"]) == [1, 2]
    assert one.by_seed("none")[2]["qaf"] == 30


def test_a_world_that_is_not_the_seeds_sets_them_all_apart(write_made_up: Write, tmp_path: Path) -> None:
    for seed in (1, 2):
        write_made_up(seed=seed)
    write_made_up(seed=3, world_seed=0)
    assert [list(one.cells["none"]) for one in comparisons(tmp_path)] == [[3], [1], [2]]


def test_choices_of_the_same_task_are_called_by_their_names(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up()
    for languages in (["qaa"], ["qaa", "qab"]):
        write_made_up(intermediate="xnli", used={"languages": languages})
    assert list(comparisons(tmp_path)[0].cells)[1] == 'xnli xnli.languages=["qaa", "qab"]'
    for path in results_dir(tmp_path).iterdir():
        document = json.loads(path.read_text())
        chosen = document["config"]["intermediate"]
        count = len(chosen["tasks"].get("xnli", {}).get("languages", []))
        chosen["name"] = ("whatever the baseline is called", "english", "two")[count]
        path.write_text(json.dumps(document))
    assert list(comparisons(tmp_path)[0].cells) == ["none", "english", "two"]


def test_choices_and_conditions_are_in_the_order_of_their_numbers(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up(world_seed=10)
    write_made_up(world_seed=2)
    for size in (1000, 250, 500):
        write_made_up(world_seed=2, intermediate="xnli", used={"max_examples": size})
    first, second = comparisons(tmp_path)
    assert list(first.cells) == ["none", *(f"xnli xnli.max_examples={size}" for size in (250, 500, 1000))]
    assert (first.settings["data.world.seed"], second.settings["data.world.seed"]) == ("2", "10")


def test_a_draw_that_follows_the_seed_is_one_choice(write_made_up: Write, tmp_path: Path) -> None:
    for seed in (1, 2):
        write_made_up(seed=seed, world_seed=0)
        write_made_up(seed=seed, world_seed=0, intermediate="xnli", used={"draw": seed})
    (one,) = comparisons(tmp_path)
    assert {choice: list(by_seed) for choice, by_seed in one.cells.items()} == {"none": [1, 2], "xnli": [1, 2]}
    write_made_up(seed=2, world_seed=0, intermediate="xnli", used={"draw": 1})
    assert list(comparisons(tmp_path)[0].cells) == ["none", "xnli xnli.draw=1", "xnli xnli.draw=2"], "two draws with one seed"
    for path in results_dir(tmp_path).iterdir():
        document = json.loads(path.read_text())
        if document["config"]["intermediate"]["tasks"]:
            path.unlink()
            continue
        document["config"]["target"]["training"] = {"mnli": {"draw": document["cell"]["seed"]}}
        path.write_text(json.dumps(document))
    assert [sorted(one.cells["none"]) for one in comparisons(tmp_path)] == [[1, 2]]


def test_most_cells_decide_and_of_as_many_those_with_pretraining(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up(encoder=False)
    write_made_up()
    assert most_common(comparisons(tmp_path))["pretraining.encoder"] == "true"
    write_made_up(encoder=False, seed=2)
    assert most_common(comparisons(tmp_path))["pretraining.encoder"] == "false"


def test_retrieval_is_compared_at_the_first_layer_which_the_predictions_are_from(write_made_up: Write, tmp_path: Path) -> None:
    write_made_up(target="bucc2018", layers=(0, 1), splits=("validation", "test"))
    (one,) = comparisons(tmp_path)
    assert one.main == ("accuracy", "test", 0, "mean")
    assert one.by_seed("none")[1]["qab"] == 60 and {row["layer"] for row in one.rows("none", 1)} == {0}
