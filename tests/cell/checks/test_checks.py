"""Every problem of a config is told, all of them at once, each in a line: what was got, what was expected, what to type."""

import json
from dataclasses import replace

import pytest

from xstilts.babel.declaration import Language
from xstilts.cell import inputs
from xstilts.cell.checks import check
from xstilts.cell.checks.hyperparameters import NEEDED
from xstilts.cell.resolve import resolve
from xstilts.config import Config
from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters, Recipe
from xstilts.sources.generated import resolve_generated
from xstilts.tasks.declaration import DataMap, Expect, Generator, Source, Task, TrainingTask

LABELS = ["no", "yes"]


def task(name, format="classification", **words):
    labels = LABELS if format in ("classification", "tagging") else []
    files = {split: f"{name}/{split}-{{language}}.tsv" for split in ("train", "validation", "test")}
    metric = {"mlm": "perplexity", "retrieval": "retrieval_accuracy", "span_qa": "squad", "tagging": "tagging_f1"}
    values = {"languages": ["en", "de", "sw"], "metrics": [metric.get(format, "accuracy")], "labels": labels}
    return Task(name=name, format=format, sources={"xtreme": Source(reader="delimited", files=files)}, **values | words)


@pytest.fixture
def config(tmp_path):
    """A config without a problem: intermediate snli, target xnli trained on mnli, with data in en and de."""
    root = tmp_path / "data"
    for name in ("snli", "mnli", "xnli"):
        (root / name).mkdir(parents=True)
        for split in ("train", "validation", "test"):
            for language in ("en", "de"):
                (root / name / f"{split}-{language}.tsv").write_text("a\tb\tyes\n")
    made = Config()
    made.model.tokenizer = "some/tokenizer"
    made.data.root = str(root)
    values = {"learning_rate": 1e-5, "batch_size": 8, "weight_decay": 0.0, "adam_epsilon": 1e-8, "epochs": 1.0}
    values |= {"schedule": "linear", "selection": "best", "max_length": 64}
    made.recipe = Recipe(name="made", default=Hyperparameters(**values))
    made.intermediate.tasks = {"snli": TrainingTask(task=task("snli"))}
    made.target.task = task("xnli")
    made.target.training = {"mnli": TrainingTask(task=task("mnli"))}
    return made


def problems(config):
    """The lines of the one error."""
    try:
        check(config)
    except UserError as error:
        return str(error).splitlines()
    return []


def change(config, path, value):
    *places, name = path.split(".")
    for place in places:
        config = config[place] if isinstance(config, dict) else getattr(config, place)
    setattr(config, name, value)


def test_a_sound_config_has_no_problem(config):
    assert problems(config) == []


