"""The pretrained encoder (phase 1): any Hugging Face encoder, always with an explicit dtype, attention mask and own pooler.

Legend: B rows, L subwords, D hidden size, N layers.
"""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel, PreTrainedTokenizerBase, XLMRobertaConfig
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from xstilts.config import ModelConfig, TinyArchitecture
from xstilts.errors import UserError
from xstilts.models import padding_free


class Encoder(nn.Module):
    """A Hugging Face encoder without its pooler, and a pooler of our own where a head asks for one.

    The pooler is RoBERTa's: dense layer and tanh over the first subword. Public checkpoints of XLM-R hold no trained pooler,
    so that its weights are fresh at first; `ModelConfig.pooler` says what becomes of them from phase to phase.
    """

    def __init__(self, backbone: PreTrainedModel) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooler: nn.Linear | None = None
        self.padding_free = False

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
        """The longest input in subwords, special tokens included."""
        return longest_input(self.backbone.config)

    def add_pooler(self) -> None:
        """Give the encoder a freshly initialised pooler, if it has none."""
        if self.pooler is None:
            self.pooler = nn.Linear(self.hidden_size, self.hidden_size)
            initialise(self.pooler)

    def leave_padding_out(self) -> None:
        """Compute real subwords only from now on, if this type of encoder can."""
        if padding_free.possible(self.backbone):
            padding_free.prepare(self.backbone)
            self.padding_free = True

    def forward(self, input_ids_BL: Tensor, attention_mask_BL: Tensor, position_ids_BL: Tensor | None = None) -> Tensor:
        """hidden_BLD of the last layer, float. Positions count from 0, whatever the encoder's first one is; None: 0, 1, 2, …

        What stands at padding means nothing.
        """
        return self._run(input_ids_BL, attention_mask_BL, position_ids_BL, (-1,))[-1]

    def hidden_states(self, input_ids_BL: Tensor, attention_mask_BL: Tensor, layers: Sequence[int]) -> dict[int, Tensor]:
        """Layer (0: the embeddings) -> hidden_BLD, in one pass. What stands at padding means nothing."""
        return self._run(input_ids_BL, attention_mask_BL, None, layers, output_hidden_states=True)

    def _run(
        self,
        input_ids_BL: Tensor,
        attention_mask_BL: Tensor,
        position_ids_BL: Tensor | None,
        layers: Sequence[int],
        **options: Any,
    ) -> dict[int, Tensor]:
        layout = padding_free.layout(attention_mask_BL) if self.padding_free else None
        if layout is not None and position_ids_BL is None:
            position_ids_BL = torch.arange(input_ids_BL.shape[1], device=input_ids_BL.device).expand_as(input_ids_BL)
        if position_ids_BL is not None:
            options["position_ids"] = position_ids_BL + first_position(self.backbone.config)
        if layout is None:
            output = self.backbone(input_ids=input_ids_BL, attention_mask=attention_mask_BL, **options)
        else:
            options["position_ids"] = layout.without_padding(options["position_ids"])[None]
            output = self.backbone(input_ids=layout.without_padding(input_ids_BL)[None], layout=layout, **options)
        states = output.hidden_states or (output.last_hidden_state,)
        return {layer: states[layer] if layout is None else layout.with_padding(states[layer][0]) for layer in layers}

    def first_subword(self, hidden_BLD: Tensor) -> Tensor:
        """pooled_BD: through the pooler where there is one, else the first subword's hidden state as it is."""
        first_BD = hidden_BLD[:, 0]
        return first_BD if self.pooler is None else torch.tanh(self.pooler(first_BD))

    def set_dropout(self, probability: float) -> None:
        """Drop hidden states and attention with this probability from now on; the config, and so a saved model, keeps its own."""
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


def first_position(config: Any) -> int:
    """The number of the first subword's position: in RoBERTa-type encoders after the padding index (XLM-R: 2), else 0."""
    of_roberta = config.model_type in ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "xmod")
    return int(config.pad_token_id) + 1 if of_roberta else 0


def longest_input(config: Any) -> int:
    """Subwords that fit."""
    return int(getattr(config, "max_position_embeddings", 0) or 10**9) - first_position(config)


def initialise(module: nn.Module, standard_deviation: float = 0.02) -> None:
    """RoBERTa's initialisation of new layers: normal weights, zero biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=standard_deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def build_encoder(model: ModelConfig, tokenizer: PreTrainedTokenizerBase) -> Encoder:
    """The encoder that phase 1 gives: loaded from `name_or_path`, or `tiny`, built from nothing."""
    if model.name_or_path is None:
        return Encoder(_tiny(model.tiny, tokenizer, model.attention))
    return Encoder(load_backbone(model.name_or_path, model.attention, model.revision))


def load_backbone(name_or_path: str, attention: str, revision: str | None = None) -> PreTrainedModel:
    """A Hugging Face encoder in float32 without pooler; every one of its weights must be in the checkpoint.

    Raises UserError for a folder or id that holds no such encoder.
    """
    options: dict[str, Any] = {"revision": revision} if revision else {}
    try:
        config = AutoConfig.from_pretrained(name_or_path, **options)
        if "add_pooling_layer" in inspect.signature(cast(type, MODEL_MAPPING[type(config)])).parameters:
            options["add_pooling_layer"] = False
        options["ignore_mismatched_sizes"] = True  # told below, in one line
        backbone, report = AutoModel.from_pretrained(
            name_or_path, dtype=torch.float32, attn_implementation=attention, output_loading_info=True, **options
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        where = "folder" if Path(name_or_path).exists() else "Hub id or folder"
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"no encoder could be loaded from the {where} '{name_or_path}' (model.name_or_path): {reason}") from error
    lost = sorted(report["missing_keys"]) + sorted(key for key, *_ in report["mismatched_keys"])
    if lost:
        raise UserError(f"'{name_or_path}' lacks {len(lost)} weights of a {type(backbone).__name__}, for instance {lost[0]}")
    return backbone


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
        return AutoModel.from_config(config, attn_implementation=attention, dtype=torch.float32, add_pooling_layer=False)
