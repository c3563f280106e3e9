"""Hundreds of bad configs, command lines and YAML files: each is refused by the driver, in a screen of plain lines, at once.

Cases are products: of numbers of the schema and bad values, of kinds of files and ways to break them. The cell that they start
from is sound: it is run up to its first worker, so that what is refused is refused for what was changed.
"""

import logging
import math
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

from xstilts import worker
from xstilts.bounds import KEY, Bounds, Choices
from xstilts.cell import run as running
from xstilts.cli import MODULES
from xstilts.config import Config
from xstilts.launch import points

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]  # a case that hangs

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
    """Make that folder the current one."""
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
        capsys.readouterr()
        try:
            code = import_module(f"xstilts.{MODULES.get(command, command)}").main(list(words)) or 0
        except SystemExit as end:
            code = end.code
        return code, capsys.readouterr().err.splitlines()

    monkeypatch.setattr(running, "run_worker", started)
    monkeypatch.setattr(points, "PROGRESS_SECONDS", math.inf)  # a busy machine would have a line more
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
        if (inner and field.name not in ("formats", "intermediate")) or (field.name == "intermediate" and not above):
            table = "dict" in str(hints[field.name])
            files_only = ("pretraining.tasks", "recipe.tasks", "data.world", "analysis.primary", "analysis.exploratory")
            if name not in files_only and "generator" not in name:
                yield from options(inner[0], f"{name}.{entries[field.name]}" if table else name)


def outside(field: Any) -> list[str]:
    """Values that a field must not take, as they are typed."""
    allowed = field.metadata[KEY]
    if isinstance(allowed, Choices):
        return ["nonsense"]
    least = allowed.at_least
    below = allowed.above if least is None else least - max(1, abs(least))  # of a large float, one less is the same
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
FIRST = [case for number, case in enumerate(BOUNDED) if number % 16 == 0]


def test_there_are_hundreds_of_values():
    assert len(BOUNDED) > 400 and len(FIRST) > 25


@pytest.mark.parametrize(("name", "value"), FIRST, ids=[f"{name}={value}" for name, value in FIRST])
def test_a_value_outside_of_its_bounds(name: str, value: str, refused: Refused) -> None:
    """Every sixteenth, typed; tests/test_bounds.py holds all of them against the schema."""
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
    yield f"{' '.join(CELL[1:])} intermediate.max_examples=5"
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
        f"{sound}{line}"
        for line in (
            "seed.a=1",
            "model/tiny=1",
            "target.recipe.epoch=1",
            "target.training.other.max_examples=1",
        )
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
        for line in (
            "target.training={}",
            "model.pinned={}",
            "data.root=nowhere",
            "data.source=nowhere",
            "model.tiny.hidden_size=33",
            "intermediate.name=a/b",
        )
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
    if command == "train":  # the order of words is the same to all commands
        refused("-m", *shlex.split(line), *CELL)


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
    "report": ["", "nowhere", "--compare a", "--compare a b", "a b", "--bogus", "data", "--out x", "--table", "nowhere --table"],
    "submit": ["", "nowhere", "data --seed=x", "data --version=x", "data --bogus"],
    "push": ["", "nowhere", "nowhere owner/name", "data name", "data owner/name --bogus"],
    "demo": ["--bogus", "--table"],
    "worker": ["", "-h", "--help", "nowhere", "data", "tokenizer/tokenizer.json", "a b"],
}


@pytest.mark.parametrize(("command", "line"), [(command, line) for command, lines in OTHERS.items() for line in lines])
def test_bad_words_of_the_other_commands(command: str, line: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "join_parent", lambda: 0)  # it would change this process
    code, lines = run(*line.split(), command=command)
    assert code == (0 if line in ("-h", "--help") else 2)
    assert len(lines) <= SCREEN and not [text for text in lines if FOREIGN.search(text)], lines


