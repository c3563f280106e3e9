"""Files of every reader with values of any type and pieces of any kind: examples, or a UserError, and nothing else."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.check import options_of
from xstilts.sources.load import load
from xstilts.sources.options import COMMON
from xstilts.sources.readers import formats_read, reader_module, reader_names
from xstilts.tasks.declaration import Source, Task
from xstilts.tasks.formats import format_named, format_names

CASES = 25
"""Files of each reader; more were tried by hand."""
ODD: list[Any] = [None, True, 0, -1, 3, 2.5, float("inf"), "", "w1", " ", "\u200b", "x" * 50, [], {}, [None], ["a", 3], [["a"]]]
ODD += [{"text": ["w"], "answer_start": [0]}, [{"text": "w", "answer_start": 0}], 10**30, "\ud800"]
PIECES = [
    "a",
    "B-PER",
    "O",
    "\t",
    "\n",
    " ",
    '"',
    '""',
    ",",
    "1",
    "-",
    "# x = y\n",
    "\r",
    "\x00",
    "\n\n",
    "\u3000",
    "-DOCSTART-",
    "{",
    "}",
]
PIECES += [
    "[",
    "]",
    '[{"text_a": 1}]',
    "en:a",
    "1\ta\t_\tO\t_\t_\t0\t_\t_\t_\n",
    "2-3\tab\t_\t_\t_\t_\t_\t_\t_\t_\n",
    '<item id="1">',
]
QUESTION = {"id": "q", "question": "?", "answers": [{"text": "w1", "answer_start": 3}], "is_impossible": False}
PARAGRAPH = {"context": "w0 w1. W2", "sentence_breaks": [[0, 6], [7, 9]], "qas": [QUESTION]}
SQUAD = {"data": [{"paragraphs": [PARAGRAPH]}]}
MENTION = {"example_id": "7", "mention_span": {"start": 5, "end": 10, "text": "Smith"}, "entity_id": "Q1"}
CONTEXT = {"text": "One. Smith left.", "sentence_spans": [{"start": 0, "end": 4}, {"start": 5, "end": 16}]}
ENTITY = {"entity_id": "Q1", "description": "A lawyer.", "sentence_spans": [{"start": 0, "end": 9}]}
MEWSLI = [{"context": CONTEXT, "mentions": [MENTION]}, ENTITY]
MEWSLI += [{"contextual_mention": {"context": CONTEXT, "mention": MENTION}, "entity": ENTITY}]
ROWS: dict[str, dict[str, Any]] = {
    "classification": {"text_a": "a", "text_b": "b", "label": "yes"},
    "span_qa": {"question": "?", "context": "w0 w1", "answers": [{"text": "w1", "start": 3}]},
    "multiple_choice": {"prompt": "p", "choices": ["a", "b"], "label": 0},
    "tagging": {"words": ["a"], "tags": ["O"]},
    "retrieval": {"side": "query", "text": "t", "context": "c", "relevant": ["2"]},
    "mlm": {"text": "t", "translation": "u"},
}
VALUES: dict[str, list[Any]] = {
    "true or false": [True, False],
    "true, false or auto": [True, False, "auto"],
    "a text": ["\t", " ", ",", "#"],
    "a list of names": [["words", "tags"], ["text_a", "label"]],
    "two names": [["text_a", "label"]],
    "a list of columns": [["label"], ["2", 1]],
    "a list of splits": [["test"], ["train"]],
    "a map column: pattern": [{"text_a": "*"}, {"words": "*"}],
}


def damaged(chance: random.Random, value: Any) -> Any:
    if chance.random() < 0.12:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {key: damaged(chance, item) for key, item in value.items() if chance.random() > 0.04}
    return [damaged(chance, item) for item in value] if isinstance(value, list) else value


def content(chance: random.Random, reader: str, format: str) -> str:
    if reader in ("squad", "squad_sentences", "lareqa"):
        return json.dumps(damaged(chance, SQUAD))
    if reader in ("jsonl", "examples", "squad_rows", "mewslix"):
        rows = [damaged(chance, chance.choice(MEWSLI) if reader == "mewslix" else ROWS[format] | {"id": n}) for n in range(3)]
        return chance.choice([json.dumps(rows), "\n".join(map(json.dumps, rows))])
    return "".join(chance.choice(PIECES) for _ in range(chance.randint(0, 25)))


def case(chance: random.Random, reader: str, folder: Path) -> Callable[[], Any]:
    """Files, and a task that reads them."""
    format, split = chance.choice(formats_read(reader) or format_names()), chance.choice(["train", "test"])
    for side in ("a", "b", "gold"):
        (folder / f"en.{side}").write_bytes(content(chance, reader, format).encode("utf-8", "surrogatepass"))
    known = COMMON | options_of(reader)
    options = {name: chance.choice(VALUES[known[name].kind]) for name in known if chance.random() < 0.25}
    numbers = [1, 2] if hasattr(reader_module(reader), "NUMBERED") else []
    names = ["text_a", "label", "words|text", "a.b", "{text_a} x", ["text_a", "b"], *numbers]
    columns = {field: chance.choice(names) for field in format_named(format).fields if chance.random() < 0.2}
    two = getattr(reader_module(reader), "FILES", (1,))[-1] == 2
    source = Source(
        reader=reader,
        files={split: "{language}.a & {language}.b" if two else "{language}.a"},
        gold={split: "{language}.gold"} if chance.random() < 0.5 else {},
        options=options,
        columns=columns,
    )
    labels = ["O", "B-PER", "yes"] if format in ("classification", "tagging") else []
    task = Task(name="toy", format=format, labels=labels, sources={"xtreme": source})
    return lambda: load(source_of(task, DataConfig(root=str(folder))), split, ["en"])


@pytest.mark.parametrize("reader", [name for name in reader_names() if name not in ("parquet", "sentence_pairs")])
def test_a_damaged_file_gives_examples_or_one_line(reader: str, tmp_path: Path) -> None:
    chance, refused = random.Random(reader), 0
    for _ in range(CASES):
        read = case(chance, reader, tmp_path)
        try:
            read()
        except UserError as error:
            refused += 1
            assert str(error).strip() and "Traceback" not in str(error)
    assert refused, "some of them are damaged"
