"""Adapters of the library peft: LoRA (Hu et al. 2021) and IA3 (Liu et al. 2022).

They are put on a loaded encoder before its optimizer is made, and merged into its weights when it is exported. In between, the
encoder's model is the same object: only the layers that have an adapter are peft's. Several adapters may lie on one encoder; the
last one is trained.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from xstilts.errors import UserError
from xstilts.hyperparameters import Hyperparameters
from xstilts.paths import adapter_folder

SCALES = ".ia3_l."
"""Part of the names of IA3's parameters, factors that begin at 1."""


@dataclass
class Adapters:
    """The adapters on an encoder."""

    model: Any
    """peft's view of the encoder's model, a PeftModel."""
    names: list[str]
    """Their names for peft, in the order in which they were trained."""
    trained: int
    """Number of weights of the last adapter, which is trained."""
    weights: int
    """Number of the encoder's own weights."""

    @property
    def told(self) -> str:
        """The number and the share of the weights that are trained, in words."""
        kind = self.model.peft_config[self.names[-1]].peft_type.value
        share = f"{self.trained / self.weights:.2%}"
        return (
            f"{self.trained:,} weights of an adapter ({kind}) beside the {self.weights:,} of the encoder ({share}), and its head"
        )

    def save(self, artifact: Path) -> None:
        """Write every adapter into a folder of the artifact, which `PeftModel.from_pretrained(encoder, folder)` reads."""
        from peft import get_peft_model_state_dict

        for number, name in enumerate(self.names, start=1):
            folder, config = adapter_folder(artifact, number), self.model.peft_config[name]
            folder.mkdir(parents=True)
            config.inference_mode = True
            for field in {"target_modules", "feedforward_modules"} & vars(config).keys():
                setattr(config, field, sorted(getattr(config, field)))  # a set, whose order differs between processes
            config.save_pretrained(str(folder))
            state = get_peft_model_state_dict(self.model, adapter_name=name, save_embedding_layers=False)
            save_file({key: value.detach().cpu().clone() for key, value in state.items()}, folder / "adapter_model.safetensors")

    def merge(self) -> None:
        """Add all adapters to the weights of the encoder's model, which is then as it was before they were put on."""
        self.model.merge_and_unload(adapter_names=self.names)


def put_on(
    backbone: PreTrainedModel,
    values: Hyperparameters,
    seed: int,
    below: Sequence[str] = (),
    kept: bool = False,
    place: Mapping[str, Any] = MappingProxyType({}),
) -> Adapters:
    """Put adapters on the model: those in the folders `below`, and one to train, new or with `kept` the last of these.

    Only that one requires a gradient afterwards. `values`: as of `recipes.with_adapter`; `place`: hub and revision of the model,
    for the adapter's config. UserError where the model lacks the layers.
    """
    from peft import PeftConfig, PeftModel, set_peft_model_state_dict

    weights = sum(parameter.numel() for parameter in backbone.parameters())
    configs: list[Any] = [PeftConfig.from_pretrained(folder) for folder in below]
    for config in configs[: len(configs) - kept]:
        config.lora_dropout = 0.0  # as if it were merged
    if not kept:
        configs.append(_config(backbone, values, place))
    model: Any = None
    names = [f"adapter_{number}" for number in range(1, len(configs) + 1)]
    for name, config in zip(names, configs, strict=True):
        config.inference_mode = False
        torch.manual_seed(seed)  # so that a new one is the same over any others
        if model is None:
            with warnings.catch_warnings():  # peft 0.21 asks for it by a name that transformers 5 calls deprecated
                warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
                model = PeftModel(backbone, config, adapter_name=name)
        else:
            model.add_adapter(name, config)
    for name, folder in zip(names, below, strict=False):
        set_peft_model_state_dict(model, load_file(Path(folder) / "adapter_model.safetensors"), adapter_name=name)
    model.base_model.set_adapter(names)
    own = {name: parameter for name, parameter in backbone.named_parameters() if names[-1] in name.split(".")}
    for name, parameter in backbone.named_parameters():
        parameter.requires_grad_(name in own)
    return Adapters(model, names, sum(parameter.numel() for parameter in own.values()), weights)


def _config(backbone: PreTrainedModel, values: Hyperparameters, place: Mapping[str, Any]) -> Any:
    from peft import IA3Config, LoraConfig
    from peft.utils import constants

    lora, kind = values.adapter == "lora", backbone.config.model_type
    by_type: Mapping[str, Sequence[str]] = (
        constants.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
        if lora
        else constants.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING
    )
    chosen = values.adapter_modules or by_type.get(kind, by_type["bert"])
    layers = {name: part for name, part in backbone.named_modules() if isinstance(part, nn.Linear)}
    found = {end: [part for name, part in layers.items() if f".{name}".endswith(f".{end}")] for end in chosen}
    if missing := [end for end, parts in found.items() if not parts]:
        ends = " ".join(sorted({name.rpartition(".")[2] for name in layers}))
        raise UserError(
            f"adapter_modules: a {type(backbone).__name__} has no linear layer {', '.join(missing)}, expected ends of names, "
            f"as of {ends}; type intermediate.recipe.adapter_modules=[...] target.recipe.adapter_modules=[...]"
        )
    options: dict[str, Any] = {"target_modules": list(chosen), "base_model_name_or_path": place.get("hub")}
    options |= {"revision": place.get("revision")}
    if lora:
        options |= {"r": values.adapter_rank, "lora_alpha": values.adapter_alpha, "lora_dropout": values.adapter_dropout}
        return LoraConfig(**options)
    # IA3 scales the outputs of keys and values, and the inputs of the layer that leads out of the feed-forward part.
    inward = [end for end, parts in found.items() if any(part.in_features > part.out_features for part in parts)]
    return IA3Config(feedforward_modules=inward, **options)
