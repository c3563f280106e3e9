"""The typed schema of every config: all options with their defaults. No torch, and Hydra only inside `register`.

Each default is written here once; the YAML files under conf/ hold only differences. `xstilts.cell.checks` checks what types
cannot express.
"""

from dataclasses import dataclass, field
from pathlib import Path

from xstilts.analysis import AnalysisConfig
from xstilts.babel.declaration import WorldConfig
from xstilts.bounds import MANY, number, one_of
from xstilts.encoders import ATTENTIONS
from xstilts.hyperparameters import ADAPTERS, Hyperparameters, Recipe
from xstilts.paths import conf_dir
from xstilts.tasks.catalogue import task_names
from xstilts.tasks.declaration import PARALLEL, SPLITS, Task, TrainingTask
from xstilts.tasks.language_sets import LANGUAGE_SETS

PRECISIONS = ("32-true", "bf16-mixed")
"""float16 is missing because it needs scaled gradients, whose norm cannot be clipped as the recipes require."""
LOGGERS = ("csv", "tensorboard", "wandb", "none")
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps")
HEADS = ("fresh", "kept", "given")
AFTER_TRAINING = "training"
"""The value of `stop_after` that leaves out the evaluation alone."""
ROLES = ("target", "intermediate")
"""Config groups in which a task is chosen."""
LARGEST_SEED = 2**32 - 1
"""The limit of NumPy and Lightning."""
SMALLEST_VOCABULARY = 100
"""Minimum number of entries of a trained tokenizer: the special tokens and some characters."""


@dataclass
class TinyArchitecture:
    """Sizes of a randomly initialised encoder with XLM-R's architecture."""

    hidden_size: int = number(128, at_least=1, at_most=65_536)
    """Width of the hidden states."""
    num_hidden_layers: int = number(2, at_least=1, at_most=1_000)
    """Number of layers."""
    num_attention_heads: int = number(4, at_least=1, at_most=1_000)
    """Number of attention heads."""
    intermediate_size: int = number(256, at_least=1, at_most=1_000_000)
    """Width of the feed-forward part."""
    max_position_embeddings: int = number(514, at_least=8, at_most=1_000_000)
    """Two more than the longest input: XLM-R's positions start at 2."""
    dropout: float = number(0.1, at_least=0, below=1)
    """Dropout of hidden states and attention."""
    initializer_range: float = number(0.02, at_least=0, at_most=10)
    """Standard deviation of the first weights."""
    seed: int = number(0, at_least=0, at_most=LARGEST_SEED)
    """Seed of the random weights. It differs from the seed of a cell, so that all cells start from the same encoder."""


@dataclass
class ModelConfig:
    """The pretrained encoder (phase 1)."""

    name_or_path: str | None = None
    """A Hub id or a folder with a Hugging Face encoder; null: initialise `tiny` randomly."""
    revision: str | None = None
    """Commit, branch or tag of a Hub id; null: the commit in `pinned`, otherwise the newest."""
    pinned: dict[str, str] = field(default_factory=dict)
    """Hub id -> commit. Separate from `revision`, so that a pin is never applied to another id that the user chose."""
    tokenizer: str | None = None
    """A Hub id or folder; null: the encoder's tokenizer. `model=tiny` without a tokenizer is pretrained, see `pretraining`."""
    tiny: TinyArchitecture = field(default_factory=TinyArchitecture)
    pooler: str = one_of("carried", ("carried", "fresh", "none"))
    """The pooler of heads that have one (multiple choice, BERT's classification, retrieval): `carried` over from phase to phase,
    at first from the published encoder, if it has one; `fresh` (initialised again in each phase) or `none`."""
    adapter: str = one_of("none", ADAPTERS)
    """`lora` or `ia3`: phases 2 and 3 train an adapter, their heads and the pooler, and leave the encoder's own weights alone;
    `none`: they train the encoder. `recipe.adapter` of a phase overrides it."""
    previous_adapter: str = one_of("merged", ("merged", "kept", "stacked"))
    """The adapter of the phase before: `merged` into the encoder, under a new one; `kept`: trained further; `stacked`: left as
    it is beside the encoder, under a new one."""
    layer_parameters: int | None = number(None, at_least=1, at_most=1_000_000 * MANY)
    """Number of weights in all layers, without embeddings, to estimate costs; config.json counts where it is on this disk."""
    attention: str = one_of("sdpa", ATTENTIONS)
    """`sdpa`, `eager` or `flash_attention_2`; for an encoder without SDPA attention, `sdpa` means `eager`."""
    trim_vocabulary: bool | None = None
    """Load only the word embeddings that the phase's data uses; the artifact has all of them. null: if embeddings are trained and
    the result is the same; true: always, with an error if the result would differ; false: never."""


