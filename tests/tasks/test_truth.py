"""The declarations in conf/task agree with numbers that were read in the sources themselves.

The tables are written down from the published data: sizes from huggingface/datasets' dataset_infos.json (commit before 8803c18),
XTREME's Table 1 as RemBERT reproduces it (arXiv 2010.12821, Table 11), LASER's files and Mewsli-X's README; languages from
google-research/xtreme evaluate.py at 838c13b. Numbers that could not be confirmed are not here.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from xstilts.cell.checks.tasks import task_problems
from xstilts.config import default_roles
from xstilts.metrics import metric_names
from xstilts.tasks.catalogue import load_task, task_names
from xstilts.tasks.languages import LANGUAGES

CONF = Path(__file__).resolve().parents[2] / "conf"
NAMES = task_names(CONF)
NLI = ["contradiction", "entailment", "neutral"]
UPOS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split()

# Task -> split -> rows per language ("*": the same in all). Only what a source confirms.
ROWS: dict[str, dict[str, dict[str, int]]] = {
    "anli": {"train": {"en": 16_946 + 45_460 + 100_459}, "validation": {"en": 1_000 + 1_000 + 1_200}},
    "anli_r1": {"train": {"en": 16_946}, "validation": {"en": 1_000}},
    "anli_r2": {"train": {"en": 45_460}, "validation": {"en": 1_000}},
    "anli_r3": {"train": {"en": 100_459}, "validation": {"en": 1_200}},
    "mnli": {"train": {"en": 392_702}, "validation": {"en": 9_815}},
    "snli": {"train": {"en": 550_152}, "validation": {"en": 10_000}, "test": {"en": 10_000}},
    "qqp": {"train": {"en": 363_846}, "validation": {"en": 40_430}, "test": {"en": 390_965}},
    "squad_v1": {"train": {"en": 87_599}, "validation": {"en": 10_570}},
    "squad_v2": {"train": {"en": 130_319}, "validation": {"en": 11_873}},
    "hellaswag": {"train": {"en": 39_905}, "validation": {"en": 10_042}, "test": {"en": 10_003}},
    "cosmosqa": {"train": {"en": 25_262}, "validation": {"en": 2_985}, "test": {"en": 6_963}},
    "commonsenseqa": {"train": {"en": 9_741}, "validation": {"en": 1_221}, "test": {"en": 1_140}},
    "siqa": {"train": {"en": 33_410}, "validation": {"en": 1_954}},
    "copa": {"train": {"en": 400}, "validation": {"en": 100}, "test": {"en": 500}},
    "xnli": {"train": {"*": 392_702}, "validation": {"*": 2_490}, "test": {"*": 5_010}},
    "pawsx": {"train": {"en": 49_401}, "validation": {"*": 2_000}, "test": {"*": 2_000}},
    "xquad": {"test": {"*": 1_190}},
    "mlqa": {
        "validation": {"en": 1_148, "de": 512, "es": 500, "ar": 517, "zh": 504, "vi": 511, "hi": 507},
        "test": {"en": 11_590, "de": 4_517, "es": 5_253, "ar": 5_335, "zh": 5_137, "vi": 5_495, "hi": 4_918},
    },
    "tydiqa": {
        "train": {"en": 3_696, "ko": 1_625},
        "validation": {"ar": 921, "bn": 113, "en": 440, "fi": 782, "id": 565, "ko": 276, "ru": 812},
    },
    "xcopa": {"validation": {"*": 100}, "test": {"*": 500}},
    "panx": {
        "train": {"en": 20_000},
        "validation": {"en": 10_000} | dict.fromkeys("jv my yo qu pa gu".split(), 100),
        "test": dict.fromkeys("jv my yo qu pa gu".split(), 100),
    },
    "tatoeba": {"test": {"*": 1_000, "jv": 205, "te": 234, "ta": 307, "sw": 390, "th": 548, "kk": 575, "ml": 687, "ka": 746}},
    "mewslix": {
        "train": {"en": 167_719},
        "validation": {"en": 14_051},
        "test": dict(ar=1_501, de=1_551, en=1_490, es=1_552, fa=458, ja=1_519, pl=1_562, ro=672, ta=1_567, tr=1_215, uk=1_537),
    },
    # The counts of the tests are those of XTREME's own folder, de that of the published table (47 to 20,436).
    "udpos": {
        "train": {"en": 21_253},
        "validation": {"en": 3_974},
        "test": dict(
            af=425, ar=1_680, bg=1_116, de=20_436, en=5_440, eu=1_799, fi=4_422, he=491, id=1_557, ko=4_276, ta=120, te=146
        )
        | dict(tr=4_785, ur=535, vi=800, yo=100, zh=3_455),
    },
}
LABEL_COUNTS = {
    ("xnli", "validation"): dict.fromkeys(NLI, 830),
    ("snli", "validation"): {"entailment": 3_329, "contradiction": 3_278, "neutral": 3_235, "": 158},
    ("copa", "test"): {"": 500},
    ("qqp", "test"): {"": 390_965},
    ("hellaswag", "test"): {"": 10_003},
    ("cosmosqa", "test"): {"": 6_963},
    ("commonsenseqa", "test"): {"": 1_140},
}
NO_COUNTS = {
    "bucc2018": "cannot be read from the Hub",
    **dict.fromkeys(("copa_translated", "cosmosqa_translated", "siqa_translated", "xnli_back_translated"), "one's own"),
    "lareqa": "cannot be read from the Hub",
    "ccg": "cannot be read from the Hub",
    "mlm": "a part of Wikipedia, by the number of files",
    "mlqa_cross": "no table of sizes was found",
    "squad_translated": "76,000 to 85,000, no exact number was found",
    "swag": "not one of the paper's tasks: no size was looked up",
    "tlm": "cannot be read from the Hub",
}
LANGUAGES_OF = {
    "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
    "pawsx": "de en es fr ja ko zh",
    "udpos": "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh lt pl uk wo ro",
    "panx": "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh kk tr "
    "et fi hu qu pl uk az lt pa gu ro",
    "xquad": "en es de el ru tr ar vi th zh hi ro",
    "mlqa": "en es de ar hi vi zh",
    "tydiqa": "en ar bn fi id ko ru sw te",
    "bucc2018": "de fr ru zh",
    "tatoeba": "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu "
    "az lt pl uk ro",
    "xcopa": "et ht id it qu sw ta th tr vi zh",
    "lareqa": "ar de el en es hi ru th tr vi zh",
    "mewslix": "ar de en es fa ja pl ro ta tr uk",
    "squad_translated": "ar de es hi vi zh",
}
LABELS = {
    **dict.fromkeys(("mnli", "snli", "xnli", "anli", "anli_r1", "anli_r2", "anli_r3"), NLI),
    "qqp": ["not_duplicate", "duplicate"],
    "pawsx": ["0", "1"],
    "panx": ["B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O"],
    "udpos": UPOS,
}
# Integer of the Hub's ClassLabel -> label of the task.
HUB_LABELS = {
    **{name: ["entailment", "neutral", "contradiction"] for name in ("mnli", "xnli", "anli", "anli_r1", "anli_r2", "anli_r3")},
    "snli": ["entailment", "neutral", "contradiction"],
    "qqp": ["not_duplicate", "duplicate"],
    "panx": ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"],
}
DIFFICULTY = {
    "snli": 1,
    "mnli": 2,
    "anli_r1": 3,
    "anli_r2": 4,
    "anli_r3": 5,
    "squad_v1": 1,
    "squad_v2": 2,
    "swag": 1,
    "hellaswag": 2,
}
PAPER = "anli mnli snli qqp squad_v2 squad_v1 hellaswag ccg cosmosqa commonsenseqa".split()
XTREME = "xnli pawsx udpos panx xquad mlqa tydiqa bucc2018 tatoeba".split()
TRAINED_ON = {
    "xnli": ["mnli"],
    "pawsx": ["pawsx"],
    "udpos": ["udpos"],
    "panx": ["panx"],
    "xquad": ["squad_v1"],
    "mlqa": ["squad_v1"],
    "mlqa_cross": ["squad_v1"],
    "tydiqa": ["tydiqa"],
    "bucc2018": [],
    "tatoeba": [],
    "xcopa": ["siqa", "copa"],
    "lareqa": ["lareqa"],
    "mewslix": ["mewslix"],
}
TRANSLATED = {
    "xnli_translate_train": ["xnli"],
    "pawsx_translate_train": ["pawsx"],
    "xquad_translate_train": ["squad_translated"],
    "mlqa_translate_train": ["squad_translated"],
    "xcopa_translate_train": ["siqa_translated", "copa_translated"],
    "xnli_translate_test": ["mnli"],
    "pawsx_translate_test": ["pawsx"],
}
"""Targets beyond the benchmarks, trained on or tested on machine translations."""

GOOGLE_XTREME = "ec5f1f46e9af79639a90684a7a70a956c4998f04"
PINS = {
    "mlqa": GOOGLE_XTREME,
    "mlqa_cross": GOOGLE_XTREME,
    "panx": "f0a3be6dc5564c0cc4150bb660144800a1f539d4",
    "tatoeba": GOOGLE_XTREME,
}
# Card of facebook/mlqa, `mlqa-translate-train`.
SQUAD_TRANSLATED = {"ar": 78058, "de": 80069, "es": 81810, "hi": 82451, "vi": 84816, "zh": 76285}


def offered(group: str) -> dict[str, list[tuple[str, str]]]:
    """Name of an option of `group` -> its (place, task) pairs: the defaults of tasks without a file, then the files."""
    found = {
        name: [(place, task) for entry in default_roles(name)[group] for place, task in entry.items()]
        for name in task_names(CONF)
    }
    for path in sorted((CONF / group).glob("*.yaml")):
        config: Any = OmegaConf.to_container(OmegaConf.load(path))
        pairs = [pair for entry in config.get("defaults", []) if isinstance(entry, dict) for pair in entry.items()]
        found[path.stem] = [(place, task) for place, task in pairs if place.startswith("/task@")]
    return found


@pytest.mark.parametrize("name", sorted(ROWS))
def test_rows_are_the_published_ones(name: str) -> None:
    expect = load_task(CONF, name).sources["hub"].expect
    assert {split: expected.rows for split, expected in expect.items()} == ROWS[name]


@pytest.mark.slow
def test_label_counts_are_the_published_ones() -> None:
    declared = {
        (name, split): expected.labels
        for name in NAMES
        for split, expected in (load_task(CONF, name).sources["hub"].expect).items()
        if expected.labels
    }
    assert declared == LABEL_COUNTS
    for (name, split), labels in LABEL_COUNTS.items():
        rows = ROWS[name][split]
        assert sum(labels.values()) == rows.get("en", rows.get("*")), (name, split)


def test_every_task_is_counted_or_has_a_reason() -> None:
    assert set(NAMES) == set(ROWS) | set(NO_COUNTS)
    assert not set(ROWS) & set(NO_COUNTS)


@pytest.mark.parametrize("name", sorted(LANGUAGES_OF))
def test_languages_are_the_published_ones(name: str) -> None:
    assert sorted(load_task(CONF, name).languages) == sorted(LANGUAGES_OF[name].split())


@pytest.mark.slow
def test_languages_are_known_and_pairs_are_of_mlqa() -> None:
    for name in NAMES:
        codes = load_task(CONF, name).languages
        assert {part for code in codes for part in code.split("-")} <= set(LANGUAGES), name
        assert name == "mlqa_cross" or not any("-" in code for code in codes)
    pairs = {tuple(code.split("-")) for code in load_task(CONF, "mlqa_cross").languages}
    mlqa = LANGUAGES_OF["mlqa"].split()
    assert pairs == {(context, question) for context in mlqa for question in mlqa if context != question}


@pytest.mark.parametrize("name", sorted(LABELS))
def test_the_order_of_labels_is_fixed(name: str) -> None:
    assert load_task(CONF, name).labels == LABELS[name]


def test_labels_of_the_hub_are_translated_by_name() -> None:
    for name, order in HUB_LABELS.items():
        labels = load_task(CONF, name).sources["hub"].labels
        assert [labels[str(number)] for number in range(len(order))] == order, name
        assert set(labels) - {str(number) for number in range(len(order))} <= {"-1"}, name
        assert labels.get("-1", "") == ""


@pytest.mark.slow
def test_difficulty_is_a_rank() -> None:
    assert {name: task.difficulty for name in NAMES if (task := load_task(CONF, name)).difficulty is not None} == DIFFICULTY


@pytest.mark.parametrize("name", NAMES)
def test_a_task_can_be_cited_and_scored(name: str) -> None:
    task = load_task(CONF, name)
    assert task.licence
    assert task.homepage.startswith("https://") or name == "mlm"
    assert set(task.metrics) <= set(metric_names())


@pytest.mark.parametrize("name", NAMES)
def test_every_task_says_where_it_is_on_the_hub(name: str) -> None:
    source = load_task(CONF, name).sources["hub"]
    if source.unusable:
        assert "data=xtreme" in source.unusable
        return
    assert source.hub and re.fullmatch(r"[\w.-]+/[\w.-]+", source.hub)
    text = (CONF / "task" / f"{name}.yaml").read_text(encoding="utf-8")
    pinned = source.revision is not None and re.fullmatch(r"[0-9a-f]{40}", source.revision)
    assert pinned or "revision not confirmed: unpinned" in text


@pytest.mark.parametrize("name", NAMES)
def test_the_driver_accepts_every_declaration(name: str) -> None:
    task = load_task(CONF, name)
    assert not [problem for source in task.sources for problem in task_problems(task, None) if "evaluate" in problem]


def test_pins_are_the_commits_that_other_projects_use() -> None:
    assert {name: load_task(CONF, name).sources["hub"].revision for name in PINS} == PINS
    assert load_task(CONF, "squad_translated").sources["hub"].expect["train"].rows == SQUAD_TRANSLATED


def test_what_was_not_confirmed_is_marked() -> None:
    marked = {name for name in NAMES if "not confirmed" in (CONF / "task" / f"{name}.yaml").read_text(encoding="utf-8")}
    assert marked == {"mewslix", "squad_translated", "tatoeba", "udpos"}


def test_what_is_wrong_on_the_hub_is_not_read_from_there() -> None:
    assert load_task(CONF, "udpos").sources["hub"].hub != "google/xtreme"
    bucc = load_task(CONF, "bucc2018").sources["hub"]
    assert bucc.hub is None and "gold pairs alone" in bucc.unusable


def test_intermediates_and_targets_name_tasks_that_exist() -> None:
    for group in ("intermediate", "target"):
        for name, pairs in offered(group).items():
            assert all(task in NAMES for _, task in pairs), f"{group}/{name}"
    for name, pairs in offered("intermediate").items():
        assert all(place == f"/task@tasks.{task}.task" for place, task in pairs), name
    targets = offered("target")
    assert all(pairs[0] == ("/task@task", name.partition("_translate_")[0]) for name, pairs in targets.items())


def test_targets_train_on_what_the_benchmarks_say() -> None:
    trained = {name: [task for _, task in pairs[1:]] for name, pairs in offered("target").items()}
    known = TRAINED_ON | TRANSLATED
    assert trained == known | {name: [name] for name in trained.keys() - known.keys()}
    assert set(XTREME) < set(trained)


def test_every_task_is_offered() -> None:
    found = {task for group in ("intermediate", "target") for pairs in offered(group).values() for _, task in pairs}
    assert found == set(NAMES)


def test_multitask_is_the_papers_tasks() -> None:
    options = offered("intermediate")
    assert [task for _, task in options["multitask"]] == PAPER
    assert [task for _, task in options["anli_plus"]] == ["anli", "mnli", "snli"]
    assert {load_task(CONF, task).head for _, task in options["anli_plus"]} == {"nli"}