# ---- a user's own YAML files --------------------------------------------------------------------------------------------------

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BREAKS: dict[str, Callable[[str], str | bytes]] = {
    "a tab": lambda text: text + "more:\n\tname: x\n",
    "an open bracket": lambda text: text + "more: [a, b\n",
    "an open quote": lambda text: text + 'more: "a\n',
    "no colon": lambda text: text + "more\n",
    "a key twice": lambda text: text + text.splitlines()[-1].partition(":")[0] + ": 3\n" + "zzz: 1\nzzz: 2\n",
    "Latin-1": lambda text: (text + "# caf\xe9\n").encode("latin-1"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "a NUL": lambda text: text + "# \0\n",
    "a control character": lambda text: text + "more: \x01\n",
    "an alias of nothing": lambda text: text + "more: *nothing\n",
    "an alias within itself": lambda text: text + "more: &more [a, *more]\n",
    "an alias bomb": lambda text: text + BOMB,
    "a tag of Python": lambda text: text + "more: !!python/object/apply:os.getcwd []\n",
    "two documents": lambda text: text + "---\nname: x\n",
    "a list": lambda text: "- a\n- b\n",
    "a text": lambda text: "just words\n",
    "an unknown key": lambda text: text + "nonsense: 1\n",
    "a list as a key": lambda text: text + "? [a, b]\n: 1\n",
    "deep nesting": lambda text: text + "more: " + "[" * 2000 + "]" * 2000 + "\n",
}


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("name", FILES)
def test_a_broken_file(name: str, how: str, own: Path, refused: Refused) -> None:
    write(own / "my" / name, BREAKS[how](FILES[name]))
    lines = refused(*(STUDY if name.startswith("experiments") else CELL))
    assert any(line.startswith(f"error: {name}:") for line in lines), lines


EMPTY_IS_NONE = ("intermediate/mine.yaml",)


@pytest.mark.parametrize("content", ["", "# Nothing.\n", "---\n"])
@pytest.mark.parametrize("name", sorted(set(FILES) - set(EMPTY_IS_NONE)))
def test_an_empty_file(name: str, content: str, own: Path, refused: Refused) -> None:
    write(own / "my" / name, content)
    lines = refused(*(STUDY if name.startswith("experiments") else CELL))
    assert any(line.startswith(f"error: {name}: is empty") for line in lines), lines


WORDS = ["no", "yes", "on", "off", "No", "true", "1", "1.5", "1e5", "12:30", "null", "0x1F", "~", "1_000"]
TEXTS_OF_A_TASK = [
    ('languages: [en, "no"]', "languages: [en, {}]"),
    ('labels: ["no", "yes"]', 'labels: ["no", {}]'),
    ("name: mine", "name: {}"),
    ("metrics: [accuracy]", "metrics: [{}]"),
    ("evaluate: [test]", "evaluate: [{}]"),
    ('labels: {"0": "no", "1": "yes"}', 'labels: {{"0": {}, "1": "yes"}}'),
    ('labels: {"0": "no", "1": "yes"}', 'labels: {{{}: "no", "2": "yes"}}'),
    ("{train: {rows: {en: 4}}}", "{{train: {{rows: {{{}: 4}}}}}}"),
    ('test: "mine/test-{language}.tsv"', "test: {}"),
    ('test: "mine/test-{language}.tsv"', "test: {{en: {}}}"),
    ("reader: delimited", "reader: {}"),
    ("options: {names", "columns: {{text_a: a, label: [{}]}}, options: {{names"),
]
READ_AS_OTHERS = [
    (*change, word) for change in TEXTS_OF_A_TASK for word in (WORDS if "labels: [" in change[0] else ["no", "null"])
]


@pytest.mark.parametrize(
    ("before", "after", "word"), READ_AS_OTHERS, ids=[after.format(word) for _, after, word in READ_AS_OTHERS]
)
def test_a_word_that_yaml_reads_as_something_else(before: str, after: str, word: str, own: Path, refused: Refused) -> None:
    text = FILES["task/mine.yaml"]
    write(own / "my" / "task" / "mine.yaml", text.replace(before, after.format(word).replace("}, options", "}\n    options")))
    line = text[: text.index(before)].count("\n") + 1
    lines = refused(*CELL)
    assert any(shown.startswith(f"error: task/mine.yaml:{line}: ") and f'quote it: "{word}"' in shown for shown in lines), lines


OF_TASKS = [
    ("name: mine\n", "", "task/mine.yaml: no 'name'"),
    ("format: classification\n", "", "task/mine.yaml: no 'format': expected one of classification, mlm"),
    ("format: classification", "format: clasification", "target.task.format 'clasification': did you mean classification?"),
    ("labels: [", "labls: [", "task/mine.yaml:5: unknown key of a task 'labls': did you mean labels"),
    ('["no", "yes"]', '["no", "yes", "no"]', "target.task.labels: 'no' is there 2 times"),
    ('[en, "no"]', '[en, "no", en]', "target.task.languages: 'en' is there 2 times"),
    ('[en, "no"]', "[]", "task mine declares no languages"),
    ('[en, "no"]', "[en, ../no]", "task mine: languages: got '../no', expected a name"),
    ('[en, "no"]', 'en, "no"', "task/mine.yaml:4"),
    ('["no", "yes"]', "[]", "task mine declares no labels"),
    ('["no", "yes"]', "[yes please]", "task mine: labels: got ['yes please'], expected two or more"),
    ('["no", "yes"]', '["no", "yes", ""]', "task mine: labels: got an empty label"),
    ("[accuracy]", "[squad]", "the metric squad is of the format span_qa, expected for classification: accuracy"),
    ("[accuracy]", "[acuracy]", "unknown metric of task mine 'acuracy': did you mean accuracy"),
    ("[accuracy]", "[accuracy, accuracy]", "target.task.metrics: 'accuracy' is there 2 times"),
    ("[accuracy]", "[]", "task mine declares no metrics"),
    ("[test]", "[dev]", "unknown target.task.evaluate 'dev'"),
    ("[test]", "[]", "task mine: evaluate: got no split"),
    ("[test]", "[test, test]", "target.task.evaluate: 'test' is there 2 times"),
    ("reader: delimited", "reader: delimted", "sources.xtreme.reader 'delimted': did you mean delimited?"),
    ("reader: delimited", "reader: squad", "squad reads the format span_qa, and the task has the format classification"),
    ('"1": "yes"', '"1": "yess"', "label in task mine: sources.xtreme.labels.1 'yess': did you mean yes?"),
    (
        "{train: {rows: {en: 4}}}",
        "{trian: {rows: {en: 4}}}",
        "split in task mine: sources.xtreme.expect 'trian': did you mean train?",
    ),
    ("{train: {rows: {en: 4}}}", "{train: {rows: {ne: 4}}}", "language in task mine: sources.xtreme.expect.train.rows 'ne'"),
    (
        "{train: {rows: {en: 4}}}",
        "{train: {labels: {maybe: 4}}}",
        "label in task mine: sources.xtreme.expect.train.labels 'maybe'",
    ),
    ("{train: {rows: {en: 4}}}", "{train: {rows: {en: -4}}}", "sources.xtreme.expect.train.rows.en: got -4, expected 0 or more"),
    (
        "{train: {rows: {en: 4}}}",
        "{train: {rows: {en: four}}}",
        "task/mine.yaml:14: sources.xtreme.expect.train.rows.en: got 'four'",
    ),
    ('files: {train: "', 'files: {trian: "', "split in task mine: sources.xtreme.files 'trian': did you mean train?"),
    ("  xtreme:", "  xtrem:", "source of task mine 'xtreme': did you mean xtrem?"),
    ("sources:", "source:", "task/mine.yaml:8: unknown key of a task 'source': did you mean sources?"),
    ("[text_a, label]", "[text_a, no]", 'sources.xtreme.options.names: got no, which is a boolean; quote it: "no"'),
    ("name: mine", "name: a/b", "task name: got 'a/b'"),
    ("[schema, _self_]", "[shema, _self_]", "task/mine.yaml: defaults: unknown task 'shema'"),
    ("[schema, _self_]", "schema", "task/mine.yaml: defaults: expected a list"),
    ("[schema, _self_]", "[mine]", "defaults go in circles: task/mine.yaml -> task/mine.yaml"),
    ("name: mine", "name: ${nope}", "${nope} names no option"),
    ("name: mine", "name: ${", "name: cannot read ${: put the value into quotes"),
    ("name: mine", "name: mine\nversion: 0", "target.task.version: got 0, expected 1 or more"),
    ("name: mine", "name: mine\ndifficulty: hard", "task/mine.yaml:3: difficulty: got 'hard', expected a whole number"),
    ("name: mine", "name: mine\nprotocol: nearest", "unknown protocol of task mine 'nearest': valid: none."),
    ("name: mine", "name: [mine]", "task/mine.yaml:2: name: got a list, expected a text"),
    ("name: mine", "name: {a: mine}", "task/mine.yaml:2: name: got names with values, expected a text"),
]


@pytest.mark.parametrize(("before", "after", "expected"), OF_TASKS, ids=[f"{after!r}" for _, after, _ in OF_TASKS])
def test_a_declaration_that_cannot_be_right(before: str, after: str, expected: str, own: Path, refused: Refused) -> None:
    text = FILES["task/mine.yaml"]
    assert before in text
    write(own / "my" / "task" / "mine.yaml", text.replace(before, after, 1))
    lines = refused(*CELL)
    assert any(expected in line for line in lines), lines


OTHERS_FILES = [
    (
        "target/mine.yaml",
        "/task@task: mine",
        "/task@task: mien",
        "target/mine.yaml: defaults: unknown task 'mien': did you mean mine",
    ),
    ("target/mine.yaml", "epochs: 5", "epoch: 5", "target/mine.yaml:7: unknown key of recipe 'epoch': did you mean epochs?"),
    ("target/mine.yaml", "epochs: 5", "epochs: five", "target/mine.yaml:7: recipe.epochs: got 'five', expected a number"),
    ("target/mine.yaml", "epochs: 5", "epochs: no", "target/mine.yaml:7: recipe.epochs: got no, expected a number"),
    ("target/mine.yaml", "train:75%", "train:0%", "split 'train:0%'"),
    ("target/mine.yaml", "training:\n", "training:\n  mine: {}\n", "target/mine.yaml:7: the key 'mine' is there twice"),
    ("intermediate/mine.yaml", "max_examples: 2", "max_examples: 0", "intermediate.tasks.mine.max_examples: got 0"),
    ("intermediate/mine.yaml", "tasks:\n", "task:\n", "intermediate/mine.yaml:2: unknown key 'task': did you mean tasks?"),
    ("intermediate/mine.yaml", "tasks.mine.task: mine", "tasks.mine.task: [mine, other]", "unknown task 'other'"),
    ("recipe/mine.yaml", "name: mine", "name: mine\nformats: {tag: {epochs: 3}}", "unknown recipe.formats 'tag'"),
    ("target/mine.yaml", "/task@task: mine", "/task@tsk: mine", "target.tsk: unknown key 'tsk'"),
    ("recipe/mine.yaml", "linear", "liner", "unknown recipe.default.schedule 'liner': did you mean linear?"),
    ("recipe/mine.yaml", "defaults: [jiant, _self_]\nname: mine\n", "", "recipe/mine.yaml: no 'name'"),
    ("recipe/mine.yaml", "1.0e-4", "no", "recipe/mine.yaml:3: default.learning_rate: got no, expected a number"),
    ("model/mine.yaml", "name_or_path: null", "name_or_path: no", "model/mine.yaml:1: name_or_path: got no, which is a boolean"),
    ("model/mine.yaml", "hidden_size: 32", "hidden_size: 33", "model.tiny.hidden_size: got 33, expected a multiple"),
    ("trainer/mine.yaml", "cpu", "tpu", "unknown trainer.accelerator 'tpu'"),
    ("trainer/mine.yaml", "devices: 1", "devices: one", "trainer/mine.yaml:2: devices: got 'one', expected a whole number"),
    ("logger/mine.yaml", "name: none", "name: no", "logger/mine.yaml:1: name: got no, which is a boolean"),
    ("data/mine.yaml", "root: data", "root: ~/data", "data: no such folder"),
    ("data/mine.yaml", "root: data", "root: [data]", "data/mine.yaml:2: root: got a list, expected a text"),
]


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"), OTHERS_FILES, ids=[f"{name}: {after}" for name, _, after, _ in OTHERS_FILES]
)
def test_another_file_that_cannot_be_right(
    name: str, before: str, after: str, expected: str, own: Path, refused: Refused
) -> None:
    assert before in FILES[name]
    write(own / "my" / name, FILES[name].replace(before, after, 1))
    lines = refused(*CELL)
    assert any(expected in line for line in lines), lines


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "study: mine",
            "study: no",
            'experiments/mine.yaml:4: study: got no, which is a boolean, expected a text; quote it: "no"',
        ),
        ("study: mine", "study: a/b", "study: got 'a/b'"),
        ("study: mine", "sutdy: mine", "experiments/mine.yaml:4: unknown key 'sutdy': did you mean study?"),
        ("+target: mine", "+target: mien", "hydra.sweeper: unknown target 'mien': did you mean mine"),
        ("+target: mine", "target: mine", "hydra.sweeper: target is chosen with a plus"),
        ('seed: "1,2"', 'sede: "1,2"', "hydra.sweeper: unknown option 'sede': did you mean seed?"),
        ('seed: "1,2"', 'seed: "1,two"', "hydra.sweeper: seed: got 'two', expected a whole number"),
        ("# @package _global_\n", "", "experiments/mine.yaml: a study sets options of all groups: type # @package _global_"),
        ("# @package _global_", "# @package", "experiments/mine.yaml: '# @package' is read by Hydra"),
        ("# @package _global_", "# @package _global_ x", "experiments/mine.yaml: '# @package _global_ x' is read by Hydra"),
        ('params: {+target: mine, seed: "1,2"}', "params: []", "experiments/mine.yaml:7: hydra.sweeper.params: got a list"),
        ('seed: "1,2"', "seed: [1, 2]", "experiments/mine.yaml:7: hydra.sweeper.params.seed: expected values as they are typed"),
        ('seed: "1,2"', 'seed: "1,"', "'seed=1,': a value is missing beside a comma: type seed=A,B"),
        ('seed: "1,2"}', 'seed: "1"}\n    _target_: x', "experiments/mine.yaml:8: unknown key of hydra.sweeper '_target_'"),
        ('seed: "1,2"}', 'seed: "1"}\n    alternatives: {a: x}', "experiments/mine.yaml:8: hydra.sweeper.alternatives.a: got x"),
        ('seed: "1,2"}', 'seed: "1"}\n    waves: maybe', "hydra.sweeper.waves: got 'maybe', expected true or false"),
        ('seed: "1,2"}', 'seed: "1"}\n  nope: 3', "experiments/mine.yaml: hydra.nope: unknown key 'nope'"),
        (
            '\n    params: {+target: mine, seed: "1,2"}',
            "",
            "experiments/mine.yaml:6: hydra.sweeper: expected names with values",
        ),
        (
            '\n  sweeper:\n    params: {+target: mine, seed: "1,2"}',
            "",
            "experiments/mine.yaml:5: hydra: expected names with values",
        ),
        ('seed: "1,2"', 'study: "<a>"', "hydra.sweeper: cannot read the command line"),
        ('params: {+target: mine, seed: "1,2"}', "alternatives: {a: [+intermediate=mien]}", "unknown intermediate 'mien'"),
        ("/recipe: mine", "/recipe: mien", "experiments/mine.yaml: defaults: unknown recipe 'mien': did you mean mine?"),
    ],
    ids=lambda text: text,
)
def test_a_study_that_cannot_be_right(before: str, after: str, expected: str, own: Path, refused: Refused) -> None:
    assert before in FILES["experiments/mine.yaml"]
    write(own / "my" / "experiments" / "mine.yaml", FILES["experiments/mine.yaml"].replace(before, after, 1))
    for command in ("train", "plan"):
        lines = refused(*STUDY, command=command)
        assert any(expected in line for line in lines), lines


