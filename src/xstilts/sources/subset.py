"""Draw deterministic, nested samples of training examples: 1k is a subset of 10k, 10 % of 20 %.

Examples are drawn in the order of the SHA-256 of draw, language and id, which does not depend on machine or order of files. Where
ids name translations, the language is left out, so that one language alone and several together draw the same ids.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from xstilts import bounds
from xstilts.errors import UserError
from xstilts.tasks.declaration import Task, TrainingTask
from xstilts.tasks.formats import format_of

if TYPE_CHECKING:
    from datasets import Dataset

SAME_LABEL = 0.9
"""Translations of an example have the same label; if fewer ids than this share do, ids do not name translations."""


def order_key(language: str, identifier: str, draw: int = 0) -> bytes:
    """Return the key by which examples are sorted for sampling, 32 bytes."""
    return hashlib.sha256(f"{f'{draw}:' if draw else ''}{language}/{identifier}".encode()).digest()


def sampling_problems(place: str, used: TrainingTask) -> Iterator[str]:
    """Yield a line for each field of the sample that contradicts another one. `place`: the task's place in the config."""
    is_sample = used.max_examples is not None or used.fraction is not None
    if used.max_examples is not None and used.fraction is not None:
        yield f"{place}: got both max_examples and fraction, expected one of them"
    if used.language_exponent is not None and not is_sample:
        yield f"{place}.language_exponent shares out a sample: set {place}.max_examples or {place}.fraction too"
    if used.language_exponent is not None and used.parallel:
        yield f"{place}.language_exponent: parallel={used.parallel} has even shares: leave language_exponent out"
    if used.data_map.used and used.parallel == "same":
        yield f"{place}.parallel: a data map selects other examples in each language, expected parallel=rotate or null with it"
    if used.draw > 0 and not is_sample and used.parallel != "rotate" and not used.shuffle_labels:
        yield f"{place}.draw chooses a sample: set {place}.max_examples or {place}.fraction too"
    if used.max_examples is not None and 0 < used.max_examples < (least := together(used)):
        yield f"{place}.max_examples: got {used.max_examples}, expected {least} or more: one in each language (parallel=same)"


def subset(examples: "Dataset", task: Task, used: TrainingTask) -> "Dataset":
    """Return the sample of the examples of a task that a phase is to use, in their original order.

    It has `max_examples` examples, or a `fraction` of them (rounded, at least one); without either, all. With `language_exponent`
    a, a language with n_l examples is drawn from in proportion to n_l^a, until it is exhausted. With `parallel=same`, ids are
    drawn, each in all languages, and with `parallel=rotate` each in one of them. Every candidate of a retrieval task stays.
    Samples of the same `draw` are nested. Raises UserError for options out of bounds or at odds with each other, and for
    `parallel` if ids do not name translations.
    """
    import numpy as np

    from xstilts.sources import draws

    name = f"task {task.name}"
    for problem in [*bounds.problems(name, replace(used, task=task)), *sampling_problems(name, used)]:
        raise UserError(problem)
    if used.parallel and (why := unparallel(examples, task)):
        raise UserError(why)
    if not used.parallel and used.max_examples is None and used.fraction is None:
        return examples
    field, value = format_of(task).candidate or ("id", None)
    stays_N = np.fromiter((found == value for found in draws.values(examples, field)), dtype=bool, count=len(examples))
    counted = len(examples) - int(stays_N.sum())
    languages_N, languages = draws.codes(examples, "language")
    if used.parallel:
        rows, ids, together = np.flatnonzero(~stays_N), draws.codes(examples, "id"), used.parallel == "same"
        order = draws.parallel(rows, languages_N, len(languages), *ids, used.draw, together)
    else:
        by_row = (languages[code] for code in languages_N.tolist())
        order = draws.drawn(zip(by_row, draws.values(examples, "id"), strict=True), used.draw)
        order = order[~stays_N[order]]
        if used.language_exponent is not None:
            order = draws.by_shares(order, languages_N, used.language_exponent)
    chosen = order[: sample_size(len(order), used)]
    if len(chosen) == counted:
        return examples
    stays_N[chosen] = True
    return examples.select(np.flatnonzero(stays_N))


def together(used: TrainingTask) -> int:
    """Return the number of examples that are drawn together: those of an id in all languages, or one."""
    return max(1, len(used.languages)) if used.parallel == "same" else 1


def pool_size(counts: Sequence[int], used: TrainingTask) -> int:
    """Return the number of examples that a sample is drawn from. `counts`: the number in each language."""
    if used.parallel and counts:
        return max(counts) if used.parallel == "rotate" else min(counts) * len(counts)
    return sum(counts)


def sample_size(pool: int, used: TrainingTask) -> int:
    """Return the number of examples in a sample from a pool."""
    units = pool // together(used)
    if used.max_examples is not None:
        units = min(units, used.max_examples // together(used))
    elif used.fraction is not None:
        units = max(1, round(units * used.fraction))
    return units * together(used)


def unparallel(examples: "Dataset", task: Task) -> str | None:
    """Return why the ids of examples in several languages do not name translations, or None if they do.

    There have to be ids in every language, and where an example has one label, translations have to have the same.
    """
    import numpy as np

    from xstilts.sources import draws

    format, (ids_N, ids) = format_of(task), draws.codes(examples, "id")
    every = sorted(set(draws.values(examples, "language")))
    shared = np.bincount(ids_N, minlength=len(ids)) == len(every)
    expected = f"parallel is for translations with the same id in all of {', '.join(every)}: type parallel=null"
    if not shared.any():
        return f"task {task.name} has no id that all languages have; {expected}"
    if format.gold and format.gold_is_label and not format.labelled_items:
        labels_N, labels = draws.codes(examples, format.gold)
        least, most = np.full(len(ids), len(labels)), np.full(len(ids), -1)
        np.minimum.at(least, ids_N, labels_N)
        np.maximum.at(most, ids_N, labels_N)
        several = int((shared & (least != most)).sum())
        if shared.sum() - several < SAME_LABEL * shared.sum():
            return f"task {task.name}: {several:,} of {shared.sum():,} ids have several labels; {expected}"
    return None
