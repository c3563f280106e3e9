"""The tasks that the Hub cannot give, read from a folder beside it (`data=hub data.root=PATH`).

Each is checked up to features, one training step and an evaluation.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import Config, Target
from xstilts.paths import conf_dir
from xstilts.sources.labels import with_labels
from xstilts.tasks.catalogue import load_task, task_names
from xstilts.tasks.declaration import TrainingTask

OPTIONS = (
    "data=hub model=tiny model.tokenizer=owner/tokenizer model.tiny.hidden_size=32 model.tiny.num_attention_heads=2 "
    "model.tiny.intermediate_size=64 model.tiny.max_position_embeddings=130 trainer.accelerator=cpu trainer.num_threads=1 "
    "logger=none target.recipe.max_steps=1 target.recipe.eval_every=1 target.recipe.batch_size=2 target.recipe.max_length=64 "
    "target.recipe.max_query_length=24 worker=inline"
).split()


def squad(language: str, count: int = 3) -> dict[str, Any]:
    """Paragraphs of two sentences with one question each; the answer is the second sentence's last word."""
    paragraphs = []
    for n in range(count):
        sentences = [f"{language} one {n}.", f"{language} two name{n}."]
        context = " ".join(sentences)
        answer = {"text": f"name{n}", "answer_start": context.index(f"name{n}")}
        paragraphs.append(
            {
                "context": context,
                "sentences": sentences,
                "sentence_breaks": [[0, len(sentences[0])], [len(sentences[0]) + 1, len(context)]],
                "qas": [{"id": f"q{n}", "question": f"which name {n}?", "answers": [answer]}],
            }
        )
    return {"data": [{"title": "t", "paragraphs": paragraphs}], "version": "1.1"}


def bucc() -> dict[str, str]:
    files = {}
    for language in ("de", "fr"):
        for split in ("dev", "test"):
            for side in (language, "en"):
                lines = "".join(f"{side}-{n}\t{side} sentence {n}\n" for n in range(6))
                files[f"bucc2018/{language}-en.{split}.{side}"] = lines
            files[f"bucc2018/{language}-en.{split}.gold"] = "".join(f"{language}-{n}\ten-{n}\n" for n in range(3))
    return files


def choices(name: str) -> dict[str, str]:
    lines = [json.dumps({"id": str(n), "prompt": f"p {n}", "choices": ["c", "d", "e"], "label": n % 3}) for n in range(4)]
    return {f"{name}/en/{split}.jsonl": "\n".join(lines) for split in ("train", "validation")}


FILES: dict[str, dict[str, str]] = {
    "bucc2018": bucc(),
    "ccg": {
        "ccg/tags_to_id.json": json.dumps({"N": 0, "NP/N": 1, "S\\NP": 2}),
        **{f"ccg/ccg.{split}": "the cat sleeps\tNP/N N S\\NP\na dog runs\tNP/N N S\\NP\n" for split in ("train", "dev", "test")},
    },
    "copa_translated": choices("copa_translated"),
    "cosmosqa_translated": choices("cosmosqa_translated"),
    "lareqa": {
        **{f"squad/{split}-v1.1.json": json.dumps(squad("en")) for split in ("train", "dev")},
        **{f"lareqa/xquad-r/{language}.json": json.dumps(squad(language)) for language in ("en", "de")},
    },
    "siqa_translated": choices("siqa_translated"),
    "tlm": {f"tlm/de-en{end}.tsv": "die Katze schläft\tthe cat sleeps\n" * 4 for end in ("", ".validation")},
    "xnli_back_translated": {
        f"xnli_back_translated/{split}-en.tsv": "a cat sleeps\tan animal sleeps\tentailment\n" * 4 for split in ("train", "dev")
    },
}
INTERMEDIATE_ONLY = ("ccg", "copa_translated", "cosmosqa_translated", "siqa_translated", "tlm", "xnli_back_translated")


@pytest.mark.slow
def test_all_such_tasks_are_here():
    unusable = [name for name in task_names(conf_dir()) if load_task(conf_dir(), name).sources["hub"].unusable]
    assert sorted(FILES) == unusable


@pytest.mark.slow  # all of them together
@pytest.mark.parametrize("name", FILES)
def test_task_from_the_folder_to_its_result(
    name: str, hub: Any, tokenizer_files: dict[str, bytes], tmp_path: Path, run_here: Callable[..., Any]
):
    hub.add("model", "owner/tokenizer", tokenizer_files)
    for path, text in FILES[name].items():
        file = tmp_path / "data" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def as_target(config: Config) -> Config:
        if name not in INTERMEDIATE_ONLY:
            return config
        task = with_labels(load_task(conf_dir(), name), config.data)
        training = {name: TrainingTask(task, task.languages[:1] if "en" in task.languages else ["de"])}
        target = Target(task=task, training=training, splits=["validation"], recipe=config.target.recipe)
        return dataclasses.replace(config, target=target)

    target = "xnli" if name in INTERMEDIATE_ONLY else name
    folders = [f"{key}={tmp_path / place}" for key, place in (("data.root", "data"), ("store.root", "store"), ("output", "out"))]
    result = run_here([*OPTIONS, f"+target={target}", *folders], as_target)
    assert result["rows"] and all(row["value"] is not None for row in result["rows"]), "the rows have gold"
    assert {row["task"] for row in result["rows"]} == {name}
