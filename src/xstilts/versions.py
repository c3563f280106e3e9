"""Versions of Python and of the libraries, recorded with every artifact and result."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("xstilts", "torch", "pytorch-lightning", "transformers", "tokenizers", "datasets", "hydra-core")


def versions() -> dict[str, str]:
    """Return name -> version of Python and of PACKAGES; "not installed" if a package is missing."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            installed[package] = "not installed"
    return installed
