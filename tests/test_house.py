"""The rules of the house (CONTRIBUTING.md), read from the program text: what may import what, sizes, forbidden words."""

import ast
import importlib.util
import itertools
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from xstilts.tasks.formats import format_names, formats

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCE = REPOSITORY / "src" / "xstilts"
FILES = sorted(SOURCE.rglob("*.py"))

# Rooms along the data flow: a room (folder or file) may import itself and what stands in a line above its own.
LAYERS = (
    {"numbering"},
    {"errors", "signals", "versions"},
    {"bounds", "plugins"},
    {"analysis", "encoders", "hyperparameters", "paths", "tasks"},
    {"babel"},
    {"config"},
    {"recipes"},
    {"sources"},
    {"data"},
    {"models"},
    {"metrics", "retrieval"},
    {"calibration", "official_metrics"},
    {"store"},
    {"launch"},
    {"reporting"},
    {"export"},
    {"tracking"},
    {"jobs"},  # the contract between the driver and its workers
    {"cell", "training"},  # driver and worker: neither may import the other
    {"study"},
    {"ranking"},
)
# The driver's side composes, checks and plans; it answers in a second because it never loads torch. The worker's side trains.
DRIVER = ("cell", "study", "launch")
WORKER = ("models", "training")
# The top: what puts the rooms together, and may import each of them and each other.
TOP = set(
    """__main__ api check_task cli dashboard demo evaluate fetch predictions pretrain push rank report show_plan submit train
    worker""".split()
)
# Where a large library may be imported; everywhere else it would spread.
ONLY_IN = {
    "hydra": {"config", "fetch", "launch", "pretrain", "train"},
    "pytorch_lightning": {"export", "tracking", "training"},
    "lightning": set(),  # the same library under another name: objects of the two do not mix
    "pickle": set(),  # loading a pickle runs what its author wrote
    "cloudpickle": set(),
    "dill": set(),
    "joblib": set(),
}
# Names with an underscore that belong to others: one that Python documents, and two that avoid a hang, with a reason beside each.
ALLOWED_INTERNALS = {
    ("xstilts/launch/entry.py", "os._exit"),
    ("xstilts/signals.py", "os._exit"),
    ("xstilts/training/callbacks/graceful_stop.py", "trainer._signal_connector"),
    ("xstilts/tracking/runs.py", "run._interface"),
}
# What the driver imports: Hydra composes and answers a wrong name in a second, because none of these brings torch along.
LIGHT = ("config", "errors", "paths", "sources", "store.artifacts", "cli", "cell.run", "study.sweep", "train", "fetch")
HEAVY = ("torch", "datasets", "transformers", "pytorch_lightning", "wandb")


def name_of(path: Path) -> str:
    """`sources/readers/conll.py`: how a file is named in messages."""
    return path.relative_to(SOURCE).as_posix()


