"""A tokenizer trained from text: its layout, its round trip, and the same bytes from any process."""

import random
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from xstilts.data.bpe import SPECIAL, train_tokenizer
from xstilts.data.featurizers.special import special_tokens
from xstilts.data.tokenizer import load_tokenizer
from xstilts.errors import UserError

LINES = ["the dog sees the cat", "The cats sleep.", "der Hund sieht die Katze", "mbwa anaona paka", "кот видит собаку"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary") / "made"
    assert train_tokenizer(LINES, 200, folder) <= 200
    return folder


def test_it_loads_by_name_in_the_layout_of_xlm_r(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    assert tokenizer.is_fast and tokenizer.convert_ids_to_tokens(range(5)) == list(SPECIAL)
    named = [tokenizer.bos_token, tokenizer.cls_token, tokenizer.eos_token, tokenizer.sep_token, tokenizer.unk_token]
    assert named == ["<s>", "<s>", "</s>", "</s>", "<unk>"]
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id, tokenizer.all_special_ids) == (1, 4, [0, 2, 3, 1, 4])
    a, b = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in LINES[:2])
    assert a and b and tokenizer(LINES[0])["input_ids"] == [0, *a, 2]
    assert tokenizer(LINES[0], LINES[1])["input_ids"] == [0, *a, 2, 2, *b, 2]
    assert special_tokens(load_tokenizer(str(folder)), 0.15).special_ids == (0, 1, 2, 3, 4)


def test_a_text_comes_back_and_the_unknown_is_one_token(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    for text in LINES:
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text
    assert tokenizer.tokenize("the\t  ｄｏｇ") == tokenizer.tokenize("the dog")
    assert tokenizer.tokenize("漢字")[-1] == "<unk>" and tokenizer.tokenize("漢字").count("<unk>") == 1
    assert len(tokenizer.tokenize("the")) == 1, "a frequent word is one token"
    words = tokenizer(LINES[0].split(), is_split_into_words=True, add_special_tokens=False)
    assert words["input_ids"] == tokenizer(LINES[0], add_special_tokens=False)["input_ids"]


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """Also where more characters than there is room for are equally rare."""
    chance = random.Random(0)
    lines = ["".join(chance.choice("abcdefgh ") for _ in range(40)) for _ in range(300)]
    lines.append(" ".join(map(chr, range(0x4E00, 0x4E00 + 400))))
    (tmp_path / "text").write_text("\n".join(lines))
    program = (
        "import sys, pathlib; from xstilts.data.bpe import train_tokenizer as train\n"
        "place = pathlib.Path(sys.argv[1]); train((place / 'text').read_text().splitlines(), 300, place / sys.argv[2])\n"
        "sys.exit('torch' in sys.modules)"
    )
    for name, threads in (("first", "1"), ("second", "2")):
        environment = {"PATH": "", "RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"}
        subprocess.run([sys.executable, "-c", program, str(tmp_path), name], check=True, env=environment, timeout=60)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    assert len(load_tokenizer(str(tmp_path / "first"))) == 300


@pytest.mark.parametrize(
    ("lines", "vocabulary", "message"), [([" ", ""], 200, "^no text to train a tokenizer on"), (LINES, 99, "^pretraining.voc")]
)
def test_what_cannot_be_done_is_said(lines: list[str], vocabulary: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        train_tokenizer(lines, vocabulary, tmp_path / "made")
    assert not (tmp_path / "made").exists()