ONE_LINE = [
    ("model.pooler", "carrid", "unknown model.pooler 'carrid': did you mean carried?"),
    ("logger.name", "cvs", "unknown logger.name 'cvs': did you mean csv?"),
    ("trainer.precision", "16-mixed", "unknown trainer.precision '16-mixed': did you mean bf16-mixed?"),
    ("store.refresh", "al", "unknown store.refresh 'al': did you mean all?"),
    ("worker", "inlin", "unknown worker 'inlin': did you mean inline?"),
    ("worker", "zzzz", "unknown worker 'zzzz': valid: inline, logged, process."),
    ("model.tokenizer", None, "model=tiny has no tokenizer of its own: type model.tokenizer=FOLDER (or a Hub id)"),
    ("trainer.devices", 0, "trainer.devices: got 0, expected 1 or more"),
    ("trainer.num_nodes", -1, "trainer.num_nodes: got -1, expected 1 or more"),
    ("trainer.max_tokens", 0, "trainer.max_tokens: got 0, expected 1 or more"),
    ("trainer.max_eval_tokens", 0, "trainer.max_eval_tokens: got 0, expected 1 or more"),
    ("trainer.checkpoint_every", 0, "trainer.checkpoint_every: got 0, expected 1 or more"),
    ("trainer.num_threads", 0, "trainer.num_threads: got 0, expected 1 or more"),
    (
        "model.tiny.hidden_size",
        130,
        "model.tiny.hidden_size: got 130, expected a multiple of model.tiny.num_attention_heads=4",
    ),
    ("target.task.metrics", ["mlqq"], "unknown metric of task xnli 'mlqq': did you mean mlqa?"),
    ("target.languages", ["en", "dee"], "unknown language in target.languages 'dee': did you mean de?"),
    ("target.splits", ["tset"], "unknown target.splits 'tset': did you mean test?"),
    ("target.max_test_examples", 0, "target.max_test_examples: got 0, expected 1 or more"),
    ("intermediate.mixture.temperature", 0.0, "intermediate.mixture.temperature: got 0.0, expected more than 0"),
    ("intermediate.mixture.cap", 0, "intermediate.mixture.cap: got 0, expected 1 or more"),
    (
        "intermediate.tasks.snli.languages",
        ["dw"],
        "unknown language in intermediate.tasks.snli.languages 'dw': did you mean sw or de?",
    ),
    (
        "intermediate.tasks.snli.languages",
        [],
        "intermediate.tasks.snli.languages: got no language, expected one or more of en, de, sw",
    ),
    (
        "intermediate.tasks.snli.draw",
        3,
        "intermediate.tasks.snli.draw chooses a sample: set intermediate.tasks.snli.max_examples or "
        "intermediate.tasks.snli.fraction too",
    ),
    ("intermediate.tasks.snli.draw", -1, "intermediate.tasks.snli.draw: got -1, expected 0 or more"),
    ("intermediate.tasks.snli.parallel", "rotated", "unknown intermediate.tasks.snli.parallel 'rotated': did you mean rotate?"),
    ("target.training.mnli.max_examples", 0, "target.training.mnli.max_examples: got 0, expected 1 or more"),
    ("target.training.mnli.fraction", 0.0, "target.training.mnli.fraction: got 0.0, expected more than 0"),
    ("target.training.mnli.fraction", 1.5, "target.training.mnli.fraction: got 1.5, expected 1 or less"),
    ("target.training.mnli.validation", "vaildation", "unknown split 'vaildation': did you mean validation? (in 'vaildation')"),
    ("intermediate.recipe.schedule", "liner", "unknown intermediate.recipe.schedule 'liner': did you mean linear?"),
    ("target.recipe.selection", "bets", "unknown target.recipe.selection 'bets': did you mean best?"),
    (
        "target.recipe.retrieval_pooling",
        ["maen"],
        "unknown target.recipe.retrieval_pooling 'maen': did you mean mean?",
    ),
    (
        "target.recipe.max_length",
        513,
        "target.training.mnli: max_length=513 is beyond the 512 tokens this encoder has positions for; "
        "type target.recipe.max_length=512 or less",
    ),
    (
        "intermediate.recipe.max_length",
        9999,
        "intermediate.tasks.snli: max_length=9999 is beyond the 512 tokens this encoder has positions for; "
        "type intermediate.recipe.max_length=512 or less",
    ),
]


@pytest.mark.parametrize(("path", "value", "expected"), ONE_LINE, ids=[f"{path}={value}" for path, value, _ in ONE_LINE])
def test_a_problem_is_told_in_one_line(path, value, expected, config):
    change(config, path, value)
    assert problems(config) == [expected]


@pytest.mark.parametrize("name", NEEDED)
def test_a_value_that_the_recipe_does_not_give(name, config):
    change(config, f"recipe.default.{name}", None)
    assert problems(config) == [
        f"{place}: no value for {name}; the recipe 'made' gives none: type recipe.default.{name}=..."
        for place in ("intermediate.tasks.snli", "target.training.mnli")
    ]


def test_a_recipe_without_a_length_of_training(config):
    config.recipe.default.epochs = None
    config.intermediate.recipe.max_steps = 10
    assert problems(config) == [
        "target.training.mnli: neither epochs nor max_steps in the recipe 'made': type recipe.default.epochs=..."
    ]


def test_both_ways_to_take_a_part(config):
    config.target.training["mnli"].max_examples, config.target.training["mnli"].fraction = 10, 0.5
    assert problems(config) == ["target.training.mnli: got both max_examples and fraction, expected one of them"]


def test_labels_to_shuffle(config):
    used, place = config.intermediate.tasks["snli"], "intermediate.tasks.snli"
    used.shuffle_labels, used.draw = True, 4
    assert problems(config) == [], "a draw shuffles"
    config.intermediate.tasks["snli"] = TrainingTask(task("snli", "mlm"), shuffle_labels=True)
    assert (
        f"{place}.shuffle_labels: a task of the format mlm has no labels that can be shuffled, "
        "expected one of classification, multiple_choice, span_qa, tagging"
    ) in problems(config)


