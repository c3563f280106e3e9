"""Train a tokenizer from text: byte-pair encoding of words, with XLM-R's special tokens and templates.

XLM-R's unigram model is not used: trained on little text, it stops early and splits frequent words. The same texts give the same
bytes in any process: the library breaks ties at random only among rare characters, and these ties are broken here.
"""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from xstilts.config import SMALLEST_VOCABULARY
from xstilts.errors import UserError

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
ROLES = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}


def train_tokenizer(texts: Iterable[str], vocabulary: int, folder: Path) -> int:
    """Train on the texts and write `folder` (made if missing), which `AutoTokenizer` loads; returns the number of entries.

    The special tokens are the ids 0 to 4. There are fewer than `vocabulary` entries if the texts are too small. The most
    frequent characters take up to half of them; others are `<unk>`. Raises UserError for texts without a character or a
    vocabulary below SMALLEST_VOCABULARY.
    """
    if vocabulary < SMALLEST_VOCABULARY:
        raise UserError(f"pretraining.vocabulary={vocabulary}: expected {SMALLEST_VOCABULARY} or more")
    texts = list(texts)
    characters = _characters(texts, vocabulary // 2)
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=characters,
        limit_alphabet=len(characters),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **ROLES}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    return int(tokenizer.get_vocab_size())


def _characters(texts: Iterable[str], most: int) -> list[str]:
    """Return the `most` most frequent characters, ties in Unicode order, and the mark of a word's start."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(unicodedata.normalize("NFKC", text))
    ranked = sorted((character for character in counts if not character.isspace()), key=lambda one: (-counts[one], one))
    if not ranked:
        raise UserError("no text to train a tokenizer on: expected lines with words in the training split of `pretraining.tasks`")
    return ["▁", *(character for character in ranked if character != "▁")][:most]
