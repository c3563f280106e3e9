import contextlib
import json
import re
import shutil
import struct

import pytest

from xstilts.data.featurizers.special import SpecialTokens, special_tokens
from xstilts.data.featurizers.tokens import Template, template
from xstilts.data.tokenizer import load_tokenizer
from xstilts.errors import UserError


def test_loads_a_folder(tokenizer):
    assert tokenizer.is_fast
    assert tokenizer("a", "b")["input_ids"][0] == tokenizer.cls_token_id == 0


def test_loads_a_folder_below_the_working_directory(shared_data, monkeypatch):
    monkeypatch.chdir(shared_data)
    assert len(load_tokenizer("tokenizers/multilingual16k")) == 16002


@pytest.mark.parametrize("name", ["/no/such/folder", "./nowhere", "~/nowhere-at-all", "a/b/c", "nowhere/"])
def test_missing_folder(name):
    with pytest.raises(
        UserError, match=rf"^tokenizer '{re.escape(name)}': no such folder, expected a folder with tokenizer\.json"
    ):
        load_tokenizer(name)


def test_file_instead_of_folder(tmp_path):
    file = tmp_path / "tokenizer.json"
    file.write_text("{}")
    with pytest.raises(UserError, match=rf"^tokenizer '{re.escape(str(file))}': a file, expected a folder"):
        load_tokenizer(str(file))


def test_folder_without_tokenizer(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "xlm-roberta"}))
    expected = f"no fast tokenizer in the folder '{tmp_path}': expected tokenizer.json or a SentencePiece model "
    with pytest.raises(UserError, match="^" + re.escape(expected)):
        load_tokenizer(str(tmp_path))


def test_a_class_that_does_not_read_the_files_of_the_folder(tmp_path, shared_data):
    """BERT's architecture with XLM-R's SentencePiece model and no word of its class: BertTokenizer would know no word."""
    shutil.copy(shared_data / "tokenizers" / "multilingual16k" / "sentencepiece.bpe.model", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(UserError, match="is read as a BertTokenizer, which finds no words in its files: name another class"):
        load_tokenizer(str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "XLMRobertaTokenizer"}))
    assert len(load_tokenizer(str(tmp_path))) == 16002


def test_broken_tokenizer_file(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(
        UserError, match=rf"^could not load the tokenizer '{re.escape(str(tmp_path))}': .+; expected a folder"
    ) as caught:
        load_tokenizer(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_special_tokens(tokenizer):
    assert special_tokens(tokenizer, 0.15) == SpecialTokens(1, 16001, 16002, (0, 1, 2, 3, 16001), 0.15)


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.5])
def test_mlm_probability_out_of_range(tokenizer, probability):
    with pytest.raises(UserError, match=f"^mlm_probability={probability}, expected a number above 0 and at most 1"):
        special_tokens(tokenizer, probability)


def test_tokenizer_without_mask_token(wordpiece):
    wordpiece = type(wordpiece)(vocab=wordpiece.get_vocab())
    wordpiece.mask_token = None
    with pytest.raises(UserError, match=r"has no mask token; expected pad token and mask token"):
        special_tokens(wordpiece, 0.15)
    assert special_tokens(wordpiece, 0.15, masks=False).mask_id is None, "only mlm masks tokens"
    wordpiece.pad_token = None
    with pytest.raises(UserError, match=r"has no pad token; expected pad token, as in"):
        special_tokens(wordpiece, 0.15, masks=False)


def varint(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def field(number: int, value: bytes | int | float) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3) + varint(value)


def sentencepiece(pieces: list[str], special: int) -> bytes:
    """A SentencePiece unigram model; the first `special` pieces are control symbols, of which [UNK] is the unknown one."""
    kind = {True: 3, False: 1}
    written = b"".join(
        field(1, field(1, piece.encode()) + field(2, -float(n)) + field(3, 2 if piece == "[UNK]" else kind[n < special]))
        for n, piece in enumerate(pieces)
    )
    return written + field(2, field(3, 1) + field(40, pieces.index("[UNK]")))


def test_the_form_of_mdeberta_v3(tmp_path):
    """Its repository has config.json, weights, spm.model and tokenizer_config.json, and no tokenizer.json."""
    pieces = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "▁a", "▁man", "▁eat", "s", ".", "▁"]
    (tmp_path / "spm.model").write_bytes(sentencepiece(pieces, 4))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False, "vocab_type": "spm"}))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "deberta-v2", "vocab_size": 20}))
    found = load_tokenizer(str(tmp_path))
    assert found.is_fast and found.pad_token_id == 0
    assert found("a man eats.", "a man")["input_ids"] == [1, 4, 5, 6, 7, 8, 2, 4, 5, 2]
    assert template(found) == Template(before=[1], between=[2], after=[2], first_segment=1)


def test_a_tokenizer_with_a_program_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked at the terminal"))
    witness = tmp_path / "was_run"
    (tmp_path / "mine.py").write_text(f"open({str(witness)!r}, 'w').close()\n")
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n")
    settings = {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", "mine.Mine"]}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    with contextlib.suppress(UserError):
        load_tokenizer(str(tmp_path))
    assert not witness.exists()


def test_a_path_that_begins_with_the_home_folder(tmp_path, monkeypatch, tokenizer):
    tokenizer.save_pretrained(tmp_path / "words")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load_tokenizer("~/words")) == len(tokenizer)
