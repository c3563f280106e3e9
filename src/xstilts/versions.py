"""Which versions of what produced a result: part of every artifact's and result's provenance."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("xstilts", "torch", "pytorch-lightning", "transformers", "tokenizers", "datasets", "hydra-core")


def versions() -> dict[str, str]:
    """Package -> version, and Python's."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
