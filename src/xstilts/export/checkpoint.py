"""A trained encoder and its heads as a folder that Hugging Face's classes load and that the next phase starts from.

The folder itself is a checkpoint of the first head's Hugging Face class (`AutoModelForSequenceClassification` and so on), or of
the bare encoder where Hugging Face has no such head. With several heads each has a folder `heads/<name>/` that shares the
encoder's weights with it. `heads.safetensors` holds all heads and the pooler under their own names: what phases hand on.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from xstilts.errors import UserError
from xstilts.models.encoder import POOLER, Encoder, on_meta, take_pooler
from xstilts.models.heads.class_head import ClassHead, auto_class
from xstilts.numbering import counted
from xstilts.paths import HEADS
from xstilts.tasks.declaration import Task
from xstilts.tasks.formats import format_of


def export(
    folder: Path, encoder: Encoder, heads: dict[str, tuple[Task, nn.Module]], tokenizer: PreTrainedTokenizerBase
) -> list[str]:
    """Write the artifact's weights into `folder`; returns the Hugging Face classes that load it, one per head that has one.

    Adapters are written for themselves, into `adapters/<number>/` as peft reads them, and then merged into the encoder.
    """
    if encoder.adapters is not None:
        encoder.adapters.save(folder)
        encoder.adapters.merge()
        encoder.adapters = None
    own = {f"head.{name}.{key}": value for name, (_, head) in heads.items() for key, value in head.state_dict().items()}
    if encoder.pooler is not None:
        own |= {f"pooler.{key}": value for key, value in encoder.pooler.state_dict().items()}
    save_file({key: value.detach().cpu().clone() for key, value in own.items()}, folder / HEADS)
    _save_tokenizer(tokenizer, encoder, folder)
    models = [(name, model) for name, (task, head) in heads.items() if (model := _hugging_face(encoder, task, head)) is not None]
    if not models:
        encoder.backbone.save_pretrained(folder, state_dict=_state(encoder, pooler=hasattr(encoder.backbone, "pooler")))
        return [type(encoder.backbone).__name__]
    first = models[0][1]
    first.save_pretrained(folder, max_shard_size="1TB")  # one file: the heads' folders refer to it
    if len(models) > 1:
        for name, model in models:
            _save_sharing_the_encoder(folder, name, model, set(encoder.backbone.state_dict()))
    return [type(model).__name__ for _, model in models]


def load_heads(folder: Path) -> dict[str, Tensor]:
    """The heads and the pooler of an artifact, under their own names."""
    return load_file(folder / HEADS)


def restore_head(saved: dict[str, Tensor], head: nn.Module) -> bool:
    """Load every parameter of the artifact's only head into `head`, whatever its name; False if the artifact has none."""
    names = {key.split(".")[1] for key in saved if key.startswith("head.")}
    assert len(names) <= 1, f"one head expected, got {sorted(names)}"
    if not names:
        return False
    prefix = f"head.{names.pop()}."
    head.load_state_dict({key.removeprefix(prefix): value for key, value in saved.items() if key.startswith(prefix)})
    return True


def restore_pooler(saved: dict[str, Tensor], encoder: Encoder) -> bool:
    """Load the artifact's pooler into the encoder's; False if either has none."""
    mine = {key.removeprefix("pooler."): value for key, value in saved.items() if key.startswith("pooler.")}
    if encoder.pooler is None or mine.keys() != encoder.pooler.state_dict().keys():
        return False
    encoder.pooler.load_state_dict(mine)
    return True


