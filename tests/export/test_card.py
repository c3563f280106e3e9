"""Model cards: what they say, that the Hub's library reads them, and that no name in them is more than text."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from xstilts.export.card import card

EVIL = "<script>alert('x')</script> | `a` **b** [c](d)\n---\n# e"


def used(licence: str = "MIT", **more: Any) -> dict[str, Any]:
    files = {
        "format": "classification",
        "languages": ["en"],
        "split": "train",
        "part": {},
        "examples": 392702,
        "source": "xtreme",
    }
    return files | {"hub": None, "revision": None, "world": None, "licence": licence, "homepage": ""} | more


SNLI = used(
    "CC BY-SA 4.0", source="hub", hub="stanfordnlp/snli", revision="c" * 40, languages=["en", "de"], part={"fraction": 0.5}
)
METADATA: dict[str, Any] = {
    "label": "phase 3: mnli",
    "fingerprint": "3" * 20,
    "identity": {
        "hyperparameters": {"learning_rate": 1e-5, "batch_size": 32},
        "tasks": {"mnli": {"task": {"format": "classification"}, "limits": {"max_length": 128}, "mlm_probability": None}},
        "pooler": "carried",
        "carry_head": False,
        "precision": "bf16-mixed",
        "seed": 7,
    },
    "heads": {"nli": "classification"},
    "hugging_face_classes": ["XLMRobertaForSequenceClassification"],
    "steps": 100,
    "selected_step": 50,
    "validation": [{"step": 50, "score": 61.25, "mnli/accuracy": 61.25}, {"step": 100, "score": 60.0, "mnli/accuracy": 60.0}],
    "versions": {"python": "3.11.9"},
    "encoder": {"hub": "FacebookAI/xlm-roberta-large", "revision": "a" * 40, "fingerprint": "1" * 20},
    "lineage": [{"label": "phase 2: snli", "fingerprint": "2" * 20, "data": {"snli": SNLI}}],
    "data": {"mnli": used("MNLI OANC and others; XNLI CC BY-NC 4.0")},
}
SCORES: dict[str, Any] = {
    "f" * 20: {
        "cell": {"study": "mine", "intermediate": ["snli"], "target": "xnli", "seed": 7, "recipe": "jiant"},
        "split": "test",
        "metric": "accuracy",
        "layer": None,
        "pooling": None,
        "source_language": "en",
        "source": 81.25,
        "others": 70.04,
        "max_test_examples": 500,
        "synthetic": False,
        "degenerate": [],
        "languages": {"en": {"value": 81.25, "examples": 500}, "sw": {"value": 70.04, "examples": 499}},
    }
}


def changed(**more: Any) -> dict[str, Any]:
    return deepcopy(METADATA) | more


def fields(text: str) -> dict[str, Any]:
    return yaml.safe_load(text.split("---\n")[1])


def section(text: str, name: str) -> str:
    """Return the text under a heading, outside of folded blocks."""
    return re.split(r"^## ", text.split(f"\n## {name}\n")[1], flags=re.MULTILINE)[0]


def test_the_hubs_library_reads_it(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(card(METADATA, SCORES), encoding="utf-8")
    read = ModelCard.load(tmp_path / "README.md")
    assert read.data.to_dict() == fields(card(METADATA, SCORES)) | {"tags": read.data.tags}
    assert read.data.language == ["multilingual", "de", "en"]
    assert (read.data.license, read.data.license_name) == ("other", "see-licence-notes")
    assert (read.data.base_model, read.data.library_name) == ("FacebookAI/xlm-roberta-large", "transformers")
    assert (read.data.pipeline_tag, read.data.datasets) == ("text-classification", ["stanfordnlp/snli"])
    assert {"xstilts", "snli", "mnli"} < set(read.data.tags) and "synthetic" not in read.data.tags
    assert read.text.strip().startswith("# phase 3: mnli, seed 7\n")


def test_data_recipe_and_lineage() -> None:
    text = card(METADATA, {})
    assert (
        "| `mnli` | `classification` | en | `train` | 392,702 | files, the source `xtreme` | MNLI OANC and others; XNLI" in text
    )
    for name, value in (("learning_rate", "1e-05"), ("max_length", "128"), ("precision", "bf16-mixed"), ("selected step", "50")):
        assert f"| `{name}` | `{value}` |" in section(text, "Recipe")
    assert section(text, "Lineage").strip().splitlines() == [
        f"1. phase 1: `FacebookAI/xlm-roberta-large` of the Hub at `{'a' * 40}`: `{'1' * 20}`",
        f"2. phase 2: snli: `{'2' * 20}`",
        f"3. phase 3: mnli: `{'3' * 20}` (this one)",
    ]
    assert "| `python` | `3.11.9` |" in section(text, "Versions")
    kept = card(changed(identity=METADATA["identity"] | {"head": [1, 0, 2]}), {})
    assert section(kept, "Lineage").strip().endswith("(this one, with the head of the checkpoint)")


def test_a_part_of_data_from_the_hub_and_a_data_map() -> None:
    part = {"max_examples": 1000, "region": "hard"}
    text = section(card(changed(data={"snli": SNLI | {"part": part}}), {}), "Data")
    assert (
        f"`max_examples=1000`, `region=hard` | 392,702 | `stanfordnlp/snli` of the Hub at `{'c' * 40}` | CC BY-SA 4.0 |" in text
    )


def test_several_tasks_have_their_own_limits_and_a_mixture() -> None:
    tasks = {
        "snli": {"task": {"format": "classification"}, "limits": {}},
        "squad_v1": {"task": {"format": "span_qa"}, "limits": {"doc_stride": 64}},
        "mlm": {"task": {"format": "mlm"}, "limits": {}, "mlm_probability": 0.15},
    }
    identity = METADATA["identity"] | {"tasks": tasks, "mixture": {"temperature": 2.0}}
    text = section(card(changed(identity=identity), {}), "Recipe")
    for name, value in (("doc_stride of squad_v1", 64), ("n_best of squad_v1", 20), ("mlm_probability of mlm", 0.15)):
        assert f"| `{name}` | `{value}` |" in text
    assert "| `mixture.temperature` | `2.0` |" in text and "| `mixture.cap` | `131072` |" in text
    assert "doc_stride of snli" not in text


def test_scores_of_the_validation_and_of_targets() -> None:
    text = section(card(METADATA, SCORES), "Scores")
    assert "(step 50 was taken)" in text and "| 50 | 61.3 | 61.3 |" in text
    row = "| `xnli` | test | `accuracy` | `en` | 81.3 | 70.0 | limited: the first 500 of a language | `snli` | 7 | `mine` |"
    assert row in text and "| `sw` | 70.0 | 499 |" in text
    assert text.index("| `en` | 81.3 | 500 |") < text.index("| `sw` |") and "synthetic" not in text
    assert text.count("<details>") == text.count("</details>") == 2


def test_what_is_not_to_be_trusted_is_said() -> None:
    one = SCORES["f" * 20] | {"synthetic": True, "degenerate": ["test: one answer for every example in sw"]}
    text = section(card(METADATA, {"f" * 20: one}), "Scores")
    assert "Scores in a synthetic world are no evidence about real languages." in text
    assert "Not to be trusted, `xnli`: test: one answer for every example in sw." in text


def test_no_scores_yet() -> None:
    text = section(card(changed(validation=[]), {}), "Scores")
    assert "it was not evaluated while it was trained" in text and "No scores on targets yet" in text


def test_a_synthetic_world_is_named_and_has_no_real_languages() -> None:
    mlm = used(format="mlm", source="babel", world=3, languages=["qaa", "qab"], licence="")
    tokenizer = {"artifact": "9" * 20, "label": "phase 1: tokenizer"}
    made = changed(
        label="phase 1: mlm",
        encoder={"random": True, "tokenizer": tokenizer},
        lineage=[],
        data={"mlm": mlm},
        heads={"mlm": "mlm"},
        hugging_face_classes=["XLMRobertaForMaskedLM"],
    )
    text = card(made, {})
    assert "> It was trained in a synthetic world of made-up languages." in text
    assert f"1. phase 1: random weights with the tokenizer `{'9' * 20}` (phase 1: tokenizer)\n2. phase 1: mlm: " in text
    assert "the synthetic world of seed 3 | made by xstilts |" in text
    found = fields(text)
    assert "synthetic" in found["tags"] and not {"language", "base_model", "datasets"} & set(found)
    assert found["pipeline_tag"] == "fill-mask"


@pytest.mark.parametrize(
    ("heads", "classes", "auto", "pipeline"),
    [
        ({"udpos": "tagging"}, ["XLMRobertaForTokenClassification"], "AutoModelForTokenClassification", "token-classification"),
        ({"squad": "span_qa"}, ["BertForQuestionAnswering"], "AutoModelForQuestionAnswering", "question-answering"),
        ({"copa": "multiple_choice"}, ["XLMRobertaForMultipleChoice"], "AutoModelForMultipleChoice", None),
        ({"lareqa": "retrieval"}, ["XLMRobertaModel"], "AutoModel", "feature-extraction"),
    ],
)
def test_how_to_load_it(heads: dict[str, str], classes: list[str], auto: str, pipeline: str | None) -> None:
    text = card(changed(heads=heads, hugging_face_classes=classes), {})
    assert (
        f"from transformers import {auto}, AutoTokenizer\n" in text
        and f"model = {auto}.from_pretrained(folder, trust_remote_code=False)\n" in text
    )
    assert fields(text).get("pipeline_tag") == pipeline
    assert ("only in `heads.safetensors`" in text) == (auto == "AutoModel")


def test_several_heads_have_folders_and_one_may_be_in_a_file_of_ours_alone() -> None:
    heads = {"lareqa": "retrieval", "nli": "classification", "mlm": "mlm"}
    classes = ["XLMRobertaForSequenceClassification", "XLMRobertaForMaskedLM"]
    text = section(card(changed(heads=heads, hugging_face_classes=classes), {}), "How to load it")
    assert "| `mlm` | `AutoModelForMaskedLM` | `heads/mlm` |" in text
    assert "No class of transformers has the head `lareqa` (`retrieval`)" in text
    assert "model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False)" in text


def test_names_stay_text(tmp_path: Path) -> None:
    evil = used(EVIL, languages=[EVIL], source=EVIL, split=EVIL, homepage=f"https://x.y/){EVIL}", part={EVIL: EVIL})
    metadata = changed(label=f"phase 2: {EVIL}", data={EVIL: evil}, heads={EVIL: "tagging"}, encoder={"folder": EVIL})
    metadata["lineage"] = [{"label": EVIL, "fingerprint": EVIL, "data": {EVIL: evil | {"hub": EVIL, "revision": EVIL}}}]
    metadata["validation"] = [{"step": 1, f"{EVIL}/accuracy": 1.0}]
    one = SCORES["f" * 20] | {"degenerate": [EVIL], "split": EVIL, "metric": EVIL}
    one = one | {"cell": {"study": EVIL, "intermediate": [EVIL], "target": EVIL, "seed": 1}}
    text = card(metadata, {EVIL: one})
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    read = ModelCard.load(tmp_path / "README.md")
    assert read.data.license == "other" and "datasets" not in read.data.to_dict()
    assert " ".join(EVIL.split()) in read.data.tags

    prose = read.text
    for not_read_as_markdown in (r"(?s)```python\n.*?```", r"<summary>.*?</summary>", r"\\.", r"(`+)(?!`).*?(?<!`)\1(?!`)"):
        prose = re.sub(not_read_as_markdown, "", prose)
    titles = re.findall(r"<summary>(.*?)</summary>", read.text)
    assert len(titles) == 2 and not any("<" in title for title in titles)
    assert "&lt;script&gt;" in prose and not [mark for mark in ("<script", "**b**", "[c](d)") if mark in prose]
    assert not re.search(r"^(---|# e)$", read.text, re.MULTILINE)
    for block in re.findall(r"(?:^\|.*\n)+", read.text, re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(columns) == 1, block


def test_an_artifact_of_an_earlier_version_has_a_card_too() -> None:
    text = card({"label": "phase 2: mnli", "identity": {"seed": 1}, "hugging_face_classes": ["XLMRobertaModel"]}, {})
    assert text.count("not recorded") >= 3 and fields(text)["license"] == "other"


def test_metadata_that_went_through_its_file_gives_the_same_card() -> None:
    assert card(json.loads(json.dumps(METADATA)), json.loads(json.dumps(SCORES))) == card(METADATA, SCORES)
