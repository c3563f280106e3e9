"""The declaration of a task, as filled in by a YAML file in conf/task. No I/O, no torch.

A declaration says which format the examples have, what the labels are, where each source keeps the raw data, and how the
result is measured. It is data only: a new task in an existing format needs no Python.
"""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from xstilts.bounds import number, one_of, written_as
from xstilts.tasks.formats import format_names

SPLITS = ("train", "validation", "test")
REGIONS = ("easy", "ambiguous", "hard")
PARALLEL = ("same", "rotate")


@dataclass
class Expect:
    """The expected numbers of examples and labels of a split; data that differs from them is refused."""

    rows: dict[str, int] = number(dict, at_least=0)
    """Language -> number of examples (queries, for retrieval), before any is left out or sampled; `"*"` stands for all languages
    that are not listed."""
    labels: dict[str, int] = number(dict, at_least=0)
    """Label of the task -> how often it occurs in each language (a class, or a tag over all words); `""` counts examples
    without gold. Every label that occurs must be named."""


@dataclass
class Generator:
    """The generator of a task's examples in a synthetic world, and its options."""

    name: str = MISSING
    """A module of xstilts.babel.generators."""
    rows: dict[str, int] = number(dict, at_least=1)
    """Split -> number of examples per language; in the split `train`, only requested languages are generated."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the generator, documented in its docstring."""


@dataclass
class Source:
    """The raw data of a task in one source, and how a raw row becomes an example of the task's format."""

    reader: str = "examples"
    """A module of xstilts.sources.readers; the default reads files in the schema of the task's format."""
    generator: Generator | None = None
    """The generator of the examples in the synthetic world of `data.world`, which determines languages and files."""
    files: dict[str, Any] = written_as(dict[str, str | dict[str, str]])
    """Split -> path under a data root, or an absolute one; `{language}` stands for the language code. Several paths are separated
    by `|`: the first that exists is read. Where names follow no pattern, a map language -> path: `{zh: a.iob2, tl: b.iob2}`;
    `"*"` stands for every language that is not named."""
    readers: dict[str, str] = field(default_factory=dict)
    """Split -> reader, for a split whose files have another form than the others."""
    columns: dict[str, Any] = written_as(dict[str, str | int | list[str | int]])
    """Field of the format's example -> where it comes from: a column, by its name or (delimited, conll) its number from 1; a
    dotted path into nested objects (a list on the way is mapped over); a list of those; or a text with them in braces,
    `"{context} {question}"`. What is named here must be there, unless `options.optional` lists it."""
    labels: dict[str, str] = field(default_factory=dict)
    """Label as the data writes it -> label of the task. A label that stands for "no gold" maps to the empty string."""
    positional_ids: list[str] = one_of(list, SPLITS)
    """Splits whose ids are missing or not unique: the row number becomes the id."""
    translated: bool = True
    """Examples of several languages with one id are translations of each other, and are drawn together where a difference is
    judged. False where the ids of each language are numbers of its own, as the sentences of treebanks are counted."""
    gold: dict[str, Any] = field(default_factory=dict)
    """Split -> path, or map language -> path, of separate files with the gold answers, in the form that `reader` expects."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the reader, and those of every reader: docs/own_readers.md has them in a table (from xstilts.sources.options and
    `OPTIONS` of each reader). Any other is refused."""
    hub: str | None = None
    """OWNER/NAME of a data set on the Hugging Face Hub. `files` and `gold` are then paths inside it, with `*` for any text
    inside a name: all files that match are read, in the order of their names (`mnli/train-*.parquet`)."""
    revision: str | None = None
    """Commit of that data set, 40 hex digits; or a branch, a tag or `refs/convert/parquet`, which is resolved to a commit
    whenever a cell starts; null: the branch main."""
    expect: dict[str, Expect] = field(default_factory=dict)
    """Split -> its expected numbers of examples and labels."""
    unusable: str = ""
    """The reason why this source must not be read, and what to use instead; the text of the error for users who select it."""


