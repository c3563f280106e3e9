"""The declaration of a synthetic world: data only, no generation.

The defaults of a language are the values of the pivot language: an entry lists only the differences.
"""

from dataclasses import dataclass, field

from xstilts.bounds import number


@dataclass
class Language:
    """A language: ten typological features, its script, the vocabulary it shares with the pivot, and its amount of text."""

    order: str = "SVO"
    """Word order of subject, verb and object: `SVO`, `SOV` or `VSO`."""
    adjective: str = "before"
    """The adjective and the number stand `before` or `after` their noun."""
    adposition: str = "before"
    """`before` its noun phrase (a preposition) or `after` it."""
    case: str = "none"
    """The mark of the object: `none`, `suffix` or `particle`."""
    determiner: bool = True
    """A noun has a determiner."""
    plural: str = "suffix"
    """`suffix`, `prefix` or `none`."""
    tense: str = "suffix"
    """Marking of the past, the tense of every clause: `suffix`, `prefix` or `particle`."""
    negation: str = "before"
    """A word `before` or `after` the verb, or a `suffix` of the verb."""
    question: str = "front"
    """The question word moves to the `front`, or stays `in_situ`."""
    time: str = "first"
    """The adverb of time stands `first` or `last` in its clause."""
    script: str = "Latin"
    """`Latin`, `Cyrillic`, `Georgian` or `Armenian`."""
    overlap: float = number(1.0, at_least=0, at_most=1)
    """Share of the pivot's words and affixes that this language has too, transliterated to its script."""
    names: float = number(1.0, at_least=0, at_most=1)
    """Share of names that are written as in the pivot."""
    text: float = number(1.0, above=0, at_most=1_000_000)
    """Amount of pretraining text, relative to the pivot's."""


@dataclass
class WorldConfig:
    """A synthetic world, determined completely by these values."""

    seed: int = number(0, at_least=0, at_most=2**32 - 1)
    """Another seed is another world, with other words, habits and texts."""
    languages: dict[str, Language] = field(default_factory=dict)
    """Code -> language. The first is the pivot, the source language in which tasks are trained."""
    stories: int = number(1500, at_least=1, at_most=1_000_000_000)
    """Monolingual stories per language, times its amount of `text`."""
    pairs: int = number(3000, at_least=1, at_most=1_000_000_000)
    """Translation pairs per language, times its amount of `text`."""
    pivot_pairs: float = number(0.5, at_least=0, at_most=1)
    """Share of the translation pairs that include the pivot; the others are between any two languages."""
    questions: float = number(0.4, at_least=0, at_most=1)
    """Share of stories that end with a question and its answer; 0: question words occur in tasks only."""
    habit: float = number(0.7, at_least=0, at_most=1)
    """Probability, in pretraining text, that each role of an event follows the habits of its agent."""
    task_habit: float = number(0.25, at_least=0, at_most=1)
    """This probability in tasks, lower so that habits do not reveal the answers; 0 in inference and paraphrases."""
    negated: float = number(0.1, at_least=0, at_most=1)
    """Share of negated events."""
    target_share: int = number(10, at_least=1, at_most=99)
    """Per cent of a task's training examples, the last ones, for target training; intermediate training uses the others."""
    rows: float = number(1.0, above=0, at_most=1_000_000)
    """Factor on the numbers of examples that the tasks declare."""
