"""Hundreds of bad configs, command lines and YAML files: each is refused by the driver, in a screen of plain lines, at once.

Cases are products: of numbers of the schema and bad values, of kinds of files and ways to break them. The cell that they start
from is sound: it is run up to its first worker, so that what is refused is refused for what was changed.
"""

import logging
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hydra.core.global_hydra import GlobalHydra

from xstilts import pipeline, worker
from xstilts.bounds import KEY, Bounds, Choices
from xstilts.config import Config

pytestmark = pytest.mark.timeout(60)  # a case that hangs

SCREEN = 20
FOREIGN = re.compile(
    r"Traceback|HYDRA_FULL_ERROR|LexerNoViableAlt|[Oo]mega[Cc]onf|Config(?:Key|Attribute|Composition)\w*|\w+Exception\b|"
    r"\b[A-Z]\w+Error\b|full_key|object_type|<class|NoneType|0x[0-9a-f]{6,}"
)
"""Words of libraries that mean nothing to a user."""


class Started(Exception):
    """A worker would have been started."""


def write(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


FILES = {
    "task/mine.yaml": """\
defaults: [schema, _self_]
name: mine
format: classification
languages: [en, "no"]
labels: ["no", "yes"]
metrics: [accuracy]
evaluate: [test]
sources:
  xtreme:
    reader: delimited
    files: {train: "mine/train-{language}.tsv", test: "mine/test-{language}.tsv"}
    options: {names: [text_a, label]}
    labels: {"0": "no", "1": "yes"}
    expect: {train: {rows: {en: 4}}}
""",
    "target/mine.yaml": """\
defaults:
  - /task@task: mine
  - /task@training.mine.task: mine
  - _self_
training:
  mine: {train: "train:75%", validation: "train:-25%"}
recipe: {epochs: 5}
""",
    "intermediate/mine.yaml": """\
defaults: [/task@tasks.mine.task: mine, _self_]
tasks:
  mine: {train: "train:75%", validation: "train:-25%", max_examples: 2}
""",
    "recipe/mine.yaml": "defaults: [jiant, _self_]\nname: mine\ndefault: {learning_rate: 1.0e-4, schedule: linear}\n",
    "model/mine.yaml": "name_or_path: null\ntokenizer: tokenizer\ntiny: {hidden_size: 32, num_attention_heads: 2}\n",
    "trainer/mine.yaml": "accelerator: cpu\ndevices: 1\n",
    "logger/mine.yaml": "name: none\nproject: mine\n",
    "data/mine.yaml": "source: xtreme\nroot: data\n",
    "experiments/mine.yaml": """\
# @package _global_
defaults:
  - override /recipe: mine
study: mine
hydra:
  sweeper:
    params: {+target: mine, seed: "1,2"}
""",
}
CELL = "+intermediate=mine +target=mine recipe=mine model=mine trainer=mine logger=mine data=mine --config-dir=my".split()
STUDY = "-m +experiments=mine +intermediate=mine model=mine trainer=mine logger=mine data=mine --config-dir=my".split()


def sound(folder: Path) -> Path:
    """Write a user's own task, data and tokenizer into a folder."""
    for name, text in FILES.items():
        write(folder / "my" / name, text)
    for split, language in (("train", "en"), ("test", "en"), ("test", "no")):
        write(folder / "data" / "mine" / f"{split}-{language}.tsv", "good\t1\nbad\t0\n" * 2)
    write(folder / "tokenizer" / "tokenizer.json", "{}")
    return folder


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound folder for all cases that change no file, so that Hydra reads its files once."""
    return sound(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def place(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, as the current one."""
    for name in ("outputs", "store", "multirun"):  # of a case that failed
        shutil.rmtree(shared / name, ignore_errors=True)
    monkeypatch.chdir(shared)
    monkeypatch.delenv("NO_SUCH_VARIABLE", raising=False)
    return shared


@pytest.fixture
def own(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound folder to be damaged, as the current one."""
    monkeypatch.chdir(sound(tmp_path))
    return tmp_path


Run = Callable[..., tuple[int | str | None, list[str]]]


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """run(*words, command=...) -> exit code and the lines on standard error; Started where a worker would be."""

    def started(*given: Any, **more: Any) -> int:
        raise Started

    def command_line(*words: str, command: str = "train") -> tuple[int | str | None, list[str]]:
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", [f"xstilts {command}", *words])
        code: int | str | None = 0
        try:
            code = import_module(f"xstilts.{command}").main(list(words)) or 0
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr().err.splitlines()

    monkeypatch.setattr(pipeline, "run_worker", started)
    log = logging.getLogger("xstilts")
    handlers = list(log.handlers)
    log.handlers[:] = []
    yield command_line
    log.handlers[:] = handlers


Refused = Callable[..., list[str]]


@pytest.fixture
def refused(run: Run) -> Refused:
    """refused(*words, command=...) -> the lines of the refusal, held against all that a refusal must be."""

    def check(*words: str, command: str = "train") -> list[str]:
        code, lines = run(*words, command=command)
        assert code == 2, (code, lines)
        assert lines and len(lines) <= SCREEN, lines
        assert all(line.startswith(("error: ", "usage: ", "xstilts ", " ")) for line in lines), lines
        assert not [line for line in lines if FOREIGN.search(line)], lines
        assert all(line.isprintable() for line in lines)
        begun = [path for path in Path().rglob("*") if path.name in ("store", "results", "predictions", "work", "curves", "logs")]
        assert not begun, begun
        return lines

    return check


def test_the_sound_cell_comes_to_its_first_worker(own: Path, run: Run) -> None:
    with pytest.raises(Started):
        run(*CELL)


def test_the_sound_study_is_planned(own: Path, run: Run) -> None:
    code, lines = run(*STUDY, command="plan")
    assert (code, lines) == (0, [])


# ---- every number and every choice of the schema, with values outside of its bounds --------------------------------------------


def options(kind: Any = Config, above: str = "") -> Iterator[tuple[str, Any]]:
    """The option of every field that can be typed, with the field; of tables those of the sound cell's entry."""
    hints = get_type_hints(kind)
    entries = {"training": "mine", "tasks": "mine", "sources": "xtreme", "expect": "train", "languages": "qaa"}
    for field in fields(kind):
        name = f"{above}.{field.name}".lstrip(".")
        yield name, field
        inner = [part for part in (hints[field.name], *get_args(hints[field.name])) if is_dataclass(part)]
        if inner and field.name not in ("formats", "intermediate") or (field.name == "intermediate" and not above):
            table = "dict" in str(hints[field.name])
            if name not in ("pretraining.tasks", "recipe.tasks", "data.world") and "generator" not in name:
                yield from options(inner[0], f"{name}.{entries[field.name]}" if table else name)


def outside(field: Any) -> list[str]:
    """Values that a field must not take, as they are typed."""
    allowed = field.metadata[KEY]
    if isinstance(allowed, Choices):
        return ["nonsense"]
    below = allowed.at_least - 1 if allowed.at_least is not None else allowed.above
    above = [] if allowed.at_most is None and allowed.below is None else [allowed.below or allowed.at_most * 10]
    if "float" in str(field.type):
        return ["nan", "inf", "1e400", *(f"{float(value)!r}" for value in (below, *above))]
    return [str(int(value)) for value in (below, *above)] + ["1.5", "many", "nan"]


BOUNDED = [
    (name, value)
    for name, field in options()
    if isinstance(field.metadata.get(KEY), (Bounds, Choices)) and "list" not in str(field.type) and "dict" not in str(field.type)
    for value in outside(field)
]
FIRST = [case for number, case in enumerate(BOUNDED) if number % 8 == 0]


def test_there_are_hundreds_of_values():
    assert len(BOUNDED) > 400 and len(FIRST) > 50


@pytest.mark.parametrize(("name", "value"), FIRST, ids=[f"{name}={value}" for name, value in FIRST])
def test_a_value_outside_of_its_bounds(name: str, value: str, refused: Refused) -> None:
    """Every eighth, typed; tests/test_bounds.py holds all of them against the schema."""
    lines = refused(*CELL, f"{name}={value}")
    assert any(
        name in line and value.split("e")[0].split(".")[0].lstrip("-")[:4] in line.lower().replace(",", "") for line in lines
    ) or (value == "1e400" and any("inf" in line for line in lines)), lines


# ---- command lines ------------------------------------------------------------------------------------------------------------

STUDIES = [
    "..",
    ".",
    "../../x",
    "a/b",
    "''",
    "'a\nb'",
    "'a\tb'",
    "'a\x1bb'",
    "'<script>'",
    "x" * 201,
    "日" * 70,
    "-a",
    "' a'",
    "'a:b'",
    "'a\\b'",
]
TEXTS = ["study", "output", "data.root", "model.name_or_path", "model.revision", "logger.project", "target.training.mine.train"]
TEXT_LISTS = ["target.languages", "target.splits", "target.task.labels", "target.task.metrics", "data.extra_roots"]
NUMBERS = ["seed", "trainer.devices", "target.recipe.batch_size", "model.tiny.hidden_size", "intermediate.mixture.cap"]
REALS = ["target.recipe.learning_rate", "model.tiny.dropout", "intermediate.mixture.temperature", "target.recipe.epochs"]
SWITCHES = ["data.expect", "store.features", "trainer.compile", "pretraining.encoder", "trainer.padding_free"]
DEFAULTED = ["model", "data", "recipe", "pretraining", "trainer", "logger"]
ADDED = ["target", "intermediate", "experiments"]
WITHOUT_CHOICES = "--config-dir=my recipe=mine model=mine data=mine trainer=mine logger=mine "


def command_lines() -> Iterator[str]:
    """Bad command lines, as they are typed, behind those of the sound cell or without them."""
    sound = " ".join(CELL) + " "
    yield from (f"{sound}{shlex.quote(f'study={name}')}" for name in STUDIES)
    for name in TEXTS:
        yield from (f"{sound}{name}={value}" for value in ("true", "1e5", "[a,b]", "'{a: b}'"))
        yield from (
            f"{sound}{shlex.quote(f'{name}={value}')}" for value in ("~/x", "a;b", "a=b", "<a>", "a&b", "[a", "'a", "#", "!x")
        )
    yield from (
        f"{sound}{name}={value}"
        for name in TEXT_LISTS
        for value in ("en", "3", "'[en,true]'", "'[on,1.5]'", "'[en,null]'", "'[a,a]'")
    )
    yield from (
        f"{sound}{name}={value}" for name in NUMBERS for value in ("many", "1.5", "true", "'[1]'", "1e20", "'{a: 1}'", "--1")
    )
    yield from (f"{sound}{name}={value}" for name in REALS for value in ("many", "true", "'[1]'", "1,5"))
    yield from (f"{sound}{name}={value}" for name in SWITCHES for value in ("maybe", "2", "null", "'[true]'", "1.5"))
    yield from (f"{sound}{name}={value}" for name in DEFAULTED for value in ("nonsense", "null", "'[mine,mine]'", "3"))
    yield from (f"{sound}+{name}=mine" for name in DEFAULTED)
    yield from (f"{sound}~{name}" for name in [*DEFAULTED, "study", "seed", "target.recipe", "model.tiny", "trainer.devices"])
    yield from (f"{WITHOUT_CHOICES}{name}=mine" for name in ADDED)
    yield from (f"{WITHOUT_CHOICES}+{name}={value}" for name in ADDED for value in ("nonsense", "null", "'[mine,mine]'", "''"))
    yield from (
        f"{WITHOUT_CHOICES}{line}" for line in ("", "+intermediate=mine", "+target=mine +target=xnli", "+experiments=mine")
    )
    yield from (
        f"{WITHOUT_CHOICES}+target=mine {line}" for line in ("'+intermediate=[none,mine]'", "'+intermediate=[mine,none]'")
    )
    yield from (
        f"{sound}{line}" for line in ("+task=mine", "task=mine", "+task=xnli", "sede=1", "+sede=1", "tagret.recipe.epochs=1")
    )
    yield from (
        f"{sound}{line}" for line in ("seed.a=1", "model/tiny=1", "target.recipe.epoch=1", "target.training.other.max_examples=1")
    )
    yield from (
        f"{sound}{line}" for line in ("xnli", "=1", "seed", "+", "~", "+seed=2", "ünï=1", "seed=1,2", "'seed=range(1,3)'")
    )
    yield from (
        f"{sound}{line}" for line in ("-c job -r", "--cfg job --info", "--resolve", "--bogus", "-cp x", "--config-path=x", "-x")
    )
    yield from (
        f"{sound}{line}"
        for line in ("--experimental-rerun=x", "--config-name=other", "--info=all -m", "--cfg=none", "-m --cfg job")
    )
    yield from (f"{WITHOUT_CHOICES}--config-dir={folder} +target=mine" for folder in ("nowhere", "my/task/mine.yaml"))
    for name in ("study", "output", "data.root", "seed", "target.recipe.epochs", "target.languages"):
        yield from (f"{sound}'{name}=${{{what}}}'" for what in ("nope", "oc.env:NO_SUCH_VARIABLE", name, "nope:1"))
    yield from (
        f"{sound}{line}"
        for line in ("hydra=null", "hydra.run.dir=/proc/x", "hydra/launcher=null", "hydra.nope=1", "hydra/job_logging=x")
    )
    yield from (
        f"{sound}{line}"
        for line in ("'hydra.sweeper.params={seed:null}'", "hydra.job.name=null", "hydra.mode=x", "hydra/launcher=nope")
    )
    yield from (
        f"{sound}{option}={folder}"
        for option in ("output", "store.root")
        for folder in ("/dev/null", "/proc/x", "tokenizer/tokenizer.json/x")
    )
    yield from (f"{sound}{option}=/tmp/{'x' * 300}" for option in ("output", "store.root"))
    yield from (f"{sound}trainer.accelerator={name}" for name in ("tpu", "banana", "mps", "gpu"))
    yield from (f"{sound}{line}" for line in ("trainer.devices=999", "trainer.num_threads=100000", "target.recipe.max_length=5"))
    yield from (
        f"{sound}{line}"
        for line in ("target.recipe.max_length=9999", "target.recipe.retrieval_pooling=[]", "target.languages=[]")
    )
    yield from (
        f"{sound}{line}" for line in ("target.splits=[]", "target.training.mine.languages=[]", "target.languages=[en,en]")
    )
    yield from (
        f"{sound}{line}" for line in ("target.task.metrics=[squad]", "target.task.format=mlm", "target.task.labels=[a,b]")
    )
    yield from (f"{sound}{line}" for line in ("target.task.sources.xtreme.reader=squad", "target.task.sources.xtreme.labels.x=z"))
    yield from (
        f"{sound}{line}"
        for line in ("target.task.name=a/b", "'target.task.languages=[en,../x]'", "target.training.mine.train=train:0%")
    )
    yield from (
        f"{sound}{line}"
        for line in ("data.root=nowhere", "data.source=nowhere", "model.tiny.hidden_size=33", "intermediate.name=a/b")
    )


LINES = list(dict.fromkeys(command_lines()))


def test_there_are_hundreds_of_command_lines():
    assert len(LINES) > 250


@pytest.mark.parametrize("line", LINES, ids=lambda line: ascii(line.replace(" ".join(CELL), "CELL").replace(WITHOUT_CHOICES, "")))
def test_a_bad_command_line(line: str, refused: Refused) -> None:
    refused(*shlex.split(line))


GRIDS = [
    "seed=-1,-2",
    "seed=1,many",
    "'seed=range(0,0)'",
    "'seed=range(0,1000000000)'",
    "seed=1,2 study=..",
    "study=a,b 'output=${nope}'",
    "'study=${oc.env:NO_SUCH_VARIABLE}'",
    "'study=${study}'",
    "model=mine,nonsense",
    "hydra.sweep.dir=/proc/x",
    "hydra/launcher=nonsense",
    "hydra.nope=1,2",
    "'hydra.sweeper.params={seed:null}'",
    "trainer.accelerator=tpu,banana",
    "trainer.devices=999 seed=1,2",
    "target.recipe.epochs=nan,0",
    "target.training.other.max_examples=1,2",
    "intermediate.tasks.other.max_examples=1",
    "target.task.metrics=[squad]",
    "'target.splits=[test,test]'",
    "sede=1,2",
    "'seed=interval(1,2)'",
]


@pytest.mark.parametrize("command", ["train", "plan", "fetch"])
@pytest.mark.parametrize("line", GRIDS)
def test_a_bad_grid(line: str, command: str, refused: Refused) -> None:
    if command != "train" and re.search("accelerator|devices|sweep.dir|launcher", line):
        pytest.skip("of the machine that runs the cells, or chosen by the command")
    refused(*CELL, "-m", *shlex.split(line), command=command)
    refused("-m", *shlex.split(line), *CELL, command=command)


PRETRAINING = [
    "seed=-1",
    "sede=1",
    "seed=one",
    "'study=${nope}'",
    "pretraining=nonsense",
    "pretraining.vocabulary=3",
    "study=..",
    "model=mine",
]


@pytest.mark.parametrize("line", PRETRAINING)
def test_a_bad_pretraining(line: str, refused: Refused) -> None:
    refused(
        "data=xtreme",
        "data.root=data",
        "model=tiny",
        "trainer.accelerator=cpu",
        "--config-dir=my",
        *shlex.split(line),
        command="pretrain",
    )


OTHERS = {
    "report": ["", "nowhere", "--compare a", "--compare a b", "a b", "--bogus", "data", "--out x"],
    "submit": ["", "nowhere", "data --seed=x", "data --version=x", "data --bogus"],
    "demo": ["--bogus", "--table", "--table nowhere", "--page nowhere", "--table a --page b"],
    "worker": ["", "-h", "--help", "nowhere", "data", "tokenizer/tokenizer.json", "a b"],
}


@pytest.mark.parametrize(("command", "line"), [(command, line) for command, lines in OTHERS.items() for line in lines])
def test_bad_words_of_the_other_commands(command: str, line: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "join_parent", lambda: 0)  # it would change this process
    code, lines = run(*line.split(), command=command)
    assert code == (0 if line in ("-h", "--help") else 2)
    assert len(lines) <= SCREEN and not [text for text in lines if FOREIGN.search(text)], lines
