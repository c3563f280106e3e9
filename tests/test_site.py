"""`make docs`: the documentation builds as a site without a warning, with a page for every command and every option."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xstilts import api, config
from xstilts.cli import COMMANDS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The built site. MkDocs is strict (not with `--quiet`): a link, an anchor or a page that is not there is an error."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    ran = subprocess.run(words, cwd=repository, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True)
    assert ran.returncode == 0 and "WARNING" not in ran.stderr, ran.stdout + ran.stderr
    return folder


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_every_command_and_every_option_has_its_place(site: Path):
    commands, options = text_of(site / "reference/commands.html"), text_of(site / "reference/configuration.html")
    assert all(f"xstilts {name}" in commands for name in COMMANDS)
    for part in dataclasses.fields(config.Config):
        assert f"<code>{part.name}</code>" in options or f'id="{part.name}"' in options
    assert all(f"<code>trainer.{field.name}</code>" in options for field in dataclasses.fields(config.TrainerConfig))
    assert "<td></td>" not in options, "an option without a meaning: write a docstring below its field"


def test_the_python_api_has_its_names(site: Path):
    page = text_of(site / "reference/python.html")
    assert all(f'id="xstilts.api.{name}"' in page for name in api.__all__)


def test_the_site_asks_no_other_server(site: Path):
    for page in site.rglob("*.html"):
        assert 'src="http' not in text_of(page) and "fonts.googleapis" not in text_of(page), page.name
