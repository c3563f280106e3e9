"""The head of a given checkpoint: its labels are matched by name, and what does not fit is refused before anything is read."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.cell import inputs
from xstilts.cell.given_head import given_head, head_labels, matched
from xstilts.config import Config
from xstilts.errors import UserError
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.tasks.formats import formats

NLI = ["contradiction", "entailment", "neutral"]
NAMES = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=8, unique_by=lambda name: name.strip().casefold())


def values_of(*labels: str, architecture: str = "XLMRobertaForSequenceClassification") -> dict[str, Any]:
    return {
        "model_type": "xlm-roberta",
        "architectures": [architecture],
        "id2label": {str(number): label for number, label in enumerate(labels)},
    }


def config_of(head: str = "given", format: str = "classification", **target: Any) -> Config:
    config = Config()
    config.model.name_or_path = "owner/checkpoint"
    config.target.task = Task(name="xnli", format=format, labels=NLI if formats()[format].fewest_labels else [])
    config.target.head = head
    for name, value in target.items():
        setattr(config.target, name, value)
    return config


def refusal(config: Config, values: dict[str, Any]) -> str:
    with pytest.raises(UserError) as error:
        given_head(config, values)
    assert "\n" not in str(error.value)
    return str(error.value)


@given(names=NAMES, extra=NAMES, draw=st.randoms(use_true_random=False))
def test_every_label_is_found_by_its_name_in_any_order_and_case(names: list[str], extra: list[str], draw: Any) -> None:
    known = {name.strip().casefold() for name in names}
    found = [
        draw.choice((name, f" {name}", name.title() if name.title().casefold() == name.casefold() else name)) for name in names
    ]
    found += [name for name in extra if name.strip().casefold() not in known]
    draw.shuffle(found)
    outputs = matched(names, found)
    assert outputs is not None and len(set(outputs)) == len(names)
    assert [found[output].strip().casefold() for output in outputs] == [name.strip().casefold() for name in names]


@given(names=NAMES, draw=st.randoms(use_true_random=False))
def test_a_label_that_is_missing_or_there_twice_matches_nothing(names: list[str], draw: Any) -> None:
    lost = draw.choice(names)
    rest = [name for name in names if name != lost]
    assert matched(names, rest) is None
    assert matched(names, [*rest, lost, lost]) is None
    assert matched([*names, lost], names) is None


def test_exact_names_count_before_those_in_another_case() -> None:
    assert matched(["a", "A"], ["A", "a"]) == [1, 0]
    assert matched(["a"], ["A", "a"]) == [1]
    assert matched(["a"], ["A", " a"]) is None
    assert matched(["a", "A"], ["a", "b"]) is None


def test_labels_are_those_of_config_json() -> None:
    assert head_labels("x", values_of("a", "b")) == ["a", "b"]
    numbers = {str(number): f"l{number}" for number in reversed(range(12))}
    assert head_labels("x", {"id2label": numbers}) == [f"l{number}" for number in range(12)]
    assert head_labels("x", {}) == ["LABEL_0", "LABEL_1"]  # transformers leaves out what is its default
    assert head_labels("x", {"num_labels": 3})[-1] == "LABEL_2" and len(head_labels("x", {"_num_labels": 5})) == 5
    with pytest.raises(UserError, match=r"id2label in its config.json has the numbers 1, 2, expected 0, 1, 2"):
        head_labels("x", {"id2label": {"1": "a", "2": "b"}})


def test_labels_of_a_task_are_outputs_of_the_head() -> None:
    head = given_head(config_of(), values_of("ENTAILMENT", "neutral", "other", "Contradiction"))
    assert head is not None and head.outputs == [3, 0, 1]
    said = "contradiction = output 3 (Contradiction), entailment = output 0 (ENTAILMENT), neutral = output 1; left out: other"
    assert head.matching == said
    told = given_head(
        config_of(head_labels=["neutral", "entailment", "contradiction"]), values_of(*(f"LABEL_{n}" for n in range(3)))
    )
    assert told is not None and told.outputs == [2, 1, 0]
    assert told.matching == "contradiction = output 2, entailment = output 1, neutral = output 0"


def test_labels_are_those_of_the_first_training_task_where_the_head_is_kept() -> None:
    config = config_of("kept")
    config.target.training = {"mnli": TrainingTask(Task(name="mnli", format="classification", labels=NLI[::-1]))}
    head = given_head(config, values_of(*NLI))
    assert head is not None and head.outputs == [2, 1, 0]


def test_no_head_is_read_for_a_fresh_one_or_for_embeddings() -> None:
    assert given_head(config_of("fresh"), values_of("a")) is None
    assert given_head(config_of(format="retrieval"), {"model_type": "bert", "architectures": ["BertModel"]}) is None
    unknown = given_head(config_of(), None)
    assert unknown is not None and unknown.outputs == []


@pytest.mark.parametrize(
    ("format", "architecture"),
    [("span_qa", "BertForQuestionAnswering"), ("multiple_choice", "BertForMultipleChoice"), ("mlm", "BertForMaskedLM")],
)
def test_a_head_without_labels_fits_by_its_class(format: str, architecture: str) -> None:
    head = given_head(config_of(format=format), values_of(architecture=architecture))
    assert head is not None and (head.outputs, head.matching) == ([], "")
    assert "has no labels: leave them out" in refusal(
        config_of(format=format, head_labels=["a"]), values_of(architecture=architecture)
    )


def test_a_class_without_the_format_is_refused() -> None:
    said = (
        "model.name_or_path=owner/checkpoint holds a {}, which has no head for classification; expected a "
        "...ForSequenceClassification: choose another, or type `xstilts train +target=xnli`, which trains a head"
    )
    assert refusal(config_of(), values_of(*NLI, architecture="XLMRobertaModel")) == said.format("XLMRobertaModel")
    assert refusal(config_of(), values_of(*NLI, architecture="XLMRobertaForMaskedLM")) == said.format("XLMRobertaForMaskedLM")
    assert refusal(config_of(), {"model_type": "bert"}) == said.format("model without a class")


def test_an_artifact_of_several_heads_names_them(tmp_path: Path) -> None:
    for name in ("mnli", "squad"):
        (tmp_path / "heads" / name).mkdir(parents=True)
        (tmp_path / "heads" / name / "config.json").write_text("{}")
    config = config_of()
    config.model.name_or_path = f"{tmp_path}/"
    told = f"it has the heads mnli, squad, each a checkpoint: type model.name_or_path={tmp_path}/heads/NAME"
    assert refusal(config, values_of(architecture="XLMRobertaForQuestionAnswering")).endswith(told)


def test_labels_without_names_are_refused_with_what_to_type() -> None:
    assert refusal(config_of(), values_of("LABEL_0", "LABEL_1", "LABEL_2")) == (
        "model.name_or_path=owner/checkpoint: its labels have no names (LABEL_0, LABEL_1, LABEL_2) to match with those of xnli: "
        "type target.head_labels=[...] with contradiction, entailment, neutral in the order of its outputs"
    )


def test_other_labels_are_refused_with_both_lists() -> None:
    both = "model.name_or_path=owner/checkpoint has the labels {}, and task xnli has contradiction, entailment, neutral: "
    other = refusal(config_of(), values_of("yes", "no", "maybe"))
    assert other.startswith(both.format("yes, no, maybe")) and "or type target.head_labels=[...] with" in other
    fewer = refusal(config_of(), values_of("entailment", "not_entailment"))
    assert fewer == both.format("entailment, not_entailment") + "choose another checkpoint"
    told = refusal(config_of(head_labels=["a", "b", "c"]), values_of(*NLI))
    assert told.startswith("target.head_labels are a, b, c, and task xnli has contradiction")
    count = refusal(config_of(head_labels=["a", "b"]), values_of(*NLI))
    assert count == ("target.head_labels: got 2 labels, expected 3, one for each output of model.name_or_path=owner/checkpoint")


def test_labels_of_no_head_and_a_head_of_no_checkpoint_are_refused() -> None:
    assert "type target.head=kept or given" in refusal(config_of("fresh", head_labels=NLI), values_of(*NLI))
    config = config_of()
    config.model.name_or_path = None
    assert refusal(config, {}) == "target.head=given: there is no checkpoint: type model.name_or_path=FOLDER (or a Hub id)"


def test_a_head_on_the_hub_is_refused_before_its_weights_are_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text(json.dumps(values_of("a", "b", "c")))
    asked = []

    def fetch(name: str, revision: str | None, weights: bool, checksum: Any) -> Path:
        asked.append(weights)
        return tmp_path

    monkeypatch.setattr(inputs, "fetch_model", fetch)
    with pytest.raises(UserError, match="model.name_or_path=owner/checkpoint has the labels a, b, c"):
        inputs.local_model(config_of())
    assert asked == [False]