@dataclass
class Task:
    """The declaration of a task."""

    name: str = MISSING
    """The name of the task, as in the name of its file."""
    format: str = one_of(MISSING, format_names)
    """A module of xstilts.tasks.formats, or of another package that adds one."""
    version: int = number(1, at_least=1, at_most=1_000_000)
    """Increase it whenever the meaning of the task's examples changes; part of every fingerprint."""
    description: str = ""
    """Its question, in a sentence."""
    languages: list[str] = field(default_factory=lambda: ["en"])
    """Languages in which the task can be evaluated or trained."""
    labels: list[str] = field(default_factory=list)
    """Classes or tags in the order of the head's outputs; never taken from the data."""
    labels_file: str | None = None
    """Instead of `labels`, where a licence keeps even the tags from being written here: path under a data root of a JSON object
    label -> its number, from 0. Read when a cell starts; the labels are then part of every fingerprint as if they stood here."""
    head: str | None = None
    """Tasks with the same head name share a head in multi-task training; the default is the name of the task."""
    difficulty: int | None = number(None, at_least=1, at_most=1_000)
    """Rank among the tasks of one kind, 1 the easiest: SNLI 1, MNLI 2, ANLI's rounds 3 to 5; SQuAD 1.1 1, 2.0 2. For analyses."""
    protocol: str | None = None
    """One of the format's `protocols`, if it has any."""
    metrics: list[str] = field(default_factory=list)
    """Names in xstilts.metrics; the first gives the main score."""
    evaluate: list[str] = one_of(lambda: ["validation", "test"], SPLITS)
    """Splits that are evaluated in every language."""
    sources: dict[str, Source] = field(default_factory=dict)
    """Name of the source (`data.source`) -> its declaration. `"*"` stands for all sources that are not listed."""
    licence: str = ""
    """The licence of its data."""
    homepage: str = ""
    """The address of its publishers."""


@dataclass
class DataMap:
    """The part of a training task's examples that lies in one region or bin of its data map (Swayamdipta et al. 2020).

    The map is made by a training on all of them, from the encoder of phase 1, with the hyperparameters of phase 2.
    """

    region: str | None = one_of(None, REGIONS)
    """`easy` (the model is confident of the label), `ambiguous` (its confidence varies over epochs) or `hard` (it is not
    confident); null: all examples, without a map."""
    fraction: float = number(0.33, above=0, at_most=1)
    """Share of the examples to select for a region, in (0, 1]."""
    bin: int | None = number(None, at_least=1, at_most=1_000)
    """Instead of a region: one of `bins` parts of equal size by confidence, 1 the easiest. All bins have the same number of
    examples of each label, and of each genre where examples have one, in each language."""
    bins: int = number(6, at_least=2, at_most=1_000)
    """Number of bins."""
    epochs: float = number(5.0, at_least=2, at_most=1_000_000)
    """Epochs of the map's training; probabilities are computed once at the end of each."""

    @property
    def used(self) -> bool:
        """Return whether a part of the map is selected, so that the map is needed."""
        return self.region is not None or self.bin is not None


@dataclass
class TrainingTask:
    """A task used as training data: its languages and amount."""

    task: Task = field(default_factory=Task)
    languages: list[str] = field(default_factory=lambda: ["en"])
    """The languages to train in."""
    train: str = "train"
    """Split to train on: `train`, or a part of a split, `validation:90%` (its first 90 %)."""
    validation: str = "validation"
    """Split for the selection of the checkpoint, e.g. `validation` or `train:-10%` (its last 10 %)."""
    max_examples: int | None = number(None, at_least=1, at_most=1_000_000_000)
    """Train on this many examples, drawn so that a smaller number is always a subset of a larger one."""
    fraction: float | None = number(None, above=0, at_most=1)
    """The number of training examples as a share of all examples, in (0, 1]."""
    language_exponent: float | None = number(None, at_least=0, at_most=100)
    """With several languages, the share of a language in those examples is proportional to (its number of examples)^this, up to
    all its examples: 0.3 is XLM-R's (unconfirmed), 1 is proportional, 0 is even. Null: languages are ignored."""
    draw: int = number(0, at_least=0, at_most=2**32 - 1)
    """Number of the random draw by which those examples are chosen and labels shuffled; `${seed}`: another for each seed."""
    parallel: str | None = one_of(None, PARALLEL)
    """For a task whose ids name translations of one example, in all its languages: `same` uses the same ids in every language,
    `rotate` each id in one language, in even shares. `max_examples` counts the examples of all languages together."""
    shuffle_labels: bool = False
    """A control: train on the same examples in as many steps, with their labels shuffled within each language by `draw`, so that
    there is no task to learn. Validation examples keep their gold."""
    data_map: DataMap = field(default_factory=DataMap)
    """For intermediate tasks whose format has data maps: select the examples above that are in one region or bin."""
    language_adapters: bool = False
    """For masked language modelling in phase 2, with adapters that are stacked: train an adapter on the text of each language of
    the target too, which takes the place of this one's where that language is evaluated (MAD-X, Pfeiffer et al. 2020)."""


@dataclass(frozen=True)
class Limits:
    """Limits by which examples are cut to the encoder's length and predictions are read back; lengths in tokens."""

    max_length: int = 256
    doc_stride: int = 128
    """Span QA: tokens of the context from the start of one window to the start of the next."""
    max_query_length: int = 64
    n_best: int = 20
    max_answer_length: int = 30
    null_threshold: float = 0.0
    """Span QA with unanswerable questions: no answer if its score beats the best span's by more than this."""


def head_name(task: Task) -> str:
    """Return the name of the head that `task` trains."""
    return task.head or task.name