def test_a_sample_of_translations_that_contradicts_itself(config):
    used, place = config.intermediate.tasks["snli"], "intermediate.tasks.snli"
    used.languages, used.parallel, used.max_examples = ["en", "de", "sw"], "same", 2
    assert f"{place}.max_examples: got 2, expected 3 or more: one in each language (parallel=same)" in problems(config)
    used.max_examples, used.language_exponent = 3, 0.0
    assert f"{place}.language_exponent: parallel=same has even shares: leave language_exponent out" in problems(config)
    used.max_examples, used.language_exponent, used.parallel, used.draw = None, None, "rotate", 5
    assert not [problem for problem in problems(config) if problem.startswith(place)], "a draw chooses the language of each id"
    used.task.sources["xtreme"].translated = False
    assert f"{place}.parallel: ids of task snli do not name translations: type {place}.parallel=null" in problems(config)


def test_tags_that_tagging_f1_would_take_for_none(config):
    config.target.task = task("ner", format="tagging", labels=["O", "ORG", "PER"])
    (line,) = [line for line in problems(config) if "begins with O" in line]
    assert line.startswith(
        "task ner: the metric tagging_f1 takes every tag that begins with O for O, ORG too: write B-ORG and I-ORG"
    )
    for words in ({"labels": ["O", "B-ORG", "I-ORG"]}, {"labels": ["O", "ORG"], "metrics": ["token_accuracy"]}):
        config.target.task = task("ner", format="tagging", **words)
        assert [line for line in problems(config) if "begins with O" in line] == []


def test_a_task_without_metrics_and_of_an_unknown_format(config):
    config.intermediate.tasks["snli"].task = replace(task("snli"), metrics=[], format="clasification")
    first, second = problems(config)
    assert first == "unknown intermediate.tasks.snli.task.format 'clasification': did you mean classification?"
    assert second.startswith("task snli declares no metrics: expected one or more of accuracy, bitext_f1, ")


def test_a_retrieval_task_needs_its_protocol(config):
    config.target.training = {}
    for protocol, expected in (
        ("bitext", "unknown protocol of task xnli 'bitext': did you mean bitext_mining"),
        (
            None,
            "task xnli: a retrieval task needs a protocol: expected one of sentence_matching, bitext_mining, answer_retrieval",
        ),
        (
            "bitext_mining",
            "task xnli: the metric retrieval_accuracy does not score the protocol bitext_mining, expected one of bitext_f1",
        ),
    ):
        config.target.task = task("xnli", format="retrieval", protocol=protocol)
        config.target.task.sources["xtreme"].reader = "examples"
        (line,) = problems(config)
        assert line.startswith(expected)


def test_a_source_that_a_task_does_not_have(config):
    config.data.source = "xtrem"
    assert problems(config) == [
        f"unknown source of task {name} 'xtrem': did you mean xtreme? It is chosen by data=xtrem."
        for name in ("xnli", "snli", "mnli")
    ]


def test_training_data_that_is_not_there(config, tmp_path):
    config.target.training["mnli"].languages = ["en", "sw"]
    path = tmp_path / "data" / "mnli" / "train-sw.tsv"
    (line,) = problems(config)
    assert line.startswith(f"no train data of task 'mnli' in language 'sw': looked for {path}")


def test_a_task_without_data_for_its_role(config):
    """Also on the Hub, before anything is downloaded."""
    config.target.training["mnli"].task.sources["hub"] = Source(hub="owner/mnli", files={"test": "test.parquet"})
    config.target.training["mnli"].task.sources.pop("xtreme")
    config.data.source = "hub"
    config.target.task.evaluate = []
    shown = problems(config)
    assert "task 'mnli' has no train split in source 'hub': it has test" in shown
    assert "target xnli is text, and not evaluated by default: type target.splits=[validation], or another target" in shown


