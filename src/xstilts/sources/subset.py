"""Draw deterministic, nested samples of training examples: 1k is a subset of 10k, 10 % of 20 %.

Examples are drawn in the order of the SHA-256 of draw, language and id, which does not depend on machine or order of files. Where
ids name translations, the language is left out, so that one language alone and several together draw the same ids.
"""

import hashlib
from collections import Counter, defaultdict
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
    name = f"task {task.name}"
    for problem in [*bounds.problems(name, replace(used, task=task)), *sampling_problems(name, used)]:
        raise UserError(problem)
    if used.parallel and (why := unparallel(examples, task)):
        raise UserError(why)
    format = format_of(task)
    field, value = format.candidate or ("id", None)
    stays = [found == value for found in examples[field][:]]
    counted = [row for row, always in enumerate(stays) if not always]
    languages, ids = examples["language"][:], examples["id"][:]
    if used.parallel:
        order = _parallel(counted, languages, ids, used)
    elif used.max_examples is None and used.fraction is None:
        return examples
    else:
        order = sorted(counted, key=lambda row: order_key(languages[row], ids[row], used.draw))
        if used.language_exponent is not None:
            order = _by_shares(order, languages, used.language_exponent)
    chosen = set(order[: sample_size(len(order), used)])
    if len(chosen) == len(counted):
        return examples
    return examples.select([row for row, always in enumerate(stays) if row in chosen or always])


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
    format, languages = format_of(task), examples["language"][:]
    by_id: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(examples["id"][:]):
        by_id[name].append(row)
    every = sorted(set(languages))
    shared = [rows for rows in by_id.values() if len(rows) == len(every)]
    expected = f"parallel is for translations with the same id in all of {', '.join(every)}: type parallel=null"
    if not shared:
        return f"task {task.name} has no id that all languages have; {expected}"
    if format.gold and format.gold_is_label and not format.labelled_items:
        labels = examples[format.gold][:]
        same = sum(len({labels[row] for row in rows}) == 1 for rows in shared)
        if same < SAME_LABEL * len(shared):
            return f"task {task.name}: {len(shared) - same:,} of {len(shared):,} ids have several labels; {expected}"
    return None


def _parallel(rows: list[int], languages: list[str], ids: list[str], used: TrainingTask) -> list[int]:
    """Sort rows so that every prefix, of a multiple of the languages for `same`, is a sample of this draw.

    `same` leaves out ids that a language lacks. `rotate` gives each id to the language with the fewest so far among those that
    have it, the first of `rows` in a tie: if all have it, to each in turn.
    """
    places: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        places[ids[row]][languages[row]] = row
    drawn = sorted(places, key=lambda name: order_key("", name, used.draw))
    taken = Counter(dict.fromkeys(languages, 0))
    if used.parallel == "same":
        return [row for name in drawn if len(places[name]) == len(taken) for row in places[name].values()]
    order = []
    for name in drawn:
        language = min(places[name], key=taken.__getitem__)
        taken[language] += 1
        order.append(places[name][language])
    return order


def _by_shares(order: list[int], languages: list[str], exponent: float) -> list[int]:
    """Reorder rows so that every prefix holds languages in proportion to n_l^exponent (method of Sainte-Laguë)."""
    weights = {language: count**exponent for language, count in Counter(languages[row] for row in order).items()}
    taken: dict[str, int] = defaultdict(int)
    place = {}
    for row in order:
        place[row] = (taken[languages[row]] + 0.5) / weights[languages[row]]
        taken[languages[row]] += 1
    return sorted(order, key=place.__getitem__)
