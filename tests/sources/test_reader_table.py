"""The table of readers and their options in docs/own_readers.md, and the options themselves.

`.venv/bin/python tests/sources/test_reader_table.py` writes the table anew.
"""

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.check import check_source, options_of, problems
from xstilts.sources.load import load
from xstilts.sources.options import COMMON, KINDS
from xstilts.sources.readers import formats_read, reader_module, reader_names
from xstilts.tasks.declaration import Source, Task
from xstilts.tasks.formats import format_names

PAGE = Path(__file__).resolve().parents[2] / "docs" / "own_readers.md"
TABLE = re.compile(r"(<!-- readers: .*? -->\n)(.*?)(<!-- end of readers -->)", re.DOTALL)
TAB, LINE, FILE = "\u21e5", " \u23ce ", " \u2016 "
"""Signs in the table for a TAB, for the end of a line, and between two files."""


@dataclass
class Example:
    """A small file, and what the task's source says of it."""

    text: str
    """With the signs TAB, LINE and FILE; of a Parquet file, its columns."""
    source: dict[str, Any] = field(default_factory=dict)
    """`options` and `columns` of the source."""
    shown: str = ""
    """The line of the source that the table shows before the file."""
    format: str = "classification"
    split: str = "train"
    language: str = "en"


QUESTION = '{"id": "1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]}'
PAIR = {"columns": {"text_a": 1, "label": 2}}
WORD = "{}\u21e5{}\u21e5_\u21e5{}\u21e5_\u21e5_\u21e50\u21e5_\u21e5_\u21e5_"
WORDS = WORD.format("1", "vámonos", "VERB")
FUSED = LINE.join([WORD.format("1-2", "vámonos", "_"), WORD.format("1", "vamos", "VERB"), WORD.format("2", "nos", "PRON")])
MENTION = '{"example_id": "7", "entity_id": "Q1", "mention_span": {"start": 0, "end": 3, "text": "Ada"}}'
CONTEXT = '{"text": "Ada left.", "sentence_spans": [{"start": 0, "end": 9}]}'
ENTITY = '{"entity_id": "Q1", "description": "A poet.", "sentence_spans": [{"start": 0, "end": 7}]}'
TAGGING: dict[str, Any] = {"format": "tagging"}
READS: dict[str, Example] = {
    "bucc": Example("de-1\u21e5Guten Tag. \u2016 en-1\u21e5Good day.", format="retrieval", split="test"),
    "ccg": Example("Ada left\u21e5NP S\\\\NP".replace("\\\\", "\\"), **TAGGING),
    "conll": Example("Musa B-PER \u23ce yana O", **TAGGING),
    "conllu": Example(WORDS, **TAGGING),
    "copa_xml": Example(
        '<c> \u23ce <item id="1" asks-for="effect" most-plausible-alternative="1"><p>It rained.</p><a1>I got wet.</a1>'
        "<a2>I got rich.</a2></item> \u23ce </c>",
        {"columns": {"prompt": "premise", "choices": ["choice1", "choice2"]}},
        format="multiple_choice",
    ),
    "delimited": Example("A warm film.\u21e5good", PAIR),
    "examples": Example('[{"text_a": "A warm film.", "label": "good"}]'),
    "jsonl": Example('{"text": "A warm film.", "label": "good"}', {"columns": {"text_a": "text"}}),
    "lareqa": Example(
        f'{{"data": [{{"paragraphs": [{{"context": "Ada left.", "sentence_breaks": [[0, 9]], "qas": [{QUESTION}]}}]}}]}}',
        format="retrieval",
    ),
    "mewslix": Example(
        f'{{"contextual_mention": {{"context": {CONTEXT}, "mention": {MENTION}}}, "entity": {ENTITY}}}', format="retrieval"
    ),
    "parquet": Example("text_a, label"),
    "sentence_pairs": Example("fao, eng", {"options": {"names": ["fao", "eng"]}}, format="retrieval", language="fo"),
    "squad": Example(f'{{"data": [{{"paragraphs": [{{"context": "Ada left.", "qas": [{QUESTION}]}}]}}]}}', format="span_qa"),
    "squad_rows": Example(
        '[{"id": "1", "question": "Who?", "context": "Ada left.", "answers": {"text": ["Ada"], "answer_start": [0]}}, '
        '{"id": "2", "question": "When?", "context": "Ada left.", "answers": {"text": [], "answer_start": []}}]',
        format="span_qa",
    ),
    "squad_sentences": Example(
        f'{{"data": [{{"paragraphs": [{{"context": "Ada left.", "qas": [{QUESTION}]}}]}}]}}', format="retrieval"
    ),
    "tatoeba": Example("Guten Tag. \u2016 Good day.", format="retrieval", split="test", language="de"),
    "text": Example("Any sentence, or paragraph.", format="mlm"),
}
"""Reader -> a file of its form."""
WITH: dict[tuple[str, str], Example] = {
    ("", "keep"): Example(
        "text_a\u21e5label\u21e5lang \u23ce A warm film.\u21e5good\u21e5en \u23ce Ein Film.\u21e5bad\u21e5de",
        {"options": {"header": True, "keep": {"lang": "{language}"}}},
        'keep: {lang: "{language}"}',
    ),
    ("", "no_gold"): Example(
        "Musa \u23ce yana", {"options": {"no_gold": ["validation"]}}, "no_gold: [validation]", split="validation", **TAGGING
    ),
    ("", "optional"): Example(
        '{"text_a": "A warm film."}',
        {"options": {"optional": ["gold"]}, "columns": {"label": "gold"}},
        "optional: [gold]",
        split="test",
    ),
    ("conll", "delimiter"): Example("New York;B-LOC", {"options": {"delimiter": ";"}}, 'delimiter: ";"', **TAGGING),
    ("conll", "names"): Example(
        "1 Musa NNP B-PER",
        {"options": {"names": ["number", "words", "pos", "tags"]}},
        "names: [number, words, pos, tags]",
        **TAGGING,
    ),
    ("conll", "comment"): Example(
        "Musa B-PER \u23ce %% page 2 \u23ce yana O", {"options": {"comment": "%%"}}, 'comment: "%%"', **TAGGING
    ),
    ("conll", "prefix"): Example("en:Musa\u21e5B-PER", {"options": {"prefix": True}}, "prefix: true", **TAGGING),
    ("conllu", "fused"): Example(FUSED, {"options": {"fused": False}}, "fused: false", **TAGGING),
    ("delimited", "header"): Example(
        "text_a\u21e5label \u23ce A warm film.\u21e5good", {"options": {"header": True}}, "header: true"
    ),
    ("delimited", "names"): Example(
        "A warm film.\u21e5good", {"options": {"names": ["text_a", "label"]}}, "names: [text_a, label]"
    ),
    ("delimited", "delimiter"): Example('"A warm, funny film.",good', {**PAIR, "options": {"delimiter": ","}}, 'delimiter: ","'),
    ("delimited", "quoting"): Example('"Dull."\u21e5good', {**PAIR, "options": {"quoting": True}}, "quoting: true"),
    ("sentence_pairs", "names"): Example(
        "fao, eng", {"options": {"names": ["fao", "eng"]}}, "names: [fao, eng]", format="retrieval", language="fo"
    ),
}
"""Reader (empty: every reader) and option -> a file that needs it."""