@dataclass
class DataConfig:
    """Options of the raw data."""

    source: str = "xtreme"
    """The entry of a task's `sources` to read."""
    fallback: str | None = None
    """The entry to read for tasks that cannot be read from `source`, if `root` is set."""
    root: str | None = None
    """Folder with the raw data, e.g. XTREME's `download/`."""
    extra_roots: list[str] = field(default_factory=list)
    """Further folders to search for files."""
    world: WorldConfig = field(default_factory=WorldConfig)
    """The synthetic world for tasks whose source has a generator (`data=babel`)."""
    language_sets: dict[str, list[str]] = field(default_factory=lambda: {name: of.split() for name, of in LANGUAGE_SETS.items()})
    """Name -> languages, for studies: `intermediate.tasks.xnli.languages=${data.language_sets.far_1}`. Synthetic worlds define
    sets of the same names, so that a study works with both."""
    example_budget: int = number(16000, at_least=1, at_most=MANY)
    """Number of training examples for studies that give all conditions the same: `max_examples=${data.example_budget}`."""
    example_sizes: list[int] = number(lambda: [1_000, 3_000, 10_000, 30_000, 87_599], at_least=1, at_most=MANY)
    """Growing numbers of training examples for studies of their effect; the last is all of SQuAD 1.1."""
    expect: bool = True
    """Refuse data whose numbers of rows or labels differ from the task's declaration; false: accept other revisions and files."""


@dataclass
class Mixture:
    """Sampling of tasks in multi-task training: p_i is proportional to min(n_i, cap)^(1/temperature), n_i examples of task i."""

    cap: int | None = number(131072, at_least=1, at_most=MANY)
    """The most that the examples of a task count; null: no limit."""
    temperature: float = number(1.0, above=0, at_most=1_000)
    """1: proportional to the capped numbers; larger: more even."""
    caps: dict[str, int] = number(dict, at_least=1, at_most=MANY)
    """Task -> its own cap, in the place of `cap`."""


@dataclass
class Pretraining:
    """Phase 1 if no encoder is given (`model=tiny` without a tokenizer): train a tokenizer, then an encoder, on text."""

    tasks: dict[str, TrainingTask] = field(default_factory=dict)
    """Tasks of the format mlm that supply the text. The tokenizer is trained on all of them."""
    mixture: Mixture = field(default_factory=Mixture)
    vocabulary: int = number(2200, at_least=SMALLEST_VOCABULARY, at_most=10_000_000)
    """Requested size of the vocabulary; it is smaller if there is too little text."""
    encoder: bool = True
    """false: train only the tokenizer and leave the encoder random, as a control without pretraining."""
    recipe: Hyperparameters = field(default_factory=Hyperparameters)
    """Differences from the recipe in this phase. The seed is `model.tiny.seed`."""


