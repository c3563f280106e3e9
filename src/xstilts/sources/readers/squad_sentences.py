"""SQuAD's JSON as training pairs for answer retrieval: a question and the sentence that contains its answer.

The candidate's context is the paragraph, as in google-research/xtreme third_party/processors/squad_retrieval.py, which also uses
only the first answer; its position is corrected as in `xstilts.sources.answers`. Sentences are split by a simple rule, not by
that script's list of cases: a sentence ends after . ! or ? with any closing quotes and brackets, if white space and then no
lower-case letter follow; it always ends after a CJK full stop, a Devanagari danda or a line break. A sentence never ends inside
the answer to a question of the paragraph.

Ids are `{language}/{question id}` and `{language}/{paragraph}-{sentence}`, counted from 0 over distinct paragraphs; only
sentences that answer a question are candidates, each once. Unanswerable questions have no candidate and are left out.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.sources.answers import Placing
from xstilts.sources.raw import RawExample
from xstilts.sources.readers.squad import answers_of, paragraphs
from xstilts.tasks.declaration import Source

FORMATS = ("retrieval",)

_CLOSING = "[\"'\u201d\u2019)\\]]*"
_END = re.compile(rf"[.!?]{_CLOSING}\s+|[\u3002\uff01\uff1f\u0964\u061f\u06d4]{_CLOSING}\s*|\n+")


def sentence_spans(text: str, whole: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return (start, end) of the sentences of `text` in characters, without surrounding blanks; never split a span in `whole`."""
    cuts = [0]
    for match in _END.finditer(text):
        cut = match.end()
        plain = match.group()[0] in ".!?"
        if not (plain and text[cut : cut + 1].islower()) and not any(start < cut < end for start, end in whole):
            cuts.append(cut)
    spans = []
    for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True):
        piece = text[start:end]
        start += len(piece) - len(piece.lstrip())
        if piece.strip():
            spans.append((start, start + len(piece.strip())))
    return spans


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Yield rows with the fields of the retrieval format."""
    path = files["data"]
    placing = Placing(f"{path}, {split}")
    contexts: dict[str, list[dict[str, Any]]] = {}
    for paragraph in paragraphs(path):
        contexts.setdefault(paragraph["context"], []).extend(paragraph["qas"])
    for number, (context, questions) in enumerate(contexts.items()):
        asked: list[tuple[dict[str, Any], str, tuple[int, int] | None]] = []
        for question in questions:
            where = f"{path}: question '{question['id']}'"
            answers = answers_of(question, where)
            answer = placing.place(context, answers[0], where) if answers else None
            if answer:
                end = answer["start"] + len(answer["text"])
                asked.append((question, where, (end - len(answer["text"].lstrip()), end)))
            elif answers is None:
                asked.append((question, where, None))
        spans = sentence_spans(context, [span for _, _, span in asked if span])
        used = set()
        for question, where, span in asked:
            relevant = None
            if span:
                sentence = next((i for i, (a, b) in enumerate(spans) if a <= span[0] < b), None)
                if sentence is None:
                    continue
                used.add(sentence)
                relevant = [f"{language}/{number}-{sentence}"]
            name = f"{language}/{question['id']}"
            yield RawExample(where, {"id": name, "side": "query", "text": question["question"], "relevant": relevant})
        for sentence in sorted(used):
            yield RawExample(
                f"{path}: paragraph {number}, sentence {sentence}",
                {
                    "id": f"{language}/{number}-{sentence}",
                    "side": "candidate",
                    "text": context[slice(*spans[sentence])],
                    "context": context,
                    "relevant": None,
                },
            )
    placing.close("left out with their questions")
