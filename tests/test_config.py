"""The schema, and every file under conf/ composed against it."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from xstilts import config as schema
from xstilts.cell.checks import check
from xstilts.cell.resolve import resolve
from xstilts.errors import UserError
from xstilts.export.licences import ENCODERS
from xstilts.launch.cells import to_schema
from xstilts.launch.commandline import choices
from xstilts.models.heads.retrieval import layers_to_pool
from xstilts.paths import experiments_dir
from xstilts.recipes import LIMIT_NAMES
from xstilts.tasks.catalogue import task_names
from xstilts.tasks.declaration import Limits, Task, TrainingTask

CONF = Path(__file__).resolve().parents[1] / "conf"
TASKS = task_names(CONF)
GROUPS = ("task", "target", "intermediate", "pretraining", "recipe", "model", "data", "trainer", "logger")
NAMES = {group: choices(None)[group] for group in GROUPS}
# How a file of the group is chosen; a task can be a training task of any target.
CHOSEN = {"task": "+task@target.training.chosen.task={}", "target": "+target={}", "intermediate": "+intermediate={}"}
# One config takes a file of every group, so that as many are composed as the largest group has choices.
ROWS = [{group: NAMES[group][row % len(NAMES[group])] for group in GROUPS} for row in range(max(map(len, NAMES.values())))]


def composed(*overrides: str) -> schema.Config:
    schema.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return to_schema(compose("train", list(overrides)))


@pytest.mark.slow  # all of them together
@pytest.mark.parametrize("name", sorted(set(NAMES["model"]) - {"tiny"}))
def test_the_choice_of_an_encoder_pins_it_and_its_licence_is_known_or_said_not_to_be(name):
    model = composed(f"model={name}", "+target=tatoeba").model
    ((pinned, revision),) = model.pinned.items()
    assert pinned == model.name_or_path and re.fullmatch("[0-9a-f]{40}", revision) and model.layer_parameters
    assert (pinned in ENCODERS) != ("Licence not confirmed" in (CONF / "model" / f"{name}.yaml").read_text())


@pytest.mark.slow
def test_retrieval_by_an_encoder_that_was_tuned_to_embed_is_reported_for_a_middle_and_the_last_layer():
    tuned = {"e5_small": 12, "e5_base": 12, "e5_large": 24, "labse": 12}
    for name, depth in tuned.items():
        for target in ("tatoeba", "bucc2018"):
            cell = resolve(composed(f"model={name}", f"+target={target}"))
            assert layers_to_pool(cell.target.hyperparameters, depth) == [14 * depth // 24, depth]
    assert resolve(composed("model=e5_small", "+target=lareqa")).target.hyperparameters.retrieval_layers is None
    assert resolve(composed("model=xlmr_base", "+target=tatoeba")).target.hyperparameters.retrieval_layers is None


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row[group] for group in ("task", "target", "intermediate")))
def test_every_choice_composes_and_fits_the_schema(row):
    schema.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        overrides = [CHOSEN.get(group, f"{group}={{}}").format(name) for group, name in row.items()]
        config = OmegaConf.to_object(compose("train", overrides))
    assert isinstance(config, schema.Config)
    assert config.target.training.pop("chosen").task.name == row["task"]
    assert config.target.task.name == row["target"].removesuffix("_translate_train")  # evaluated as without it
    assert bool(config.intermediate.tasks) == (row["intermediate"] != "none")
    named = {**config.intermediate.tasks, **config.target.training}
    assert all(training.task.name in TASKS for training in named.values())
    assert (config.recipe.name, config.logger.name) == (row["recipe"], row["logger"])
    assert config.data.source == row["data"].partition("_")[0]  # worlds of other languages are read like `babel`
    # What is wrong with it is about raw data, a tokenizer and languages only, which nobody has given here, about a task that has
    # no data for its role, or about a world's languages of what no world has: translations that somebody must bring along.
    config.data.source = "xtreme"
    try:
        check(config)
    except UserError as error:
        about = ["is text", "has no train split", "languages 'q"]
        about += ["data.root", "model=tiny has no tokenizer", "languages 'en'"]
        assert [line for line in str(error).splitlines() if not any(word in line for word in about)] == []


def test_every_file_was_composed():
    """Every file but those of conf/hydra, which belong to Hydra."""
    found = {path for path in CONF.rglob("*.yaml") if path.relative_to(CONF).parts[0] != "hydra"}
    composed = {CONF / group / f"{name}.yaml" for row in ROWS for group, name in row.items()} | {CONF / "train.yaml"}
    assert found <= composed | set(experiments_dir().iterdir()) and len(found) > 50


@pytest.mark.slow
def test_a_task_needs_one_file(tmp_path):
    """It is an intermediate task and a target then, in a user's own folder too, unless a file there says otherwise."""
    for name in ("reviews", "stars"):
        (tmp_path / "task").mkdir(exist_ok=True)
        (tmp_path / "task" / f"{name}.yaml").write_text(f"defaults: [snli, _self_]\nname: {name}\n")
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "stars.yaml").write_text("defaults: [/task@task: stars]\n")
    schema.register(tmp_path)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        words = [f"hydra.searchpath=[file://{tmp_path}]", "+intermediate=[reviews,mnli]"]
        reviews, stars = (OmegaConf.to_object(compose("train", [*words, f"+target={name}"])) for name in ("reviews", "stars"))
    assert list(reviews.intermediate.tasks) == ["reviews", "mnli"]
    assert reviews.intermediate.tasks["reviews"].task.name == "reviews"
    assert reviews.target.task.name == "reviews" and list(reviews.target.training) == ["reviews"]
    assert stars.target.task.name == "stars" and not stars.target.training
    schema.register()
    assert "reviews" not in choices(None)["target"] and "reviews" in choices(tmp_path)["intermediate"]
    with initialize_config_dir(str(CONF), version_base="1.3"), pytest.raises(MissingConfigException, match="target/reviews"):
        compose("train", ["+target=reviews"])


