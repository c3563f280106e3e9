"""The scores in a model card: what is kept of a cell's result in `scores.json` of the artifact that was evaluated.

They come after the artifact is published, from one cell after another, perhaps from several sweeps at once. So `scores.json` and
the card are notes beside the artifact's content: no checksum holds them, and that they cannot be written stops nobody.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.errors import UserError
from xstilts.export.card import card
from xstilts.numbering import natural
from xstilts.paths import CARD, SCORES, ArtifactPaths
from xstilts.reporting.summary import mean_of_others, source_language, source_score
from xstilts.store.artifacts import is_done, read_metadata
from xstilts.store.files import atomic_write, encode_json, read_json_object, write_json
from xstilts.store.locks import locked

log = logging.getLogger("xstilts")
CELL = ("study", "intermediate", "target", "training", "seed", "recipe")
"""The options of the cell that a card shows; paths, such as that of the encoder, are left out."""


def first_card(folder: Path, metadata: Mapping[str, Any]) -> None:
    """The notes of an artifact that is being built in `folder`: its card, and no scores yet."""
    (folder / SCORES).write_bytes(encode_json({}))
    try:
        written = card(metadata, {})
    except Exception as error:  # a card is not worth a training
        log.warning(f"{metadata.get('label')}: no model card: {_reason(error)}")
    else:
        (folder / CARD).write_text(written, encoding="utf-8")


def scored(result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], synthetic: bool) -> dict[str, Any]:
    """Return the part of a result that is kept: the `rows` of its main metric, at full precision, and their summary.

    `rows`, at least one, are of one task, split, metric, layer and pooling. `synthetic`: the target is made by a synthetic world.
    """
    source = source_language(result)
    languages = sorted(rows, key=lambda row: (row["language"] != source, natural(row["language"])))
    return {
        "cell": {key: result["cell"][key] for key in CELL if key in result["cell"]},
        **{key: rows[0].get(key) for key in ("split", "metric", "layer", "pooling")},
        "source_language": source,
        "source": source_score(rows, source),
        "others": mean_of_others(rows, source),
        "max_test_examples": result["config"]["target"].get("max_test_examples"),
        "synthetic": synthetic,
        "degenerate": list(result["degenerate"]),
        "languages": {row["language"]: {"value": row["value"], "examples": row["examples"]} for row in languages},
    }


def add_scores(folder: Path, key: str, scores: dict[str, Any]) -> None:
    """Note the scores of the result with the fingerprint `key` in the artifact `folder` and write its card anew.

    The lock of the artifact is held meanwhile. Where it cannot be done (a store that can only be read, a full disk, an artifact
    that somebody removes), one line of the log says so.
    """
    try:
        if _noted(folder).get(key) == scores:
            return
        lock = ArtifactPaths(folder.parents[1], folder.parent.name, folder.name).lock
        with locked(lock, lambda holder: log.info(f"model card: waiting for {holder}")):
            if not is_done(folder):
                raise UserError("it has been removed")
            noted = _noted(folder) | {key: scores}
            write_json(folder / SCORES, noted)
            with atomic_write(folder / CARD) as temporary:
                temporary.write_text(card(read_metadata(folder), noted), encoding="utf-8")
    except Exception as error:  # whatever it is, the result is there, and a card is not worth its evaluation
        log.info(f"the scores are not in the model card of {folder}: {_reason(error)}")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _noted(folder: Path) -> dict[str, Any]:
    if not (folder / SCORES).exists():
        return {}
    return read_json_object(folder / SCORES, "scores of an artifact", "delete the file")