def reader_table() -> str:
    """One line for each reader, and one for each of its options."""
    lines = ["| reader | option | default | meaning | example |", "|---|---|---|---|---|"]
    for reader in ("", *reader_names()):
        name = f"`{reader}`" if reader else "every reader"
        if reader:
            lines.append(_line(name, "", "", _reads(reader), _shown(READS[reader])))
        for option_name, option in (options_of(reader) if reader else COMMON).items():
            example = _shown(WITH[reader, option_name])
            lines.append(_line(name, f"`{option_name}`", option.default, f"{option.meaning} ({option.kind})", example))
    return "\n".join(lines) + "\n"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _reads(reader: str) -> str:
    """The first sentence of the reader's docstring, and the formats of its rows."""
    text = " ".join((reader_module(reader).__doc__ or "").partition("\n\n")[0].split())
    return f"{text} For {', '.join(formats_read(reader)) or 'any format'}."


def _shown(example: Example) -> str:
    return f"`{example.shown}`: `{example.text}`" if example.shown else f"`{example.text}`"


def rows_of(example: Example, reader: str, folder: Path, without: str = "") -> list[dict[str, Any]]:
    """The examples that are read, with the option `without` left out."""
    import pyarrow
    from pyarrow import parquet

    for name, text in zip("ab", example.text.split(FILE), strict=False):
        if reader in ("parquet", "sentence_pairs"):
            values = {column: ["good"] for column in text.split(", ")}
            parquet.write_table(pyarrow.table(values), folder / f"{example.language}.{name}")
        else:
            (folder / f"{example.language}.{name}").write_text(text.replace(LINE, "\n").replace(TAB, "\t"), encoding="utf-8")
    files = {example.split: "{language}.a & {language}.b" if FILE in example.text else "{language}.a"}
    source = {key: {name: value for name, value in table.items() if name != without} for key, table in example.source.items()}
    labels = {"classification": ["bad", "good"], "tagging": ["O", "B-PER", "B-LOC", "VERB", "PRON", "NP", "S\\NP"]}
    options = source.pop("options", {}) | ({"no_gold": ["test"]} if reader in ("bucc", "tatoeba") else {})
    task = Task(
        name="toy",
        format=example.format,
        languages=[example.language],
        labels=labels.get(example.format, []),
        sources={"xtreme": Source(reader=reader, files=files, options=options, **source)},
    )
    return load(source_of(task, DataConfig(root=str(folder))), example.split, [example.language]).to_list()


