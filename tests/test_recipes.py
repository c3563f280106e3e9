"""General values, then by format, then by task, then the user's own."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from xstilts.cell.checks.hyperparameters import NEEDED
from xstilts.config import ModelConfig
from xstilts.hyperparameters import ADAPTERS, Hyperparameters, Recipe
from xstilts.recipes import ADAPTER_NAMES, LAYERED, for_phase, for_pretraining, for_task, layered, limits, with_adapter
from xstilts.tasks.catalogue import load_task, task_names
from xstilts.tasks.declaration import Limits, Task, TrainingTask
from xstilts.tasks.formats import format_names

CONF = Path(__file__).resolve().parents[1] / "conf"
NLI = Task(name="mnli", format="classification")
QA = Task(name="squad_v1", format="span_qa")


ALL = {name: load_task(CONF, name) for name in task_names(CONF)}


def load(name: str) -> Recipe:
    own = OmegaConf.load(CONF / "recipe" / f"{name}.yaml")
    bases = [load(base) for base in own.pop("defaults", []) if base != "_self_"]
    return OmegaConf.to_object(OmegaConf.merge(*(bases or [OmegaConf.structured(Recipe)]), own))


@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_phase_has_the_values_of_its_adapter_and_no_others(kind: str):
    typed = Hyperparameters(adapter_rank=2, adapter_modules=["key"], epochs=3.0)
    nothing = replace(typed, **dict.fromkeys(ADAPTER_NAMES))
    expected = {
        "none": nothing,
        "lora": replace(typed, adapter="lora", adapter_alpha=16.0, adapter_dropout=0.0),
        "ia3": replace(nothing, adapter="ia3", adapter_modules=["key"]),
    }
    assert with_adapter(typed, ModelConfig(adapter=kind)) == expected[kind]
    assert with_adapter(replace(typed, adapter=kind), ModelConfig(adapter="ia3")) == expected[kind]
    assert for_pretraining(Recipe(default=typed), Hyperparameters(adapter=kind)) == nothing


def recipe() -> Recipe:
    return Recipe(
        name="made",
        default=Hyperparameters(learning_rate=1.0, batch_size=32, epochs=2.0),
        formats={"span_qa": Hyperparameters(batch_size=16, doc_stride=128)},
        tasks={"squad_v1": Hyperparameters(epochs=3.0), "multitask": Hyperparameters(learning_rate=0.5)},
    )


@given(
    layers=st.lists(st.dictionaries(st.sampled_from(["learning_rate", "patience", "schedule"]), st.integers(0, 3)), max_size=5)
)
def test_the_last_layer_that_says_something_counts(layers):
    values = layered(*[Hyperparameters(**layer) for layer in layers])
    for name in LAYERED:
        said = [layer[name] for layer in layers if name in layer]
        assert getattr(values, name) == (said[-1] if said else None)


def test_nothing_false_is_taken_for_nothing():
    general = Hyperparameters(eval_every=5, patience=3, null_threshold=1.0)
    values = layered(general, Hyperparameters(eval_every=0, patience=0, null_threshold=0.0))
    assert (values.eval_every, values.patience, values.null_threshold) == (0, 0, 0.0)


def test_format_beats_default_task_beats_format_and_the_user_beats_all():
    values = for_task(recipe(), QA, Hyperparameters())
    assert (values.learning_rate, values.batch_size, values.epochs, values.doc_stride) == (1.0, 16, 3.0, 128)
    values = for_task(recipe(), QA, Hyperparameters(batch_size=4, epochs=0.5))
    assert (values.learning_rate, values.batch_size, values.epochs) == (1.0, 4, 0.5)
    values = for_task(recipe(), NLI, Hyperparameters())
    assert (values.batch_size, values.epochs, values.doc_stride) == (32, 2.0, None)


def test_a_phase_of_one_task_trains_as_that_task():
    assert for_phase(recipe(), {"squad_v1": TrainingTask(task=QA)}, Hyperparameters()) == for_task(
        recipe(), QA, Hyperparameters()
    )


def test_a_phase_of_several_tasks_trains_as_multitask():
    tasks = {task.name: TrainingTask(task=task) for task in (NLI, QA)}
    values = for_phase(recipe(), tasks, Hyperparameters(epochs=7.0))
    assert (values.learning_rate, values.batch_size, values.epochs, values.doc_stride) == (0.5, 32, 7.0, None)
    assert for_phase(Recipe(name="made"), tasks, Hyperparameters()) == Hyperparameters()


def test_phase_2_has_a_layer_of_its_own_between_the_task_and_the_user():
    second = {"default": Hyperparameters(learning_rate=3.0), "squad_v1": Hyperparameters(epochs=9.0)}
    made = replace(recipe(), intermediate=second | {"multitask": Hyperparameters(learning_rate=4.0)})
    assert for_task(made, QA, Hyperparameters()) == for_task(recipe(), QA, Hyperparameters()), "phase 3 knows nothing of it"
    values = for_task(made, QA, Hyperparameters(batch_size=5), intermediate=True)
    assert (values.learning_rate, values.epochs, values.batch_size, values.doc_stride) == (3.0, 9.0, 5, 128)
    one, both = {"squad_v1": TrainingTask(task=QA)}, {task.name: TrainingTask(task=task) for task in (NLI, QA)}
    assert for_phase(made, one, Hyperparameters(), True) == for_task(made, QA, Hyperparameters(), True)
    values = for_phase(made, both, Hyperparameters(), True)
    assert (values.learning_rate, values.epochs) == (4.0, 2.0)
    assert for_phase(recipe(), both, Hyperparameters(), True) == for_phase(recipe(), both, Hyperparameters())


def test_pretraining_hears_of_no_task():
    made = replace(recipe(), tasks={"mlm": Hyperparameters(epochs=9.0)}, formats={"mlm": Hyperparameters(batch_size=9)})
    values = for_pretraining(made, Hyperparameters(learning_rate=0.25))
    assert (values.learning_rate, values.epochs, values.batch_size) == (0.25, 2.0, 32)


@pytest.mark.slow
def test_the_numbers_of_pretraining_are_the_same_under_every_recipe():
    own = OmegaConf.load(CONF / "pretraining" / "mlm.yaml").recipe
    override = Hyperparameters(**OmegaConf.to_object(own))
    values = [
        replace(for_pretraining(load(path.stem), override), retrieval_layer_of_24=None, retrieval_pooling=None)
        for path in (CONF / "recipe").glob("*.yaml")
    ]
    assert len(values) >= 3 and all(found == values[0] for found in values)


def test_limits_take_what_is_given_and_else_their_defaults():
    assert limits(Hyperparameters()) == Limits()
    assert limits(Hyperparameters(max_length=99, null_threshold=0.0, learning_rate=1.0)) == Limits(max_length=99)
    every = {"max_length": 1, "doc_stride": 2, "max_query_length": 3, "n_best": 4, "max_answer_length": 5, "null_threshold": 6.0}
    assert limits(Hyperparameters(**every)) == Limits(**every)


def test_the_numbers_of_xtreme_for_mbert():
    """XTREME's scripts where they treat mBERT differently."""
    both = load("xtreme"), load("xtreme_mbert")
    values = {name: [for_task(recipe, ALL[name], Hyperparameters()) for recipe in both] for name in ALL}
    changed = {
        name: [mbert.learning_rate, mbert.retrieval_layer_of_24] for name, (large, mbert) in values.items() if large != mbert
    }
    reasoning = ("mnli", "siqa", "copa", "siqa_translated", "copa_translated")
    assert changed == {**{name: [2e-5, 14] for name in reasoning}, "tatoeba": [2e-5, 16], "bucc2018": [2e-5, 16]}


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "recipe").glob("*.yaml")))
def test_a_published_recipe_is_complete_and_names_what_exists(name):
    loaded = load(name)
    assert loaded.name == name
    assert set(loaded.formats) <= set(format_names())
    assert {*loaded.tasks, *loaded.intermediate} - {"multitask", "default"} <= set(ALL)
    for task in ALL:
        values = for_task(loaded, ALL[task], Hyperparameters())
        assert [key for key in NEEDED if getattr(values, key) is None] == []
        assert values.epochs or values.max_steps
        assert values.retrieval_pooling and values.retrieval_layer_of_24
        assert values.mlm_probability == (0.4 if name == "babel" else 0.15)


