"""Versions of Python and of the libraries, recorded with every artifact and result."""

import platform
from importlib.metadata import PackageNotFoundError, version

from xstilts import __version__

PACKAGES = ("torch", "pytorch-lightning", "transformers", "tokenizers", "datasets", "hydra-core")


def versions() -> dict[str, str]:
    """Return name -> version of Python, xstilts and PACKAGES; "not installed" if a package is missing.

    Our own is that of the running code: what pip noted for an editable install is as old as the install.
    """
    installed = {"python": platform.python_version(), "xstilts": __version__}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            installed[package] = "not installed"
    return installed
