"""Properties of encoders and tokenizers that follow from names and config.json alone, for driver and worker. No torch.

`FAMILIES` is keyed by Hugging Face's `model_type`; a missing type is treated as a plain encoder with absolute positions.
"""

import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import UserError

EXPECTED = "an encoder of text, such as FacebookAI/xlm-roberta-base"


@dataclass(frozen=True)
class Family:
    """The differences of a type of encoders from the plain case."""

    positions: str = "absolute"
    """`absolute`: counted from 0; `after_padding`: from the padding index + 1, as in RoBERTa; `relative`: without a limit;
    `biased`: relative, and absolute too where config.json has `position_biased_input`."""
    sdpa: bool = True
    """True if transformers has SDPA attention for it."""
    padding_free: bool = False
    """True if a token's position enters only through its position embedding, see `xstilts.models.padding_free`."""
    plain_stack: bool = False
    """True if `encoder.layer` is the list of layers, nothing after the last layer changes the hidden states, and attention's
    queries, keys and values are `query`, `key` and `value` of the layer's input."""
    checkpointing: bool = True
    """True if transformers has gradient checkpointing for it."""
    pooled: tuple[str, ...] = ("MultipleChoice",)
    """The ends of the names of transformers' classes (`Format.transformers`) that read the encoder's pooler."""


_ROBERTA = Family("after_padding")
_EAGER = Family(sdpa=False, pooled=())
_EAGER_ROBERTA = Family("after_padding", sdpa=False)
_XLM = Family(sdpa=False, checkpointing=False, pooled=())
_BERT = ("SequenceClassification", "MultipleChoice")

FAMILIES: dict[str, Family] = {
    "albert": Family(checkpointing=False, pooled=_BERT),
    "bert": Family(padding_free=True, plain_stack=True, pooled=_BERT),
    "big_bird": Family(sdpa=False),
    "camembert": Family("after_padding", padding_free=True, plain_stack=True),
    "convbert": _EAGER,
    "data2vec-text": _ROBERTA,
    "deberta": Family("biased", sdpa=False),
    "deberta-v2": Family("biased", sdpa=False, pooled=()),
    "distilbert": Family(pooled=()),
    "electra": Family(pooled=()),
    "ernie": Family(pooled=_BERT),
    "eurobert": Family(),
    "flaubert": _XLM,
    "funnel": Family("relative", sdpa=False, checkpointing=False),
    "ibert": Family("after_padding", sdpa=False, checkpointing=False),
    "longformer": _EAGER_ROBERTA,
    "luke": Family("after_padding", sdpa=False, pooled=_BERT),
    "megatron-bert": Family(sdpa=False, pooled=_BERT),
    "mobilebert": Family(pooled=_BERT),
    "modernbert": Family(pooled=()),
    "mpnet": Family("after_padding", sdpa=False, checkpointing=False),
    "rembert": Family(sdpa=False, pooled=_BERT),
    "roberta": Family("after_padding", padding_free=True, plain_stack=True),
    "roberta-prelayernorm": _ROBERTA,
    "roformer": _EAGER,
    "squeezebert": Family(sdpa=False, checkpointing=False, pooled=_BERT),
    "xlm": _XLM,
    "xlm-roberta": Family("after_padding", padding_free=True, plain_stack=True),
    "xlm-roberta-xl": Family("after_padding", padding_free=True),
    "xmod": _ROBERTA,
}

DECODERS = frozenset(
    "bert-generation biogpt bloom codegen cohere cohere2 ctrl falcon falcon_mamba gemma gemma2 gemma3 gemma3_text glm glm4 "
    "gpt-sw3 gpt2 gpt_bigcode gpt_neo gpt_neox gpt_neox_japanese gpt_oss gptj granite helium llama mamba mamba2 mistral mixtral "
    "modernbert-decoder mpt nemotron olmo olmo2 openai-gpt opt persimmon phi phi3 qwen2 qwen2_moe qwen3 qwen3_moe rwkv smollm3 "
    "stablelm starcoder2 xglm".split()
)
"""Types with causal attention. For types that are missing here, the worker looks in transformers."""

_T5 = ("t5", "mt5", "umt5", "longt5", "switch_transformers")
"""Types whose encoder can be saved alone, but has no class of its own for transformers' AutoModel."""

ATTENTIONS = ("sdpa", "eager", "flash_attention_2")
FLASH_PACKAGE = "flash_attn"

_VOCABULARY = re.compile(r"tokenizer\.json|vocab\.(txt|json)|[^/]*\.model")
_BESIDE = re.compile(
    r"tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|merges\.txt|bpe\.codes|entity_vocab\.json|vocab\.bpe"
)
_SLOW_TOKENIZER = ("xlm", "flaubert")
"""Types whose own tokenizer has no fast form in transformers, so that vocab.json is not enough."""
TOKENIZER_EXPECTED = "tokenizer.json or a SentencePiece model (sentencepiece.bpe.model, spm.model)"


def is_tokenizer_file(name: str) -> bool:
    """Return whether a file of this name, right in a model's folder, is part of a tokenizer."""
    return bool(_VOCABULARY.fullmatch(name) or _BESIDE.fullmatch(name))


