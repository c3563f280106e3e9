"""The validation score of a cell, which a search of hyperparameters compares cells by."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xstilts.paths import ArtifactPaths
from xstilts.store.artifacts import read_metadata

NO_VALIDATION = (
    "no validation score: type target.recipe.selection=best, or target.recipe.eval_every=N, so that phase 3 is validated; a "
    "target that trains on nothing has no score, nor has a cell whose artifacts were removed: run it with store.refresh=all"
)


def validation_score(result: Mapping[str, Any]) -> float | None:
    """Return the score, on the validation examples of the target's training task, of the weights that phase 3 kept.

    Higher is better; never a score of test examples. `result`: the content of a result file. None without phase 3, and where it
    is not validated (selection `last` with eval_every 0) or its artifact was removed. UserError for a broken artifact.
    """
    config = result["config"]
    if not config["target"]["training"] or not result["artifacts"]:
        return None
    last = result["artifacts"][-1]
    folder = ArtifactPaths(Path(config["store"]["root"]).absolute(), last["kind"], last["fingerprint"]).folder
    if not folder.exists():
        return None
    metadata = read_metadata(folder)
    scores = {one["step"]: float(one["score"]) for one in metadata["validation"]}
    return scores.get(metadata["selected_step"], next(reversed(scores.values()), None))
