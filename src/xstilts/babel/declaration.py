"""What a synthetic world is: data only, no generation.

A language is one entry, whose defaults are the pivot's: an entry names only what differs from the pivot.
"""

from dataclasses import dataclass, field

from xstilts.bounds import number


@dataclass
class Language:
    """One language: ten typological features, then its script, its kinship with the pivot, and how much text it has."""

    order: str = "SVO"
    """Of subject, verb and object: `SVO`, `SOV` or `VSO`."""
    adjective: str = "before"
    """The adjective and the number stand `before` or `after` their noun."""
    adposition: str = "before"
    """`before` its noun phrase (a preposition) or `after` it."""
    case: str = "none"
    """How the object is marked: `none`, `suffix` or `particle`."""
    determiner: bool = True
    plural: str = "suffix"
    """`suffix`, `prefix` or `none`."""
    tense: str = "suffix"
    """The past, which every clause is in: `suffix`, `prefix` or `particle`."""
    negation: str = "before"
    """A word `before` or `after` the verb, or a `suffix` of the verb."""
    question: str = "front"
    """The question word moves to the `front`, or stays `in_situ`."""
    time: str = "first"
    """The adverb of time stands `first` or `last` in its clause."""
    script: str = "Latin"
    """`Latin`, `Cyrillic`, `Georgian` or `Armenian`."""
    overlap: float = number(1.0, at_least=0, at_most=1)
    """Share of the pivot's words, and of its affixes, that are this language's too, as written in its script."""
    names: float = number(1.0, at_least=0, at_most=1)
    """Share of names that are written as in the pivot."""
    text: float = number(1.0, above=0, at_most=1_000_000)
    """Amount of pretraining text, relative to the pivot's."""


@dataclass
class WorldConfig:
    """A synthetic world: everything in it follows from these values."""

    seed: int = number(0, at_least=0, at_most=2**32 - 1)
    languages: dict[str, Language] = field(default_factory=dict)
    """Code -> language. The first is the pivot: the source language, that tasks are trained in."""
    stories: int = number(1500, at_least=1, at_most=1_000_000_000)
    """Monolingual stories per language, times its amount of `text`."""
    pairs: int = number(3000, at_least=1, at_most=1_000_000_000)
    """Translation pairs per language, times its amount of `text`."""
    pivot_pairs: float = number(0.5, at_least=0, at_most=1)
    """Share of the translation pairs with the pivot on one side; the others join any two languages."""
    questions: float = number(0.4, at_least=0, at_most=1)
    """Share of stories that end with a question and its answer; 0: no question words outside of the tasks."""
    habit: float = number(0.7, at_least=0, at_most=1)
    """In pretraining text, how often a name does what it usually does where it usually does it."""
    task_habit: float = number(0.25, at_least=0, at_most=1)
    """The same in tasks, so that habits do not answer their questions; in inference and paraphrases there are none."""
    negated: float = number(0.1, at_least=0, at_most=1)
    """Share of negated events."""
    target_share: int = number(10, at_least=1, at_most=99)
    """Per cent of a task's training examples, its last ones, that a target trains on; intermediate tasks have the others."""
    rows: float = number(1.0, above=0, at_most=1_000_000)
    """Factor on the number of examples that the tasks declare."""
