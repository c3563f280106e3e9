"""Libraries are imported without what they would load for others, and are otherwise as they are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
from xstilts.training.libraries import light_imports, quiet_libraries
quiet_libraries()
import pytorch_lightning, torch, torchmetrics, transformers.modeling_utils
loaded = [name for name in ("matplotlib", "scipy") if name in sys.modules]
from lightning_utilities.core.imports import RequirementCache, package_available
from transformers.utils import is_scipy_available
found = [bool(RequirementCache("scipy")), package_available("scipy"), is_scipy_available()]
import scipy.signal
mean = torchmetrics.MeanMetric()
mean.update(torch.tensor([1.0, 2.0, 6.0]))
light_imports()  # a second time: nothing
import os
print(json.dumps({"loaded": loaded, "found": found, "mean": float(mean.compute()), "wait": os.environ["OMP_WAIT_POLICY"]}))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("given", "wait"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_what_nobody_uses_is_not_loaded_and_can_still_be(given: dict[str, str], wait: str, tmp_path: Path) -> None:
    """And threads wait without spinning, unless the user wants it otherwise."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"loaded": [], "found": [True, True, True], "mean": 3.0, "wait": wait}
