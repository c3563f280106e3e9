"""Plug-ins: what another installed package adds, and what is wrong with one in a line that names it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xstilts import metrics, plugins
from xstilts.errors import UserError
from xstilts.plugins import load_object
from xstilts.sources.readers import formats_read, reader_module, reader_names
from xstilts.tasks.formats import format_named, format_names

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """install(package, group, {name: module}, **texts of modules) as pip leaves an installed package."""
    monkeypatch.syspath_prepend(tmp_path)

    def run(package: str, group: str, entries: dict[str, str], **modules: str) -> None:
        folder = tmp_path / f"{package}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        lines = [f"{name} = {module}" for name, module in entries.items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
        plugins._plugins.cache_clear()

    yield run
    plugins._plugins.cache_clear()


GOOD = """
KEYS, SCORES, LOWER_IS_BETTER = ("half",), "label", ("half",)

def score(gold, predictions, language):
    return {"half": 50.0}
"""


def test_a_metric_of_another_package_is_listed_last_and_used(install: Install) -> None:
    install("halves", "xstilts.metrics", {"half": "halves_metric"}, halves_metric=GOOD)
    assert metrics.metric_names()[-1] == "half" and metrics.kind_of("half") == "label" and metrics.main_key("half") == "half"
    assert metrics.score("half", ["a"], ["b"], "en") == {"half": 50.0}
    assert not metrics.higher_is_better("half") and metrics.higher_is_better("accuracy")


def test_a_reader_of_another_package(install: Install) -> None:
    install("mine", "xstilts.readers", {"odd": "odd_reader"}, odd_reader="def read(files, source, split, language):\n    yield")
    assert reader_names()[-1] == "odd" and reader_module("odd").__name__ == "odd_reader"


def test_a_name_that_the_package_has_already_is_refused(install: Install) -> None:
    install("copycat", "xstilts.formats", {"tagging": "copycat.format"})
    with pytest.raises(UserError) as error:
        format_names()
    assert str(error.value) == (
        "two formats are called 'tagging': 'tagging' of the package copycat (entry point tagging = copycat.format), and xstilts "
        "has one; uninstall a package"
    )


def test_a_name_of_two_packages_is_refused(install: Install) -> None:
    install("first", "xstilts.metrics", {"half": "a"})
    install("second", "xstilts.metrics", {"half": "b"})
    with pytest.raises(UserError) as error:
        metrics.metric_names()
    assert str(error.value) == (
        "two metrics are called 'half': 'half' of the package second (entry point half = b), and 'half' of the package first "
        "(entry point half = a); uninstall a package"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nowhere_at_all", "No module named 'nowhere_at_all'"),
        ("raise RuntimeError('two\\nlines')", "two lines"),
        ("raise RuntimeError", "RuntimeError"),
        ("raise SystemExit(3)", "3"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_refused_where_it_is_used(install: Install, text: str, reason: str) -> None:
    install("broken", "xstilts.metrics", {"bad": "broken_metric"}, broken_metric=text)
    assert metrics.metric_names()[-1] == "bad"
    assert metrics.score("accuracy", ["a"], ["a"], "en") == {"accuracy": 100.0}
    assert metrics.higher_is_better("accuracy")
    with pytest.raises(UserError) as error:
        metrics.score("bad", ["a"], ["a"], "en")
    assert str(error.value) == (
        f"the metric 'bad' of the package broken (entry point bad = broken_metric) cannot be imported: {reason}; mend the "
        "package, or uninstall it"
    )


def test_a_plugin_that_lacks_a_part_is_refused(install: Install) -> None:
    install("empty", "xstilts.formats", {"nothing": "nothing_at_all"}, nothing_at_all="KEYS = ()")
    with pytest.raises(UserError) as error:
        format_named("nothing")
    assert str(error.value) == (
        "the format 'nothing' of the package empty (entry point nothing = nothing_at_all) has no FORMAT, expected a module that "
        "defines it"
    )


def test_a_part_of_another_type_is_refused(install: Install) -> None:
    install(
        "slips", "xstilts.metrics", {"slip": "slip_metric"}, slip_metric=GOOD.replace('("half",), "label"', '"half", "label"')
    )
    with pytest.raises(UserError, match=r"entry point slip = slip_metric\): KEYS: got 'half', expected a tuple$"):
        metrics.main_key("slip")
    install("texts", "xstilts.formats", {"text": "text_format"}, text_format="FORMAT = 'text'")
    with pytest.raises(UserError, match=r"entry point text = text_format\): FORMAT: got 'text', expected a Format$"):
        format_named("text")
    reader = "FORMATS = 'tagging'\ndef read(files, source, split, language):\n    yield"
    install("reads", "xstilts.readers", {"odd": "odd_formats"}, odd_formats=reader)
    with pytest.raises(UserError, match=r"^the reader 'odd': FORMATS: got 'tagging', expected a tuple, such as \('class"):
        formats_read("odd")


def test_a_format_of_another_name_is_refused(install: Install) -> None:
    renamed = "from xstilts.tasks.formats.tagging import FORMAT"
    install("renamed", "xstilts.formats", {"other": "other_format"}, other_format=renamed)
    with pytest.raises(UserError, match="^the format 'other' is declared with the name 'tagging': give it one name$"):
        format_named("other")


@pytest.mark.parametrize("place", ["nowhere_at_all", "nowhere_at_all:Head", "xstilts.versions:Head"])
def test_a_part_that_cannot_be_imported_is_named(place: str) -> None:
    with pytest.raises(UserError, match=f"^{place} cannot be imported: .*(No module named|has no attribute)"):
        load_object(place)


def test_every_format_is_called_as_its_module_and_its_parts_are_there() -> None:
    for name in format_names():
        format = format_named(name)
        assert (
            format.name == name and list(format.fields)[:2] == ["id", "language"] and list(format.features) == list(format.fields)
        )
        assert callable(load_object(format.head).loss_sum)
        assert all(callable(load_object(protocol.search)) for protocol in format.protocols.values())
        assert {format.gold, *format.may_be_null, format.labelled_items} - {None} <= set(format.fields)


def test_every_metric_of_the_package_has_its_parts() -> None:
    for name in metrics.metric_names():
        assert metrics.main_key(name) and metrics.kind_of(name)
