import json
import re

import pytest

from xstilts.data.featurizers.special import SpecialTokens, special_tokens
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
    expected = f"no tokenizer in the folder '{tmp_path}': expected tokenizer.json or a SentencePiece model "
    with pytest.raises(UserError, match="^" + re.escape(expected)):
        load_tokenizer(str(tmp_path))


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
    assert special_tokens(wordpiece, 0.15, masks=False).mask_id is None, "only mlm masks subwords"
    wordpiece.pad_token = None
    with pytest.raises(UserError, match=r"has no pad token; expected pad token, as in"):
        special_tokens(wordpiece, 0.15, masks=False)
