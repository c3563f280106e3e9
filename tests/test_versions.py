import platform

import torch
import transformers

from xstilts import __version__, versions


def test_versions_of_what_makes_a_result():
    found = versions.versions()
    assert set(found) == {"python", "xstilts", *versions.PACKAGES}
    assert found["python"] == platform.python_version()
    assert found["xstilts"] == __version__
    assert found["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["transformers"] == transformers.__version__


def test_a_package_that_is_missing_is_said_so(monkeypatch):
    monkeypatch.setattr(versions, "PACKAGES", ("no-such-package-anywhere",))
    assert versions.versions()["no-such-package-anywhere"] == "not installed"
