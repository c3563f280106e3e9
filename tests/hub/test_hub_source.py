"""Data from the Hub, with everything that a network and a repository can do to it."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import languages_with_data, locate, retry, source_of
from xstilts.sources.fetch import fetch, pinned
from xstilts.sources.files import source_name
from xstilts.sources.load import load
from xstilts.store.checksums import file_sha256
from xstilts.tasks.declaration import Expect, Source, Task

LABELS = ["contradiction", "entailment", "neutral"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DATA = DataConfig(source="hub")
NAME = "owner/pairs"
FILE = "en/train-00000-of-00002.parquet"


def rows(*labels: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"premise": f"premise {start + n}", "hypothesis": "h", "label": label} for n, label in enumerate(labels)]


def task(**changes: Any) -> Task:
    source = Source(
        reader="parquet",
        hub=NAME,
        revision=COMMIT,
        files={"train": "{language}/train-*.parquet", "validation": "{language}/validation-*.parquet"},
        columns={"text_a": "premise", "text_b": "hypothesis"},
        labels={"0": "entailment", "1": "neutral", "2": "contradiction"},
        positional_ids=["train", "validation"],
        expect={"train": Expect(rows={"*": 4}, labels={"entailment": 2, "neutral": 1, "contradiction": 1})},
    )
    source = dataclasses.replace(source, **changes)
    return Task(name="toy", format="classification", languages=["en", "sw", "ar"], labels=LABELS, sources={"hub": source})


@pytest.fixture
def pairs(hub: Any, parquet: Callable[..., bytes]) -> Any:
    """The stand-in hub with a small data set in two languages."""
    files = {
        FILE: parquet(rows(0, 1)),
        "en/train-00001-of-00002.parquet": parquet(rows(2, 0, start=2)),
        "sw/train-00000-of-00001.parquet": parquet(rows(0, 0, 1, 2)),
        "en/validation-00000-of-00001.parquet": parquet(rows(1)),
        "README.md": b"a data set",
    }
    hub.add("dataset", NAME, files)
    return hub


def fetched(what: Task, split: str = "train", languages: tuple[str, ...] = ("en",)) -> list[Path]:
    return fetch(source_of(what, DATA), split, languages, file_sha256)


def test_all_parts_are_read_in_order_under_the_tasks_labels(pairs):
    assert locate(source_of(task(), DATA), "train", "en") == {}
    assert not pairs.requests, "looking at the disk asks nobody"
    files = fetched(task())
    assert [file.name for file in files] == ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    assert locate(source_of(task(), DATA), "train", "en") == {"data": files[0], "data.1": files[1]}
    found = load(source_of(task(), DATA), "train", ["en"])
    assert found["text_a"][:] == [f"premise {n}" for n in range(4)]
    assert found["label"][:] == ["entailment", "neutral", "contradiction", "entailment"]
    assert found["id"][:] == [f"train-{n}" for n in range(4)]
    assert pairs.requests.count(f"GET /api/datasets/{NAME}/revision/{COMMIT}") == 1
    assert not any("validation" in request or "/sw/" in request for request in pairs.requests), "only what was asked for"


def test_a_half_downloaded_split_is_no_data(pairs):
    first, _ = fetched(task())
    first.unlink()
    assert locate(source_of(task(), DATA), "train", "en") == {}
    with pytest.raises(UserError, match="no train data of task 'toy' in language 'en'.*run `python -m xstilts.fetch`"):
        load(source_of(dataclasses.replace(task(), languages=["en"]), DATA), "train", ["en"])


def test_error_500_twice_is_tried_again(pairs, waits, caplog):
    pairs.fail("GET /api", "500", 2)
    caplog.set_level("INFO", logger="xstilts")
    assert len(fetched(task())) == 2
    assert len(waits) == 2 and 0.5 <= waits[0] <= 1 <= waits[1] <= 2
    what = f"data set {NAME} at revision {COMMIT}: HTTP 500; attempt"
    assert [line.rsplit(" in ", 1)[0] for line in caplog.messages][:2] == [f"{what} 2 of 6", f"{what} 3 of 6"]


@pytest.mark.parametrize("kind", ["503", "429"])
def test_a_server_says_when_to_come_back(pairs, waits, kind):
    pairs.fail("GET /api", kind, 1)
    assert len(fetched(task())) == 2
    assert waits == [7.0]


@pytest.mark.parametrize("place", ["GET /api", "HEAD .*resolve", "GET .*resolve"])
def test_a_connection_that_is_reset_is_tried_again(pairs, waits, place):
    pairs.fail(place, "reset", 1)
    assert len(fetched(task())) == 2


def test_a_hub_that_stays_away_is_given_up(pairs, waits):
    pairs.fail("GET /api", "500")
    with pytest.raises(UserError) as error:
        fetched(task())
    assert str(error.value) == (
        f"data set {NAME} at revision {COMMIT}: gave up after 6 attempts, the last ended with: HTTP 500; "
        "run the same command again later, finished downloads are kept"
    )
    assert len(waits) == retry.ATTEMPTS - 1 and sum(waits) <= 31


@pytest.mark.parametrize("kind", ["truncated", "short", "changed"])
def test_a_damaged_download_is_tried_again(pairs, waits, kind):
    pairs.fail(f"GET .*{FILE}", kind, 1)
    first, _ = fetched(task())
    assert first.read_bytes() == pairs.repositories["datasets", NAME].files[FILE]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("truncated", "RemoteProtocolError: peer closed connection"),
        ("short", r"Consistency check failed: file should be of size \d+ but has size \d+"),
        ("changed", r"got sha256 [0-9a-f]{64}, expected [0-9a-f]{64}"),
    ],
)
def test_what_stays_damaged_is_refused_and_never_taken_for_data(pairs, waits, kind, reason):
    pairs.fail(f"GET .*{FILE}", kind)
    with pytest.raises(UserError, match=f"^data set {NAME} at revision {COMMIT}: {FILE}: gave up after 6 attempts.*{reason}"):
        fetched(task())
    assert locate(source_of(task(), DATA), "train", "en") == {}


def test_a_fault_of_ours_is_no_ring_of_causes(pairs, monkeypatch):
    def broken(listed, path):
        raise KeyError(path)

    monkeypatch.setattr("xstilts.sources.hub._download", broken)
    with pytest.raises(KeyError) as caught:
        fetched(task())
    assert caught.value.__cause__ is None


@pytest.mark.slow
def test_a_file_that_went_bad_on_disk_is_fetched_again_or_refused(pairs, restart):
    first, _ = fetched(task())
    good = first.read_bytes()
    first.resolve().write_bytes(bytes(len(good)))
    restart(offline=True)
    with pytest.raises(UserError, match=f"{FILE}: got sha256 .*; delete the file, and HF_HUB_OFFLINE=1 forbids the network"):
        fetched(task())
    restart()
    assert fetched(task())[0].read_bytes() == good


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        (Expect(rows={"en": 5}), "got 4 rows, expected 5; the data differs"),
        (Expect(labels={"entailment": 3, "neutral": 1}), "contradiction: got 1, expected 0; entailment: got 2, expected 3"),
    ],
)
def test_data_that_has_drifted_is_refused(pairs, expect, message):
    drifted = task(expect={"train": expect})
    fetched(drifted)
    place = f"task 'toy', train, 'en', from {NAME} at revision {COMMIT}: "
    with pytest.raises(UserError, match=re.escape(place) + ".*" + re.escape(message)):
        load(source_of(drifted, DATA), "train", ["en"])


def test_a_missing_language_is_named(pairs):
    assert languages_with_data(source_of(task(), DATA), "train") == ["en", "sw"]
    assert len(pairs.requests) == 1, "a list of files, and no file"
    with pytest.raises(UserError) as error:
        fetched(task(), languages=("en", "ar"))
    assert str(error.value) == f"task 'toy' has no train data in 'ar': {NAME} at revision {COMMIT} has it in en, sw"
    assert len(pairs.requests) == 1


def test_without_network_the_cache_serves(pairs, restart, hub_server):
    fetched(task())
    asked = len(pairs.requests)
    restart(offline=True)
    fetched(task())
    assert len(load(source_of(task(), DATA), "train", ["en"])) == 4
    restart()
    fetched(task())
    assert len(pairs.requests) == asked, "a commit never changes, so nobody is asked"
    restart(offline=True)
    with pytest.raises(UserError) as error:
        fetched(task(), "validation")
    assert str(error.value).startswith(
        f"data set {NAME} at revision {COMMIT}: en/validation-00000-of-00001.parquet not in the cache "
    )
    assert str(error.value).endswith(
        ", and HF_HUB_OFFLINE=1 forbids the network: run `python -m xstilts.fetch` with the same options where there is one"
    )


def test_without_network_and_cache_everything_is_missing(hub, restart):
    restart(offline=True)
    with pytest.raises(UserError, match=f"^data set {NAME} at revision {COMMIT} is not in the cache .*xstilts.fetch"):
        fetched(task())
    assert not hub.requests


@pytest.mark.parametrize("revision", [None, "refs/convert/parquet"])
def test_a_branch_becomes_a_commit(pairs, restart, waits, parquet, revision):
    branch = task(revision=revision)
    fetched(branch)
    commit = pairs.repositories["datasets", NAME].commit
    fixed = pinned(branch, DATA)
    assert fixed.sources["hub"].revision == commit
    assert locate(source_of(fixed, DATA), "train", "en") == locate(source_of(branch, DATA), "train", "en")

    pairs.fail("GET /api", "500")
    restart()
    assert pinned(branch, DATA).sources["hub"].revision == commit, "the last one known"
    pairs.faults.clear()
    pairs.add("dataset", NAME, {FILE: parquet(rows(1, 1))})
    restart()
    assert pinned(branch, DATA).sources["hub"].revision != commit
    assert load(source_of(fixed, DATA), "train", ["en"])["label"][:1] == ["entailment"], "what was pinned stays"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hub": "owner/none"}, f"data set owner/none at revision {COMMIT} does not exist, or is private"),
        ({"revision": "nope"}, f"data set {NAME} at revision nope: no such revision"),
    ],
)
def test_a_wrong_name_is_told_at_once(pairs, waits, changes, message):
    with pytest.raises(UserError, match=f"^{message}"):
        fetched(task(**changes))
    assert not waits


def test_one_file_of_many_languages(hub, parquet):
    mixed = [{"id": f"{name}-{n}", "text": f"{name} {n}", "label": n} for n in range(3) for name in ("english", "swahili")]
    hub.add("dataset", NAME, {"all/train-0.parquet": parquet(mixed)})
    several = task(
        files={"train": "all/train-*.parquet"},
        columns={"text_a": "text"},
        positional_ids=[],
        expect={},
        options={"keep": {"id": "{name}-*"}},
    )
    assert languages_with_data(source_of(several, DATA), "train") == ["en", "sw", "ar"]
    fetched(several, languages=("en", "sw"))
    assert load(source_of(several, DATA), "train", ["sw", "en"])["id"][:] == [
        f"{name}-{n}" for name in ("swahili", "english") for n in range(3)
    ]
    with pytest.raises(UserError, match=r"no column 'round' \(options.keep\); the row has id, text, label"):
        several.sources["hub"].options["keep"] = {"round": "{language}"}
        load(source_of(several, DATA), "train", ["en"])


def test_a_source_that_must_not_be_read_says_why(hub):
    with pytest.raises(UserError, match="task toy cannot be read from data=hub: gold pairs only; type data=xtreme"):
        fetched(task(unusable="gold pairs only; type data=xtreme"))


def test_what_the_hub_does_not_have_is_read_from_the_folder(hub, tmp_path):
    """`data=hub data.root=PATH`: the fallback is taken for such a task only, and only where a root is given."""
    (tmp_path / "toy.tsv").write_text("a sentence\tneutral\n", encoding="utf-8")
    folder = Source(reader="delimited", files={"train": {"en": "toy.tsv"}}, options={"names": ["text_a", "label"]})
    both = task(unusable="gold pairs only")
    both.sources["xtreme"] = folder
    mixed = DataConfig(source="hub", fallback="xtreme", root=str(tmp_path))
    assert source_name(both, mixed) == "xtreme" and source_name(both, dataclasses.replace(mixed, root=None)) == "hub"
    assert load(source_of(both, mixed), "train", ["en"])["text_a"][:] == ["a sentence"]
    usable = task()
    usable.sources["xtreme"] = folder
    assert source_name(usable, mixed) == "hub"
