"""Mewsli-X: a mention of an entity in a text retrieves the entity's description, among descriptions in all languages.

There are three kinds of JSON lines: training pairs (`contextual_mention` with `context` and `mention`; `entity`); texts with
their mentions (`context`, `mentions`), whose entities are withheld in some copies and then looked up in a file of labels
{example: [entity]}; and entities (`entity_id`, `description`, `sentence_spans`), the candidates.

Texts are built as in google-research/xtreme third_party/utils_mewslix.py, preprocess_mention and preprocess_entity_description: a
query is the mention, a colon and its sentence with the mention in braces; a candidate is the sentences of its description. Ids
are `{language}/{example}` and the entity's id.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.raw import RawExample, json_document, json_object, lines
from xstilts.tasks.declaration import Source

FORMATS = ("retrieval",)

FILES = (1, 2)
READS_GOLD = True
_IN_BRACES = re.compile(r"\{(.*?)\}")


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Yield a query per pair and, once, its entity; for texts only the queries. `pool` yields the other candidates."""
    path = files.get("source", files.get("data"))
    assert path is not None
    labels = json_document(files["gold"]) if "gold" in files else {}
    seen: set[str] = set()
    for number, line in lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        row = json_object(line, where)
        try:
            if "contextual_mention" in row:
                mention, entity = row["contextual_mention"]["mention"], row["entity"]
                yield _query(row["contextual_mention"]["context"], mention, language, [entity["entity_id"]], where)
                if entity["entity_id"] not in seen:
                    seen.add(entity["entity_id"])
                    yield _candidate(entity, where)
                continue
            for mention in row["mentions"]:
                known = labels.get(mention["example_id"]) or [mention["entity_id"]]
                yield _query(row["context"], mention, language, known if known != [""] else None, where)
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{where}: not of Mewsli-X's form ({type(error).__name__}: {error}); expected contextual_mention and "
                "entity, or context and mentions"
            ) from None


def pool(files: dict[str, Path], source: Source, split: str) -> Iterator[RawExample]:
    """Yield the candidates that all languages share: the entities of the second file, if there is one."""
    if "english" not in files:
        return
    for number, line in lines(files["english"]):
        where = f"{files['english']}:{number}"
        if line.strip():
            entity = json_object(line, where)
            try:
                yield _candidate(entity, where)
            except (KeyError, TypeError, AttributeError) as error:
                raise UserError(
                    f"{where}: not an entity of Mewsli-X ({type(error).__name__}: {error}); expected entity_id, "
                    "description and sentence_spans"
                ) from None


def query_text(context: dict[str, Any], mention: dict[str, Any], where: str) -> str:
    """`Smith: The jury believed { Smith }, a witness.`; braces that the sentence has become parentheses."""
    text, span = context["text"], mention["mention_span"]
    start, end = span["start"], span["end"]
    if text[start:end] != span["text"]:
        raise UserError(f"{where}: mention {span['text']!r} is not at {start} of its text, {text[start:end]!r} is")
    sentence = next((s for s in context["sentence_spans"] if s["start"] <= start < s["end"] and end <= s["end"]), None)
    if sentence is None:
        raise UserError(f"{where}: mention '{span['text']}' lies in no sentence of its text")
    left, right = (_IN_BRACES.sub(r"(\1)", part) for part in (text[sentence["start"] : start], text[end : sentence["end"]]))
    return _one_line(f"{span['text']}: {left} {{ {span['text']} }} {right}")


def _query(context: dict[str, Any], mention: dict[str, Any], language: str, relevant: list[str] | None, where: str) -> RawExample:
    fields = {"id": f"{language}/{mention['example_id']}", "side": "query", "text": query_text(context, mention, where)}
    return RawExample(where, fields | {"relevant": relevant})


def _candidate(entity: dict[str, Any], where: str) -> RawExample:
    description = entity["description"]
    text = _one_line(" ".join(description[span["start"] : span["end"]] for span in entity["sentence_spans"]))
    return RawExample(where, {"id": entity["entity_id"], "side": "candidate", "text": text, "relevant": None})


def _one_line(text: str) -> str:
    return " ".join(text.splitlines()).replace("  ", " ").strip()
