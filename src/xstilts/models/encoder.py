"""The pretrained encoder (phase 1): any Hugging Face encoder, with an explicit dtype, an attention mask and our pooler.

Legend: B rows, L tokens, D hidden size, N layers.
"""

import copy
import inspect
import logging
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    AutoModel,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    XLMRobertaConfig,
)

from xstilts import encoders
from xstilts.config import ModelConfig, TinyArchitecture
from xstilts.errors import UserError
from xstilts.models import dropout, padding_free
from xstilts.models.adapters import Adapters
from xstilts.numbering import counted

log = logging.getLogger("xstilts")
POOLER = "pooler."
"""The start of the names of a pooler's weights in all types of encoders."""


class Pooler(nn.Module):
    """The pooler of a type of encoders, freshly initialised; RoBERTa's (dense and tanh over the first token) if it has none."""

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__()
        base = on_meta(AutoModel, config)
        layer, activation = cast(nn.Module | None, getattr(base, "pooler", None)), None
        if isinstance(layer, nn.Linear):  # ALBERT and BigBird apply it, and what follows, themselves
            activation = cast(nn.Module, getattr(base, "pooler_activation", None) or base.activation)
        if layer is None:
            plain = XLMRobertaConfig(hidden_size=config.hidden_size, num_hidden_layers=0, num_attention_heads=1)
            layer = cast(nn.Module, on_meta(AutoModel, plain).pooler)
        self.layer = layer
        self.activation = activation
        materialise(self)

    def forward(self, hidden_BLD: Tensor) -> Tensor:
        """pooled_BD."""
        pooled = self.layer(hidden_BLD if self.activation is None else hidden_BLD[:, 0])
        return cast(Tensor, pooled if self.activation is None else self.activation(pooled))


