"""The facts about a tokenizer that a collator needs, small enough to be sent to a data loader's process."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from xstilts.errors import UserError


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of a tokenizer's special tokens, and how masked language modelling uses them."""

    pad_id: int
    mask_id: int | None
    """None where no token is masked and the tokenizer has no mask token."""
    vocab_size: int
    """Ids are 0 … vocab_size - 1."""
    special_ids: tuple[int, ...]
    """All of them in rising order, the unknown token too: never masked, and never a random replacement."""
    mlm_probability: float
    """Share of the other tokens that are masked."""
    segments: bool = False
    """The tokenizer gives segment ids (`token_type_ids`), as BERT's does."""


def special_tokens(tokenizer: PreTrainedTokenizerBase, mlm_probability: float, masks: bool = True) -> SpecialTokens:
    """The special tokens of the tokenizer. `masks`: tokens will be masked.

    Raises UserError where it has no padding token, no mask token that is needed, or the probability is not in (0, 1].
    """
    if not 0 < mlm_probability <= 1:
        raise UserError(f"mlm_probability={mlm_probability}, expected a number above 0 and at most 1, such as 0.15")
    needed = {"pad token": tokenizer.pad_token_id} | ({"mask token": tokenizer.mask_token_id} if masks else {})
    if missing := [name for name, found in needed.items() if found is None]:
        raise UserError(
            f"the tokenizer '{tokenizer.name_or_path}' has no {' and no '.join(missing)}; expected {' and '.join(needed)}, as in "
            "XLM-R's: choose another one with model.tokenizer=FOLDER"
        )
    return SpecialTokens(
        pad_id=tokenizer.pad_token_id,
        mask_id=tokenizer.mask_token_id,
        vocab_size=len(tokenizer),
        special_ids=tuple(sorted(set(tokenizer.all_special_ids))),
        mlm_probability=mlm_probability,
        segments="token_type_ids" in tokenizer.model_input_names,
    )