def test_a_mistake_of_a_task_that_is_used_in_several_places_is_shown_once(own: Path, refused: Refused) -> None:
    text = FILES["task/mine.yaml"]
    write(
        own / "my" / "task" / "mine.yaml", text.replace("[test]", "[tset]").replace("[text_a, label]", "[text_a, text_a, label]")
    )
    assert refused(*CELL) == [
        "error: unknown target.task.evaluate 'tset': did you mean test?",
        "error: target.task.sources.xtreme.options.names: 'text_a' is there 2 times, expected once",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("+a@b=c", "there is no config group 'a'"),
        ("+task@x=mine", "x: unknown key 'x'"),
        ("+target.training.other.train=train", "a new entry begins with its task: type +task@TABLE.NAME.task=TASK"),
        ("+recipe.tasks.mine.epochs=2", "there is no such entry: add it in a file of your own, such as recipe/mine.yaml"),
        ("recipe.name=''", "recipe.name: got '', expected a name"),
        ("seed={}", "seed: got names with values, expected a whole number"),
        ("seed=1,", "a value is missing beside a comma: type seed=A,B"),
        ("hydra.launcher=x", "hydra.launcher is no option by itself: type hydra/launcher=NAME"),
        ("hydra.job.chdir=maybe", "hydra.job.chdir: got 'maybe', expected true or false"),
        ("-p target", "--package is for --cfg alone: type --cfg job --package=NAME"),
        ("-m hydra.mode=RUN", "hydra.mode=RUN: this is a grid: leave it out"),
        ("--config-dir=", "--config-dir: got an empty name, expected a folder"),
        ("-m 'seed=range(1,2,0.5)'", "seed: got '1.0', expected a whole number"),
    ],
)
def test_the_line_that_says_what_to_type(line: str, expected: str, refused: Refused) -> None:
    (shown,) = refused(*CELL, *shlex.split(line))
    assert expected in shown


