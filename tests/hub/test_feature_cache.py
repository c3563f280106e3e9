"""Features that are kept: the same as those that are not, made once, and never those of something else."""

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from xstilts.config import DataConfig
from xstilts.data.featurizers import classification
from xstilts.sources import TaskSource, source_of
from xstilts.sources.splits import DataSplit
from xstilts.store.features import Prepared, feature_identity, load_or_build, tokenizer_identity
from xstilts.store.fingerprint import fingerprint
from xstilts.store.identity import data_checksums
from xstilts.tasks.declaration import Limits, Source, Task
from xstilts.training.features import evaluation_features

WORDS = "red green blue one two three".split()


def tokenizer(words: list[str] = WORDS) -> PreTrainedTokenizerFast:
    pieces = {word: number for number, word in enumerate(["<s>", "<pad>", "</s>", "<unk>", *words])}
    inner = Tokenizer(models.WordLevel(pieces, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    special = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **{f"{name}_token": token for name, token in special.items()})


def task(**changes: Any) -> Task:
    source = Source(reader="delimited", files={"train": "{language}.tsv"}, options={"names": ["text_a", "text_b", "label"]})
    declared = Task(name="toy", format="classification", languages=["en", "de"], labels=["no", "yes"], sources={"xtreme": source})
    return dataclasses.replace(declared, **changes)


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    for language, first in (("en", "red green"), ("de", "blue")):
        rows = [f"{first} {WORDS[n]}\t{WORDS[-n]}\t{'yes' if n % 2 else 'no'}\n" for n in range(6)]
        (tmp_path / f"{language}.tsv").write_text("".join(rows))
    return DataConfig(root=str(tmp_path))


def splits(source: TaskSource, parts: list[tuple[str, list[str]]]) -> list[DataSplit]:
    return [DataSplit(part, languages, data_checksums(source, "train", languages, None)) for part, languages in parts]


PARTS = [("train", ["en", "de"]), ("train:50%", ["de"])]


def make(data: DataConfig, store: str) -> Prepared:
    source = source_of(task(), data)
    return evaluation_features(source, splits(source, PARTS), None, tokenizer(), Limits(max_length=8), store)


def test_kept_features_are_those_that_would_be_made(data, tmp_path, monkeypatch):
    without = make(data, "")
    made = make(data, str(tmp_path / "store"))
    monkeypatch.setattr(classification, "featurize", lambda *_: pytest.fail("made a second time"))
    kept = make(data, str(tmp_path / "store"))
    for again in (made, kept):
        assert again.features.to_list() == without.features.to_list()
        assert again.examples.to_list() == without.examples.to_list()
        assert again.features.features == without.features.features
        assert again.sizes == without.sizes == [12, 3]
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/store/features/" in line}
    assert {Path(path).name for path in mapped} >= {"examples.arrow", "features.arrow"}, "mapped, not held in memory"


def test_what_lost_a_file_is_made_again(data, tmp_path):
    store = tmp_path / "store"
    expected = make(data, str(store)).features.to_list()
    (arrow,) = (store / "features").glob("*/features.arrow")
    arrow.write_bytes(arrow.read_bytes()[:-1])
    assert make(data, str(store)).features.to_list() == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda: {"tokenizer": tokenizer([*WORDS, "four"])},
        lambda: {"limits": Limits(max_length=9)},
        lambda: {"taken": {"first": 2}},
        lambda: {"parts": [("train", ["en"])]},
        lambda: {"parts": [("train:50%", ["en", "de"]), ("train:50%", ["de"])]},
        lambda: {"task": task(labels=["yes", "no"])},
        lambda: {"task": task(version=2)},
        lambda: {"training": True},
    ],
)
def test_everything_that_matters_gives_another_fingerprint(data, change: Callable[[], dict[str, Any]]):
    assert identity(data, **change()) != identity(data)


def test_version_and_raw_file_give_another_fingerprint(data, monkeypatch):
    before = identity(data)
    monkeypatch.setattr(classification, "VERSION", classification.VERSION + 1)
    assert identity(data) != before
    monkeypatch.undo()
    assert identity(data) == before
    file = Path(str(data.root)) / "en.tsv"
    file.write_text(file.read_text().replace("red", "one", 1))
    assert identity(data) != before


def identity(data: DataConfig, **changes: Any) -> str:
    source = source_of(changes.pop("task", task()), data)
    given = {
        "source": source,
        "splits": splits(source, changes.pop("parts", PARTS)),
        "taken": {"first": None},
        "tokenizer": tokenizer(),
        "limits": Limits(max_length=8),
        "training": False,
    }
    return fingerprint(feature_identity(**(given | changes)))


def test_a_tokenizer_is_known_by_what_it_does(tmp_path, shared_data):
    own = tokenizer()
    before = tokenizer_identity(own)
    own(["red green"], truncation=True, max_length=2, padding="max_length")
    assert tokenizer_identity(own) == before
    from xstilts.data.tokenizer import load_tokenizer

    real = load_tokenizer(str(shared_data / "tokenizers" / "multilingual16k"))
    real.save_pretrained(tmp_path)
    assert tokenizer_identity(load_tokenizer(str(tmp_path))) == tokenizer_identity(real), "an artifact's copy shares features"


def test_a_tokenizer_that_changes_is_another_one():
    own = tokenizer()
    before = tokenizer_identity(own)
    own.add_tokens(["four"])
    assert tokenizer_identity(own) != before == tokenizer_identity(tokenizer())


def test_who_fails_leaves_nothing(tmp_path, caplog):
    def fail(folder: Path | None) -> Prepared:
        raise RuntimeError("out of luck")

    caplog.set_level(logging.INFO)
    with pytest.raises(RuntimeError, match="out of luck"):
        load_or_build(str(tmp_path), lambda: {"kind": "features"}, fail)
    assert not [path for path in (tmp_path / "features").iterdir() if path.is_dir()]
