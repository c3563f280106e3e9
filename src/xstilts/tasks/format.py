"""The declaration of a format: all that is special about it, for every part of the package that must know. No torch, no datasets.

What needs torch or other parts of the package is named as `MODULE` or `MODULE:NAME` and imported where it is used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Features

    from xstilts.tasks.declaration import Limits

Example = Mapping[str, Any]
Predictions = Sequence[Mapping[str, Any]]
"""Rows with the keys `id` and `prediction`, in the order of the source's file."""
SPECIAL_TOKENS = 4
"""Special tokens around a pair of texts in XLM-R's vocabulary; other tokenizers have at most as many."""


@dataclass(frozen=True)
class Submission:
    """The form in which predictions are written for the XTREME leaderboards."""

    suffix: str
    """The ending of the file's name."""
    write: Callable[[Predictions, str], str]
    """Predictions and their language -> the text of the file."""
    pattern: str | None = None
    """Regular expression that a prediction fits (each of its items, where it is a list); None: any text."""
    meaning: str = "a text"
    """The words for such a prediction or item in messages."""
    is_list: bool = False
    is_number: bool = False
    """A prediction is a whole number from 0 on."""
    by_line: bool = False
    """The number at the end of an id is that of a line in the source's file, and none may be missing."""


@dataclass(frozen=True)
class Protocol:
    """One of the ways to evaluate embeddings."""

    search: str
    """`MODULE:NAME` of a function: the pool of queries and that of candidates -> `retrieval.protocols.Found`."""
    predictions: str
    """The kind of predictions, as in Format."""
    default_metric: str | None = None
    """The metric of a task that a program declares without one."""
    submission: Submission | None = None
    shared_candidates: bool = False
    """Candidates of all languages are one pool."""
    has_threshold: bool = False
    """`search` takes `threshold`, or `gold` to tune it on."""


@dataclass(frozen=True)
class Format:
    """The form of a task's examples, and what follows from it."""

    name: str
    """The name of its module or entry point."""
    fields: Mapping[str, Any]
    """Field of an example -> "string", "int32", a list with the type of its items, or a dict with those of its fields. The first
    two are `id` (unique within a language and split) and `language`."""
    head: str
    """`MODULE:CLASS`; xstilts.models.heads says what a head has."""
    featurizer: str
    """`MODULE`; xstilts.data.featurizers says what a featurizer has."""
    predictions: str
    """The kind of its predictions. A metric scores one kind (`SCORES`). Ours: `label` (a text or the number of a choice), `tags`,
    `answer` (a text), `ranking` (ids, the best first), `pairs` (ids) and `likelihood`; empty: each protocol has its kind."""
    problem: Callable[[Example, Sequence[str]], str | None]
    """Example and the task's labels -> what is wrong with the example, or None."""

    default_metric: str | None = None
    """The metric of a task that a program declares without one; where there are protocols, each has its metric."""
    gold: str | None = None
    """The field with the gold, which is null where the data has none. None: the text itself is the gold."""
    gold_value: Callable[[Example], Any] | None = None
    """Example -> its gold as metrics take it; by default the field `gold`."""
    may_be_null: tuple[str, ...] = ()
    """Other fields that an example may lack."""
    gold_is_label: bool = False
    """The gold is a label or a list of labels, which a source's `labels` map to those of the task."""
    fewest_labels: int = 0
    """The least number of labels that a task declares; 0: it declares none, and the head does not depend on labels."""
    labelled_items: str | None = None
    """The field whose items have a label each (words that have tags)."""
    shared: tuple[str, ...] = ()
    """The fields whose text several examples may have in common, such as the paragraph of several questions: of these, the first
    that an example has counts. Test items with one text are no independent sample and form a cluster. (): none share a text."""
    candidate: tuple[str, str] | None = None
    """Field and value that mark candidates, which queries are compared with: they are not counted, sampled or scored, and stay
    when examples are left out. Ids are then unique over all languages."""
    shuffled: Callable[[Sequence[Example], Random], list[Any]] | None = None
    """Examples of one language, all with gold -> a new value of the field `gold` for each. Together they are distributed like the
    old ones, each is valid for its example, and neither its text nor its old gold can tell it. None: there are no labels."""
    perturbed: tuple[str, ...] = ()
    """The fields that character noise may change: inputs, without those that the gold is a part of. (): none."""
    check_answers: str | None = None
    """`MODULE:NAME` of a function that examples pass before they are checked: see `sources.answers.place_answers`."""

    embeds: bool = False
    """Predictions come from the encoder's embeddings of texts, so an evaluation needs no trained head. One of `protocols`
    evaluates the embeddings, and the hyperparameters `retrieval_*` choose their layers and pooling."""
    protocols: Mapping[str, Protocol] = field(default_factory=dict)
    masks: bool = False
    """Tokens are masked and restored by a head that is tied to the word embeddings. Phase 1 trains with such formats."""
    has_data_map: bool = False
    """Features have a `label` and outputs `logits`, so that examples have a place in a data map."""
    rows: int = 1
    """Rows of an example in the encoder, for estimates of cost."""

    shortest: int = SPECIAL_TOKENS + 2
    """The least `max_length` that leaves room for text."""
    beside: str | None = None
    """The limit that `max_length` has to hold too."""
    limits: tuple[str, ...] = ("max_length",)
    """The fields of Limits that matter."""

    transformers: str | None = None
    """The end of the name of the AutoModelFor... class that transformers has for the head."""
    pipeline: str | None = None
    """The Hub's name of what can be done with that class."""
    submission: Submission | None = None

    @cached_property
    def features(self) -> "Features":
        """The schema of the examples."""
        from datasets import Features

        return Features({name: _feature(kind) for name, kind in self.fields.items()})

    def gold_of(self, example: Example) -> Any:
        """The gold as metrics take it; None where there is none."""
        if self.gold_value:
            return self.gold_value(example)
        return example[self.gold] if self.gold else None

    def counts(self, example: Example) -> bool:
        """Return whether the example is counted, sampled and scored."""
        return self.candidate is None or example[self.candidate[0]] != self.candidate[1]

    def kinds(self, protocol: str | None) -> tuple[str, ...]:
        """The kind of predictions of a protocol, or without a known protocol those of the whole format."""
        if protocol and protocol in self.protocols:
            return (self.protocols[protocol].predictions,)
        return tuple(known.predictions for known in self.protocols.values()) or (self.predictions,)

    def length_problems(self, limits: "Limits") -> Iterator[str]:
        """Lengths that leave no room for text."""
        beside = getattr(limits, self.beside) if self.beside else 0
        why = f"{self.beside}={beside}" if self.beside else f"the format {self.name}"
        least = self.shortest + beside
        for name in ("max_length", "max_query_length"):
            if name in self.limits and name != self.beside and 0 < (length := getattr(limits, name)) < least:
                yield f"{name}={length} has no room for text: {why} needs {least} or more"


def _feature(kind: Any) -> Any:
    from datasets import List, Value

    if isinstance(kind, list):
        return List(_feature(kind[0]))
    return {name: _feature(inner) for name, inner in kind.items()} if isinstance(kind, dict) else Value(kind)