class Encoder(nn.Module):
    """A Hugging Face encoder without its pooler, and a pooler beside it if a head needs it.

    `ModelConfig.pooler` says whether phases keep the pooler's weights. `published_pooler` are those that came with the encoder
    (state dict; {}: none, as in XLM-R's public checkpoints).
    """

    def __init__(self, backbone: PreTrainedModel) -> None:
        super().__init__()
        self.published_pooler = take_pooler(backbone)
        dropout.use(backbone)
        self.backbone = backbone
        self.pooler: Pooler | None = None
        self.padding_free = False
        self.adapters: Adapters | None = None
        self.family = encoders.family(backbone.config.model_type)
        self.reads_segments = takes_segments(backbone)

    @property
    def hidden_size(self) -> int:
        """D."""
        return int(self.backbone.config.hidden_size)

    @property
    def num_layers(self) -> int:
        """N; hidden states are numbered 0 (the embeddings) to N."""
        return int(self.backbone.config.num_hidden_layers)

    @property
    def max_length(self) -> int:
        """The longest input in tokens, special tokens included."""
        return encoders.longest_input(self.backbone.config.to_dict()) or 10**9

    def add_pooler(self, published: bool = True) -> None:
        """Give the encoder a pooler, if it has none: with the published weights, if `published` and there are any, or new."""
        if self.pooler is None:
            self.pooler = Pooler(self.backbone.config)
            if published and self.published_pooler:
                self.pooler.layer.load_state_dict(self.published_pooler)

    def leave_padding_out(self) -> None:
        """Compute real tokens only from now on, if this type of encoder can; its attention must be SDPA."""
        if padding_free.possible(self.backbone):
            padding_free.prepare(self.backbone)
            self.padding_free = True

    def hold_in_bfloat16(self) -> None:
        """Hold the weights of products in bfloat16 from now on, to predict in mixed precision; if padding can be left out.

        The outputs are the same to the bit: autocast rounds these weights in the same way, but anew for every batch.
        """
        if padding_free.possible(self.backbone):  # these types use a layer's weight in its own product only
            for module in self.backbone.modules():
                if isinstance(module, nn.Linear):
                    module.to(torch.bfloat16)

    def checkpoint_layers(self) -> None:
        """Keep only each layer's input from now on; the backward pass computes the layer again, with the same dropout.

        UserError if transformers has no gradient checkpointing for this type of encoder.
        """
        if not self.backbone.supports_gradient_checkpointing:
            raise UserError(encoders.no_checkpointing(self.backbone.config.model_type))
        # transformers 5.23 has a new name for it, and the old one warns. A reentrant checkpoint would need inputs with gradients.
        enable = getattr(self.backbone, "activation_checkpointing_enable", self.backbone.gradient_checkpointing_enable)
        enable({"use_reentrant": False})

    def compile_layers(self) -> None:
        """Compile the layers from now on: all run the same program, so that it is made once and not once for each of them."""
        stacks = [part for part in self.backbone.modules() if isinstance(part, nn.ModuleList) and len(part) == self.num_layers]
        for module in stacks[0] if stacks else [self.backbone]:
            module.compile(dynamic=True)

    def forward(
        self,
        input_ids_BL: Tensor,
        attention_mask_BL: Tensor,
        position_ids_BL: Tensor | None = None,
        token_type_ids_BL: Tensor | None = None,
        places_T: Tensor | None = None,
        only_first: bool = False,
    ) -> Tensor:
        """hidden_BLD of the last layer, float; values at padding are undefined.

        With `only_first`, at least those of the first tokens: where padding is left out, hidden_B1D, for less work.
        Positions count from 0, whatever the encoder's first position is; None: 0, 1, 2, …
        Segment ids are ignored by an encoder without embeddings for them; None: all 0.
        `places_T`: the positions of the real tokens in the flattened mask; None: they are computed, which makes the host wait
        for a GPU.
        """
        return self._run(input_ids_BL, attention_mask_BL, position_ids_BL, (-1,), token_type_ids_BL, places_T, only_first)[-1]

    def read(self, batch: dict[str, Tensor], only_first: bool = False) -> Tensor:
        """hidden_BLD of the last layer for all inputs that a collated batch has; `only_first` as in `forward`."""
        ids_BL, mask_BL = batch["input_ids"], batch["attention_mask"]
        return cast(Tensor, self(ids_BL, mask_BL, *map(batch.get, ("position_ids", "token_type_ids", "places")), only_first))

    def hidden_states(
        self, input_ids_BL: Tensor, attention_mask_BL: Tensor, layers: Sequence[int], places_T: Tensor | None = None
    ) -> dict[int, Tensor]:
        """Layer (0: the embeddings) -> hidden_BLD, in one pass, of single texts; values at padding are undefined."""
        return self._run(input_ids_BL, attention_mask_BL, None, layers, None, places_T, output_hidden_states=True)

    def _run(
        self,
        input_ids_BL: Tensor,
        attention_mask_BL: Tensor,
        position_ids_BL: Tensor | None,
        layers: Sequence[int],
        token_type_ids_BL: Tensor | None = None,
        places_T: Tensor | None = None,
        only_first: bool = False,
        **options: Any,
    ) -> dict[int, Tensor]:
        layout = padding_free.layout(attention_mask_BL, places_T, only_first) if self.padding_free else None
        if layout is not None and position_ids_BL is None:
            position_ids_BL = torch.arange(input_ids_BL.shape[1], device=input_ids_BL.device).expand_as(input_ids_BL)
        if position_ids_BL is not None:
            options["position_ids"] = position_ids_BL + encoders.first_position(self.backbone.config.to_dict())
        if token_type_ids_BL is not None and self.reads_segments:
            options["token_type_ids"] = token_type_ids_BL
        if layout is None:
            output = self.backbone(input_ids=input_ids_BL, attention_mask=attention_mask_BL, **options)
        else:
            for name in ("position_ids", "token_type_ids"):
                if name in options:
                    options[name] = layout.without_padding(options[name])[None]
            output = self.backbone(input_ids=layout.without_padding(input_ids_BL)[None], layout=layout, **options)
        states = output.hidden_states or (output.last_hidden_state,)
        if layout is not None:
            return {layer: layout.rows(states[layer][0]) for layer in layers}
        length = input_ids_BL.shape[1]
        if other := [layer for layer in layers if states[layer].shape[1] != length]:
            kind, places = type(self.backbone).__name__, states[other[0]].shape[1]
            raise UserError(
                f"layer {other[0]} of a {kind} has {places} hidden states for {length} tokens: choose another layer "
                "(target.recipe.retrieval_layers) or encoder"
            )
        return {layer: states[layer] for layer in layers}

    def first_token(self, hidden_BLD: Tensor) -> Tensor:
        """pooled_BD: the pooler's output if there is a pooler, else the first token's hidden state."""
        return hidden_BLD[:, 0] if self.pooler is None else cast(Tensor, self.pooler(hidden_BLD))

    def set_dropout(self, probability: float) -> None:
        """Set the dropout of hidden states and attention; the config, and so a saved model, keeps its value."""
        for module in self.backbone.modules():
            if isinstance(module, nn.Dropout):
                module.p = probability
            elif isinstance(getattr(module, "attention_dropout", None), float):
                setattr(module, "attention_dropout", probability)  # noqa: B010 (newer encoders read it in the forward pass)

    def freeze_embeddings(self) -> None:
        """Train no embedding matrix: words, positions, kinds of tokens."""
        for module in self.backbone.modules():
            if isinstance(module, nn.Embedding):
                module.requires_grad_(False)

    @property
    def word_embeddings(self) -> Tensor:
        """The (vocabulary, D) matrix that the MLM head is tied to."""
        return cast(Tensor, self.backbone.get_input_embeddings().weight)


