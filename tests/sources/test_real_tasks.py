"""Every declared task on real files: each split in each language that is there, with the row counts that are published."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import languages_with_data, source_of
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task, task_names

CONF = Path(__file__).resolve().parents[2] / "conf"
PANX = {"my": 48, "yo": 46}
UDPOS_DEV = {"en": 3974, "af": 194, "ar": 909, "bg": 1115, "eu": 1798, "fi": 3239, "he": 484, "id": 559, "ko": 3016, "ta": 80}
UDPOS_DEV |= {"te": 131, "tr": 988, "ur": 552, "vi": 800, "zh": 1000}
UDPOS_TEST = {"en": 5440, "af": 425, "ar": 1680, "bg": 1116, "eu": 1799, "fi": 4422, "he": 491, "id": 1557, "ko": 4276, "ta": 120}
UDPOS_TEST |= {"te": 146, "tr": 4785, "ur": 535, "vi": 800, "yo": 100, "zh": 3455}
TYDIQA = {"en": 440, "ar": 921, "bn": 113, "fi": 782, "id": 565, "ko": 276, "ru": 812}
TATOEBA = {"jv": 205, "te": 234, "ta": 307, "sw": 390, "th": 548, "ml": 687, "ka": 746}

# Task and split -> rows (of retrieval: queries) per language, a number if it is the same in all; whether they have gold.
EXPECTED = {
    ("bucc2018", "validation"): (500, True),
    ("commonsenseqa", "train"): (9741, True),
    ("commonsenseqa", "validation"): (1221, True),
    ("commonsenseqa", "test"): (1140, False),
    ("copa", "train"): (400, True),
    ("copa", "validation"): (100, True),
    ("copa", "test"): (500, False),
    ("cosmosqa", "validation"): (2985, True),
    ("lareqa", "train"): (1148, True),
    ("lareqa", "validation"): (1190, True),
    ("lareqa", "test"): (1190, True),
    ("mlqa", "validation"): ({"en": 1148, "ar": 517, "de": 512, "zh": 504}, True),
    ("mlqa_cross", "validation"): ({"en-ar": 517, "en-de": 512, "en-zh": 504, "ar-en": 517, "de-en": 512, "zh-en": 504}, True),
    ("mnli", "train"): (9970, True),
    ("mnli", "validation"): (2490, True),
    ("panx", "train"): (120, True),
    ("panx", "validation"): (60, True),
    ("panx", "test"): (60, True),
    ("pawsx", "train"): (1600, True),
    ("pawsx", "validation"): ({"en": 400, "de": 2000, "ko": 2000, "zh": 2000}, True),
    ("pawsx", "test"): (2000, False),
    ("siqa", "validation"): (1954, True),
    ("siqa", "test"): (2224, True),
    ("snli", "validation"): (10000, True),
    ("squad_v1", "train"): (1148, True),
    ("squad_v1", "validation"): (1190, True),
    ("tatoeba", "test"): (1000, True),
    ("tydiqa", "train"): ({"en": 3696, "ko": 1625}, True),
    ("tydiqa", "validation"): (TYDIQA, False),
    ("udpos", "train"): ({"en": 21253, "af": 1315, "ta": 400, "te": 1051, "vi": 1400}, True),
    ("udpos", "validation"): (UDPOS_DEV, True),
    ("udpos", "test"): (UDPOS_TEST, False),
    ("xcopa", "validation"): (100, True),
    ("xcopa", "test"): (500, False),
    ("xnli", "train"): (9970, True),
    ("xnli", "validation"): (2490, True),
    ("xnli", "test"): (5010, False),
    ("xquad", "test"): (1190, True),
}
EXCEPTIONS = {("tatoeba", "test"): TATOEBA, ("panx", "validation"): PANX, ("panx", "test"): PANX}


def _gold(examples) -> list:
    field = next(name for name in ("label", "tags", "answers", "relevant") if name in examples.column_names)
    sides = examples["side"][:] if "side" in examples.column_names else [None] * len(examples)
    return [gold for gold, side in zip(examples[field][:], sides, strict=True) if side != "candidate"]


@pytest.mark.slow
def test_nothing_that_is_there_is_left_out(real_data):
    """The table below covers every task and split for which there are files."""
    tasks = [load_task(CONF, name) for name in task_names(CONF)]
    there = {
        (task.name, split)
        for task in tasks
        for split in task.sources["xtreme"].files
        if languages_with_data(source_of(task, real_data), split)
    }
    assert there == set(EXPECTED)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "split"), EXPECTED)
def test_every_language_that_is_there_loads(real_data, name, split):
    task = load_task(CONF, name)
    languages = languages_with_data(source_of(task, real_data), split)
    rows, has_gold = EXPECTED[name, split]
    wanted = rows if isinstance(rows, dict) else dict.fromkeys(languages, rows)
    wanted |= {language: rows for language, rows in EXCEPTIONS.get((name, split), {}).items() if language in languages}
    examples = load(source_of(task, real_data), split, languages)
    sides = examples["side"][:] if "side" in examples.column_names else ["query"] * len(examples)
    counted = Counter(language for language, side in zip(examples["language"][:], sides, strict=True) if side == "query")
    assert counted == wanted
    assert list(dict.fromkeys(examples["language"][:])) == languages
    gold = _gold(examples)
    assert sum(item is None for item in gold) == (158 if name == "snli" else 0 if has_gold else len(gold))


def test_xnli_is_parallel_and_balanced(real_data):
    examples = load(source_of(load_task(CONF, "xnli"), real_data), "validation", ["en", "sw"])
    labels = examples["label"][:]
    assert labels[:2490] == labels[2490:]
    assert Counter(labels[:2490]) == dict.fromkeys(("contradiction", "entailment", "neutral"), 830)
    assert not any(text.endswith("\r") for text in examples["text_b"][:])


def test_pawsx_has_no_doubled_quotes_and_keeps_odd_characters(real_data):
    examples = load(source_of(load_task(CONF, "pawsx"), real_data), "validation", ["ko"])
    texts = examples["text_a"][:] + examples["text_b"][:]
    assert not any('""' in text for text in texts)
    assert any(text.startswith('"') for text in texts)
    assert sum("\x1c" in text for text in texts) > 0
    assert Counter(examples["label"][:]) == {"0": 1160, "1": 840}


def test_pawsx_as_released(shared_data):
    data = DataConfig(source="original", root=str(shared_data / "originals/hf_dummy/paws-x/x-final"))
    task = load_task(CONF, "pawsx")
    assert languages_with_data(source_of(task, data), "train") == ["en", "de", "es", "fr", "ja", "ko", "zh"]
    examples = load(source_of(task, data), "validation", ["de"])
    assert examples[0]["id"] == "4"
    assert examples[0]["label"] == "1"
    assert load(source_of(task, data), "test", ["de"])["label"][0] == "1"


def test_tydiqa_keeps_every_training_question(real_data):
    examples = load(source_of(load_task(CONF, "tydiqa"), real_data), "train", ["en"])
    assert len(set(examples["id"][:])) == 3696
    assert examples["id"][:2] == ["train-0", "train-1"]


def test_tydiqa_as_released_has_gold(shared_data, tmp_path):
    folder = tmp_path / "tydiqa/tydiqa-goldp-v1.1-dev"
    folder.mkdir(parents=True)
    shutil.copy(
        shared_data / "xtreme/tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.ko.train.json", folder / "tydiqa-goldp-dev-korean.json"
    )
    task = load_task(CONF, "tydiqa")
    task.sources["xtreme"].positional_ids = ["validation"]
    examples = load(source_of(task, DataConfig(root=str(tmp_path))), "validation", ["ko"])
    assert all(answers for answers in examples["answers"][:])


def test_xquad_blanked_by_xtreme_has_no_gold(shared_data, tmp_path):
    (tmp_path / "xquad").mkdir()
    shutil.copy(shared_data / "xtreme/xquad/xquad.en.blanked-by-xtreme.json", tmp_path / "xquad/xquad.en.json")
    examples = load(source_of(load_task(CONF, "xquad"), DataConfig(root=str(tmp_path))), "test", ["en"])
    assert examples["answers"][:] == [None] * 1190


def test_sorted_tatoeba_without_gold_file(shared_data):
    data, task = DataConfig(root=str(shared_data / "xtreme")), load_task(CONF, "tatoeba")
    with pytest.raises(UserError, match=r"task 'tatoeba' has no gold for test in sw: the English side of sw-en.sw is sorted"):
        load(source_of(task, data), "test", ["sw"])
    task.sources["xtreme"].options["no_gold"] = ["test"]
    assert set(_gold(load(source_of(task, data), "test", ["sw"]))) == {None}
    beside = DataConfig(root=data.root, extra_roots=[str(shared_data / "originals")])
    found = load(source_of(load_task(CONF, "tatoeba"), beside), "test", ["sw", "de"])
    assert all(len(relevant) == 1 for relevant in _gold(found)) and len(_gold(found)) == 1390


@pytest.mark.slow
def test_tatoeba_gold_is_one_translation_each(real_data):
    task = load_task(CONF, "tatoeba")
    examples = load(source_of(task, real_data), "test", languages_with_data(source_of(task, real_data), "test"))
    assert all(len(relevant) == 1 for relevant in _gold(examples))
    texts = dict(zip(examples["id"][:], examples["text"][:], strict=True))
    query = next(row for row in examples.to_list() if row["text"] == "He brought me coffee." and row["language"] == "sw")
    assert [texts[name] for name in query["relevant"]] == ["Alinileta kahawa."]


def test_tatoeba_under_laser_s_names(shared_data):
    data = DataConfig(root=str(shared_data / "originals"))
    task = load_task(CONF, "tatoeba")
    assert languages_with_data(source_of(task, data), "test") == ["de", "sw"]
    examples = load(source_of(task, data), "test", ["sw"])
    assert sum(relevant is not None for relevant in _gold(examples)) == 390


def test_bucc_sample(real_data):
    examples = load(source_of(load_task(CONF, "bucc2018"), real_data), "validation", ["zh"])
    assert Counter(examples["side"][:]) == {"query": 500, "candidate": 800}
    assert Counter(len(relevant) for relevant in _gold(examples)) == {0: 400, 1: 100}


@pytest.mark.slow
def test_lareqa_candidates_and_their_links(real_data):
    languages = ["en", "ar", "de", "hi", "zh"]
    examples = load(source_of(load_task(CONF, "lareqa"), real_data), "test", languages)
    candidates = Counter(row["language"] for row in examples.to_list() if row["side"] == "candidate")
    assert candidates == {"en": 1180, "ar": 1222, "de": 1276, "hi": 1244, "zh": 1196}
    side = dict(zip(examples["id"][:], examples["side"][:], strict=True))
    assert len(side) == len(examples)
    for relevant in _gold(examples):
        assert {name.partition("/")[0] for name in relevant} == set(languages)
        assert all(side[name] == "candidate" for name in relevant)
    few = load(source_of(load_task(CONF, "lareqa"), real_data), "test", ["en", "zh"], max_examples=1)
    assert few["relevant"][0] == ["en/0-0", "zh/0-0"]


def test_lareqa_training_sentences_contain_their_answers(real_data):
    rows = load(source_of(load_task(CONF, "lareqa"), real_data), "train", ["en"])
    answers = load(source_of(load_task(CONF, "squad_v1"), real_data), "train", ["en"])
    sentence = {row["id"]: row["text"] for row in rows.to_list() if row["side"] == "candidate"}
    context = {row["id"]: row["context"] for row in rows.to_list() if row["side"] == "candidate"}
    found = {row["id"]: row["relevant"] for row in rows.to_list() if row["side"] == "query"}
    for row in answers.to_list():
        (name,) = found[f"en/{row['id']}"]
        assert row["answers"][0]["text"] in sentence[name]
        assert sentence[name] in context[name] == row["context"]


def test_xcopa_prompts(real_data):
    examples = load(source_of(load_task(CONF, "xcopa"), real_data), "validation", ["et"])
    assert examples[0] == {
        "id": "0",
        "language": "et",
        "prompt": "Mees keeras kraani lahti. What was the effect?",
        "context": None,
        "choices": ["Tualett täitus veega.", "Tilast voolas vett."],
        "label": 1,
    }


def test_copa_as_superglue_and_as_balanced(shared_data):
    folder = shared_data / "originals/hf_dummy/super_glue/copa"
    task = load_task(CONF, "copa")
    assert load(source_of(task, DataConfig(root=str(folder))), "train", ["en"])["label"][:2] == [0, 0]
    assert load(source_of(task, DataConfig(root=str(folder))), "test", ["en"])["label"][0] is None
    balanced = DataConfig(source="balanced", root=str(shared_data / "originals"))
    assert Counter(load(source_of(task, balanced), "train", ["en"])["label"][:]) == {0: 506, 1: 494}


def test_commonsenseqa_choices(real_data):
    example = load(source_of(load_task(CONF, "commonsenseqa"), real_data), "validation", ["en"])[0]
    assert example["choices"] == ["bank", "library", "department store", "mall", "new york"]
    assert (example["label"], example["id"]) == (0, "1afa02df02c908a558b4036e80242fac")


def test_cosmosqa_as_released_csv_and_jsonl(shared_data, tmp_path):
    shutil.copytree(shared_data / "originals/hf_dummy/cosmos_qa/0.1.0", tmp_path / "cosmosqa")
    task, data = load_task(CONF, "cosmosqa"), DataConfig(root=str(tmp_path))
    assert load(source_of(task, data), "train", ["en"])["label"][0] == 1
    test = load(source_of(task, data), "test", ["en"])
    assert test["label"][0] is None
    assert test["prompt"][0].endswith("Why is HGH and steroid use rampant in track ?")
    assert len(test["choices"][0]) == 4
    assert all(prompt.startswith(f"{context} ") for prompt, context in zip(test["prompt"], test["context"], strict=True))


def test_hellaswag_under_both_names_of_its_text(shared_data, tmp_path):
    shutil.copytree(shared_data / "originals/hf_dummy/hellaswag/0.1.0", tmp_path / "hellaswag")
    task, data = load_task(CONF, "hellaswag"), DataConfig(root=str(tmp_path))
    assert load(source_of(task, data), "train", ["en"])["label"][0] == 3
    assert load(source_of(task, data), "test", ["en"])["label"][0] is None
    assert load(source_of(task, data), "validation", ["en"])["prompt"][0] == "A man is sitting on a roof. he"
    shutil.copy(shared_data / "originals/hellaswag/hellaswag_val_500_en.jsonl", tmp_path / "hellaswag/hellaswag_val.jsonl")
    examples = load(source_of(task, data), "validation", ["en"])
    assert Counter(examples["label"][:]) == {0: 118, 1: 123, 2: 122, 3: 137}
    assert examples["prompt"][0].startswith("[header] How to recover from an emotional affair")


@pytest.mark.slow
def test_snli_training_leaves_out_pairs_without_agreement(shared_data, tmp_path):
    (tmp_path / "snli").mkdir()
    shutil.copy(shared_data / "originals/snli/snli_1.0_dev.jsonl.gz", tmp_path / "snli/snli_1.0_train.jsonl.gz")
    examples = load(source_of(load_task(CONF, "snli"), DataConfig(root=str(tmp_path))), "train", ["en"])
    assert Counter(examples["label"][:]) == {"entailment": 3329, "contradiction": 3278, "neutral": 3235}
    assert examples["id"][0] == "4705552913.jpg#2r1n"


def test_wikiann_and_universal_dependencies_as_released(shared_data, tmp_path):
    data = DataConfig(source="wikiann", root=str(shared_data / "originals/hf_dummy"))
    task = load_task(CONF, "panx")
    languages = languages_with_data(source_of(task, data), "validation")
    assert len(languages) == 48
    assert len(load(source_of(task, data), "validation", languages)) >= 48
    (tmp_path / "ud").mkdir()
    shutil.copy(shared_data / "originals/ud/UD_Tamil-TTB/ta_ttb-ud-train.conllu", tmp_path / "ud/ta-ud-train.conllu")
    task, data = load_task(CONF, "udpos"), DataConfig(source="ud", root=str(tmp_path))
    assert len(load(source_of(task, data), "train", ["ta"])) == 400


def test_mlm_on_ones_own_text(tmp_path):
    (tmp_path / "mlm").mkdir()
    (tmp_path / "mlm/sw.txt").write_text("Habari ya leo.\n\nHakuna matata.\n", encoding="utf-8")
    task = load_task(CONF, "mlm")
    assert load(source_of(task, DataConfig(root=str(tmp_path))), "train", ["sw"])["text"][:] == [
        "Habari ya leo.",
        "Hakuna matata.",
    ]


def test_anli_by_round_as_released(shared_data):
    data = DataConfig(root=str(shared_data / "originals/hf_dummy/anli/plain_text"))
    for name in ("anli_r1", "anli_r2"):
        examples = load(source_of(load_task(CONF, name), data), "train", ["en"])
        assert set(examples["label"]) <= {"contradiction", "entailment", "neutral"}
    first = load(source_of(load_task(CONF, "anli_r1"), data), "validation", ["en"])[0]
    assert first["text_b"] == "Form and meaning are the only aspects of language linguistics is concerned with."
    assert first["label"] == "contradiction"


def test_swag_and_squad_2_as_released(shared_data, tmp_path):
    shutil.copytree(shared_data / "originals/hf_dummy/swag/regular", tmp_path / "swag")
    examples = load(source_of(load_task(CONF, "swag"), DataConfig(root=str(tmp_path))), "train", ["en"])
    assert (examples["label"][0], examples["choices"][0][1]) == (0, "has heard approaching them.")
    assert examples["prompt"][0].endswith("A drum line")
    folder = shared_data / "originals/hf_dummy/squad_v2"
    examples = load(source_of(load_task(CONF, "squad_v2"), DataConfig(root=str(folder))), "train", ["en"])
    assert len(examples) and all(answers is not None for answers in examples["answers"])


def test_translated_squad_as_released(shared_data):
    data = DataConfig(root=str(shared_data / "originals/hf_dummy/mlqa/mlqa-translate-train.de"))
    task = load_task(CONF, "squad_translated")
    assert languages_with_data(source_of(task, data), "train") == ["de"]
    assert len(load(source_of(task, data), "train", ["de"])) and len(load(source_of(task, data), "validation", ["de"]))


def test_a_pair_of_mlqa_has_the_context_in_the_first_language(real_data):
    task = load_task(CONF, "mlqa_cross")
    assert languages_with_data(source_of(task, real_data), "validation") == ["en-ar", "en-de", "en-zh", "ar-en", "de-en", "zh-en"]
    pair = load(source_of(task, real_data), "validation", ["de-en"])[0]
    german = {
        row["id"]: row["context"] for row in load(source_of(load_task(CONF, "mlqa"), real_data), "validation", ["de"]).to_list()
    }
    assert pair["context"] == german[pair["id"]]
    assert pair["question"].split()[0] in ("What", "Who", "Where", "When", "How", "Which", "In", "Why", "The")
