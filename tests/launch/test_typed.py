"""Values as they are written against the schema: the package's own files fit, and what YAML or Hydra would convert is found."""

import re
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from xstilts.config import Config
from xstilts.launch import typed
from xstilts.launch.commandline import choices
from xstilts.launch.own_files import Folder, OwnFile, _content_problems, read_yaml
from xstilts.paths import conf_dir, experiments_dir
from xstilts.tasks.declaration import Task

OURS = [path for path in conf_dir().rglob("*.yaml") if path.parent != conf_dir()] + list(experiments_dir().glob("*.yaml"))


@pytest.mark.parametrize("path", sorted(OURS), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_file_of_the_package_fits_the_schema_as_it_is_written(path: Path):
    """Also what OmegaConf would convert without a word: no language `no`, no number for a text."""
    node, wrong = read_yaml(path)
    assert wrong == []
    assert list(_content_problems(OwnFile(path.parent.name, path.stem, path, node))) == []


def test_defaults_of_the_package_name_what_is_there(tmp_path: Path):
    """Read as somebody's own files, under other names."""
    groups = choices(None)
    for path in sorted((conf_dir() / "target").glob("*.yaml")):
        (tmp_path / "target").mkdir(exist_ok=True)
        (tmp_path / "target" / f"my_{path.stem}.yaml").write_bytes(path.read_bytes())
        folder = Folder(tmp_path, groups)
        folder.use("target", f"my_{path.stem}")
        assert folder.problems == []


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("study=2024", None),
        ("study=true", 'got true, which is a boolean, expected a text; quote it: "true"'),
        ("study=1e5", 'got 100000.0, which is a number, expected a text; quote it: "100000.0"'),
        ("study=1_000", 'got 1000, which is a number, expected a text; quote it: "1000"'),
        ("study=null", 'got null, which is nothing, expected a text; quote it: "null"'),
        ("study='true'", None),
        ("study=${seed}", None),
        ("study=[a]", "got a list, expected a text"),
        ("seed=1", None),
        ("seed='1'", None),
        ("seed=1_000", None),
        ("seed=1.0", "got '1.0', expected a whole number"),
        ("seed=true", "got true, expected a whole number"),
        ("model.revision=null", None),
        ("model.revision=1234567", None),
        ("target.languages=[en,no]", None),
        ("target.languages=[en,true]", 'got true, which is a boolean, expected a text; quote it: "true"'),
        ("target.languages=en", "got en, expected a list in brackets, such as [first, second]"),
        ("target.recipe.epochs=3", None),
        ("target.recipe.epochs=1e-3", None),
        ("target.recipe.epochs=fast", "got 'fast', expected a number"),
        ("store.features=yes", None),
        ("store.features=maybe", "got 'maybe', expected true or false"),
        ("model.tiny=5", "got 5, expected options such as hidden_size: ..."),
        ("model.pinned=[a]", "got a list, expected names with values, such as name: value"),
        ("model.pinned={a: true}", 'got true, which is a boolean, expected a text; quote it: "true"'),
    ],
)
def test_an_override_against_its_type(override: str, expected: str | None):
    parsed = OverridesParser.create().parse_override(override)
    kind = Config
    for part in parsed.key_or_group.split("."):
        kind = typed.parts_of(typed.hints_of(kind)[part])[0] if part != "revision" else str | None
    found = [problem.text for problem in typed.problems(typed.node_of(parsed.value(), override), kind, parsed.key_or_group)]
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("files: {test: a.tsv, train: {en: a, de: b}}", []),
        ("files: {test: 5}", ["files.test"]),
        ("files: {test: {en: no}}", ["files.test.en"]),
        ("files: {test: [a]}", ["files.test"]),
        ("columns: {text_a: a, label: 3, text_b: [a, 2]}", []),
        ("columns: {text_a: yes}", ["columns.text_a"]),
        ("columns: {text_a: {a: b}}", ["columns.text_a"]),
        ("options: {header: true, keep: {lang: en}, delimiter: ','}", []),
        ("options: {header: yes, keep: {lang: no}}", ["options.header", "options.keep"]),
        ("generator: null", []),
        ("labels: &one {a: b}\nexpect: {train: {rows: {en: 1}}}", []),
        ("<<: {labls: {}}", [""]),
    ],
)
def test_parts_of_a_source(text: str, expected: list[str]):
    source = f"sources:\n  x:\n    {text.replace(chr(10), chr(10) + '    ')}\n"
    found = [problem.place for problem in typed.problems(yaml.compose(source, yaml.SafeLoader), Task)]
    assert [re.sub(r"^sources\.x\.?", "", place) for place in found] == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("labels: {null: a}", ':1: got the key null, expected a text; quote it: "null"'),
        ("labels: {~: a}", ':1: got the key ~, expected a text; quote it: "~"'),
        ("x: 1\nlabels: {<<: a}", ":2: << stands before a table that is merged; put it in quotes where a text is meant"),
        ("labels: {<<: [a]}", ":1: << stands before a table that is merged; put it in quotes where a text is meant"),
        ("labels: {a: <<}", ":1: << stands before a table that is merged; put it in quotes where a text is meant"),
        ("labels: [a, <<]", ":1: << stands before a table that is merged; put it in quotes where a text is meant"),
        ('labels: {"null": a, "<<": b}', None),
        ("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: {<<: [*a]}", None),
    ],
)
def test_keys_that_yaml_takes_for_something_else(tmp_path: Path, text: str, told: str | None):
    (tmp_path / "own.yaml").write_text(text)
    assert read_yaml(tmp_path / "own.yaml")[1] == ([told] if told else [])
