"""mlm: a line of text, some of whose subwords are masked when a batch is made; they are to be restored.

Of the chosen subwords 80 % become the mask token, 10 % a random one and 10 % stay (BERT's rule, as in jiant). What is masked
depends on the row and its seed alone, not on the batch that it is in.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from datasets import Dataset, Features, List, Value
from transformers import PreTrainedTokenizerBase

from xstilts.data.featurizers import padding, tables, tokens
from xstilts.data.featurizers.special import SpecialTokens
from xstilts.tasks.declaration import Limits, Task

VERSION = 1

FEATURES = Features({"example": Value("int32"), "length": Value("int32"), "input_ids": List(Value("int32"))})


def featurize(examples: Dataset, tokenizer: PreTrainedTokenizerBase, task: Task, limits: Limits, training: bool) -> Dataset:
    """One feature per line, cut at `limits.max_length`. Raises UserError if that cannot hold a subword."""
    template = tokens.template(tokenizer)
    room = template.room(limits, pair=False, least=1)

    def rows_of(first: int, chunk: tables.Columns) -> Iterable[dict[str, Any]]:
        for row, line in enumerate(tokens.token_ids(tokenizer, chunk["text"])):
            ids = template.single(line[:room])
            yield {"example": first + row, "length": len(ids), "input_ids": ids}

    return tables.build(examples, FEATURES, rows_of)


def masked(input_ids: np.ndarray, seed: int, special: SpecialTokens) -> tuple[np.ndarray, np.ndarray]:
    """input_ids (L,) with masked subwords, and labels (L,): the original ids of the chosen subwords, -100 elsewhere; int64.

    Each subword that is not special is chosen with `special.mlm_probability`; if none is, one is drawn.
    """
    generator = np.random.default_rng(seed)
    input_ids = np.array(input_ids, dtype=np.int64)
    content = np.flatnonzero(~np.isin(input_ids, special.special_ids))
    chosen = content[generator.random(len(content)) < special.mlm_probability]
    if not len(chosen):
        chosen = generator.permutation(content)[:1]
    labels = np.full_like(input_ids, -100)
    labels[chosen] = input_ids[chosen]
    fate = generator.random(len(chosen))
    # Drawn among the ids that are not special: a draw at or above a special id moves up by one.
    random_ids = generator.integers(special.vocab_size - len(special.special_ids), size=len(chosen))
    for special_id in special.special_ids:
        random_ids += random_ids >= special_id
    input_ids[chosen] = np.where(fate < 0.8, special.mask_id, np.where(fate < 0.9, random_ids, input_ids[chosen]))
    return input_ids, labels


def collate(rows: list[dict[str, Any]], special: SpecialTokens) -> padding.Batch:
    """`input_ids`, `attention_mask` and `labels` (B, L), int64.

    A row is masked by its `mask_seed`; without one (in evaluation) by its `example`, so that every evaluation masks alike.
    """
    pairs = [masked(np.asarray(row["input_ids"]), int(row.get("mask_seed", row["example"])), special) for row in rows]
    return {
        **padding.inputs([ids.tolist() for ids, _ in pairs], special),
        "labels": padding.padded([labels.tolist() for _, labels in pairs], -100),
    }


def decode(
    examples: Dataset, features: Dataset, outputs: list[dict[str, np.ndarray]], task: Task, limits: Limits
) -> list[tuple[float, int]]:
    """Of each line `nll` (1,), its summed negative log-likelihood in nats, and `count` (1,), its masked subwords."""
    predictions = [(0.0, 0)] * len(examples)
    for example, output in zip(features["example"][:], outputs, strict=True):
        predictions[example] = float(output["nll"].item()), int(output["count"].item())
    return predictions
