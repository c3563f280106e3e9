"""The estimate of a phase's cost, from what is declared."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from transformers import XLMRobertaConfig, XLMRobertaModel

from xstilts.cell.encoder import resolve_encoder
from xstilts.cell.phases import CellPlan, plan
from xstilts.cell.resolve import resolve
from xstilts.config import ModelConfig, TinyArchitecture, register
from xstilts.launch.cells import to_schema
from xstilts.paths import conf_dir
from xstilts.study import cost

LARGE = 24 * (12 * 1024**2 + 13 * 1024)


@pytest.fixture
def cell(tmp_path: Path) -> Callable[..., CellPlan]:
    """The plan of a cell of data=hub, with nothing of it on this disk."""

    def planned(*overrides: str) -> CellPlan:
        register()
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            config = to_schema(compose("train", [f"store.root={tmp_path}", *overrides]))
        return plan(resolve(config), download=False)

    return planned


def test_weights_of_the_layers_are_those_of_the_model(tmp_path: Path) -> None:
    shape = TinyArchitecture(hidden_size=32, num_hidden_layers=3, intermediate_size=48, num_attention_heads=2)
    config = XLMRobertaConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=3,
        intermediate_size=48,
        num_attention_heads=2,
        max_position_embeddings=20,
    )
    model = XLMRobertaModel(config, add_pooling_layer=False)
    counted = sum(parameter.numel() for parameter in model.encoder.parameters())
    assert resolve_encoder(ModelConfig(tiny=shape)).model.layer_parameters == counted
    model.save_pretrained(tmp_path)
    assert resolve_encoder(ModelConfig(name_or_path=str(tmp_path))).model.layer_parameters == counted
    assert resolve_encoder(ModelConfig(name_or_path=str(tmp_path), layer_parameters=7)).model.layer_parameters == counted
    assert resolve_encoder(ModelConfig(name_or_path="nobody/unknown")).model.layer_parameters is None
    assert resolve_encoder(ModelConfig(name_or_path="nobody/unknown", layer_parameters=7)).model.layer_parameters == 7


@pytest.mark.slow
def test_steps_and_flop_of_the_papers_mnli(cell: Any) -> None:
    planned = cell("+intermediate=mnli", "+target=tatoeba")
    job = planned.training[0].job
    values = job.hyperparameters
    assert job.model.layer_parameters == LARGE
    assert job.tasks["mnli"].examples == 392702
    assert cost.training_steps(job) == values.epochs * -(-392702 // values.batch_size)
    expected = 6 * LARGE * cost.training_steps(job) * values.batch_size * values.max_length
    assert cost.training_flop(job) == pytest.approx(expected)


@pytest.mark.slow
def test_a_part_of_the_data_costs_a_part(cell: Any) -> None:
    part = cell("+intermediate=mnli", "+target=tatoeba", "intermediate.tasks.mnli.max_examples=1000").training[0].job
    assert part.tasks["mnli"].examples == 1000
    half = cell("+intermediate=mnli", "+target=tatoeba", "intermediate.tasks.mnli.fraction=0.5").training[0].job
    assert half.tasks["mnli"].examples == 196351
    fixed = cell("+intermediate=mnli", "+target=tatoeba", "intermediate.recipe.max_steps=7").training[0].job
    assert cost.training_steps(fixed) == 7


@pytest.mark.slow
def test_evaluation_counts_all_languages(cell: Any) -> None:
    job = cell("+target=xquad").evaluation
    length = job.hyperparameters.max_length
    assert cost.evaluation_flop(job) == pytest.approx(2 * LARGE * 1190 * len(job.task.languages) * length)
    fewer = cell("+target=xquad", "target.languages=[de,th]", "target.max_test_examples=10").evaluation
    assert cost.evaluation_flop(fewer) == pytest.approx(2 * LARGE * 20 * length)
