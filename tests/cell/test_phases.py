"""Phases and fingerprints of a cell that trains on a region of a task's data map."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from xstilts.cell import phases as planning
from xstilts.cell.phases import Phase
from xstilts.cell.resolve import resolve
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


def test_the_estimate_knows_both(phases: Callable[..., list[Phase]]):
    mapped, second, _ = phases(HARD)
    assert cost.training_steps(mapped.job) == 5 * -(-392_702 // 32)
    assert cost.training_steps(second.job) == 2 * -(-round(0.33 * 392_702) // 32)
    first, other = (cost.training_flop(phase.job) / cost.training_steps(phase.job) for phase in (mapped, second))
    assert first == pytest.approx(other * 8 / 6), "every example once more forwards"


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
