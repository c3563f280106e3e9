"""A head that is a class of transformers (`AutoModelForSequenceClassification` and so on) without its encoder.

The class is the one for the encoder's type. It is built without its encoder and called with the hidden states that ours has
computed: what it does on top, and the names of its parameters, are then those of transformers by construction. Where transformers
has no class for the type, or one whose encoder reads more than the text, XLM-R's class is used.

Legend: B rows, L tokens, D hidden size, C labels.
"""

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import PretrainedConfig, XLMRobertaConfig
from transformers.modeling_outputs import BaseModelOutputWithPooling

from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.models.encoder import Encoder, materialise, on_meta
from xstilts.models.heads import Batch
from xstilts.tasks.declaration import Task
from xstilts.tasks.format import Format
from xstilts.tasks.formats import format_of

log = logging.getLogger("xstilts")
WITHOUT_LABELS = ["LABEL_0", "LABEL_1"]
"""The labels in the config of a head without labels; question answering takes their number for that of its outputs."""


def auto_class(format: Format) -> Any:
    """The class of transformers that loads a head of the format; None if there is none."""
    return getattr(transformers, f"AutoModelFor{format.transformers}") if format.transformers else None


def head_config(config: PretrainedConfig, labels: list[str]) -> PretrainedConfig:
    """A copy of the encoder's config with the labels of a head."""
    made = copy.deepcopy(config)
    names = labels or WITHOUT_LABELS
    made.id2label, made.label2id = dict(enumerate(names)), {label: number for number, label in enumerate(names)}
    return made


@dataclass
class _Output(BaseModelOutputWithPooling):
    """An encoder's output, with what the classes of LUKE and Longformer read besides."""

    entity_last_hidden_state: None = None
    entity_hidden_states: None = None
    global_attentions: None = None


class _GivenStates(nn.Module):
    """Has the place of the encoder in a class of transformers: returns the hidden states that it gets as `inputs_embeds`."""

    pool: Callable[[Tensor], Tensor] | None = None

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, inputs_embeds: Tensor | None = None, **options: Any
    ) -> _Output:
        """ValueError if the class has an input for its encoder that ours did not read."""
        if own := [name for name, value in options.items() if isinstance(value, Tensor)]:
            raise ValueError(f"it gives its encoder {own[0]} of its own")
        assert inputs_embeds is not None
        return _Output(last_hidden_state=inputs_embeds, pooler_output=self.pool(inputs_embeds) if self.pool else None)


