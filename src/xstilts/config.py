"""The typed schema of every config: what can be chosen, with its default. No torch, and Hydra only inside `register`.

A default lives here once; the YAML files under conf/ say only what differs. `xstilts.cell.checks` holds what a type cannot say.
"""

from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from xstilts.babel.declaration import WorldConfig
from xstilts.bounds import number, one_of
from xstilts.encoders import ATTENTIONS
from xstilts.paths import conf_dir
from xstilts.tasks.catalogue import task_names
from xstilts.tasks.declaration import SPLITS, Task, TrainingTask

PRECISIONS = ("32-true", "bf16-mixed")
"""float16 needs scaled gradients, whose norm cannot be clipped as the recipes say."""
LOGGERS = ("csv", "tensorboard", "wandb", "none")
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
POOLINGS = ("mean", "cls", "pooler")
ROLES = ("target", "intermediate")
"""Config groups in which a task is chosen."""
MANY = 1_000_000_000
"""Above any count that makes sense, and small enough for every library."""
LARGEST_SEED = 2**32 - 1
"""Of NumPy's and Lightning's seeds."""
SMALLEST_VOCABULARY = 100
"""Entries of a tokenizer that is trained: the special tokens and some characters."""
LANGUAGE_SETS = {
    # Four of XNLI's languages, English among them: of western Europe; of four branches of Indo-European; of four families.
    "close": "en de fr es",
    "middle": "en ru el hi",
    "far": "en tr zh sw",
    # All languages in which a task has training data, English too but for `squad`; XCOPA's; those of XTREME.
    "xnli": "en ar bg de el es fr hi ru sw th tr ur vi zh",
    "pawsx": "en de es fr ja ko zh",
    "squad": "ar de es hi vi zh",
    "xcopa": "et ht id it qu sw ta th tr vi zh",
    "xtreme": "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi "
    "yo zh",
    # Into which Phang et al. 2020 had intermediate data translated.
    "translated": "de ru sw",
}


@dataclass
class TinyArchitecture:
    """The shape of an encoder that is built from nothing (XLM-R's architecture, random weights)."""

    hidden_size: int = number(128, at_least=1, at_most=65_536)
    num_hidden_layers: int = number(2, at_least=1, at_most=1_000)
    num_attention_heads: int = number(4, at_least=1, at_most=1_000)
    intermediate_size: int = number(256, at_least=1, at_most=1_000_000)
    max_position_embeddings: int = number(514, at_least=8, at_most=1_000_000)
    """Two more than the longest input: XLM-R's positions start at 2."""
    dropout: float = number(0.1, at_least=0, below=1)
    initializer_range: float = number(0.02, at_least=0, at_most=10)
    seed: int = number(0, at_least=0, at_most=LARGEST_SEED)
    """Of the random weights; not the seed of a cell, so that all cells start from one encoder."""


@dataclass
class ModelConfig:
    """The pretrained encoder (phase 1)."""

    name_or_path: str | None = None
    """A Hub id or a folder with a Hugging Face encoder; null: build `tiny` from nothing."""
    revision: str | None = None
    """Commit, branch or tag of a Hub id; null: as `pinned` says, else the newest."""
    pinned: dict[str, str] = field(default_factory=dict)
    """Hub id -> commit; apart from `revision`, so that a pin never meets another id that the user chose."""
    tokenizer: str | None = None
    """A Hub id or folder; null: the encoder's own. `model=tiny` without one is pretrained, as `pretraining` says."""
    tiny: TinyArchitecture = field(default_factory=TinyArchitecture)
    pooler: str = one_of("carried", ("carried", "fresh", "none"))
    """The pooler of heads that have one (multiple choice, retrieval): `carried` from phase to phase, `fresh` in each, `none`."""
    layer_parameters: int | None = number(None, at_least=1, at_most=1_000_000 * MANY)
    """Weights of all layers without embeddings, for estimates of cost where the encoder is not on this disk yet."""
    attention: str = one_of("sdpa", ATTENTIONS)
    """`sdpa`, `eager` or `flash_attention_2`; an encoder that has no SDPA attention gets `eager` instead of `sdpa`."""
    trim_vocabulary: bool | None = None
    """Train only the word embeddings that the phase's data looks up; the artifact has all. null: wherever the result is the same
    and the embeddings are trained; true: refuse where it is not; false: never."""


