"""Every task of the catalogue from the Hub, in its data set's own columns: features, one training step, evaluation.

rows/TASK.json: split (`*` stands for all others) -> raw rows as the data set has them, of tests without gold, too; where a split
has two files, `source` and `english` -> rows. Rows of the tasks in `STRIPPED` are those of the release, served as the data set's
loader changed them. `{language}`, `{name}` and `{iso3}` in a text are those of the language that the rows are written for.
"""

import dataclasses
import importlib
import io
import json
import logging
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import Config, DataConfig, Target
from xstilts.errors import UserError
from xstilts.sources import languages_with_data
from xstilts.sources.files import source_of
from xstilts.sources.placeholders import alternatives, fill
from xstilts.tasks.catalogue import load_task, task_names
from xstilts.tasks.declaration import SPLITS, Source, Task, TrainingTask

CONF = Path(__file__).resolve().parents[2] / "conf"
ROWS = Path(__file__).with_name("rows")
TASKS = task_names(CONF)
ON_HUB = [name for name in TASKS if (source := load_task(CONF, name).sources.get("hub")) and not source.unusable]
ELSEWHERE = [name for name in TASKS if name not in ON_HUB]
STRIPPED = ("mlqa", "mlqa_cross", "squad_v2", "tydiqa", "xquad")
"""Tasks whose Parquet files were made by loaders of huggingface/datasets that strip texts and keep positions."""
BLIND = ("commonsenseqa", "copa", "cosmosqa", "hellaswag", "qqp", "swag")
"""Tasks whose tests have no gold on the Hub."""
OPTIONS = (
    "+target=xnli data=hub model=tiny model.tokenizer=owner/tokenizer model.tiny.hidden_size=32 model.tiny.num_attention_heads=2 "
    "model.tiny.intermediate_size=64 model.tiny.max_position_embeddings=130 trainer.accelerator=cpu trainer.num_threads=1 "
    "logger=none target.recipe.max_steps=1 target.recipe.eval_every=1 target.recipe.batch_size=2 target.recipe.max_length=64 "
    "target.recipe.doc_stride=24 target.recipe.max_query_length=24 worker=inline"
).split()


def test_every_task_is_tried(capsys):
    with capsys.disabled():
        sys.stdout.write(f" {len(ON_HUB)} tasks from the Hub, {len(ELSEWHERE)} from elsewhere ({', '.join(ELSEWHERE)}) ")
    assert len(ON_HUB) + len(ELSEWHERE) == len(list((CONF / "task").glob("*.yaml")))
    without = [name for name in ON_HUB if not (ROWS / f"{name}.json").is_file()]
    assert not without, f"no rows for {', '.join(without)}: write tests/hub/rows/TASK.json, columns as on the Hub"
    assert {path.stem for path in ROWS.glob("*.json")} == set(ON_HUB), "rows of no task"


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_task_that_the_hub_cannot_give_says_what_to_do(name: str):
    task = load_task(CONF, name)
    assert "hub" in task.sources, f"conf/task/{name}.yaml: declare a source `hub`; if there is none, with `unusable`"
    with pytest.raises(UserError, match=f"task {name} cannot be read from data=hub: .*data"):
        source_of(task, DataConfig(source="hub"))


@pytest.mark.long  # all of them together
@pytest.mark.parametrize("name", ON_HUB)
def test_task_from_the_hub_to_its_result(
    name: str,
    hub: Any,
    parquet: Callable[..., bytes],
    tokenizer_files: dict[str, bytes],
    tmp_path: Path,
    run_here: Callable[..., Any],
    as_loaded: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO, logger="xstilts")
    task = load_task(CONF, name)
    source = dataclasses.replace(task.sources["hub"], expect={})  # of the real data set, in the truth tests
    task.sources["hub"] = source
    languages = task.languages if "keep" in source.options else task.languages[:2]
    serve(hub, task, source, languages, parquet, as_loaded if name in STRIPPED else lambda row: row)
    hub.add("model", "owner/tokenizer", tokenizer_files)

    splits = [split for split in SPLITS if split in source.files]
    data = DataConfig(source="hub")
    of_split = {split: languages_with_data(source_of(task, data), split) for split in splits}
    assert all(of_split.values()), "the stand-in serves every split"
    assert set().union(*of_split.values()) <= set(languages)

    def change(config: Config) -> Config:
        first, last = splits[0], splits[min(1, len(splits) - 1)]
        training = TrainingTask(task, languages=of_split[first][:1], train=first, validation=last)
        if of_split[first][0] not in of_split[last]:
            training = dataclasses.replace(training, train=last, languages=of_split[last][:1])
        return dataclasses.replace(
            config,
            target=Target(task=task, training={name: training}, splits=splits, recipe=config.target.recipe),
        )

    result = run_here([*OPTIONS, f"store.root={tmp_path / 'store'}", f"output={tmp_path / 'out'}"], change)
    found = {(row["split"], row["language"]) for row in result["rows"]}
    assert found == {(split, language) for split in splits for language in of_split[split]}
    assert all((row["value"] is None) == (name in BLIND and row["split"] == "test") for row in result["rows"])
    moved = {f"{name}, {split}, {language}" for split, language in found} if name in STRIPPED else set()
    assert {text.split(":")[0] for text in caplog.messages if "2 corrected, 0 " in text} == moved
    assert result["config"]["target"]["task"]["sources"]["hub"]["revision"], "the commit that was read is on record"
    assert len(list((tmp_path / "store" / "features").glob("*/done.json"))) == 3


def serve(
    hub: Any, task: Task, source: Source, languages: list[str], parquet: Callable[..., bytes], as_loaded: Callable[..., Any]
) -> None:
    """Put the task's rows into the stand-in hub, under the paths that its declaration reads."""
    declared = json.loads((ROWS / f"{task.name}.json").read_text(encoding="utf-8"))
    files: dict[str, list[dict[str, Any]]] = {}
    for split in source.files:
        rows = declared.get(split, declared.get("*"))
        assert rows, f"rows/{task.name}.json has no split {split}"
        for language in languages:
            for paths in alternatives(source.files, split, language)[:1]:
                for path, side in zip(paths, ("source", "english"), strict=False):
                    own = files.setdefault(path.replace("*", "00000-of-00001"), [])
                    text = json.dumps(rows[side] if isinstance(rows, dict) else rows)
                    given = [as_loaded(row) for row in json.loads(filled(text, language))]
                    own += [row for row in given if row not in own]
    written = {}
    for path, content in files.items():
        if path.endswith(".parquet"):
            written[path] = parquet(content)
        else:
            data = "".join(json.dumps(row) + "\n" for row in content).encode()
            written[path] = in_archive(data) if path.endswith(".tar.gz") else data
    hub.add("dataset", source.hub, written)


def filled(text: str, language: str) -> str:
    """Only the placeholders that are in a text, JSON has braces of its own."""
    for placeholder in ("{language}", "{name}", "{iso3}"):
        text = text.replace(placeholder, (fill(placeholder, language) or "") if placeholder in text else "")
    return text


def in_archive(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        info = tarfile.TarInfo("rows.jsonl")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.slow
def test_modules_of_the_readers_exist():
    for name in TASKS:
        for source in load_task(CONF, name).sources.values():
            for reader in {source.reader, *source.readers.values()}:
                assert importlib.import_module(f"xstilts.sources.readers.{reader}").read