def test_target_data_that_is_not_there(config):
    config.target.languages = ["en", "sw"]
    assert problems(config) == [
        f"task xnli has no validation or test data for sw under data.root={config.data.root}; languages with data: en, de"
    ]
    config.target.languages = None
    assert problems(config) == [], "without a list it is evaluated where there is data"
    config.target.task.name, config.target.task.sources = "other", task("other").sources
    assert problems(config) == [
        f"task other has no validation or test data for any language under data.root={config.data.root}; "
        "languages with data: none"
    ]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (None, "data.root is not set: give the folder with the raw data, e.g. data.root=PATH/download"),
        ("/no/such/root", "data.root=/no/such/root: no such folder; give an existing folder with the raw data"),
    ],
)
def test_a_missing_root_is_told_once(root, expected, config):
    config.data.root = root
    assert problems(config) == [expected]


def test_training_tasks_of_a_target_hand_their_head_on(config):
    config.target.training["siqa"] = TrainingTask(task=task("mnli", format="multiple_choice"))
    assert problems(config)[0] == (
        "target.training: got tasks of the formats classification, multiple_choice, expected one: each hands its head on"
    )
    assert "target xnli has the format classification, but trains on mnli, whose format is multiple_choice" in problems(config)


def test_a_target_has_the_labels_of_what_it_trains_on(config):
    config.target.training["mnli"].task.labels = ["yes", "no"]
    assert problems(config) == [], "in another order they are the same"
    config.target.training["mnli"].task.labels = ["no", "maybe"]
    assert problems(config) == ["target xnli has the labels ['no', 'yes'], but trains on mnli with ['no', 'maybe']"]


def test_several_intermediates_are_checked_as_one_phase_too(config):
    config.intermediate.tasks["mnli"] = TrainingTask(task=task("mnli"))
    config.recipe.tasks["multitask"] = Hyperparameters(batch_size=-5)
    assert problems(config) == ["recipe.tasks.multitask.batch_size: got -5, expected 1 or more"]


def test_all_problems_are_told_together_and_each_once(config):
    config.worker = "inlin"
    config.trainer.devices = 0
    config.target.languages = ["dee"]
    config.target.training["mnli"].fraction = 2.0
    config.intermediate.mixture.temperature = -1.0
    config.intermediate.recipe.learning_rate = -1.0
    assert problems(config) == [
        "intermediate.mixture.temperature: got -1.0, expected more than 0",
        "intermediate.recipe.learning_rate: got -1.0, expected more than 0",
        "target.training.mnli.fraction: got 2.0, expected 1 or less",
        "trainer.devices: got 0, expected 1 or more",
        "unknown worker 'inlin': did you mean inline?",
        "unknown language in target.languages 'dee': did you mean de?",
    ]


def test_the_evaluation_must_fit_the_encoder_too(config):
    """Also of a target that is not trained, or that is longer than what it trains on."""
    expected = (
        "target.task: max_length=600 is beyond the 512 tokens this encoder has positions for; "
        "type target.recipe.max_length=512 or less"
    )
    config.recipe.tasks["xnli"] = Hyperparameters(max_length=600)
    assert problems(config) == [expected]
    config.target.training = {}
    assert expected in problems(config)


def test_max_length_against_an_encoder_in_a_folder(config, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "xlm-roberta", "max_position_embeddings": 50}))
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "spm.model").touch()
    config.model.name_or_path = str(tmp_path)
    assert [line.split(":")[1] for line in problems(config)] == [
        " max_length=64 is beyond the 48 tokens this encoder has positions for; type intermediate.recipe.max_length=48 or less",
        " max_length=64 is beyond the 48 tokens this encoder has positions for; type target.recipe.max_length=48 or less",
    ]


def test_a_model_of_the_hub_is_checked_as_soon_as_its_files_are_here(config, tmp_path, monkeypatch):
    """Before data is fetched, and long before a worker loads it."""

    def fetch_model(name, revision, weights, checksum):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "mpnet", "max_position_embeddings": 50}))
        for file in ("model.safetensors", "vocab.txt"):
            (tmp_path / file).touch()
        return tmp_path

    monkeypatch.setattr(inputs, "fetch_model", fetch_model)
    monkeypatch.setattr(inputs, "download", lambda *_: pytest.fail("data was fetched"))
    config.model.name_or_path, config.model.tokenizer = "owner/encoder", None
    assert problems(config) == []
    with pytest.raises(UserError, match="max_length=64 is beyond the 48 tokens this encoder has positions for"):
        inputs.fetched(resolve(config))