@dataclass
class DataConfig:
    """Where raw data comes from."""

    source: str = "xtreme"
    """The entry of a task's `sources` that is read."""
    fallback: str | None = None
    """The entry that is read where a task's `source` cannot be, if `root` is set."""
    root: str | None = None
    """Folder with the raw data, e.g. XTREME's `download/`."""
    extra_roots: list[str] = field(default_factory=list)
    """Further folders in which a file is looked for."""
    world: WorldConfig = field(default_factory=WorldConfig)
    """The synthetic world, of tasks whose source has a generator: `data=babel`."""
    language_sets: dict[str, list[str]] = field(default_factory=lambda: {name: of.split() for name, of in LANGUAGE_SETS.items()})
    """Name -> languages, for studies: `intermediate.tasks.xnli.languages=${data.language_sets.far}` means languages that are far
    from each other in the real world as in a synthetic one, which has sets of its own under the same names."""
    example_budget: int = number(16000, at_least=1, at_most=MANY)
    """Training examples, for studies in which all conditions have as many: `max_examples=${data.example_budget}`."""
    expect: bool = True
    """Refuse data with other numbers of rows or labels than the task declares; false: for a revision or files of one's own."""


@dataclass
class Hyperparameters:
    """How one phase trains. A null in a recipe's table or on the command line means: as the more general table says."""

    learning_rate: float | None = number(None, above=0, at_most=1e38)
    batch_size: int | None = number(None, at_least=1, at_most=1_000_000)
    """Examples (features, for span QA and tagging) of one optimizer step, over all devices."""
    epochs: float | None = number(None, above=0, at_most=1_000_000)
    max_steps: int | None = number(None, at_least=1, at_most=MANY)
    """Optimizer steps; counts before `epochs` where both are set."""
    warmup_fraction: float | None = number(None, at_least=0, at_most=1)
    """Share of all steps over which the learning rate grows linearly from 0."""
    warmup_steps: int | None = number(None, at_least=0, at_most=MANY)
    """The same as a number; counts before `warmup_fraction`."""
    schedule: str | None = one_of(None, ("linear", "constant"))
    """`linear` (down to 0) or `constant`, after the warm-up."""
    weight_decay: float | None = number(None, at_least=0, at_most=1_000)
    """AdamW's, not on biases and LayerNorm."""
    adam_beta2: float | None = number(None, at_least=0, below=1)
    adam_epsilon: float | None = number(None, at_least=0, at_most=1)
    max_grad_norm: float | None = number(None, at_least=0, at_most=1e38)
    head_dropout: float | None = number(None, at_least=0, below=1)
    dropout: float | None = number(None, at_least=0, below=1)
    """The encoder's own, hidden and of attention, while this phase trains; null: as its config says, which the artifact keeps."""
    freeze_embeddings: bool | None = None
    """The encoder's embedding matrices (words, positions) are not trained in this phase."""
    eval_every: int | None = number(None, at_least=0, at_most=MANY)
    """Optimizer steps between two evaluations on the selection examples; 0: only at the end."""
    eval_examples: int | None = number(None, at_least=1, at_most=MANY)
    """The first so many validation examples select the checkpoint."""
    patience: int | None = number(None, at_least=0, at_most=MANY)
    """Stop after so many evaluations without a better score; 0: never."""
    selection: str | None = one_of(None, ("best", "last"))
    """`best` (by the validation score of the training task) or `last` checkpoint."""
    max_length: int | None = number(None, at_least=1, at_most=1_000_000)
    doc_stride: int | None = number(None, at_least=1, at_most=1_000_000)
    max_query_length: int | None = number(None, at_least=1, at_most=1_000_000)
    n_best: int | None = number(None, at_least=1, at_most=1_000_000)
    max_answer_length: int | None = number(None, at_least=1, at_most=1_000_000)
    null_threshold: float | None = number(None, at_least=-1e38, at_most=1e38)
    mlm_probability: float | None = number(None, above=0, at_most=1)
    retrieval_layers: list[int] | None = number(None, at_least=0, at_most=1_000)
    """Layers whose hidden states are pooled, 0 = the embeddings; empty: `retrieval_layer_of_24` scaled to the encoder's depth."""
    retrieval_layer_of_24: int | None = number(None, at_least=0, at_most=24)
    retrieval_pooling: list[str] | None = one_of(None, POOLINGS)
    """`mean` (of all tokens that are not padding), `cls`, or `pooler`."""


