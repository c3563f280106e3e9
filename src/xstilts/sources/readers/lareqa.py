"""XQuAD-R: SQuAD's JSON with `sentence_breaks`. A question retrieves the sentences that answer it, in all languages.

Candidates are all sentences of all paragraphs, with the paragraph as context; a question's relevant candidates are the sentence
in which its answer starts and any equal sentence of that paragraph. A question whose answer starts in no sentence is dropped
(google-research/xtreme third_party/utils_lareqa.py, generate_examples and load_data).

Ids are `{language}/{question id}` and `{language}/{paragraph}-{sentence}`, counted from 0. A question has the same id in all
languages, but the number of its answer's sentence differs, so `link` joins languages by the question.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.sources.answers import Placing
from xstilts.sources.raw import RawExample
from xstilts.sources.readers.squad import answers_of, paragraphs
from xstilts.tasks.declaration import Source

FORMATS = ("retrieval",)


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Yield rows with the fields of the retrieval format; `relevant` has candidates of this language only."""
    path = files["data"]
    placing = Placing(f"{path}, {split}")
    for number, paragraph in enumerate(paragraphs(path)):
        context = paragraph["context"]
        if "sentence_breaks" not in paragraph:
            raise UserError(f"{path}: paragraph {number} has no sentence_breaks; expected XQuAD-R's JSON, not XQuAD's")
        breaks = _breaks(paragraph["sentence_breaks"], len(context), f"{path}: paragraph {number}")
        for question in paragraph["qas"]:
            where = f"{path}: question '{question['id']}'"
            answers = answers_of(question, where)
            relevant = None
            if answers is not None:
                answer = placing.place(context, answers[0], where) if answers else None
                sentence = next((context[a:b] for a, b in breaks if answer and a <= answer["start"] < b), None)
                if sentence is None:
                    continue
                relevant = [f"{language}/{number}-{i}" for i, (a, b) in enumerate(breaks) if context[a:b] == sentence]
            name = f"{language}/{question['id']}"
            yield RawExample(where, {"id": name, "side": "query", "text": question["question"], "relevant": relevant})
        for i, (start, end) in enumerate(breaks):
            yield RawExample(
                f"{path}: paragraph {number}, sentence {i}",
                {
                    "id": f"{language}/{number}-{i}",
                    "side": "candidate",
                    "text": context[start:end],
                    "context": context,
                    "relevant": None,
                },
            )
    placing.close("left out with their questions")


def _breaks(raw: Any, length: int, where: str) -> list[tuple[int, int]]:
    """Return the sentences as (start, end). Raises UserError for anything but positions in a context of `length` characters."""
    try:
        breaks = [(start, end) for start, end in raw]
    except (TypeError, ValueError):
        raise UserError(f"{where}: the sentence_breaks are {raw!r}, expected a list of pairs [start, end]") from None
    for start, end in breaks:
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
            raise UserError(
                f"{where}: the sentence_breaks have {[start, end]}, expected whole numbers with 0 <= start < end <= {length}, "
                "the context's length"
            )
    return breaks


def link(examples: list[dict[str, Any]]) -> None:
    """Extend `relevant` of every query, in place, to the relevant candidates of the same question in the other languages."""
    answers: dict[str, list[str]] = defaultdict(list)
    queries = [example for example in examples if example["side"] == "query" and example["relevant"] is not None]
    for query in queries:
        answers[query["id"].partition("/")[2]] += query["relevant"]
    for query in queries:
        query["relevant"] = list(answers[query["id"].partition("/")[2]])
