"""The tokenizer of all featurizer tests, and a tokenizer of another make."""

from pathlib import Path

import pytest
from transformers import BertTokenizer, PreTrainedTokenizerBase

from xstilts.data.featurizers.special import SpecialTokens, special_tokens
from xstilts.data.tokenizer import load_tokenizer


@pytest.fixture(scope="session")
def tokenizer(shared_data: Path) -> PreTrainedTokenizerBase:
    """16,000 pieces in XLM-R's layout."""
    return load_tokenizer(str(shared_data / "tokenizers" / "multilingual16k"))


@pytest.fixture(scope="session")
def special(tokenizer: PreTrainedTokenizerBase) -> SpecialTokens:
    return special_tokens(tokenizer, 0.15)


@pytest.fixture(scope="session")
def wordpiece() -> PreTrainedTokenizerBase:
    """[CLS] A [SEP] B [SEP]; knows a few words only."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "on", "mat"]
    return BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)})