@pytest.fixture
def babel(config):
    """Return a cell of a synthetic world with a pretraining task: nothing is on the disk."""
    generator = Generator("inference", {"train": 9, "validation": 3})
    config.model.tokenizer = None
    config.pretraining.tasks = {"mlm": TrainingTask(task("mlm", "mlm"))}
    used = [config.pretraining.tasks["mlm"], config.intermediate.tasks["snli"], config.target.training["mnli"]]
    for one in (config.target.task, *(training.task for training in used)):
        one.sources, one.evaluate = {"babel": Source(generator=generator)}, ["validation"]
    config.data.source, config.data.root = "babel", None
    config.data.world.languages = {"qaa": Language(), "qab": Language(order="SOV")}
    return config


def test_a_world_is_sound_before_anything_is_made(babel, tmp_path):
    resolve_generated(babel)
    assert problems(babel) == []


GENERATED = [
    ("data.world.target_share", 120, "data.world.target_share: got 120, expected 99 or less"),
    ("data.world.languages.qab.script", "Latn", "unknown data.world.languages.qab.script 'Latn': did you mean Latin?"),
    ("target.languages", ["de"], "unknown language in target.languages 'de': valid: qaa, qab."),
    (
        "intermediate.tasks.snli.languages",
        ["qac"],
        "unknown language in intermediate.tasks.snli.languages 'qac': did you mean qab or qaa?",
    ),
    ("target.training.mnli.train", "test", "task 'mnli' has no test split in source 'babel': it has train, validation"),
    (
        "target.splits",
        ["test"],
        "task xnli has no test data for any language in the synthetic world of seed 0; languages with data: none",
    ),
    ("pretraining.recipe.batch_size", 0, "pretraining.recipe.batch_size: got 0, expected 1 or more"),
    ("pretraining.mixture.temperature", 0.0, "pretraining.mixture.temperature: got 0.0, expected more than 0"),
    ("pretraining.vocabulary", 0, "pretraining.vocabulary: got 0, expected 100 or more"),
    (
        "pretraining.tasks",
        {"a": TrainingTask(task("a"))},
        "unknown source of task a 'babel': valid: xtreme. It is chosen by data=babel.",
    ),
]


@pytest.mark.parametrize(("path", "value", "expected"), GENERATED, ids=[f"{path}={value}" for path, value, _ in GENERATED])
def test_a_problem_of_a_world_is_told_in_one_line(path, value, expected, babel):
    change(babel, path, value)
    resolve_generated(babel)
    assert problems(babel)[:1] == [expected]
    if path != "pretraining.tasks":
        assert len(problems(babel)) == 1


def test_pretraining_is_on_text(config):
    config.model.tokenizer = None
    config.pretraining.tasks = {"snli": TrainingTask(task("snli"))}
    assert problems(config) == ["pretraining.tasks.snli: got a task of the format classification, expected mlm"]
    config.model.tokenizer = "some/tokenizer"
    assert problems(config) == [], "there is no pretraining where there is a tokenizer"


def test_a_data_map_is_of_an_intermediate_task_with_one_label_for_each_example(config):
    chosen = config.intermediate.tasks["snli"].data_map
    chosen.region = "ambiguous"
    assert problems(config) == []
    chosen.region, chosen.fraction, chosen.epochs = "ambigous", 0.0, 1.0
    assert problems(config) == [
        "unknown intermediate.tasks.snli.data_map.region 'ambigous': did you mean ambiguous?",
        "intermediate.tasks.snli.data_map.fraction: got 0.0, expected more than 0",
        "intermediate.tasks.snli.data_map.epochs: got 1.0, expected 2 or more",
    ]
    place = "intermediate.tasks.snli.data_map"
    config.intermediate.tasks["snli"].data_map = DataMap("hard", bin=7)
    assert problems(config) == [
        f"{place}: got both region and bin, expected one of them",
        f"{place}.bin: got 7, expected 1 to 6, the number of {place}.bins",
    ]
    config.intermediate.tasks["snli"].data_map, config.intermediate.tasks["snli"].parallel = DataMap("hard"), "same"
    assert any("a data map selects other examples in each language" in problem for problem in problems(config))
    config.intermediate.tasks["snli"].parallel = None
    config.intermediate.tasks["snli"].data_map = DataMap(bin=0)
    assert problems(config) == [f"{place}.bin: got 0, expected 1 or more"]
    config.intermediate.tasks["snli"].data_map = DataMap()
    config.target.training["mnli"].data_map.region = "easy"
    place = "target.training.mnli.data_map"
    assert problems(config) == [f"{place}: data maps are for intermediate tasks: type {place}.region=null"]
    config.target.training["mnli"].data_map.region = None
    config.intermediate.tasks["snli"] = TrainingTask(task("snli", "span_qa"), data_map=DataMap("easy"))
    assert "intermediate.tasks.snli.data_map: got a task of the format span_qa, expected classification or multiple_choice" in (
        problems(config)
    )


