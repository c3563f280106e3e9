"""Counts the gold answers of span_qa that cannot be cut out of their contexts again, before anything is trained on them."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from xstilts.data.featurizers.ragged import RaggedArray
from xstilts.numbering import counted

_LOGGER = logging.getLogger("xstilts")
MANY = 0.05
"""The share of lost answers from which the count is a warning."""


def cut_out(texts: Sequence[str], spans: RaggedArray, first_R: np.ndarray, last_R: np.ndarray) -> list[str]:
    """The text of each context from a first to a last token; "" where there is none (-1)."""
    rows = np.flatnonzero(first_R >= 0)
    starts, ends = (spans.values_T[(spans.starts_R + at_R)[rows], side].tolist() for side, at_R in enumerate((first_R, last_R)))
    cut = [""] * len(texts)
    for row, start, end in zip(rows.tolist(), starts, ends, strict=True):
        cut[row] = texts[row][start:end]
    return cut


class RoundTrip:
    """Counts the lost answers of one data set."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.answered = 0
        self.lost: Counter[str] = Counter()
        self.example = ""

    def add(self, columns: dict[str, list[Any]], answers: Sequence[str | None], cut: Sequence[str], whole_R: np.ndarray) -> None:
        """Compare each answer with the text that is cut out for it. `whole_R` (bool): a window holds the whole answer."""
        given = zip(columns["language"], columns["id"], answers, cut, whole_R.tolist(), strict=True)
        for language, identifier, answer, text, whole in given:
            if answer is None:
                continue
            self.answered += 1
            exact = text.strip() == answer.strip()
            if not (exact and whole):
                self.lost[language] += 1
                got = "no window holds it whole" if exact else f"got {text.strip()!r}" if text else "it has no token"
                self.example = self.example or f"answer {answer!r} of question '{identifier}': {got}"

    def log(self) -> None:
        """Log the count, if there are answers."""
        lost, answers = self.lost.total(), counted(self.answered, "answer")
        if lost:
            languages = ", ".join(f"{language} {number:,}" for language, number in self.lost.items())
            _LOGGER.log(
                logging.WARNING if lost > MANY * self.answered else logging.INFO,
                f"{self.task}: {lost:,} of {answers} cannot be cut out of their contexts with this tokenizer and "
                f"max_length ({languages}), such as {self.example}",
            )
        elif self.answered:
            _LOGGER.info(f"{self.task}: {self.answered:,} of {answers} can be cut out of their contexts exactly")