def takes_segments(model: PreTrainedModel) -> bool:
    """Return whether the model embeds segment ids (`token_type_ids`) other than 0."""
    named = "token_type_ids" in inspect.signature(model.forward).parameters
    return named and (getattr(model.config, "type_vocab_size", None) or 0) > 1


def on_meta(auto: Any, config: PretrainedConfig) -> PreTrainedModel:
    """The model that an Auto class makes of the config, with tensors that have no storage. ValueError if it makes none."""
    with torch.device("meta"):  # of a copy, because the attention is written into the config
        model: PreTrainedModel = auto.from_config(
            copy.deepcopy(config), attn_implementation="eager", dtype=torch.float32, trust_remote_code=False
        )
    return model


def take_pooler(backbone: PreTrainedModel) -> dict[str, Tensor]:
    """Remove the model's pooler, which is then not computed; returns its state dict, {} if it has none."""
    pooler = getattr(backbone, "pooler", None)
    if not isinstance(pooler, nn.Module):
        return {}
    # Types without this option call it always.
    optional = "add_pooling_layer" in inspect.signature(type(backbone)).parameters
    backbone.register_module("pooler", None if optional else nn.Identity())
    return pooler.state_dict()


def materialise(module: nn.Module) -> None:
    """Give parameters on the meta device storage and initial values; a parameter of several places stays one."""
    made: dict[nn.Parameter, nn.Parameter] = {}
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.is_meta and parameter not in made:
                made[parameter] = nn.Parameter(torch.empty_like(parameter, device="cpu"))
                {"weight": nn.init.ones_}.get(name, nn.init.zeros_)(made[parameter])  # norms and biases
            part.register_parameter(name, made.get(parameter, parameter))
    initialise(module)