@pytest.mark.parametrize("reader", reader_names())
def test_the_example_of_a_reader_is_read(reader: str, tmp_path: Path) -> None:
    assert rows_of(READS[reader], reader, tmp_path)


@pytest.mark.parametrize(("reader", "option"), WITH)
def test_the_example_of_an_option_needs_it(reader: str, option: str, tmp_path: Path) -> None:
    example = WITH[reader, option]
    forms = {"keep": "delimited", "no_gold": "conll", "optional": "jsonl"}
    reader = reader or forms[option]
    read = rows_of(example, reader, tmp_path)
    assert read
    with contextlib.suppress(UserError):
        assert rows_of(example, reader, tmp_path, without=option) != read


def test_the_table_is_that_of_the_readers() -> None:
    (found,) = TABLE.findall(PAGE.read_text(encoding="utf-8"))
    assert found[1] == reader_table(), "write it anew: .venv/bin/python tests/sources/test_reader_table.py"


def task(reader: str = "delimited", languages: tuple[str, ...] = ("en",), **source: Any) -> Task:
    format = (formats_read(reader) or ("classification",))[0]
    pair = reader in ("tatoeba", "bucc", "mewslix")
    files = {"test": "{language}.a & {language}.b" if pair else "{language}.txt"}
    declared = Source(reader=reader, **{"files": files} | source)
    return Task(name="toy", format=format, languages=list(languages), sources={"xtreme": declared})


def told(made: Task) -> list[str]:
    return list(problems(made, made.sources["xtreme"]))


GOOD: dict[str, list[Any]] = {
    "true or false": [True, False],
    "true, false or auto": [True, "auto"],
    "a text": [" ", "\t"],
    "a list of names": [["a"], ["a", "b"]],
    "two names": [["a", "b"]],
    "a list of columns": [[], ["a", 2]],
    "a list of splits": [[], ["test", "train"]],
    "a map column: pattern": [{"a": "{language}-*"}],
}
BAD: dict[str, list[Any]] = {
    "true or false": ["true", 1, None, "yes"],
    "true, false or auto": ["false", 0, None],
    "a text": ["", 1, None, True, ["a"]],
    "a list of names": ["a", [], [1], [""], None, {"a": "b"}],
    "two names": [["a"], ["a", "b", "c"], "ab"],
    "a list of columns": ["a", [0], [True], [""]],
    "a list of splits": ["test", ["dev"], [True]],
    "a map column: pattern": ["a", ["a"], {"a": 1}, {1: "a"}, {"a": ""}],
}


@pytest.mark.parametrize("reader", reader_names())
def test_every_option_takes_values_of_its_type_alone(reader: str) -> None:
    """Repeated items of a list are refused by `bounds`, as in all lists of a config."""
    assert set(GOOD) == set(BAD) == set(KINDS)
    needed = {"names": ["a", "b"]} if reader == "sentence_pairs" else {}
    for name, option in (COMMON | options_of(reader)).items():
        for value in GOOD[option.kind]:
            assert told(task(reader, options=needed | {name: value})) == []
        for value in BAD[option.kind]:
            assert told(task(reader, options=needed | {name: value})) == [
                f"options.{name}: got {value!r}, expected {option.kind}"
            ]


@pytest.mark.parametrize("reader", reader_names())
def test_an_option_that_the_reader_does_not_use_is_refused(reader: str) -> None:
    others = {name: option for other in reader_names() for name, option in options_of(other).items()}
    needed = {"names": ["a", "b"]} if reader == "sentence_pairs" else {}
    for name in others.keys() - options_of(reader).keys():
        (line,) = told(task(reader, options=needed | {name: GOOD[others[name].kind][0]}))
        users = [other for other in reader_names() if name in options_of(other)]
        assert line.startswith(f"unknown option of the reader {reader} '{name}': ")
        assert line.endswith(f" (it is one of {', '.join(users)})")


def test_a_name_that_is_nearly_an_option_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match="task 'toy', source 'xtreme': unknown option .* 'delimeter': did you mean delimiter"):
        check_source(task(options={"delimeter": ","}), "xtreme")


