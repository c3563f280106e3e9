"""mlm: a line of text or a pair of translations, some of whose tokens are masked when a batch is made; they are to be restored.

Of the chosen tokens 80 % become the mask token, 10 % a random one and 10 % stay (BERT's rule, as in jiant). The masked
tokens depend on the row and its seed alone, not on its batch. A pair is `<s> A </s></s> B </s>`, and the positions start
again from 0 at its second sentence, as in Conneau and Lample 2019, section 3.3: equal positions help to find the counterparts.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers import padding, tables, tokens
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.tasks.declaration import Limits, Task

VERSION = 2

FEATURES = Features(
    {
        "example": Value("int32"),
        "length": Value("int32"),
        "input_ids": List(Value("int32")),
        "second": Value("int32"),  # the token from which a pair's positions start again; 0: a single line
        "second_segment": Value("int32"),  # the token from which segment ids are 1; 0: they are 0 everywhere
    }
)


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """One feature per line or pair, cut at `limits.max_length`; a pair loses tokens of its longer sentence first.

    Raises UserError if that cannot hold a token of each text.
    """
    template = tokens.template(tokenizer)
    room, opens = template.room(limits, pair=False, least=1), (len(template.between) + 1) // 2

    def columns_of(first: int, chunk: tables.Columns) -> tables.Made:
        lines = tokens.token_ids(tokenizer, chunk["text"])
        translations = tokens.token_ids(tokenizer, [text or "" for text in chunk["translation"]])
        paired = np.array([translation is not None for translation in chunk["translation"]])
        pair_room = template.room(limits, pair=True, least=2) if paired.any() else 0
        kept, kept_other = tokens.longest_first(lines.lengths_R, translations.lengths_R, pair_room)
        lines = lines.cut(np.where(paired, kept, room))
        ids = template.pair(lines, translations.cut(kept_other), paired)
        second = np.where(paired, len(template.before) + kept + opens, 0)
        return {
            "example": first + np.arange(len(ids)),
            "length": ids.lengths_R,
            "input_ids": ids,
            "second": second,
            "second_segment": template.second_segment(lines, paired),
        }

    return tables.build(examples, FEATURES, columns_of)


@lru_cache(maxsize=8)
def _maskable(special: SpecialTokens) -> tuple[np.ndarray, np.ndarray]:
    """The ids that are not special: as bool (vocabulary,), and listed in rising order, int64."""
    allowed = np.ones(special.vocab_size, dtype=bool)
    allowed[list(special.special_ids)] = False
    return allowed, np.flatnonzero(allowed)


def masked(input_ids: np.ndarray, seed: int, special: SpecialTokens) -> tuple[np.ndarray, np.ndarray]:
    """input_ids (L,) with masked tokens, and labels (L,): the original ids of the chosen tokens, -100 elsewhere; int64.

    Each token that is not special is chosen with `special.mlm_probability`; if none is, a single token is drawn.
    """
    assert special.mask_id is not None, "special_tokens checks that a tokenizer for mlm has a mask token"
    generator = np.random.default_rng(seed)
    input_ids = np.array(input_ids, dtype=np.int64)
    maskable, maskable_ids = _maskable(special)
    content = np.flatnonzero(maskable[input_ids])
    chosen = content[generator.random(len(content)) < special.mlm_probability]
    if not len(chosen):
        chosen = generator.permutation(content)[:1]
    labels = np.full_like(input_ids, -100)
    labels[chosen] = input_ids[chosen]
    fate = generator.random(len(chosen))
    random_ids = maskable_ids[generator.integers(len(maskable_ids), size=len(chosen))]
    input_ids[chosen] = np.where(fate < 0.8, special.mask_id, np.where(fate < 0.9, random_ids, input_ids[chosen]))
    return input_ids, labels


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """Return `input_ids`, `attention_mask` and `labels` (B, L), int64.

    With a pair among the rows also `position_ids` (B, L) from 0, and `token_type_ids` (B, L) where there are segments.

    A row is masked by its `mask_seed`; without a seed (in evaluation) by its `example`, so all evaluations mask alike.
    """
    pairs = [masked(np.asarray(row["input_ids"]), int(row.get("mask_seed", row["example"])), special) for row in rows]
    batch = padding.inputs([ids for ids, _ in pairs], special, [row.get("second_segment") or 0 for row in rows])
    batch["labels"] = padding.padded([labels for _, labels in pairs], -100)
    if any(row.get("second") for row in rows):
        batch["position_ids"] = _positions([row.get("second") or 0 for row in rows], max(len(ids) for ids, _ in pairs))
    return batch


def _positions(seconds: list[int], length: int) -> torch.Tensor:
    """int64 (B, length): 0, 1, … and again from 0 at the second sentence."""
    positions_L, seconds_B1 = torch.arange(length), torch.tensor(seconds)[:, None]
    return positions_L - torch.where(positions_L >= seconds_B1, seconds_B1, 0)


def decode(
    examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits
) -> list[tuple[float, int]]:
    """For each line the summed negative log-likelihood in nats (`nll`, (1,)) and the number of masked tokens (`count`, (1,))."""
    predictions = [(0.0, 0)] * len(examples)
    for example, output in zip(features["example"][:], outputs, strict=True):
        predictions[example] = float(output["nll"].item()), int(output["count"].item())
    return predictions
