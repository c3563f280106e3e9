"""Two processes that need the same features at once, as ranks and concurrent cells do: one makes them, both read one file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RANK = """
import json, logging, os, sys, time
from pathlib import Path
from datasets import Dataset
from xstilts.store.features import Prepared, load_or_build

store, notes = Path(sys.argv[1]), Path(sys.argv[2])

class Notes(logging.Handler):
    def emit(self, record):
        (notes / f"waits-{os.getpid()}").write_text(record.getMessage())

logging.getLogger("xstilts").addHandler(Notes())
logging.getLogger("xstilts").setLevel(logging.INFO)

def build(folder):
    (notes / f"makes-{os.getpid()}").touch()
    deadline = time.monotonic() + 60
    while not list(notes.glob("waits-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    return Prepared(Dataset.from_dict({"id": ["a", "b"]}), Dataset.from_dict({"length": [3, 4]}), [2])

made = load_or_build(str(store), lambda: {"kind": "features", "of": "a test"}, build)
maps = Path("/proc/self/maps")
files = sorted({line.split()[-1] for line in maps.read_text().splitlines() if line.endswith("features.arrow")})
sys.stdout.write(json.dumps({"pid": os.getpid(), "length": made.features["length"][:], "files": files}))
"""


@pytest.mark.slow
def test_of_two_processes_one_makes_the_features_and_both_map_them(tmp_path: Path) -> None:
    store, notes = tmp_path / "store", tmp_path / "notes"
    notes.mkdir()
    words = [sys.executable, "-c", RANK, str(store), str(notes)]
    ranks = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [json.loads(rank.communicate(timeout=120)[0]) for rank in ranks]
    (maker,) = notes.glob("makes-*")
    (waiter,) = notes.glob("waits-*")
    pids = {maker.name.removeprefix("makes-"), waiter.name.removeprefix("waits-")}
    assert pids == {str(rank["pid"]) for rank in told}
    assert f"waiting for process {maker.name.removeprefix('makes-')} on " in waiter.read_text()
    assert [rank["length"] for rank in told] == [[3, 4]] * 2
    (file,) = (store / "features").glob("*/features.arrow")
    assert [rank["files"] for rank in told] == [[str(file)]] * 2
