"""The files that a split is read from, and the message where there is none."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import languages_with_data, locate, place_of, require, source_of, without_gold
from xstilts.tasks.catalogue import load_task
from xstilts.tasks.declaration import Source, Task


def _task(**files: Any) -> Task:
    return Task(name="toy", format="mlm", languages=["en", "sw"], sources={"xtreme": Source(reader="text", files=files)})


def _data(root: Path, *extra: Path) -> DataConfig:
    return DataConfig(root=str(root), extra_roots=[str(path) for path in extra])


def test_the_driver_imports_neither_torch_nor_datasets():
    code = "import sys, xstilts.sources; print([name for name in ('torch', 'datasets', 'hydra') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_roots_come_in_order_and_alternatives_within_a_root(tmp_path, write):
    task = _task(test="{language}.a|{language}.b")
    first, second = tmp_path / "first", tmp_path / "second"
    write("second/en.a", "x")
    assert locate(source_of(task, _data(tmp_path / "second")), "test", "en") == {"data": second / "en.a"}
    write("first/en.b", "x")
    assert locate(source_of(task, _data(first, second)), "test", "en") == {"data": first / "en.b"}
    write("first/en.a", "x")
    assert locate(source_of(task, _data(first, second)), "test", "en") == {"data": first / "en.a"}
    assert locate(source_of(task, _data(first, second)), "test", "sw") == {}
    assert languages_with_data(source_of(task, _data(first)), "test") == ["en"]


def test_a_gz_twin_is_accepted(tmp_path, write):
    path = write("en.txt.gz", b"")
    assert locate(source_of(_task(train="{language}.txt"), _data(tmp_path)), "train", "en") == {"data": path}


def test_a_map_names_each_language_s_file(tmp_path, write):
    """As in UNER, whose treebanks have names of their own."""
    paths = {name: write(f"uner/{name}", "x") for name in ("en_ewt-ud-test.iob2", "tl_trg-ud-test.iob2", "rest-ar.iob2")}
    files = {"en": "uner/en_ewt-ud-test.iob2", "sw": "uner/tl_trg-ud-test.iob2|uner/sw.iob2", "*": "uner/rest-{language}.iob2"}
    task = _task(test=files)
    task.languages = ["en", "sw", "ar", "de"]
    found = {language: locate(source_of(task, _data(tmp_path)), "test", language) for language in task.languages}
    assert found == {"en": {"data": paths["en_ewt-ud-test.iob2"]}, "sw": {"data": paths["tl_trg-ud-test.iob2"]}} | {
        "ar": {"data": paths["rest-ar.iob2"]},
        "de": {},
    }
    assert languages_with_data(source_of(task, _data(tmp_path)), "test") == ["en", "sw", "ar"]
    del files["*"]
    with pytest.raises(UserError, match=r"no test data of task 'toy' in language 'ar': files.test has en, sw; add it there"):
        require(source_of(task, _data(tmp_path)), "test", "ar")


def test_gold_may_have_a_map_too(tmp_path, write):
    data, gold = write("en.txt", "x"), write("answers", "x")
    task = _task(test="{language}.txt")
    task.sources["xtreme"].gold = {"test": {"en": "answers"}}
    assert locate(source_of(task, _data(tmp_path)), "test", "en") == {"data": data, "gold": gold}


def test_pairs_need_both_sides_and_may_have_gold(tmp_path, write):
    task = load_task(Path(__file__).resolve().parents[2] / "conf", "tatoeba")
    source = write("tatoeba/tatoeba.swh-eng.swh", "a")
    assert locate(source_of(task, _data(tmp_path)), "test", "sw") == {}
    english = write("tatoeba/tatoeba.swh-eng.eng", "a")
    assert locate(source_of(task, _data(tmp_path)), "test", "sw") == {"source": source, "english": english}
    gold = write("gold/tatoeba/test-sw.tsv", "0")
    found = locate(source_of(task, _data(tmp_path, tmp_path / "gold")), "test", "sw")
    assert found == {"source": source, "english": english}, "LASER's files are their own gold"
    sorted_side = {"source": write("tatoeba/sw-en.sw", "a"), "english": write("tatoeba/sw-en.en", "a")}
    found = locate(source_of(task, _data(tmp_path, tmp_path / "gold")), "test", "sw")
    assert found == sorted_side | {"gold": source, "gold.english": english}
    source.unlink()
    assert locate(source_of(task, _data(tmp_path, tmp_path / "gold")), "test", "sw") == sorted_side | {"gold": gold}


@pytest.mark.parametrize("place", ["tatoeba", "tatoeba/v1", "LASER/data/tatoeba/v1", "LASER"])
def test_laser_s_files_are_looked_for_beside_xtreme_s_and_in_its_own_folder(tmp_path, write, place):
    task = load_task(Path(__file__).resolve().parents[2] / "conf", "tatoeba")
    for side in ("sw", "en"):
        write(f"tatoeba/sw-en.{side}", "a")
    (tmp_path / "LASER").mkdir()
    data = _data(tmp_path, tmp_path / "LASER")
    told = without_gold(source_of(task, data), "test", ["sw", "de"])
    assert told and told.startswith("task 'tatoeba' has no gold for test in sw: the English side of sw-en.sw is sorted")
    files = "tatoeba.swh-eng.swh and tatoeba.swh-eng.eng (github.com/facebookresearch/LASER, data/tatoeba/v1)"
    assert f"{files}, into {tmp_path / 'tatoeba'}" in told
    assert "'target.task.sources.xtreme.options.no_gold=[test]'" in told
    files = [write(f"{place}/tatoeba.swh-eng.{side}", "a") for side in ("swh", "eng")]
    found = locate(source_of(task, data), "test", "sw")
    assert [found["gold"], found["gold.english"]] == files
    assert without_gold(source_of(task, data), "test", ["sw"]) is None
    files[0].unlink()
    task.sources["xtreme"].options["no_gold"] = ["test"]
    assert without_gold(source_of(task, data), "test", ["sw"]) is None


def test_require_names_every_path_that_was_tried(tmp_path):
    extra = tmp_path / "extra"
    extra.mkdir()
    with pytest.raises(UserError) as raised:
        require(source_of(_task(test="{language}.a|{language}.b"), _data(tmp_path, extra)), "test", "sw")
    for path in (tmp_path / "sw.a", tmp_path / "sw.b", extra / "sw.a", extra / "sw.b"):
        assert str(path) in str(raised.value)
    assert "data.extra_roots" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_where_data_is_looked_for_is_every_root(tmp_path):
    task = _task(test="{language}.a")
    assert place_of(source_of(task, _data(tmp_path))) == f"under data.root={tmp_path}"
    more = _data(tmp_path, tmp_path / "a", tmp_path / "b")
    assert (
        place_of(source_of(task, more)) == f"under data.root={tmp_path} and data.extra_roots=[{tmp_path / 'a'},{tmp_path / 'b'}]"
    )


def test_require_names_unknown_split_and_language(tmp_path):
    task = _task(test="{language}.a")
    with pytest.raises(UserError, match="task 'toy' has no train split in source 'xtreme': it has test"):
        require(source_of(task, _data(tmp_path)), "train", "en")
    with pytest.raises(UserError, match="unknown language of task 'toy' 'swa': did you mean sw"):
        require(source_of(task, _data(tmp_path)), "test", "swa")


def test_an_unknown_source_gets_a_suggestion(tmp_path):
    data = DataConfig(source="xtrem", root=str(tmp_path))
    with pytest.raises(UserError, match="unknown source of task toy 'xtrem': did you mean xtreme"):
        locate(source_of(_task(test="a"), data), "test", "en")


def test_a_root_must_be_set_and_exist(tmp_path):
    task = _task(test="a")
    with pytest.raises(UserError, match="data.root is not set"):
        locate(source_of(task, DataConfig()), "test", "en")
    with pytest.raises(UserError, match=re.escape(f"data.root={tmp_path / 'nowhere'}: no such folder")):
        locate(source_of(task, _data(tmp_path / "nowhere")), "test", "en")
    with pytest.raises(UserError, match=re.escape(f"data.extra_roots={tmp_path / 'nowhere'}: no such folder")):
        locate(source_of(task, _data(tmp_path, tmp_path / "nowhere")), "test", "en")