@dataclass
class Intermediate:
    """Phase 2: the intermediate tasks; without any, the cell is the baseline."""

    name: str | None = None
    """The name of this choice in tables; null: the names of its tasks."""
    tasks: dict[str, TrainingTask] = field(default_factory=dict)
    """Name -> task. Several are trained at once, in one mixture."""
    max_examples: int | None = number(None, at_least=1, at_most=MANY)
    """`max_examples` of every task of this phase that sets neither `max_examples` nor `fraction`."""
    draw: int | None = number(None, at_least=0, at_most=LARGEST_SEED)
    """`draw` of every task of this phase."""
    parallel: str | None = one_of(None, PARALLEL)
    """`parallel` of every task of this phase that sets none."""
    mixture: Mixture = field(default_factory=Mixture)
    recipe: Hyperparameters = field(default_factory=Hyperparameters)
    """Differences from the recipe in this phase."""


@dataclass
class FewShot:
    """Few-shot transfer: phase 3 goes on with a few examples of the target in another language, drawn by the cell's seed."""

    language: str | None = None
    """The language of the examples; null: none are trained on."""
    k: int | None = number(None, at_least=0, at_most=MANY)
    """Number of examples, of all labels together; 0: zero-shot, evaluated on the same examples as every other k."""
    split: str = "validation"
    """Split of the target, or a part of it (`validation:20%`), that examples are drawn from. Nothing of it is evaluated, and no
    example that is a translation of one of it or shares a text with it."""
    from_seed: int | None = number(None, at_least=0, at_most=LARGEST_SEED)
    """Seed of the phases before; null: the cell's. With a number, the cells of all seeds go on from one model and differ in
    their examples and their few-shot training alone."""
    recipe: Hyperparameters = field(default_factory=Hyperparameters)
    """Differences from the target's hyperparameters, whose `epochs`, `max_steps` and `warmup_steps` do not count here: see
    `xstilts.cell.resolve.FEW_SHOT_EPOCHS`."""


@dataclass
class CharNoise:
    """A control: typing errors in the inputs that are evaluated, in the script of each text. Nothing is trained on them."""

    rate: float = number(0.0, at_least=0, at_most=1)
    """Share of letters with an error: swapped with the next, dropped, replaced, or followed by a new one."""
    seed: int = number(0, at_least=0, at_most=LARGEST_SEED)
    """Seed of the errors; the same for all cells, so that they are tested on the same texts."""


@dataclass
class Target:
    """Phases 3 and 4: the target task, its training tasks, and the languages and splits of the evaluation."""

    task: Task = field(default_factory=Task)
    training: dict[str, TrainingTask] = field(default_factory=dict)
    """Training tasks in order. Each continues with the encoder and head of the previous one; empty: phase 3 is skipped."""
    head: str = one_of("fresh", HEADS)
    """`fresh`: phase 3 starts with a new head; `kept`: with that of the checkpoint `model.name_or_path`; `given`: phase 3 is left
    out, and the checkpoint is evaluated with its own head, as by `xstilts evaluate`. Retrieval needs no head."""
    head_labels: list[str] | None = None
    """The labels of that head in the order of its outputs; null: its config.json names them."""
    languages: list[str] | None = None
    """Languages to evaluate; null: all of the task's languages that have data."""
    splits: list[str] | None = one_of(None, SPLITS)
    """Splits to evaluate; null: those that the task declares."""
    max_test_examples: int | None = number(None, at_least=1, at_most=MANY)
    """Evaluate on this many examples, the first ones, of each language and split."""
    recipe: Hyperparameters = field(default_factory=Hyperparameters)
    """Differences from the recipe in phases 3 and 4."""
    few_shot: FewShot = field(default_factory=FewShot)
    char_noise: CharNoise = field(default_factory=CharNoise)