def test_few_shot_examples_have_a_language_a_number_and_a_part_that_is_not_evaluated(config):
    chosen, place = config.target.few_shot, "target.few_shot"
    chosen.k, chosen.from_seed = 20, 1
    told = f"there is no language: type {place}.language=CODE, such as sw"
    assert problems(config) == [f"{place}.k: {told}", f"{place}.from_seed: {told}"]
    chosen.language = "de"
    assert problems(config) == [] and check(config).target.splits == ["test"]
    chosen.k = None
    assert problems(config) == [f"{place}.k: no value: type {place}.k=20, the number of examples in de"]
    chosen.k, chosen.language = 0, "dd"
    assert problems(config)[0].startswith("unknown language in target.few_shot.language 'dd': ")
    chosen.language, chosen.recipe.selection = "de", "best"
    assert problems(config) == [f"{place}.recipe.selection: few-shot training has no validation examples: leave it out"]
    chosen.recipe.selection, config.target.splits = None, ["validation", "test"]
    cannot = f"{place}.split=validation cannot be evaluated too: type a part of it, {place}.split=validation:20%"
    assert problems(config) == [cannot]
    config.target.splits, config.target.task.evaluate = None, ["validation"]
    assert problems(config) == [cannot]
    chosen.split = "validation:20%"
    assert problems(config) == [] and check(config).target.splits == ["validation"]
    chosen.split = "dev"
    assert len(problems(config)) == 1 and "dev" in problems(config)[0]


def test_few_shot_training_has_an_adapter_too(config):
    chosen = config.target.few_shot
    chosen.language, chosen.k = "de", 20
    chosen.recipe.adapter_rank = 4
    needs = "the phase has no adapter with this option; leave it out, or type target.few_shot.recipe.adapter=lora"
    assert problems(config) == [f"target.few_shot.recipe.adapter_rank=4: {needs}"]
    config.model.adapter = "lora"
    assert problems(config) == []
    assert [phase.hyperparameters.adapter_rank for phase in resolve(config).training] == [8, 4]
    config.model.previous_adapter = "kept"
    assert problems(config) == [
        "model.previous_adapter=kept: phase 3: 20 of xnli in de has adapter_rank=4 after 8; expected the same adapter as in "
        "phase 3: mnli: type model.previous_adapter=merged"
    ]


def test_few_shot_training_goes_on_from_a_trained_head(config):
    config.target.few_shot.language, config.target.few_shot.k, config.target.training = "de", 20, {}
    none = "target.few_shot goes on from phase 3, and target xnli has none: leave it out, or choose a target with training"
    assert none in problems(config)


def test_more_few_shot_examples_than_there_are(config):
    config.target.few_shot.language, config.target.few_shot.k = "de", 20
    config.target.task.sources["xtreme"].expect = {"validation": Expect(rows={"*": 19})}
    assert problems(config) == ["target.few_shot.k: got 20, expected 19 or less, the examples of validation in de"]


def test_noise_in_the_inputs_is_for_formats_with_a_gold_beside_them(config):
    config.target.char_noise.rate = 0.1
    assert problems(config) == []
    config.target.char_noise.rate, config.target.char_noise.seed = 1.5, -1
    assert problems(config) == [
        "target.char_noise.rate: got 1.5, expected 1 or less",
        "target.char_noise.seed: got -1, expected 0 or more",
    ]
    config.target.char_noise.rate, config.target.char_noise.seed = 0.1, 0
    config.target.task, config.target.training = task("text", "mlm"), {}
    assert any(problem.startswith("target.char_noise: noise in a task of the format mlm") for problem in problems(config))