def test_a_part_of_the_config_that_is_not_there(run: Run) -> None:
    assert run(*CELL, "--cfg", "job", "--package", "nope") == (2, ["package 'nope' not found in config"])


def test_a_file_that_shadows_one_of_the_package(own: Path, refused: Refused) -> None:
    write(own / "my" / "task" / "xnli.yaml", FILES["task/mine.yaml"].replace("name: mine", "name: xnli"))
    write(
        own / "my" / "target" / "mine.yaml",
        FILES["target/mine.yaml"].replace("training.mine.task: mine", "training.mine.task: xnli"),
    )
    (line,) = refused(*CELL)
    assert line == "error: task/xnli.yaml is not read: the package has a task 'xnli'; give the file another name"


def test_files_that_are_not_used_may_be_broken(own: Path, run: Run) -> None:
    write(own / "my" / "task" / "unused.yaml", "[")
    with pytest.raises(Started):
        run(*CELL)


def test_an_empty_intermediate_file_is_a_baseline(own: Path, run: Run) -> None:
    write(own / "my" / "intermediate" / "mine.yaml", "# None.\n")
    with pytest.raises(Started):
        run(*CELL)


@pytest.mark.parametrize("name", ["日本語", "ünï", "Ελληνικά", "हिन्दी", "עברית", "my study", "a=b", "x_1.2+3-4"])
def test_a_study_of_any_script(name: str, own: Path, run: Run) -> None:
    with pytest.raises(Started):
        run(*CELL, f"study='{name}'")
    if name.isprintable() and not {" ", "="} & set(name):
        with pytest.raises(Started):
            run(*CELL, f"study={name}")
        code, lines = run(*CELL, "-m", f"study={name},other", command="plan")
        assert (code, lines) == (0, [])


def test_languages_of_any_script(own: Path, run: Run) -> None:
    write(own / "my" / "task" / "mine.yaml", FILES["task/mine.yaml"].replace('[en, "no"]', "[en, ünï, 日本]"))
    for name in ("ünï", "日本"):
        write(own / "data" / "mine" / f"test-{name}.tsv", "good\t1\n")
    with pytest.raises(Started):
        run(*CELL, "target.languages=[en,ünï,日本]")
