"""Parse answers that are spans of a text, in every form that data sets use, and correct wrong positions.

Loaders on the Hub strip contexts and answers but keep the positions, so that `answer_start` is a few characters off (TyDiQA,
XQuAD). Such an answer is searched near its position: first with any white space in place of the answer's, then in Unicode's
composed and decomposed forms. An answer that is not located is left out of training; its text still counts in evaluation. If
more than `MOST_LOST` of a split cannot be located, that is an error.
"""

import logging
import math
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from xstilts.errors import UserError, tell
from xstilts.numbering import counted
from xstilts.sources.raw import RawExample

_LOGGER = logging.getLogger("xstilts")
Answer = dict[str, Any]
"""`text`, and `start`: its first character in the context, counted from 0; None if unknown."""
NEAR = 50
"""Maximum distance in characters between an answer's position and an occurrence of its text, if there are several."""
MOST_LOST = 0.05
"""The share of a split's answers that may be missing from their contexts."""
_BLANK = r"[\s\u200b\u2060\ufeff]+"
"""White space, including no-break and zero-width spaces."""
_FORMS = 'a list of {"text": TEXT, "answer_start": NUMBER} or {"text": [TEXT, ...], "answer_start": [NUMBER, ...]}'


def parse_answers(raw: Any, where: str) -> list[Answer] | None:
    """Parse answers in the form of SQuAD's JSON, of the Hub or of the format span_qa; None (no gold) if all are empty texts."""
    if raw is None:
        return None
    pairs = _pairs(raw)
    if pairs is None or not all(isinstance(text, str) for text, _ in pairs):
        raise UserError(f"{where}: got the answers {_short(raw)}, expected {_FORMS}")
    if pairs and all(text == "" for text, _ in pairs):
        return None
    return [{"text": text, "start": _position(start, where)} for text, start in pairs]


def _pairs(raw: Any) -> list[tuple[Any, Any]] | None:
    """Return (text, position) of each answer; None if `raw` has another form."""
    if isinstance(raw, dict):
        name = "start" if "start" in raw else "answer_start"
        if "text" not in raw or name not in raw:
            return None
        texts, starts = raw["text"], raw[name]
        if isinstance(texts, str):
            texts, starts = [texts], [starts]
        both_lists = isinstance(texts, list) and isinstance(starts, list)
        return list(zip(texts, starts, strict=True)) if both_lists and len(texts) == len(starts) else None
    if not isinstance(raw, list) or not all(isinstance(answer, dict) for answer in raw):
        return None
    parsed = [_pairs(answer) for answer in raw]
    return None if any(pairs is None or len(pairs) != 1 for pairs in parsed) else [pairs[0] for pairs in parsed if pairs]


def _position(value: Any, where: str) -> int | None:
    """Return a position as a number; None for null and -1, which data sets use for unknown positions."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value):
        value = int(value)
    if isinstance(value, float):
        value = None if math.isnan(value) else int(value) if value.is_integer() else value
    if value is not None and type(value) is not int:
        raise UserError(f"{where}: got answer_start {value!r}, expected a whole number, or null where it is unknown")
    return None if value is None or value < 0 else value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


@dataclass
class Placing:
    """Locates the answers of a split in their contexts and counts those with a wrong position."""

    name: str
    """Task, split and language, for messages."""
    total: int = 0
    moved: int = 0
    lost: list[str] = field(default_factory=list)
    """A line for each answer that was not located."""

    def place(self, context: str, answer: Answer, where: str) -> Answer | None:
        """Return the answer with its position and text as in the context; None if it cannot be located."""
        text, start = answer["text"], answer["start"]
        self.total += 1
        if start is not None and context[start : start + len(text)] == text:
            return answer
        if (corrected := _find(context, text, start)) is not None:
            self.moved += 1
            return corrected
        if start is None:
            there = "has no answer_start, and its context does not have it exactly once"
        else:
            there = f"is not at {start} of its context, {_short(context[start : start + len(text)])} is"
        self.lost.append(f"{where}: answer {_short(text)} {there}")
        return None

    def close(self, consequence: str, problems: list[str] | None = None) -> None:
        """Log the counts; `consequence` says what happens to answers that were not located.

        Too many of these are an error: a UserError, or with a list `problems` all of them are added to it.
        """
        lost = len(self.lost)
        if lost > MOST_LOST * self.total:
            first, *others = self.lost
            tell(
                f"{first}; {lost:,} of {counted(self.total, 'answer')} of {self.name} not found near their positions, more than "
                f"{MOST_LOST:.0%}: expected answer_start in characters, not bytes, and the text as it is in the context",
                problems,
            )
            for line in others:
                tell(line, problems)
        elif self.moved or lost:
            _LOGGER.info(
                f"{self.name}: {self.moved + lost:,} of {counted(self.total, 'answer')} at a wrong position: "
                f"{self.moved:,} corrected, {lost:,} {consequence}"
            )


def _find(context: str, text: str, start: int | None) -> Answer | None:
    """Return the only occurrence of the text, or the nearest one within NEAR of `start`, preferably with the same white space.

    Of two equally near occurrences it is the first: stripping a context moves answers towards its beginning.
    """
    matches = _occurrences(context, text)
    for form in ("NFC", "NFD"):
        matches = matches or _occurrences(context, unicodedata.normalize(form, text))
    if not matches:
        return None
    match = matches[0]
    if len(matches) > 1:
        if start is None:
            return None
        expected = start + len(text) - len(text.lstrip())
        near = [match for match in matches if abs(match.start() - expected) <= NEAR]
        if not near:
            return None
        match = min(near, key=lambda match: (match[1] != text.strip(), abs(match.start() - expected)))
    return {"text": match[1], "start": match.start()}


def _occurrences(context: str, text: str) -> list[re.Match[str]]:
    """Return all occurrences of the text, each in group 1, with any white space in place of the text's white space."""
    words = [word for word in re.split(_BLANK, text) if word]
    return list(re.finditer(f"(?=({_BLANK.join(map(re.escape, words))}))", context)) if words else []


def place_answers(
    name: str, rows: list[RawExample], examples: list[dict[str, Any]], training: bool, problems: list[str] | None = None
) -> tuple[list[RawExample], list[dict[str, Any]]]:
    """Return rows and examples of the format span_qa with corrected positions of the answers.

    For training, answers that cannot be located are left out, and examples without any located answer too. For evaluation, such
    an answer keeps its text and gets the start None. Only white space of texts may change, which metrics ignore. Answers of
    another form, and too many that cannot be located, are an error: a UserError, or with a list `problems` items of it.
    """
    placing, kept = Placing(name), []
    for row, example in zip(rows, examples, strict=True):
        try:
            answers, placed = parse_answers(example["answers"], row.where), []
        except UserError as error:
            tell(str(error), problems)
            continue
        for answer in answers or []:
            place = placing.place(example["context"], answer, row.where)
            if place and (training or place["text"].split() == answer["text"].split()):
                placed.append(place)
            elif not training:
                placed.append(answer | {"start": None})
        example["answers"] = None if answers is None else placed
        if placed or not answers:
            kept.append((row, example))
    placing.close("left out" if training else "kept by their texts", problems)
    return [row for row, _ in kept], [example for _, example in kept]