@dataclass
class Recipe:
    """A published set of hyperparameters: general values, then by format, then by task, then what phase 2 does otherwise."""

    name: str = MISSING
    default: Hyperparameters = field(default_factory=Hyperparameters)
    formats: dict[str, Hyperparameters] = field(default_factory=dict)
    tasks: dict[str, Hyperparameters] = field(default_factory=dict)
    intermediate: dict[str, Hyperparameters] = field(default_factory=dict)
    """For phase 2 only: the entry `default`, then the one of the task (or `multitask`)."""


@dataclass
class Mixture:
    """Multi-task phase 2: p_i is proportional to min(n_i, cap)^(1/temperature)."""

    cap: int | None = number(131072, at_least=1, at_most=MANY)
    temperature: float = number(1.0, above=0, at_most=1_000)


@dataclass
class Pretraining:
    """Phase 1 where no encoder is given: `model=tiny` without a tokenizer. A tokenizer, then an encoder, from text."""

    tasks: dict[str, TrainingTask] = field(default_factory=dict)
    """Tasks of the format mlm: the text. The tokenizer is trained on all of them."""
    mixture: Mixture = field(default_factory=Mixture)
    vocabulary: int = number(2200, at_least=SMALLEST_VOCABULARY, at_most=10_000_000)
    """Entries asked for; fewer where the text does not give so many."""
    encoder: bool = True
    """false: only the tokenizer is trained and the encoder stays random, the control without pretraining."""
    recipe: Hyperparameters = field(default_factory=Hyperparameters)
    """What differs from the recipe in this phase. The seed is `model.tiny.seed`."""


@dataclass
class Intermediate:
    """Phase 2: the intermediate tasks; none is the baseline."""

    name: str | None = None
    """What tables call this choice; null: the names of its tasks."""
    tasks: dict[str, TrainingTask] = field(default_factory=dict)
    max_examples: int | None = number(None, at_least=1, at_most=MANY)
    """`max_examples` of every task of this phase that sets neither its own nor a `fraction`."""
    mixture: Mixture = field(default_factory=Mixture)
    recipe: Hyperparameters = field(default_factory=Hyperparameters)
    """What differs from the recipe in this phase."""


@dataclass
class Target:
    """Phases 3 and 4: the target task, what it trains on, and where it is evaluated."""

    task: Task = field(default_factory=Task)
    training: dict[str, TrainingTask] = field(default_factory=dict)
    """Training tasks in order, each starting from the one before with its head; empty: phase 3 is skipped."""
    languages: list[str] | None = None
    """Evaluate in these only; null: in all of the task's languages that have data."""
    splits: list[str] | None = one_of(None, SPLITS)
    """Evaluate these only; null: as the task says."""
    max_test_examples: int | None = number(None, at_least=1, at_most=MANY)
    """Evaluate on the first so many examples of each language and split."""
    recipe: Hyperparameters = field(default_factory=Hyperparameters)
    """What differs from the recipe in phase 3 and 4."""