def load_checkpoint_head(folder: str, head: nn.Module, encoder: Encoder, outputs: Sequence[int] | None = None) -> None:
    """Load the head of a given checkpoint, saved by a class of transformers, into a head that `build_head` made.

    The encoder is that checkpoint's too (`Encoder(load_backbone(folder, ...))`); it gets the pooler if the head reads one.
    `outputs`: for each label of the head's task, its number in the checkpoint's `id2label`; None: the labels are the same, in the
    same order. From then on the head is one of its task, like any other: it can be evaluated, trained and exported.
    Raises UserError if the checkpoint has not all weights of such a head, or another number of labels.
    """
    place = f"model.name_or_path={folder}"
    if not isinstance(head, ClassHead) or head.plain:
        raise UserError(f"{place}: its type of encoder has no class of transformers whose head could be read")
    kind, base = type(head.model).__name__, head.model.base_model_prefix
    try:
        model, report = head.auto.from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False, output_loading_info=True, ignore_mismatched_sizes=True
        )
    except Exception as error:  # as for the encoder, errors of many types
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{place}: no {kind} could be loaded from it: {reason}") from error
    own, given = head.model.state_dict(), model.state_dict()
    lost = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    if lost := sorted(key for key in lost if key in own or (head.needs_pooler and key.startswith(f"{base}.{POOLER}"))):
        raise UserError(f"{place} lacks weights of its head, a {kind}, for instance {lost[0]}")
    if outputs is not None:
        given |= {key: given[key][list(outputs)] for key in head.of_labels()}
    if any(value.shape != given[key].shape for key, value in own.items()):
        theirs = list(model.config.id2label.values())
        raise UserError(
            f"the head of {place} has {counted(len(theirs), 'label')} ({', '.join(theirs)}), "
            f"expected {len(head.labels)} ({', '.join(head.labels)})"
        )
    head.model.load_state_dict({key: given[key] for key in own})
    if head.needs_pooler:
        encoder.add_pooler()
        assert encoder.pooler is not None
        encoder.pooler.layer.load_state_dict(getattr(model, base).pooler.state_dict())


def _save_tokenizer(tokenizer: PreTrainedTokenizerBase, encoder: Encoder, folder: Path) -> None:
    """Save the tokenizer with the inputs that the encoder takes: `model(**tokenizer(text, pair))` computes what our heads do."""
    tokenizer.save_pretrained(folder)
    names = tokenizer.model_input_names
    if "token_type_ids" in names and not encoder.reads_segments:
        file = folder / "tokenizer_config.json"
        values = json.loads(file.read_text(encoding="utf-8"))
        values["model_input_names"] = [name for name in names if name != "token_type_ids"]
        file.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _state(encoder: Encoder, pooler: bool) -> dict[str, Tensor]:
    """The encoder's weights, those of its pooler included if there is one and `pooler`."""
    state: dict[str, Tensor] = encoder.backbone.state_dict()
    if encoder.pooler is not None and pooler:
        state = state | {f"{POOLER}{key}": value for key, value in encoder.pooler.layer.state_dict().items()}
    return state


def _hugging_face(encoder: Encoder, task: Task, head: nn.Module) -> PreTrainedModel | None:
    """The head's Hugging Face model with our tensors in it; None where no class of the encoder's type computes what it does."""
    if not isinstance(head, ClassHead) or head.plain or (head.needs_pooler and encoder.pooler is None):
        return None
    model = on_meta(auto_class(format_of(task)), head.model.config)
    base = getattr(model, model.base_model_prefix)
    weights = _state(encoder, pooler=getattr(base, "pooler", None) is not None)
    state = {f"{model.base_model_prefix}.{key}": value for key, value in weights.items()} | head.model.state_dict()
    state |= dict.fromkeys(head.tied, encoder.word_embeddings)
    if encoder.pooler is None:
        take_pooler(base)  # of a class that has one and does not read it
    model.load_state_dict({key: value.detach().cpu() for key, value in state.items()}, assign=True)
    model.tie_weights()
    return model


def _save_sharing_the_encoder(folder: Path, name: str, model: PreTrainedModel, shared: set[str]) -> None:
    """`heads/<name>/`: a sharded checkpoint whose encoder shard is the artifact's own `model.safetensors`."""
    place = folder / "heads" / name
    place.mkdir(parents=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(place)
    base = f"{model.base_model_prefix}."
    state = model.state_dict()
    embeddings = cast(nn.Embedding, model.get_input_embeddings()).weight
    elsewhere = {key for key in state if key.removeprefix(base) in shared and key.startswith(base)}
    tied = {key for key, value in state.items() if key not in elsewhere and value.data_ptr() == embeddings.data_ptr()}
    own = {key: value.contiguous().clone() for key, value in state.items() if key not in elsewhere | tied}
    save_file(own, place / "head.safetensors", metadata={"format": "pt"})
    shards = dict.fromkeys(sorted(elsewhere), "../../model.safetensors") | dict.fromkeys(own, "head.safetensors")
    index = {"metadata": {"total_size": sum(state[key].nbytes for key in shards)}, "weight_map": shards}
    (place / "model.safetensors.index.json").write_text(json.dumps(index, indent=1, sort_keys=True))
