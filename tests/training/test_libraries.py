"""Libraries are quiet, and otherwise as they are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, os
from xstilts.training.libraries import quiet_libraries
quiet_libraries()
import matplotlib
matplotlib.use("Agg")
import torch
from torchmetrics.classification import MulticlassConfusionMatrix
from transformers.utils import is_scipy_available
matrix = MulticlassConfusionMatrix(num_classes=2)
matrix.update(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]))
figure, axes = matrix.plot()
texts = [text.get_text() for text in axes.texts]
print(json.dumps({"plotted": texts, "scipy": is_scipy_available(), "wait": os.environ["OMP_WAIT_POLICY"]}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("given", "wait"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_other_packages_work_as_without_us(given: dict[str, str], wait: str, tmp_path: Path) -> None:
    """And threads wait without spinning, unless the user wants it otherwise."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"plotted": ["1", "1", "0", "1"], "scipy": True, "wait": wait}