def room_of(path: Path) -> str:
    """The folder or file right under src/xstilts."""
    return path.relative_to(SOURCE).with_suffix("").parts[0]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every module that a file imports, inside functions too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{name_of(path)}:{node.lineno}: write `from xstilts...`, no relative import"
            if node.module == "xstilts":
                yield from ((node.lineno, f"xstilts.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def dotted(node: ast.AST) -> str:
    """`torch.load` of that expression, "" of anything that is not names joined by dots."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{left}.{node.attr}" if (left := dotted(node.value)) else ""
    return ""


def calls(name: str) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """Place and keyword arguments of every call of the function with this dotted name."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and dotted(node.func) == name:
                yield f"{name_of(path)}:{node.lineno}", {word.arg: word.value for word in node.keywords if word.arg}


def own_names(path: Path) -> set[str]:
    """Every name that a file gives to a function, a class, a variable or an attribute."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and dotted(node.value) in ("self", "cls"):
            names.add(node.attr)
    return names


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def private_parts_of_others(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each use of a name with an underscore that the file does not define: attributes, imports, `getattr`."""
    own = own_names(path)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            yield node.lineno, f"{dotted(node.value)}.{node.attr}"
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.ImportFrom):
            module = node.module if not f"{node.module}".startswith("xstilts.") else "xstilts"  # a module of ours may have one
            full = [f"{module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name) for name in full if is_private(name))
        elif isinstance(node, ast.Call) and dotted(node.func) in ("getattr", "setattr", "hasattr", "vars"):
            texts = [part.value for part in node.args[1:2] if isinstance(part, ast.Constant)]
            yield from ((node.lineno, text) for text in texts if is_private(str(text)) and text not in own)


def layer_of(room: str) -> int:
    if room in TOP:
        return len(LAYERS)
    level = next((level for level, rooms in enumerate(LAYERS) if room in rooms), None)
    assert level is not None, f"src/xstilts/{room}: a new room; say in LAYERS (or TOP) of tests/test_house.py where it stands"
    return level


def test_there_is_something_to_check():
    assert len(FILES) > 40


@pytest.mark.slow
def test_imports_go_one_way():
    wrong = []
    for path in FILES:
        room = room_of(path)
        if room == "__init__":
            continue
        for line, module in imports(path):
            parts = module.split(".")
            if parts[0] != "xstilts" or len(parts) == 1 or parts[1].startswith("__"):
                continue
            if (room, parts[1]) == ("cell", "worker"):
                continue  # worker=inline: the job is done in the driver's process
            allowed = parts[1] == room or layer_of(parts[1]) < layer_of(room) or {room, parts[1]} <= TOP
            if not allowed:
                wrong.append(f"{name_of(path)}:{line}: {room} must not import {module}")
    assert not wrong, "\n".join(wrong)


def test_driver_and_worker_are_apart():
    """The driver's rooms import nothing of the worker's, nor torch, at the top of a file or inside a function."""
    wrong = [
        f"{name_of(path)}:{line}: {module}"
        for path in FILES
        if room_of(path) in DRIVER
        for line, module in imports(path)
        if module.split(".")[0] in HEAVY or module.startswith(tuple(f"xstilts.{room}" for room in WORKER))
    ]
    assert not wrong, "\n".join(wrong)


# Functions that derive something from a config -> where they may be called besides their room: once, and read from there on.
DERIVED_IN = {
    # Two take tasks of users that no config holds, the last one reads finished results.
    "source_of": {"cell/resolve.py", "training/datamodule.py", "api/tasks.py", "reporting/example_texts.py"},
    "source_name": set(),
    "parse_split": {"cell/resolve.py", "reporting/scaling.py", "api/tasks.py"},  # the latter reads finished results
    # Checks look before data is fetched.
    "languages_with_data": {"jobs.py", "cell/checks/__init__.py", "fetch.py", "training/datamodule.py", "api/tasks.py"},
    "data_checksums": {"jobs.py"},
    "resolve_encoder": {"cell/resolve.py"},
    "for_task": {"cell/resolve.py"},
    "for_phase": {"cell/resolve.py"},
    "for_pretraining": {"cell/resolve.py"},
    "limits": {"cell/resolve.py", "training/datamodule.py"},
}


def test_a_config_is_resolved_in_one_place():
    rooms = {name: room_of(path) for path in FILES for name in DERIVED_IN if f"def {name}(" in path.read_text(encoding="utf-8")}
    assert set(rooms) == set(DERIVED_IN)
    wrong = [
        f"{name_of(path)}:{node.lineno}: {name}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and (name := dotted(node.func).rpartition(".")[2]) in DERIVED_IN
        if room_of(path) != rooms[name] and name_of(path) not in DERIVED_IN[name]
    ]
    assert not wrong, "\n".join(wrong)


def test_package_root_imports_nothing_heavy():
    """`import xstilts` loads neither a library nor a module of ours: public names are imported when they are first used."""
    program = "import sys; before = {*sys.modules}; import xstilts; print(*{name for name in sys.modules if name not in before})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert {name for name in done.stdout.split() if name.split(".")[0] not in sys.stdlib_module_names} == {"xstilts"}


def test_public_names_have_types_and_documentation():
    import xstilts

    assert xstilts.__all__ == sorted(xstilts.__all__) and {*xstilts.__all__} <= {*dir(xstilts)}
    assert all(getattr(xstilts, name).__doc__ for name in xstilts.__all__)


def test_large_libraries_stay_in_their_rooms():
    wrong = [
        f"{name_of(path)}:{line}: {module}; allowed in {', '.join(sorted(ONLY_IN[library])) or 'no file'}"
        for path in FILES
        for line, module in imports(path)
        if (library := module.split(".")[0]) in ONLY_IN and room_of(path) not in ONLY_IN[library]
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_stands_on_the_internals_of_other_packages():
    files = [*FILES, *sorted((SOURCE.parent / "hydra_plugins").rglob("*.py"))]
    used = {
        (path.relative_to(SOURCE.parent).as_posix(), text): line for path in files for line, text in private_parts_of_others(path)
    }
    wrong = [f"src/{file}:{line}: {text}" for (file, text), line in used.items() if (file, text) not in ALLOWED_INTERNALS]
    assert not wrong, "\n".join(wrong)
    assert set(used) == ALLOWED_INTERNALS, "what is allowed and not used is taken from the list"


@pytest.mark.parametrize(
    "text",
    ["import hydra._internal", "from hydra._internal import hydra", "from os import _exit", "x.y._z = 1", "getattr(x, '_y')"],
)
def test_a_use_of_internals_is_seen(text: str, tmp_path: Path):
    (tmp_path / "file.py").write_text(text)
    assert len(list(private_parts_of_others(tmp_path / "file.py"))) == 1


def test_wandb_is_imported_in_one_file():
    users = {name_of(path) for path in FILES for _, module in imports(path) if module.split(".")[0] == "wandb"}
    assert len(users) <= 1, users


def test_wandb_workspaces_is_named_in_one_file():
    assert {name_of(path) for path in FILES if "wandb_workspaces" in path.read_text(encoding="utf-8")} <= {"dashboard.py"}


def test_every_imported_package_is_a_dependency():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["slurm"] + extras["typology"] + extras["adapters"]
    declared = {re.split(r"[^\w.-]", text)[0].lower().replace("-", "_") for text in wanted}
    declared |= {"hydra", "hydra_plugins"} if "hydra_core" in declared else set()
    declared |= {"yaml"} if "pyyaml" in declared else set()
    known = declared | set(sys.stdlib_module_names) | {"xstilts"}
    wrong = [
        f"{name_of(path)}:{line}: {module} is not in pyproject.toml"
        for path in FILES
        for line, module in imports(path)
        if module.split(".")[0].lower() not in known
    ]
    assert not wrong, "\n".join(wrong)


def test_driver_brings_no_heavy_library():
    existing = [f"xstilts.{name}" for name in LIGHT if importlib.util.find_spec(f"xstilts.{name}")]
    program = f"import sys, {', '.join(existing)}; sys.exit(' '.join({{*{HEAVY!r}}} & {{*sys.modules}}) or 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"importing {', '.join(existing)} brings along: {done.stderr}"
    assert len(existing) >= 6


def test_file_sizes():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not (long := [f"{name_of(path)}: {count} lines, at most 400" for path, count in lines.items() if count > 400]), long
    assert statistics.median(count for count in lines.values() if count) <= 130


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_module_says_what_it_is(path: Path):
    assert ast.get_docstring(tree(path)), f"{name_of(path)}: no docstring at its top"


@pytest.mark.slow
def test_docstrings_say_what_a_thing_is_or_does():
    """No docstring, those of fields and constants included, begins with a word that makes it a riddle.

    Begin with a verb or with the name of the thing.
    """
    wrong = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno}: {node.value.value.strip().splitlines()[0]}"
        for path in [*(REPOSITORY / "src").rglob("*.py"), *(REPOSITORY / "tests").rglob("*.py")]
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if re.match(r"\s*(What|Of|That|Whether|Those|The same|How|Why|Where|Which)\b", node.value.value)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_folder_is_a_package():
    folders = {path.parent for path in FILES}
    assert not [name_of(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_no_unfinished_program_text():
    words = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    wrong = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if words.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_program_text_for_one_task():
    """A peculiarity of a task belongs into its YAML file: no `if task == "xnli"`."""
    tasks = {path.stem for path in (REPOSITORY / "conf" / "task").glob("*.yaml")} - set(format_names())  # `mlm` is both
    wrong = [
        f"{name_of(path)}:{node.lineno}: {ast.unparse(node)}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Compare)
        and any(isinstance(part, ast.Constant) and part.value in tasks for part in ast.walk(node))
    ]
    assert tasks
    assert not wrong, "\n".join(wrong)


def test_only_its_own_files_name_a_format():
    """A format's declaration, featurizer and head name it, and a reader says in FORMATS which ones it reads."""
    names = set(formats()).union(*(format.protocols for format in formats().values()))
    not_formats = {("babel/generators/multiple_choice.py", "multiple_choice"), ("reporting/published.py", "classification")}
    wrong = []
    for path in FILES:
        if path.parent in (SOURCE / "tasks/formats", SOURCE / "data/featurizers", SOURCE / "models/heads"):
            continue
        declared = [
            node for node in tree(path).body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FORMATS"
        ]
        allowed = {part for node in declared for part in ast.walk(node)} if path.parent == SOURCE / "sources/readers" else set()
        for node in ast.walk(tree(path)):
            named = isinstance(node, ast.Constant) and node.value in names and node not in allowed
            if named and (name_of(path), node.value) not in not_formats:  # a generator, and a column of XTREME's tables
                wrong.append(f"{name_of(path)}:{node.lineno}: '{node.value}'")
    assert len(names) == 9
    assert not wrong, "\n".join(wrong)


def test_weights_are_loaded_safely():
    def is_(value: bool, node: ast.expr | None) -> bool:
        return isinstance(node, ast.Constant) and node.value is value

    unsafe = [place for place, words in calls("torch.load") if not is_(True, words.get("weights_only"))]
    assert not unsafe, f"torch.load without weights_only=True: {unsafe}"
    remote = [
        f"{name_of(path)}:{node.value.lineno}"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code" and not is_(False, node.value)
    ]
    assert not remote, f"trust_remote_code that is not False: {remote}"


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "docs", "notebooks", "README.md"])
def test_code_of_a_model_is_never_run(folder: str):
    """Every call of an Auto class says so, in what users copy too: left out, transformers asks at the terminal."""
    place = REPOSITORY / folder
    paths = [place] if place.is_file() else [path for kind in ("*.py", "*.md", "*.ipynb") for path in place.rglob(kind)]
    call = re.compile(r"(\bAuto\w+|\bauto|\{auto\})\.(from_pretrained|from_config)(?=\()")
    wrong = [
        f"{path.relative_to(REPOSITORY)}: {found.group()}"
        for path in paths
        for text in [path.read_text(encoding="utf-8")]
        for found in call.finditer(text)
        if "trust_remote_code=False" not in arguments(text, found.end())
    ]
    assert not wrong, wrong


def arguments(text: str, opening: int) -> str:
    """Return the text between the parenthesis at `opening` and the one that closes it."""
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return text[opening:place]
    return text[opening:]


def yaml_files() -> list[Path]:
    return sorted(path for folder in ("conf", "experiments") for path in (REPOSITORY / folder).rglob("*.yaml"))


@pytest.mark.parametrize("path", yaml_files(), ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_config_file_says_what_it_is_and_holds_no_program(path: Path):
    text = path.read_text(encoding="utf-8")
    head = [line for line in text.splitlines()[:2] if line.startswith("#") and "@package" not in line]
    assert head, f"{path}: no comment at its top that says what it is"
    assert not (found := re.findall(r"_target_|_partial_|trust_remote_code|!!python", text)), (
        f"{path}: {found}; a config is data only"
    )


def test_there_are_config_files():
    assert len(yaml_files()) > 5


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_number_and_its_noun_agree(path: Path):
    """`1 cell`, never `1 cells` or `cell(s)`: `numbering.counted` writes the length of a list with its noun."""
    wrong = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "(s)" in node.value:
            wrong.append(f"line {node.lineno}: {node.value}")
        elif isinstance(node, ast.JoinedStr):
            for value, after in itertools.pairwise(node.values):
                length = isinstance(value, ast.FormattedValue) and ast.unparse(value.value).startswith(("len(", "sum("))
                noun = re.match(r" (\w+ )?(\w+s)\b", after.value) if isinstance(after, ast.Constant) else None
                if length and noun and noun[2] not in ("is", "has"):
                    wrong.append(f"line {node.lineno}: {ast.unparse(node)}")
    assert not wrong