@dataclass
class TrainerConfig:
    """Hardware settings.

    They do not change results beyond rounding, except `precision`, and except the random draws of dropout, which depend on
    devices, `max_tokens`, `padding_free` and `compile`.
    """

    accelerator: str = one_of("auto", ACCELERATORS)
    """`auto`: a GPU if there is one, otherwise the CPU."""
    devices: int = number(1, at_least=1, at_most=1_024)
    """Number of devices (GPUs, or processes on a CPU), on each node."""
    num_nodes: int = number(1, at_least=1, at_most=10_000)
    """Number of machines."""
    precision: str = one_of("32-true", PRECISIONS)
    """`32-true`: float32; `bf16-mixed`: products in bfloat16, weights in float32."""
    max_tokens: int = number(2048, at_least=1, at_most=MANY)
    """Tokens in one micro-batch of a training step. Padding counts, unless the encoder skips it and it is less than the text."""
    max_eval_tokens: int | None = number(None, at_least=1, at_most=MANY)
    """Tokens in a batch of evaluation, padding included; null: 32,768 on a GPU, 4,096 on a CPU."""
    padding_free: bool = True
    """Skip padding in the encoder if its type and `model.attention=sdpa` allow it."""
    compile: bool = False
    """Compile the encoder before its first step; takes a minute and is worth it on GPUs."""
    gradient_checkpointing: bool = False
    """Keep only the input of each encoder layer and compute the layer again in the backward pass: less memory, about a third more
    time, the same numbers."""
    num_threads: int | None = number(None, at_least=1, at_most=1_024)
    """CPU threads of a worker; null: `OMP_NUM_THREADS`, else as many as there are free cores when it starts. They wait without
    spinning unless `OMP_WAIT_POLICY` is set."""
    start_ranks: str = one_of("lightning", ("lightning", "srun"))
    """The starter of DDP processes: `lightning`, on one node; `srun`, as tasks of the SLURM job, on all of its nodes."""
    checkpoint_every: int = number(500, at_least=1, at_most=MANY)
    """Optimizer steps between two checkpoints from which training can resume."""


@dataclass
class LoggerConfig:
    """Options of the logger of training curves."""

    name: str = one_of("csv", LOGGERS)
    """`csv`, `tensorboard`, `wandb` or `none`."""
    project: str = "xstilts"
    """For `wandb`: the project."""
    entity: str | None = None
    """For `wandb`: the user or team; null: your default."""
    offline: bool | None = None
    """For `wandb`. null: online if you are logged in and the server answers; true: offline; false: refuse to start offline."""
    every_n_steps: int = number(10, at_least=1, at_most=MANY)
    """Optimizer steps between two logged values."""


@dataclass
class StoreConfig:
    """Options of the artifact store, which all cells share."""

    root: str = "store"
    """Folder of the store."""
    refresh: str = one_of("never", ("never", "results", "all"))
    """`never`: use what exists; `results`: evaluate again; `all`: train this cell's phases and evaluate again."""
    features: bool = True
    """Keep tokenized features in the store, shared by all cells and ranks; false: every phase tokenizes again."""


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
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    """The study's question, for the report; the same for all of its cells."""
    seed: int = number(1, at_least=0, at_most=LARGEST_SEED)
    """Seed of phases 2 and 3: heads, order of examples, dropout. Runs that differ in it alone are repetitions."""
    study: str = "default"
    """Name of the study, and of the folder of its results."""
    output: str = "outputs/${study}"
    """Results of all cells of the study."""
    stop_after: str = ""
    """Stop after the artifact with this fingerprint, with `training` before the evaluation; empty: run to the cell's result.
    Sweeps train shared artifacts first."""
    worker: str = one_of("process", ("process", "logged", "inline"))
    """`process`: run each phase in a separate process; `logged`: the same, with its output in a log file under `output`, as in
    every sweep; `inline`: run everything in this process, for a debugger."""


def default_roles(task: str) -> dict[str, list[dict[str, str]]]:
    """Return role -> defaults list of a task: as an intermediate task, and as a target that trains on its data."""
    return {
        "intermediate": [{f"/task@tasks.{task}.task": task}],
        "target": [{"/task@task": task}, {f"/task@training.{task}.task": task}],
    }


def register(*folders: Path) -> None:
    """Register the schema and the default roles of all tasks in Hydra's ConfigStore.

    If conf/ or one of the user's `folders` has a file for a task in intermediate/ or target/, that file is used instead.
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