def has_tokenizer(names: Iterable[str], model_type: str | None = None) -> bool:
    """Return whether files of these names are enough for a fast tokenizer, in the folder of an encoder of `model_type`."""
    return any(name == "tokenizer.json" if model_type in _SLOW_TOKENIZER else _VOCABULARY.fullmatch(name) for name in names)


def is_path(name: str) -> bool:
    """Return whether `name` is a path. Otherwise it is a Hub id, NAME or OWNER/NAME."""
    return name.startswith((".", "~", "/")) or name.endswith("/") or name.count("/") > 1 or Path(name).exists()


def local_path(name: str) -> Path:
    """Return the path with `~` expanded. Raises UserError for an unknown user."""
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UserError(f"the path '{name}' names a user without a home folder: type the whole path") from error


READ: Mapping[str, type] = {
    **dict.fromkeys(("max_position_embeddings", "pad_token_id", "num_hidden_layers", "n_layers", "hidden_size"), int),
    **{"intermediate_size": int, "model_type": str, "architectures": list, "id2label": dict},
}
"""The keys of config.json that are read without transformers -> type of their values."""


def read_config(folder: Path) -> dict[str, Any] | None:
    """Return the folder's config.json; None if there is none. Raises UserError for broken JSON and values of a wrong type."""
    file = folder / "config.json"
    if not file.is_file():
        return None
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: not readable as JSON ({error}): expected the config.json of a Hugging Face encoder") from error
    if not isinstance(values, dict):
        raise UserError(f"{file}: got a {type(values).__name__}, expected a JSON object, the config of a Hugging Face encoder")
    for name, kind in READ.items():
        value = values.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            expected = {int: "a whole number", str: "a text", list: "a list", dict: "an object"}[kind]
            raise UserError(f"{file}: {name} is {str(value)[:40]!r}, expected {expected}")
    return values


def family(model_type: str | None) -> Family:
    """Return the family of a `model_type`."""
    return FAMILIES.get(model_type or "", Family())


def no_checkpointing(model_type: str | None) -> str:
    """Return the message that refuses gradient checkpointing for encoders of this type."""
    return (
        f"transformers has no gradient checkpointing for encoders of the type {model_type}: leave out "
        "trainer.gradient_checkpointing and type a smaller trainer.max_tokens"
    )


def first_position(config: Mapping[str, Any]) -> int:
    """Return the position id of the first token: 0, or the one after the padding index (XLM-R: 2)."""
    if family(config.get("model_type")).positions != "after_padding":
        return 0
    padding = config.get("pad_token_id")
    return (1 if padding is None else int(padding)) + 1


def longest_input(config: Mapping[str, Any]) -> int | None:
    """Return the maximum number of tokens, special tokens included; None without a limit."""
    positions = family(config.get("model_type")).positions
    if positions == "relative" or (positions == "biased" and not config.get("position_biased_input", True)):
        return None
    size = config.get("max_position_embeddings")
    return int(size) - first_position(config) if isinstance(size, int) and size > 0 else None


def depth(config: Mapping[str, Any]) -> int | None:
    """Return the number of layers; None if config.json does not give it."""
    layers = config.get("num_hidden_layers", config.get("n_layers"))
    return layers if isinstance(layers, int) else None


def layer_parameters(config: Mapping[str, Any]) -> int | None:
    """Weights of all layers, without embeddings; None where config.json does not give the sizes."""
    sizes = [config.get(name) for name in ("num_hidden_layers", "hidden_size", "intermediate_size")]
    layers, width, inner = (size if isinstance(size, int) else 0 for size in sizes)
    if not (layers and width and inner):
        return None
    # Query, key, value, output; the two layers of the feed-forward part; two LayerNorms.
    return layers * (4 * (width * width + width) + 2 * width * inner + inner + width + 4 * width)


def refusal(config: Mapping[str, Any], only_embeds: bool = False) -> str | None:
    """Return why the model cannot be used as an encoder, such as "a model of the type t5, an encoder-decoder"; None if it can.

    `only_embeds`: it is not trained, and only embeds texts, which a decoder can do, too.
    """
    kind = config.get("model_type")
    architectures = [str(name) for name in config.get("architectures") or []]
    if not isinstance(kind, str):
        return "a model without model_type in its config.json"
    whole = config.get("is_encoder_decoder") or any(name.endswith("ForConditionalGeneration") for name in architectures)
    if whole or kind in _T5:
        return f"a model of the type {kind}, an encoder-decoder"
    causal = kind not in FAMILIES and any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in architectures)
    if (kind in DECODERS or config.get("is_decoder") or causal) and not only_embeds:
        return (
            f"a model of the type {kind}, a decoder, which is taken only to embed texts for a retrieval target, without training"
        )
    return None


def attention_used(asked: str, config: Mapping[str, Any]) -> str:
    """Return the attention to load an encoder with: the `asked` one, or `eager` if its type has no SDPA attention."""
    return "eager" if asked == "sdpa" and not family(config.get("model_type")).sdpa else asked


def attention_installed(attention: str) -> bool:
    """Return whether the packages that this attention needs are installed."""
    return attention != "flash_attention_2" or importlib.util.find_spec(FLASH_PACKAGE) is not None