@pytest.mark.slow
def test_worlds_that_differ_in_their_languages_have_the_same_encoder():
    """Each repeats the shape of the other, since one cannot take it from the other without its languages."""
    babel, families = (composed("+target=xnli", f"data={name}") for name in ("babel", "babel_families"))
    assert babel.model == families.model
    assert (babel.pretraining.recipe, babel.recipe) == (families.pretraining.recipe, families.recipe)
    assert babel.data.world.languages != families.data.world.languages


def test_every_target_is_named_like_its_task_but_for_translations_and_there_is_a_baseline():
    variants = {name for name in NAMES["target"] if "_translate_" in name}
    assert {name.partition("_translate_")[0] for name in variants} <= set(TASKS)
    assert set(NAMES["target"]) - variants == set(TASKS)
    assert "none" in NAMES["intermediate"]


@pytest.mark.slow
def test_several_intermediates_are_one_phase():
    config = composed("+intermediate=[snli,commonsenseqa,mlm]", "+target=xnli")
    assert list(config.intermediate.tasks) == ["snli", "commonsenseqa", "mlm"]
    assert all(isinstance(task, TrainingTask) and task.task.name == name for name, task in config.intermediate.tasks.items())
    assert list(config.target.training) == ["mnli"]


@pytest.mark.slow
def test_an_intermediate_may_be_a_training_task_too():
    config = composed("+intermediate=mnli", "+target=xnli", "intermediate.tasks.mnli.languages=[en,de]")
    assert config.intermediate.tasks["mnli"].languages == ["en", "de"]
    assert config.target.training["mnli"].languages == ["en"]


def test_xcopa_trains_on_two_tasks_in_order():
    assert list(composed("+target=xcopa").target.training) == ["siqa", "copa"]


@pytest.mark.parametrize("target", ["tatoeba", "bucc2018"])
def test_some_targets_are_not_trained(target):
    assert composed(f"+target={target}").target.training == {}


@pytest.mark.slow
def test_options_of_the_command_line_arrive_with_their_types():
    config = composed(
        "+target=mlqa",
        "model=tiny",
        "model.tiny.hidden_size=64",
        "seed=3",
        "study=grid",
        "target.languages=[de,zh]",
        "target.recipe.learning_rate=3e-5",
        "target.training.squad_v1.max_examples=100",
        "intermediate.mixture.cap=null",
    )
    assert (config.model.name_or_path, config.model.tiny.hidden_size, config.seed) == (None, 64, 3)
    assert config.output == "outputs/grid"
    assert config.target.languages == ["de", "zh"]
    assert config.target.recipe.learning_rate == 3e-5
    assert config.target.training["squad_v1"].max_examples == 100
    assert config.intermediate.mixture.cap is None


@pytest.mark.parametrize(
    "override", ["seed=one", "trainer.devices=many", "target.recipe.learning_rate=fast", "target.languages=de", "store.root=null"]
)
def test_a_value_of_the_wrong_type_is_refused(override):
    with pytest.raises((HydraException, OmegaConfBaseException)) as error:
        composed("+target=xnli", override)
    cause = error.value.__cause__ or error.value
    assert isinstance(cause, OmegaConfBaseException)


def test_no_target_is_told():
    with pytest.raises(UserError, match=r"no target task: type \+target=NAME, for instance \+target=xnli"):
        composed()


def test_a_key_that_was_added_is_refused():
    with pytest.raises(UserError, match="unknown option 'sede': the schema has analysis, data, intermediate, "):
        composed("+target=xnli", "+sede=2")


def test_the_default_cell_is_the_papers():
    config = composed("+intermediate=mnli", "+target=xnli")
    assert config.model.name_or_path == "FacebookAI/xlm-roberta-large"
    assert (config.recipe.name, config.seed, config.worker, config.store.refresh) == ("jiant", 1, "process", "never")
    assert config.output == "outputs/default"


def test_every_dataclass_of_the_schema_is_a_structured_config():
    kinds = {kind for kind in vars(schema).values() if is_dataclass(kind)} | {Task}
    assert len(kinds) >= 12
    for kind in kinds:
        OmegaConf.structured(kind)


def test_hyperparameters_name_every_limit_with_its_type():
    """A limit that a recipe cannot give would be fixed."""
    assert set(LIMIT_NAMES) <= {field.name for field in fields(schema.Hyperparameters)}
    given = get_type_hints(schema.Hyperparameters)
    for name, kind in get_type_hints(Limits).items():
        assert given[name] == kind | None
    values = schema.Hyperparameters()
    assert all(getattr(values, field.name) is None for field in fields(values)), "defaults are the recipes' business"
