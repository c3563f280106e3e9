"""Three tasks that nobody foresaw, each one YAML file and no Python: those that CONTRIBUTING.md shows, read with their data."""

import re
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from xstilts.config import DataConfig
from xstilts.errors import UserError
from xstilts.sources import source_of
from xstilts.sources.load import load
from xstilts.tasks.catalogue import load_task

REPOSITORY = Path(__file__).resolve().parents[2]
SHOWN = re.findall(
    r"^```yaml\n(# [^\n]*\ndefaults: \[schema, _self_\]\n.*?)^```$",
    (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A folder of declarations: the four of the guide."""
    folder = tmp_path / "conf"
    (folder / "task").mkdir(parents=True)
    for text in SHOWN:
        name = re.search(r"^name: (\w+)$", text, re.MULTILINE)
        assert name
        (folder / "task" / f"{name[1]}.yaml").write_text(text, encoding="utf-8")
    assert sorted(path.stem for path in (folder / "task").iterdir()) == ["acme_ner", "my_nli", "reviews", "star_nli"]
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_pairs_with_their_own_label_words(conf: Path, root: Path) -> None:
    (root / "star_nli").mkdir()
    lines = ["7\tA dog runs.\tAn animal moves.\tTRUE", "8\tA cat sleeps.\tA cat runs.\tFALSE", "9\tIt rains.\tI am wet.\tMAYBE"]
    (root / "star_nli/train.txt").write_text("\n".join([*lines, "10\tA.\tB.\tHIDDEN"]) + "\n", encoding="utf-8")
    (root / "star_nli/sw.txt").write_text(lines[1] + "\n", encoding="utf-8")
    task, data = load_task(conf, "star_nli"), DataConfig(root=str(root))
    train = load(source_of(task, data), "train", ["en"])
    assert train["label"][:] == ["entailment", "contradiction", "neutral"]
    assert train["id"][:] == ["7", "8", "9"]
    assert load(source_of(task, data), "test", ["sw"])["text_b"][:] == ["A cat runs."]
    assert (task.head, task.labels) == ("nli", ["contradiction", "entailment", "neutral"])
    (root / "star_nli/sw.txt").write_text("1\tA.\tB.\tPERHAPS\n", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"sw\.txt:1: unknown label 'PERHAPS', expected one of contradiction, entailment, neutral"
    ):
        load(source_of(task, data), "test", ["sw"])


def _reviews(root: Path, stars: list[int]) -> DataConfig:
    (root / "data").mkdir(exist_ok=True)
    table = pyarrow.table(
        {
            "review": [{"title": f"Title {number}", "body": "Body."} for number in range(len(stars))],
            "lang": ["en", "de"] * (len(stars) // 2),
            "stars": stars,
        }
    )
    parquet.write_table(table, root / "data/train-00000-of-00001.parquet")
    return DataConfig(source="local", root=str(root))


def test_a_hub_set_with_other_columns(conf: Path, root: Path) -> None:
    """The local files give the same rows as the Hub; their sources differ by the repository alone."""
    task, data = load_task(conf, "reviews"), _reviews(root, [0, 4, 1, 2])
    hub, local = task.sources["hub"], task.sources["local"]
    assert (hub.reader, hub.columns, hub.labels) == (local.reader, local.columns, local.labels)
    english, german = load(source_of(task, data), "train", ["en"]), load(source_of(task, data), "train", ["de"])
    assert english["text_a"][:] == ["Title 0: Body.", "Title 2: Body."]
    assert english["label"][:] == ["bad", "bad"]
    assert german["label"][:] == ["good"]  # three stars are no gold
    assert set(german["language"][:]) == {"de"}


def test_another_number_of_rows_is_refused(conf: Path, root: Path) -> None:
    task, data = load_task(conf, "reviews"), _reviews(root, [0, 4, 1, 2])
    task.sources["local"].expect = task.sources["hub"].expect
    with pytest.raises(UserError, match=r"task 'reviews', train, 'en', from files: got 2 rows, expected 200000"):
        load(source_of(task, data), "train", ["en"])


def test_conll_with_another_tag_set(conf: Path, root: Path) -> None:
    (root / "acme").mkdir()
    (root / "acme/en.train.conll").write_text("Order\tO\nbolt\tB-PART\nM8\tI-PART\n\nAcme\tB-MAKER\n", encoding="utf-8")
    task, data = load_task(conf, "acme_ner"), DataConfig(root=str(root))
    examples = load(source_of(task, data), "train", ["en"])
    assert examples["words"][:] == [["Order", "bolt", "M8"], ["Acme"]]
    assert examples["tags"][:] == [["O", "B-PRODUCT", "I-PRODUCT"], ["B-ORG"]]
    assert set(task.labels) >= {tag for tags in examples["tags"] for tag in tags}
    (root / "acme/en.train.conll").write_text("Acme\tB-CITY\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"en\.train\.conll:1: unknown tag 'B-CITY'"):
        load(source_of(task, data), "train", ["en"])
