"""Phases and fingerprints of a cell that trains on a region of a task's data map."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from xstilts.cell import phases as planning
from xstilts.cell.phases import Phase
from xstilts.cell.resolve import FEW_SHOT_EPOCHS, resolve
from xstilts.config import register
from xstilts.launch.cells import to_schema
from xstilts.paths import conf_dir
from xstilts.reporting.declared import typed
from xstilts.study import cost

HARD, EASY = (f"intermediate.tasks.mnli.data_map.region={region}" for region in ("hard", "easy"))


@pytest.fixture
def phases(tmp_path: Path) -> Callable[..., list[Phase]]:
    """The phases 2 and 3 of MNLI before XNLI, of data=hub, with nothing of it on this disk."""

    def plan(*more: str) -> list[Phase]:
        register()
        GlobalHydra.instance().clear()
        overrides = [f"store.root={tmp_path}", f"output={tmp_path}", "+intermediate=mnli", "+target=xnli", *more]
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            return planning.plan(resolve(to_schema(compose("train", overrides))), download=False).training

    return plan


@pytest.mark.slow
def test_without_a_region_there_is_no_map_and_nothing_of_it_in_a_fingerprint(phases: Callable[..., list[Phase]]):
    plain = phases()
    assert [phase.job.label for phase in plain] == ["phase 2: mnli", "phase 3: mnli"]
    identity = plain[0].job.identity
    assert not {"dynamics", "map"} & {*identity, *identity["tasks"]["mnli"]}
    assert identity["tasks"]["mnli"]["use"] == {}
    assert [phase.job.tasks["mnli"].map for phase in plain] == [None, None] and not any(phase.job.dynamics for phase in plain)


def test_the_map_comes_before_phase_2_and_is_part_of_what_it_is(phases: Callable[..., list[Phase]]):
    mapped, second, third = phases(HARD)
    assert [phase.job.label for phase in (mapped, second, third)] == ["phase 2: map of mnli", "phase 2: mnli", "phase 3: mnli"]
    assert (mapped.job.dynamics, second.job.dynamics, third.job.dynamics) == (True, False, False)
    assert second.job.tasks["mnli"].map == str(mapped.paths.folder)
    assert second.job.identity["tasks"]["mnli"]["map"] == mapped.paths.fingerprint
    assert second.job.parent is None, "it starts from the encoder, not from the map"
    assert third.job.parent == str(second.paths.folder)
    assert mapped.job.identity["parent"] == second.job.identity["parent"]
    values = mapped.job.hyperparameters
    assert (values.epochs, values.max_steps, values.selection, values.eval_every) == (5.0, None, "last", 0)
    assert values.learning_rate == second.job.hyperparameters.learning_rate


@pytest.mark.slow
def test_regions_share_a_map_and_whatever_changes_it_makes_another(phases: Callable[..., list[Phase]]):
    hard, easy = phases(HARD), phases(EASY)
    assert hard[0].paths == easy[0].paths and hard[1].paths != easy[1].paths
    less = phases(HARD, "intermediate.tasks.mnli.data_map.fraction=0.1")
    assert less[0].paths == hard[0].paths and less[1].paths != hard[1].paths
    for other in ("intermediate.tasks.mnli.data_map.epochs=3", "intermediate.tasks.mnli.max_examples=1000", "seed=2"):
        made = phases(HARD, other)
        assert made[0].paths != hard[0].paths and made[1].paths != hard[1].paths, other


def test_the_estimate_knows_bins(phases: Callable[..., list[Phase]]):
    _, second, _ = phases("intermediate.tasks.mnli.data_map.bin=2", "intermediate.tasks.mnli.max_examples=120000")
    assert second.job.tasks["mnli"].examples == 20_000


@pytest.mark.slow
def test_the_estimate_knows_both(phases: Callable[..., list[Phase]]):
    mapped, second, _ = phases(HARD)
    assert cost.training_steps(mapped.job) == 5 * -(-392_702 // 32)
    assert cost.training_steps(second.job) == 2 * -(-round(0.33 * 392_702) // 32)
    first, other = (cost.training_flop(phase.job) / cost.training_steps(phase.job) for phase in (mapped, second))
    assert first == pytest.approx(other * 8 / 6), "every example once more forwards"


@pytest.mark.slow
def test_the_question_of_a_study_is_no_part_of_a_cell(tmp_path: Path):
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = to_schema(compose("train", [f"store.root={tmp_path}", f"output={tmp_path}", "+target=xnli"]))
    without = planning.plan(resolve(config), download=False)
    config.analysis = typed({"primary": {"x": {"kind": "contrast", "a": ["mnli"], "b": ["none"], "expect": "positive"}}})
    declared = planning.plan(resolve(config), download=False)
    assert declared.paths == without.paths and declared.evaluation.header == without.evaluation.header
    assert "analysis" not in declared.evaluation.header["config"]


FEW = ("target.few_shot.language=sw", "target.few_shot.k=20")


@pytest.mark.slow
def test_few_shot_cells_share_phase_3_and_go_on_from_it_with_its_head(phases: Callable[..., list[Phase]]):
    plain, few = phases(), phases(*FEW)
    assert [phase.paths for phase in few[:2]] == [phase.paths for phase in plain]
    job = few[2].job
    assert job.label == "phase 3: 20 of xnli in sw" and job.parent == str(plain[1].paths.folder) and job.carry_head
    assert not job.validates and job.hyperparameters.selection == "last"
    assert (job.hyperparameters.epochs, job.hyperparameters.max_steps) == (FEW_SHOT_EPOCHS, None)
    assert job.hyperparameters.learning_rate == plain[1].job.hyperparameters.learning_rate
    (data,) = job.tasks.values()
    assert (data.train.expression, data.train.languages, data.used.max_examples) == ("validation", ["sw"], 20)
    assert data.task.labels == plain[1].job.tasks["mnli"].task.labels, "the order in which the head was trained"
    others = [phases(*FEW, more) for more in ("target.few_shot.language=hi", "target.few_shot.k=10")]
    assert all(other[1].paths == few[1].paths and other[2].paths != few[2].paths for other in others)
    assert [phase.paths for phase in phases(*FEW, "target.few_shot.k=0")] == [phase.paths for phase in plain]


@pytest.mark.slow
def test_a_seed_draws_other_few_shot_examples_and_may_share_the_phases_before(phases: Callable[..., list[Phase]]):
    first, second = phases(*FEW, "seed=1"), phases(*FEW, "seed=2")
    assert all(one.paths != other.paths for one, other in zip(first, second, strict=True))
    assert [phases_[2].job.tasks["xnli"].used.draw for phases_ in (first, second)] == [1, 2]
    shared = phases(*FEW, "seed=2", "target.few_shot.from_seed=1")
    assert [one.paths == other.paths for one, other in zip(first, shared, strict=True)] == [True, True, False]
    assert shared[2].job.tasks["xnli"].used.draw == 2 and shared[2].job.seed == 2


@pytest.mark.slow
def test_zero_shot_is_evaluated_on_the_examples_of_every_few_shot_cell(tmp_path: Path):
    register()
    splits, held = {}, {}
    for name, more in {"plain": (), "0": (*FEW, "target.few_shot.k=0"), "20": FEW}.items():
        GlobalHydra.instance().clear()
        overrides = [f"store.root={tmp_path}", f"output={tmp_path}", "+target=xnli", *more]
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            made = planning.plan(resolve(to_schema(compose("train", overrides))), download=False)
        splits[name], held[name] = [split.expression for split in made.evaluation.splits], made.evaluation.held_out
    assert splits == {"plain": ["validation", "test"], "0": ["test"], "20": ["test"]}
    assert held["plain"] is None and held["0"] == held["20"] and held["20"].languages == ["sw"]