def test_options_of_every_reader_of_a_source_are_taken() -> None:
    """As of Cosmos QA, whose test has another form than its training file."""
    assert told(task(readers={"test": "jsonl"}, options={"header": True})) == []
    assert told(task("jsonl", options={"header": True}))
    both = task(options={"header": True, "names": ["a"]})
    assert told(both) == ["options.header and options.names both name the columns: leave one of them out"]
    assert told(task("sentence_pairs")) == ["options.names: not set, expected two names"]


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (
            "test.tsv",
            "files.test: 'test.tsv' does not say which of 2 languages it holds: write {language} into the path, or a map, ",
        ),
        ({"de": "de.tsv"}, "unknown language in files.test 'de': "),
        ({False: "no.tsv"}, "files.test: got the language False, expected a text: put it in quotes"),
        ({"en": ""}, "files.test: got '', expected a path, or a map language: path"),
        ({"en": 3}, "files.test: got 3, expected a path"),
        (None, "files.test: got None, expected a path"),
        (["a.tsv"], "files.test: got ['a.tsv'], expected a path"),
        ({"en": {"a": "b"}}, "files.test: got {'a': 'b'}, expected a path"),
        (
            "{language}.a & {language}.b",
            "files.test: 2 files in '{language}.a & {language}.b', but the reader delimited takes 1",
        ),
    ],
)
def test_paths_that_cannot_be_right(files: Any, line: str) -> None:
    (found,) = told(task(languages=("en", "sw"), files={"test": files}))
    assert found.startswith(line)


def test_paths_that_can_be_right() -> None:
    for files in ("{language}.tsv", {"en": "a.tsv"}, {"en": "a.tsv|b.tsv", "*": "{name}.tsv"}):
        assert told(task(languages=("en", "sw"), files={"test": files})) == []
    assert told(task(languages=("en", "sw"), files={"test": "all.tsv"}, options={"keep": {"lang": "{language}"}})) == []
    (line,) = told(task(languages=("en", "sw"), files={"test": "all.tsv"}, options={"keep": {"round": "1"}}))
    assert "does not say which" in line
    assert told(task(files={"test": "all.tsv"})) == []
    (line,) = told(task("tatoeba", files={"test": "{language}.txt"}))
    assert line == "files.test: 1 file in '{language}.txt', but the reader tatoeba takes 2"
    (line,) = told(task("bucc", languages=("de", "fr"), gold={"test": "gold.tsv"}))
    assert line.startswith("gold.test: 'gold.tsv' does not say which")


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"premise": "text_a"}, "unknown field in columns of the format classification 'premise': "),
        ({"text": "a"}, "unknown field in columns of the format classification 'text': did you mean text_b or text_a?"),
        ({"text_a": True}, "columns.text_a: got True, expected a column"),
        ({"text_a": 0}, "columns.text_a: got 0, expected a column"),
        ({"text_a": ""}, "columns.text_a: got '', expected a column"),
        ({"text_a": {"a": "b"}}, "columns.text_a: got {'a': 'b'}, expected a column"),
        ({"text_a": []}, "columns.text_a: got [], expected a column"),
        ({"text_a": ["a", None]}, "columns.text_a: got ['a', None], expected a column"),
    ],
)
def test_columns_that_cannot_be_right(columns: dict[str, Any], line: str) -> None:
    (found,) = told(task(columns=columns))
    assert found.startswith(line)


def test_numbers_are_columns_only_where_columns_have_an_order() -> None:
    assert told(task(columns={"text_a": 1, "label": 3})) == told(task("conll", columns={"words": 2, "tags": 3})) == []
    (line,) = told(task("jsonl", columns={"text_a": 1}))
    assert line == "columns.text_a: got the number 1, but the columns of the reader jsonl have names"


def test_what_would_have_no_effect_is_refused() -> None:
    (line,) = told(task(gold={"test": "{language}.gold"}))
    assert line == "gold.test: the reader delimited reads no file of gold answers: leave it out"
    (line,) = told(task(readers={"train": "jsonl"}))
    assert line == "readers.train: files has no split train"
    (line,) = told(task(revision="main"))
    assert line == "revision: main is of a data set on the Hub, and the source has no hub: leave it out"
    (line,) = told(task(hub="reviews", revision="main"))
    assert line == "hub: got 'reviews', expected OWNER/NAME of a data set on the Hub"
    (line,) = told(task("squad", labels={"a": "b"}))
    assert line == "labels: examples of the format span_qa have no labels: leave it out"
    assert told(task("bucc", gold={"test": "{language}.gold"})) == []


def test_every_format_has_a_reader() -> None:
    assert {format for reader in reader_names() for format in formats_read(reader)} == set(format_names()) - {"classification"}


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda found: found[1] + reader_table() + found[3], PAGE.read_text(encoding="utf-8")), "utf-8")