def initialise(module: nn.Module, standard_deviation: float = 0.02) -> None:
    """RoBERTa's initialisation of new layers: normal weights, zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            for name, parameter in layer.named_parameters(recurse=False):  # one that is tied is none of them
                if name == "weight":
                    nn.init.normal_(parameter, std=standard_deviation)
                else:
                    nn.init.zeros_(parameter)


def build_encoder(model: ModelConfig, tokenizer: PreTrainedTokenizerBase, only_embeds: bool = False) -> Encoder:
    """Build the encoder of phase 1: loaded from `name_or_path`, or `tiny`, randomly initialised."""
    if model.name_or_path is None:
        return Encoder(_tiny(model.tiny, tokenizer, model.attention))
    return Encoder(load_backbone(model.name_or_path, model.attention, model.revision, only_embeds))


def load_backbone(name_or_path: str, attention: str, revision: str | None = None, only_embeds: bool = False) -> PreTrainedModel:
    """Load a Hugging Face encoder in float32; each of its weights but the pooler's must be in the checkpoint.

    With `attention="sdpa"`, an encoder without SDPA attention is loaded with eager attention. With `only_embeds`, a decoder is
    loaded, too.
    Raises UserError for a folder or id that holds no such encoder. Code from the folder or the Hub is never run.
    """
    place = str(encoders.local_path(name_or_path)) if encoders.is_path(name_or_path) else name_or_path
    options: dict[str, Any] = {"revision": revision} if revision else {}
    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False, **options)
        _check_type(config, name_or_path, only_embeds)
        options["ignore_mismatched_sizes"] = True  # reported below, in one line
        options["attn_implementation"] = None if attention == "sdpa" else attention  # None: SDPA if there is one, else eager
        backbone, report = AutoModel.from_pretrained(
            place, config=config, dtype=torch.float32, trust_remote_code=False, output_loading_info=True, **options
        )
    except UserError:
        raise
    except Exception as error:  # a broken folder raises errors of many types: OSError, KeyError, TypeError, SafetensorError, ...
        raise UserError(_not_loaded(name_or_path, attention, error)) from error
    lost = sorted(report["missing_keys"]) + sorted(key for key, *_ in report["mismatched_keys"])
    if any(key.startswith(POOLER) for key in lost):
        take_pooler(backbone)
    if lost := [key for key in lost if not key.startswith(POOLER)]:
        raise UserError(
            f"'{name_or_path}' lacks {counted(len(lost), 'weight')} of a {type(backbone).__name__}, for instance {lost[0]}"
        )
    _check_inputs(backbone, name_or_path)
    if attention == "sdpa" and backbone.get_correct_attn_implementation(None) == "eager":
        log.info(f"{name_or_path}: a {type(backbone).__name__} has no SDPA attention; model.attention=eager is used")
    return backbone


def _check_type(config: PretrainedConfig, name: str, only_embeds: bool) -> None:
    """Raise UserError for a model that is no encoder of text."""
    found = encoders.refusal(config.to_dict(), only_embeds)
    causal = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and type(config) not in MODEL_FOR_MASKED_LM_MAPPING
    if found is None and causal and config.model_type not in encoders.FAMILIES and not only_embeds:
        found = f"a model of the type {config.model_type}, a decoder"
    if found is None and type(config) not in MODEL_MAPPING:
        found = f"a model of the type {config.model_type}, for which transformers has no encoder class"
    if found:
        raise UserError(f"model.name_or_path={name} holds {found}; expected {encoders.EXPECTED}")


def _check_inputs(backbone: PreTrainedModel, name: str) -> None:
    """Raise UserError for a model that does not read a batch of padded texts, split into tokens."""
    taken = inspect.signature(backbone.forward).parameters
    lacks = [given for given in ("input_ids", "attention_mask") if given not in taken]
    try:
        backbone.get_input_embeddings().weight  # noqa: B018
    except (AttributeError, RuntimeError):  # CANINE reads characters
        lacks.append("embeddings of tokens")
    if lacks:
        raise UserError(
            f"model.name_or_path={name} holds a {type(backbone).__name__}, which has no {' and no '.join(lacks)}; "
            f"expected {encoders.EXPECTED}"
        )


def _not_loaded(name: str, attention: str, error: Exception) -> str:
    where = "folder" if encoders.is_path(name) else "Hub id or folder"
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if "trust_remote_code" in str(error):
        reason = (
            "it has a model class of its own, and code from a model's folder is never run; expected a type that transformers has"
        )
    elif isinstance(error, (ValueError, ImportError)) and attention in str(error):
        reason = f"it has no attention '{attention}'; type model.attention=eager"
    return f"no encoder could be loaded from the {where} '{name}' (model.name_or_path): {reason}"


def _tiny(shape: TinyArchitecture, tokenizer: PreTrainedTokenizerBase, attention: str) -> PreTrainedModel:
    """A small encoder of XLM-R's architecture with random weights that depend on `shape.seed` only."""
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        intermediate_size=shape.intermediate_size,
        max_position_embeddings=shape.max_position_embeddings,
        hidden_dropout_prob=shape.dropout,
        attention_probs_dropout_prob=shape.dropout,
        initializer_range=shape.initializer_range,
        type_vocab_size=1,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(shape.seed)
        return AutoModel.from_config(
            config, attn_implementation=attention, dtype=torch.float32, add_pooling_layer=False, trust_remote_code=False
        )
