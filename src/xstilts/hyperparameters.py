"""The typed schema of recipes: the hyperparameters of a phase, and the tables that a recipe has of them."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from xstilts.bounds import MANY, number, one_of

ADAPTERS = ("none", "lora", "ia3")
POOLINGS = ("mean", "cls", "last", "pooler")


@dataclass
class Hyperparameters:
    """Hyperparameters of one phase. A null means: take the value of the more general table of the recipe."""

    learning_rate: float | None = number(None, above=0, at_most=1e38)
    """The highest learning rate, after the warm-up."""
    batch_size: int | None = number(None, at_least=1, at_most=1_000_000)
    """Examples (features, for span QA and tagging) per optimizer step, over all devices."""
    epochs: float | None = number(None, above=0, at_most=1_000_000)
    """Passes over the training examples."""
    max_steps: int | None = number(None, at_least=1, at_most=MANY)
    """Number of optimizer steps; overrides `epochs` if both are set."""
    warmup_fraction: float | None = number(None, at_least=0, at_most=1)
    """Share of all steps over which the learning rate grows linearly from 0."""
    warmup_steps: int | None = number(None, at_least=0, at_most=MANY)
    """Steps of that growth; overrides `warmup_fraction`."""
    schedule: str | None = one_of(None, ("linear", "constant"))
    """`linear` (down to 0) or `constant`, after the warm-up."""
    weight_decay: float | None = number(None, at_least=0, at_most=1_000)
    """Weight decay of AdamW; not applied to biases and LayerNorm."""
    adam_beta2: float | None = number(None, at_least=0, below=1)
    """AdamW's second beta; the first is 0.9."""
    adam_epsilon: float | None = number(None, at_least=0, at_most=1)
    """AdamW's epsilon."""
    max_grad_norm: float | None = number(None, at_least=0, at_most=1e38)
    """Gradients of a step are scaled down to this norm; 0: never."""
    head_dropout: float | None = number(None, at_least=0, below=1)
    """Dropout of the head; null: as in its class of transformers."""
    dropout: float | None = number(None, at_least=0, below=1)
    """Dropout of the encoder's hidden states and attention in this phase; null: as in its config.json, which is not changed."""
    freeze_embeddings: bool | None = None
    """Do not train the encoder's embedding matrices (words, positions) in this phase."""
    adapter: str | None = one_of(None, ADAPTERS)
    """The adapter of this phase; null: `model.adapter`. Phase 1 has none."""
    adapter_rank: int | None = number(None, at_least=1, at_most=65_536)
    """LoRA: the rank of the product that is added to a layer's weights; null: 8."""
    adapter_alpha: float | None = number(None, above=0, at_most=1e6)
    """LoRA: the product is multiplied by this / rank; null: 16."""
    adapter_dropout: float | None = number(None, at_least=0, below=1)
    """LoRA: dropout of the inputs of the product; null: 0."""
    adapter_modules: list[str] | None = None
    """Ends of the names of the encoder's linear layers that get an adapter, as `query` or `output.dense`; null: peft's choice
    for the encoder's type."""
    eval_every: int | None = number(None, at_least=0, at_most=MANY)
    """Optimizer steps between two evaluations on the validation examples; 0: only at the end."""
    eval_examples: int | None = number(None, at_least=1, at_most=MANY)
    """Number of validation examples, the first ones, that select the checkpoint."""
    patience: int | None = number(None, at_least=0, at_most=MANY)
    """Stop after this many evaluations without a better score; 0: never."""
    selection: str | None = one_of(None, ("best", "last"))
    """The checkpoint to keep: `best` (by the validation score of the training task) or `last`."""
    max_length: int | None = number(None, at_least=1, at_most=1_000_000)
    """Most tokens of an input, special tokens among them; longer inputs are cut, or split where the format allows it."""
    doc_stride: int | None = number(None, at_least=1, at_most=1_000_000)
    """Span QA: tokens that two neighbouring windows of a context share."""
    max_query_length: int | None = number(None, at_least=1, at_most=1_000_000)
    """Span QA and answer retrieval: most tokens of a question."""
    n_best: int | None = number(None, at_least=1, at_most=1_000_000)
    """Span QA: candidates for start and for end."""
    max_answer_length: int | None = number(None, at_least=1, at_most=1_000_000)
    """Span QA: most tokens of an answer."""
    null_threshold: float | None = number(None, at_least=-1e38, at_most=1e38)
    """Span QA: a question has no answer if the empty one scores more than this above the best span."""
    mlm_probability: float | None = number(None, above=0, at_most=1)
    """Masked language modelling: share of tokens that are masked."""
    retrieval_layers: list[int] | None = number(None, at_least=0, at_most=1_000)
    """Layers whose hidden states are pooled, 0 = the embeddings; empty: `retrieval_layer_of_24` scaled to the encoder's depth."""
    retrieval_layer_of_24: int | None = number(None, at_least=0, at_most=24)
    """The layer of a 24-layer encoder whose hidden states are pooled."""
    retrieval_pooling: list[str] | None = one_of(None, POOLINGS)
    """`mean` (over all tokens but padding), `cls` (the first token), `last` (the last one, for decoders) or `pooler`."""


@dataclass
class Recipe:
    """A published set of hyperparameters: general values, then by format, then by task, then differences in phase 2."""

    name: str = MISSING
    """The name of the recipe in results."""
    default: Hyperparameters = field(default_factory=Hyperparameters)
    """The general values."""
    formats: dict[str, Hyperparameters] = field(default_factory=dict)
    """Format -> its values."""
    tasks: dict[str, Hyperparameters] = field(default_factory=dict)
    """Task -> its values; `multitask` for several tasks at once."""
    intermediate: dict[str, Hyperparameters] = field(default_factory=dict)
    """For phase 2 only: the entry `default`, then the task's entry (or `multitask`)."""