@dataclass
class TrainerConfig:
    """The machine, not the science: nothing here changes a result beyond rounding, except `precision`, and which places dropout
    draws, which follows from devices, `max_tokens`, `padding_free` and `compile`."""

    accelerator: str = one_of("auto", ACCELERATORS)
    """`auto`: a GPU if there is one, else the CPU."""
    devices: int = number(1, at_least=1, at_most=1_024)
    num_nodes: int = number(1, at_least=1, at_most=10_000)
    precision: str = one_of("32-true", PRECISIONS)
    max_tokens: int = number(2048, at_least=1, at_most=MANY)
    """Tokens in one micro-batch of a training step. Padding counts, but not for an encoder that computes none, while it is less
    than the text."""
    max_eval_tokens: int = number(32768, at_least=1, at_most=MANY)
    """The same for evaluation."""
    padding_free: bool = True
    """Compute no padding in the encoder, where its type and `model.attention=sdpa` allow it."""
    compile: bool = False
    """Compile the encoder before its first step, which takes a minute and pays on GPUs."""
    num_threads: int | None = number(None, at_least=1, at_most=1_024)
    """CPU threads of torch; null: torch's own choice. They wait without spinning unless `OMP_WAIT_POLICY` says otherwise."""
    start_ranks: str = one_of("lightning", ("lightning", "srun"))
    """Who starts the processes of DDP: `lightning`, on one node; `srun`, one task of the SLURM job each, on all of its nodes."""
    checkpoint_every: int = number(500, at_least=1, at_most=MANY)
    """Optimizer steps between two checkpoints to resume from."""


@dataclass
class LoggerConfig:
    """Where training curves go."""

    name: str = one_of("csv", LOGGERS)
    """`csv`, `tensorboard`, `wandb` or `none`."""
    project: str = "xstilts"
    entity: str | None = None
    offline: bool | None = None
    """Of `wandb`. null: online if somebody is logged in and the server answers; true: never; false: refuse where nobody is."""
    every_n_steps: int = number(10, at_least=1, at_most=MANY)


@dataclass
class StoreConfig:
    """Where trained artifacts are kept and shared by all cells."""

    root: str = "store"
    refresh: str = one_of("never", ("never", "results", "all"))
    """`never`: use what exists; `results`: evaluate again; `all`: train this cell's phases and evaluate again."""
    features: bool = True
    """Keep tokenized features in the store, shared by all cells and ranks; false: every phase makes its own."""


@dataclass
class Config:
    """One cell: one intermediate choice x one target x one seed."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    recipe: Recipe = field(default_factory=Recipe)
    pretraining: Pretraining = field(default_factory=Pretraining)
    intermediate: Intermediate = field(default_factory=Intermediate)
    target: Target = field(default_factory=Target)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    seed: int = number(1, at_least=0, at_most=LARGEST_SEED)
    study: str = "default"
    output: str = "outputs/${study}"
    """Results of all cells of the study."""
    stop_after: str = ""
    """The fingerprint of the artifact to end with; empty: the cell's result. A sweep makes what several cells share first."""
    worker: str = one_of("process", ("process", "logged", "inline"))
    """`process`: each phase in a process of its own; `logged`: the same, but what it says goes to a file under `output`, as in
    every sweep; `inline`: all in this one, for a debugger."""


def default_roles(task: str) -> dict[str, list[dict[str, str]]]:
    """The defaults list of a task as an intermediate task, and as a target that trains on its own data."""
    return {
        "intermediate": [{f"/task@tasks.{task}.task": task}],
        "target": [{"/task@task": task}, {f"/task@training.{task}.task": task}],
    }


def register(*folders: Path) -> None:
    """Put the schema and the default roles of all tasks into Hydra's ConfigStore.

    Where conf/ or one of the user's own `folders` has a file for a task in intermediate/ or target/, the file counts.
    """
    from hydra.core.config_store import ConfigStore

    store, places = ConfigStore.instance(), (conf_dir(), *folders)
    if "schema.yaml" not in store.repo:  # it takes a tenth of a second
        store.store(name="schema", node=Config)
        store.store(group="task", name="schema", node=Task)
    for role in ROLES:
        store.repo.pop(role, None)  # of other folders
    for task in sorted({name for place in places for name in task_names(place)}):
        for role, defaults in default_roles(task).items():
            if not any((place / role / f"{task}.yaml").is_file() for place in places):
                store.store(group=role, name=task, node={"defaults": defaults})