def test_the_numbers_of_jiant():
    """guides/benchmarks/xtreme.md and the run scripts of nyu-mll/jiant."""
    jiant = load("jiant")
    values = {name: for_task(jiant, ALL[name], Hyperparameters()) for name in ALL}
    assert {values[name].learning_rate for name in ("mnli", "pawsx", "udpos", "panx", "squad_v1", "tydiqa")} == {1e-5}
    assert {name: values[name].epochs for name in ("mnli", "pawsx", "udpos", "panx", "squad_v1", "tydiqa")} == {
        "mnli": 2, "pawsx": 5, "udpos": 10, "panx": 10, "squad_v1": 2, "tydiqa": 2
    }  # fmt: skip
    assert (values["squad_v1"].batch_size, values["squad_v1"].max_length, values["squad_v1"].doc_stride) == (16, 384, 128)
    assert (values["mnli"].batch_size, values["mnli"].max_length, values["mnli"].patience) == (32, 256, 30)
    assert (values["tatoeba"].retrieval_layer_of_24, values["tatoeba"].retrieval_pooling) == (14, ["mean"])


def test_the_numbers_of_xtreme():
    """The scripts of google-research/xtreme for XLM-R Large."""
    xtreme = load("xtreme")
    values = {name: for_task(xtreme, ALL[name], Hyperparameters()) for name in ALL}
    assert (values["mnli"].learning_rate, values["pawsx"].learning_rate, values["squad_v1"].learning_rate) == (3e-5, 2e-5, 3e-5)
    assert (values["udpos"].epochs, values["squad_v1"].epochs, values["pawsx"].epochs) == (10, 3, 5)
    assert (values["squad_v1"].warmup_steps, values["squad_v1"].selection) == (500, "last")
    assert (values["bucc2018"].retrieval_layer_of_24, values["bucc2018"].retrieval_pooling) == (20, ["cls"])