class ClassHead(nn.Module):
    """The class for the task's format and the encoder's type, freshly initialised.

    `auto`: the AutoModelFor... class; `model`: what it makes, without its encoder; `plain`: whether it is XLM-R's class, which no
    class of transformers loads for this encoder; `tied`: names of the parameters that are the encoder's word embeddings;
    `needs_pooler`: whether it reads the encoder's pooler; `only_first`: whether it reads no hidden state but the first token's.
    """

    contrastive = False
    whole_vocabulary = False
    choices = False
    """True for multiple choice, whose class takes several rows for each example; here each has one."""

    def __init__(self, task: Task, encoder: Encoder, hyperparameters: Hyperparameters) -> None:
        super().__init__()
        config = encoder.backbone.config
        self.plain = False
        try:
            self._build(config, task, encoder)
        except Exception as error:  # from a class that was not made for this: errors of many types
            log.info(
                f"task {task.name}: the type {config.model_type} has no class of transformers that could be the head "
                f"({_reason(error)}); it is XLM-R's, which only xstilts loads"
            )
            self.plain = True
            plain = XLMRobertaConfig(num_hidden_layers=0, num_attention_heads=1)
            plain.vocab_size, plain.hidden_size = len(encoder.word_embeddings), encoder.hidden_size
            try:
                self._build(plain, task, encoder)
            except Exception as error:
                raise UserError(
                    f"task {task.name} cannot have a head of the format {task.format} on a {type(encoder.backbone).__name__}: "
                    f"{_reason(error)}; choose another encoder or task"
                ) from error
        if hyperparameters.head_dropout is not None:
            for layer in self.modules():
                if isinstance(layer, nn.Dropout):
                    layer.p = hyperparameters.head_dropout

    def _build(self, config: PretrainedConfig, task: Task, encoder: Encoder) -> None:
        """Make `model`; an error of any type if the class cannot be used so."""
        self.auto = auto_class(format_of(task))
        self.model = on_meta(self.auto, head_config(config, task.labels))
        base = self.base
        if not self.plain and type(base) is not type(encoder.backbone):
            raise ValueError(f"that of {type(self.model).__name__} has a {type(base).__name__}")
        pooled, words = getattr(base, "pooler", None) is not None, base.get_input_embeddings().weight
        setattr(self.model, self.model.base_model_prefix, _GivenStates())
        named = self.model.named_parameters(remove_duplicate=False)
        self.tied = [name for name, parameter in named if parameter is words]
        for part, name in self._tied():
            delattr(part, name)
        materialise(self.model)
        self.needs_pooler = self._reads_pooler(encoder) and pooled
        self.only_first = not self._reads_second_token(encoder)

    def of_labels(self) -> set[str]:
        """The names of the parameters that have a row for each label."""
        own = self.model.state_dict()
        more = on_meta(self.auto, head_config(self.model.config, [*self.labels, "one more"])).state_dict()
        return {name for name, values in own.items() if more[name].shape != values.shape}

    @property
    def labels(self) -> list[str]:
        """The labels in the class's config, in order."""
        return list((self.model.config.id2label or {}).values())

    @property
    def base(self) -> Any:
        """The place of the encoder in the class."""
        return getattr(self.model, self.model.base_model_prefix)

    def _tied(self) -> list[tuple[nn.Module, str]]:
        """The module and the attribute of each tied parameter."""
        places = [name.rpartition(".") for name in self.tied]
        return [(self.model.get_submodule(path), attribute) for path, _, attribute in places]

    def _reads_pooler(self, encoder: Encoder) -> bool:
        """Return whether its output depends on that of a pooler."""
        hidden_BLD, pooled_BD = (torch.zeros(*shape, encoder.hidden_size, requires_grad=True) for shape in ((1, 1), (1,)))
        return self._reads(encoder, hidden_BLD, pooled_BD, lambda _: pooled_BD)

    def _reads_second_token(self, encoder: Encoder) -> bool:
        """Return whether its output depends on the hidden state of another token than the first."""
        first_BLD, second_BLD = (torch.zeros(1, 1, encoder.hidden_size, requires_grad=True) for _ in range(2))
        return self._reads(encoder, torch.cat([first_BLD, second_BLD], 1), second_BLD)

    def _reads(self, encoder: Encoder, hidden_BLD: Tensor, input: Tensor, pool: Callable[[Tensor], Tensor] | None = None) -> bool:
        """Call the class for a text, as a trial; return whether its output depends on the input."""
        self.model.eval()
        with torch.enable_grad():
            token_BL = torch.ones(hidden_BLD.shape[:2], dtype=torch.int64)
            output = self.call(encoder, token_BL, token_BL, hidden_BLD, pool)[0].sum()
            gradient = torch.autograd.grad(output, input, allow_unused=True)[0]
        self.model.train()
        return gradient is not None and bool(gradient.any())

    def read(self, encoder: Encoder, batch: Batch) -> Any:
        """The outputs of the class for all inputs that a collated batch has."""
        return self.call(encoder, batch["input_ids"], batch["attention_mask"], encoder.read(batch, self.only_first))

    def call(
        self,
        encoder: Encoder,
        input_ids_BL: Tensor,
        attention_mask_BL: Tensor,
        hidden_BLD: Tensor,
        pool: Callable[[Tensor], Tensor] | None = None,
    ) -> Any:
        """The outputs of the class for hidden states; `pool` makes pooled_BD of them, by default as the encoder does."""
        self.base.pool = pool or (encoder.first_token if self.needs_pooler else None)
        for part, name in self._tied():
            part.__dict__[name] = encoder.word_embeddings  # not registered: they are the encoder's
        inputs = {"input_ids": input_ids_BL, "attention_mask": attention_mask_BL, "inputs_embeds": hidden_BLD}
        return self.model(**{name: values[:, None] if self.choices else values for name, values in inputs.items()})


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
