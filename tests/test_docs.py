"""README.md and docs/.

Every command composes or is run, every link leads somewhere, every message that is quoted is one of the program's, the tables of
tasks and encoders are those of conf/.

`.venv/bin/python tests/test_docs.py` writes these tables anew.
"""

import ast
import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from xstilts.export.licences import ENCODERS
from xstilts.tasks.catalogue import load_task, task_names
from xstilts.tasks.declaration import Task

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
LINKED = [*PAGES, *(REPOSITORY / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "experiments/README.md"))]
TABLE = re.compile(r"(<!-- (?:tasks|encoders): .*? -->\n)(.*?)(<!-- end of (?:tasks|encoders) -->)", re.DOTALL)
SHOWN = ("--help", "--cfg")


@dataclass(frozen=True)
class Command:
    """One command of a page."""

    page: str
    mark: str
    """The comment above its block: `needs: ...`, `executed: FILE`, or nothing."""
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {shlex.join(self.words)}"


def commands(page: Path) -> Iterator[Command]:
    """The commands of a page; a shell variable that its block sets is replaced in the lines below."""
    block = re.compile(r"(?:^<!-- ((?:needs|executed): [^\n]*?) -->\n)?^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    for mark, text in block.findall(page.read_text(encoding="utf-8")):
        variables: dict[str, str] = {}
        for line in text.replace("\\\n", " ").splitlines():
            for name, value in variables.items():
                line = line.replace(f"${name}", value)
            if assigned := re.fullmatch(r'(\w+)="(.*)"', line):
                variables[assigned[1]] = assigned[2]
            elif words := shlex.split(line, comments=True):
                yield Command(page.name, mark, tuple(words))


COMMANDS = [command for page in PAGES for command in commands(page)]
# Those with a folder of one's own are composed, or run, in integration/test_own_task.py; a search is no grid of cells.
TRAIN = [
    command
    for command in COMMANDS
    if command.words[:2] in (("xstilts", "train"), ("xstilts", "evaluate"))
    and not any(word.startswith(("--config-dir", "hydra/sweeper=")) for word in command.words)
]
RUN = [command for command in COMMANDS if command.words[0] == "xstilts" and set(command.words) & set(SHOWN)]


def cells(words: list[str]) -> Iterator[list[str]]:
    """The overrides of each cell of a sweep, or of a study's grid without its alternatives; without `-m`, of the one cell."""
    swept = "-m" in words
    for word in words:
        if word.startswith("+experiments="):
            study = yaml.safe_load((REPOSITORY / "experiments" / f"{word.partition('=')[2]}.yaml").read_text(encoding="utf-8"))
            given = {one.partition("=")[0] for one in words}
            params = study["hydra"]["sweeper"]["params"].items()
            words = [*words, *(f"{key}={values}" for key, values in params if key not in given)]
    parts = [word.partition("=") for word in words if not word.startswith(("-", "hydra.sweeper."))]
    choices = [value.split(",") if swept else [value] for _, _, value in parts]
    for values in itertools.product(*choices):
        yield [f"{key}{sign}{value}" for (key, sign, _), value in zip(parts, values, strict=True)]


def sizes(task: Task) -> str:
    """Return the number of examples of each split in a language, as declared: one number, or the smallest and the largest."""
    told = {
        split: found.rows.values()
        for source in task.sources.values()
        for split, found in source.expect.items()
        if any(found.rows.values())
    }
    parts = [f"{split} {'-'.join(f'{number:,}' for number in sorted({min(rows), max(rows)}))}" for split, rows in told.items()]
    return "; ".join(parts) or "not declared"


def sources(task: Task) -> str:
    """Return the sources of the task: `hub` with its data set, and the names of the others."""
    usable = {name: source for name, source in task.sources.items() if not source.unusable}
    return ", ".join(f"{name} ({source.hub})" if source.hub else name for name, source in usable.items())


def tasks_table() -> str:
    """The table of tasks in docs/tasks.md, from conf/."""
    conf = REPOSITORY / "conf"
    lines = [
        "| task | format | used as | languages | examples per language, where checked on load | metric | sources | licence |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in task_names(conf):
        task = load_task(conf, name)
        trains = any(
            "train" in {*source.files, *(source.generator.rows if source.generator else ())} for source in task.sources.values()
        )
        roles = ["intermediate"] if trains else []
        if (target := conf / "target" / f"{name}.yaml").is_file():
            trained = re.findall(r"/task@training\.\w+\.task: (\w+)", target.read_text(encoding="utf-8"))
            roles.append("target" + (f" (trains on {', then '.join(trained)})" if trained else " (no training)"))
        elif task.evaluate:
            roles.append("target")
        languages = ", ".join(task.languages) if len(task.languages) < 3 else str(len(task.languages))
        shown = f"[{name}]({task.homepage})" if task.homepage else name
        metrics = ", ".join(task.metrics)
        cells = (shown, task.format, "; ".join(roles), languages, sizes(task), metrics, sources(task), task.licence)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def encoders_table() -> str:
    """The table of encoders in docs/encoders.md, from conf/model."""
    lines = ["| choice | on the Hub | revision | licence |", "|---|---|---|---|"]
    for path in sorted((REPOSITORY / "conf" / "model").glob("*.yaml")):
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        values = values.get("model", values)
        if (name := values["name_or_path"]) is not None:
            lines.append(
                f"| `{path.stem}` | [{name}](https://huggingface.co/{name}) | `{values['pinned'][name]}` | "
                f"{ENCODERS.get(name, 'not confirmed')} |"
            )
    return "\n".join(lines) + "\n"


TABLES = {"docs/tasks.md": tasks_table, "docs/encoders.md": encoders_table}


def test_there_are_commands_to_check():
    assert len(TRAIN) >= 15 and len(RUN) >= 3


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_run_composes_or_says_what_it_needs(command: Command):
    if command.mark.startswith("executed: "):
        assert (REPOSITORY / "tests" / command.mark.removeprefix("executed: ")).is_file()
    elif command not in RUN:
        assert command.mark.startswith("needs: "), "it is not run by a test, so write `<!-- needs: ... -->` above its block"


@pytest.mark.slow  # all of them together
@pytest.mark.parametrize("command", TRAIN, ids=str)
def test_every_cell_composes(command: Command, tmp_path: Path):
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    from xstilts import config
    from xstilts.launch.arguments import read
    from xstilts.launch.commandline import check_command_line
    from xstilts.launch.fitting import fitted
    from xstilts.paths import conf_dir
    from xstilts.train import to_schema

    config.register()
    words = list(command.words[2:])
    check_command_line(read(words), "train")
    if set(words) & set(SHOWN):
        return  # run by another test
    (tmp_path / "ccg").mkdir()
    (tmp_path / "ccg" / "tags_to_id.json").write_text('{"N": 0}')  # stands for the licensed list, which a grid with CCG asks for
    first, *others = cells(words)
    ends = [
        tuple(f"data.root={tmp_path}" if word.startswith("data.root=") else word for word in cell)
        for cell in (first, *others[-1:])
    ]
    options = list(dict.fromkeys(itertools.chain(*ends)))
    declared = {word.partition("=")[0] for word in options} - {word.partition("=")[0] for word in words}
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        for cell in fitted(ends, options, lambda chosen: compose("train", list(chosen)), declared) if declared else ends:
            composed = compose("train", list(cell))
            assert to_schema(composed).target.task.name in "".join(word for word in cell if word.startswith("+target="))
            OmegaConf.to_container(composed, resolve=True)


@pytest.mark.slow
def test_the_world_of_ones_own_in_babel_world_md_composes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    from xstilts import train

    (text,) = re.findall(
        r"^```yaml\n(.*?)^```$", (REPOSITORY / "docs/babel_world.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "my_world.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", sys.argv)  # put back afterwards
    train.main(["--config-dir", str(tmp_path), "+target=xquad", "data=my_world", "--cfg", "job"])
    world = yaml.safe_load(capsys.readouterr().out)["data"]["world"]
    assert list(world["languages"]) == ["qaa", "qab", "qac", "qad", "qae", "qaf", "qag", "qah", "qaz"]


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN, ids=str)
def test_what_only_shows_something_is_run(command: Command, tmp_path: Path):
    done = subprocess.run([sys.executable, "-m", *command.words], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0 and len(done.stdout.splitlines()) > 5, done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_the_first_look_costs_is_what_the_plan_says(tmp_path: Path):
    """docs/reproduce.md; the plan of the whole grid takes too long for a test."""
    (command,) = (one for one in TRAIN if "study=first_look" in one.words)
    words = [*command.words[3:], f"store.root={tmp_path / 'store'}"]
    done = subprocess.run(
        [sys.executable, "-m", "xstilts", "plan", *words], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = re.search(
        r"(\d+) cells; (\d+) training.* take (\d+)\nGPU hours .* at most ([\d.]+), .* take ([\d.]+) \(", done.stdout
    )
    assert found, done.stdout
    cells, phases, apart, hours, hours_apart = found.groups()
    page = (REPOSITORY / "docs" / "reproduce.md").read_text(encoding="utf-8")
    assert f"| `first_look`, above | {cells} | {phases} ({apart}) | {hours} ({hours_apart}) |" in page


def test_make_demo_is_what_the_test_of_the_demo_runs():
    assert "\n\t$(BIN)/python -m xstilts.demo\n" in (REPOSITORY / "Makefile").read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the names that a link may have after `#`: the headings of a page, as GitHub writes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path):
    found = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    links = [link for link in found if "://" not in link and not link.startswith("reference/")]  # those `make docs` makes
    missing = []
    for link in links:
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            missing.append(link)
    assert not missing


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in ("README", "index")], ids=lambda page: page.name)
def test_a_page_says_first_what_it_is_for(page: Path):
    first = page.read_text(encoding="utf-8").split("\n\n")[1]
    assert first.startswith(("After this page you ", "Here you find ", "Come here when ")), first


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_a_screen_or_two(page: Path):
    assert len(page.read_text(encoding="utf-8").splitlines()) <= 125, "split it"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page: Path):
    named = re.findall(r"`((?:src|conf|tests|docs|experiments)/[\w/.-]+)`", page.read_text(encoding="utf-8"))
    assert not [path for path in named if not (REPOSITORY / path).exists()]


def texts(path: Path) -> Iterator[str]:
    """All texts in a program, with `…` for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.slow
def test_every_quoted_message_is_one_that_the_program_writes():
    """docs/problems_*.md: what stands behind `>`, and what has `…` between backticks."""
    page = "\n".join(path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "docs").glob("problems_*.md")))
    quoted = re.findall(r"^> (.+)$", page, re.MULTILINE) + [
        text for text in re.findall(r"`([^`\n]*…[^`\n]*)`", re.sub(r"^> .*$", "", page, flags=re.MULTILINE)) if text != "…"
    ]
    written = [text for path in sorted((REPOSITORY / "src").rglob("*.py")) for text in texts(path)]
    assert len(quoted) >= 20
    missing = []
    for message in quoted:
        pattern = re.compile(".*".join(map(re.escape, message.split("…"))), re.DOTALL)
        if not any(pattern.search(text) for text in written):
            missing.append(message)
    assert not missing


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(TABLES))
def test_the_tables_of_tasks_and_encoders_are_those_of_conf(page: str):
    (found,) = TABLE.findall((REPOSITORY / page).read_text(encoding="utf-8"))
    assert found[1] == TABLES[page](), "run `.venv/bin/python tests/test_docs.py`"


def test_every_file_named_for_a_release_is_one_of_its_task():
    """docs/data.md against conf/task."""
    text = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (`.*) \|$", text, re.MULTILINE)
    assert len(rows) >= 6
    for name, told in rows:
        files = load_task(REPOSITORY / "conf", name).sources["xtreme"].files
        known = {path.strip() for paths in files.values() for path in paths.split("|")}
        for path in re.findall(r"`([\w{},/.-]+\.\w+)`", told):
            group = re.search(r"\{([a-z]+(?:,[a-z]+)+)\}", path)
            for one in group[1].split(",") if group else [""]:
                written = path.replace(group[0], one) if group else path
                assert written in known, f"{name}: {written}"


def write_tables() -> None:
    """Put the tables into their pages."""
    for name, table in TABLES.items():
        page = REPOSITORY / name
        text = page.read_text(encoding="utf-8")
        page.write_text(TABLE.sub(rf"\g<1>{table()}\g<3>", text), encoding="utf-8")


if __name__ == "__main__":
    write_tables()
