"""Draw deterministic, nested samples of training examples: 1k is a subset of 10k, 10 % of 20 %.

Examples are drawn in the order of sha256(`{language}/{id}`), which does not depend on seed, machine or order of files. With a
language exponent every language gets its share, and the samples are still nested.
"""

import hashlib
from collections import Counter, defaultdict

from datasets import Dataset

from xstilts.errors import UserError


def order_key(language: str, identifier: str) -> bytes:
    """Return the key by which examples are sorted for sampling, 32 bytes."""
    return hashlib.sha256(f"{language}/{identifier}".encode()).digest()


def subset(
    examples: Dataset,
    max_examples: int | None,
    fraction: float | None,
    language_exponent: float | None = None,
    candidate: tuple[str, str] | None = None,
) -> Dataset:
    """Return `max_examples` of the examples, or a `fraction` of them (rounded, at least one), in their original order.

    With `language_exponent` a, a language with n_l examples is drawn from in proportion to n_l^a, until it is exhausted. With
    neither `max_examples` nor `fraction`, all examples are returned. Every `candidate` (`Format.candidate`) stays; the others are
    sampled. Raises UserError for `max_examples` < 1, a fraction outside (0, 1], or both, and for `language_exponent` without
    either.
    """
    if max_examples is not None and fraction is not None:
        raise UserError(f"max_examples={max_examples} and fraction={fraction} are both set: set one of them to null")
    if max_examples is not None and max_examples < 1:
        raise UserError(f"max_examples={max_examples}: expected 1 or more, or null for all")
    if fraction is not None and not 0 < fraction <= 1:
        raise UserError(f"fraction={fraction}: expected a number in (0, 1], or null for all")
    if max_examples is None and fraction is None:
        if language_exponent is not None:
            raise UserError(f"language_exponent={language_exponent} shares out a sample: set max_examples or fraction too")
        return examples
    field, value = candidate or ("id", None)
    is_candidate = [found == value for found in examples[field][:]]
    counted = [row for row, stays in enumerate(is_candidate) if not stays]
    size = max_examples if fraction is None else max(1, round(len(counted) * fraction))
    if size is None or size >= len(counted):
        return examples
    languages, ids = examples["language"][:], examples["id"][:]
    order = sorted(counted, key=lambda row: order_key(languages[row], ids[row]))
    if language_exponent is not None:
        order = _by_shares(order, languages, language_exponent)
    chosen = set(order[:size])
    return examples.select([row for row, stays in enumerate(is_candidate) if row in chosen or stays])


def _by_shares(order: list[int], languages: list[str], exponent: float) -> list[int]:
    """Reorder rows so that every prefix holds languages in proportion to n_l^exponent (method of Sainte-Laguë)."""
    weights = {language: count**exponent for language, count in Counter(languages[row] for row in order).items()}
    taken: dict[str, int] = defaultdict(int)
    place = {}
    for row in order:
        place[row] = (taken[languages[row]] + 0.5) / weights[languages[row]]
        taken[languages[row]] += 1
    return sorted(order, key=place.__getitem__)
