"""The licences in a model card: of the encoder and of all data that it was trained on, in words and in the Hub's field.

They are repeated as the tasks' declarations have them. What follows from them for a model's weights is not said, because it is
not known.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from xstilts.reporting.views.markdown import code, text

HUB_LICENCES = frozenset(
    "apache-2.0 mit bsd-2-clause bsd-3-clause cc0-1.0 cc-by-2.0 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-3.0 "
    "cc-by-nc-4.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-nc-nd-4.0 gpl-3.0 lgpl-3.0 odc-by odbl".split()
)
"""The Hub's identifiers of licences that a task or an encoder is likely to have."""
ENCODERS = {
    "FacebookAI/xlm-roberta-base": "MIT",
    "FacebookAI/xlm-roberta-large": "MIT",
    "facebook/xlm-v-base": "MIT",
    "google-bert/bert-base-multilingual-cased": "Apache-2.0",
    "microsoft/mdeberta-v3-base": "MIT",
    "microsoft/Multilingual-MiniLM-L12-H384": "MIT",
    "intfloat/multilingual-e5-small": "MIT",
    "intfloat/multilingual-e5-base": "MIT",
    "intfloat/multilingual-e5-large": "MIT",
    "sentence-transformers/LaBSE": "Apache-2.0",
    "jhu-clsp/mmBERT-small": "MIT",
    "jhu-clsp/mmBERT-base": "MIT",
    "EuroBERT/EuroBERT-210m": "Apache-2.0",
    "cis-lmu/glot500-base": "Apache-2.0",
}
"""Encoder on the Hub -> the licence that its own card names. The card of `microsoft/infoxlm-large` names none."""
SEVERAL = {"license": "other", "license_name": "see-licence-notes"}


def licence_fields(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The fields of the Hub: the one licence of encoder and data if it is one and the Hub knows it, else `other`."""
    encoder = metadata.get("encoder") or {}
    licences = [_of_data(used) for _, _, used in _used(metadata)]
    if not encoder.get("random"):
        licences.append(ENCODERS.get(encoder.get("hub", ""), ""))
    found = {re.sub(r"\s+", "-", licence.strip().lower()) for licence in licences if licence is not None}
    return {"license": found.pop()} if len(found) == 1 and found <= HUB_LICENCES else dict(SEVERAL)


def licence_notes(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Paragraphs in Markdown."""
    yield (
        "What is known of the licences of all that went into this model. It is no legal advice: whether and how the licence of "
        "data binds a model that was trained on it is for you to find out before you hand it on."
    )
    lines, named = [_of_encoder(metadata.get("encoder") or {})], []
    for phase, name, used in _used(metadata):
        licence = _of_data(used)
        stated = (
            "made by xstilts in a synthetic world, so there is nothing to be licensed"
            if licence is None
            else text(licence or "none stated")
        )
        homepage = str(used.get("homepage") or "")
        place = (
            f" (<{homepage}>)" if re.fullmatch(r"https?://[\w./%?=&~:+-]+", homepage, re.ASCII) and licence is not None else ""
        )
        lines.append(f"- {code(name)}, {text(phase)}: {stated}{place}")
        named.append((code(name), licence or ""))
    yield "\n".join(dict.fromkeys(lines))
    if not named:
        yield "The licences of its data are not recorded."
    for mark, meaning in (("NC", "not for commercial use"), ("SA", "to be shared alike")):
        if marked := list(dict.fromkeys(name for name, licence in named if re.search(rf"\b{mark}\b", licence))):
            yield f"The licence of {', '.join(marked)} says {mark}, {meaning}."
    yield "Data that it was only evaluated on is not listed."


def _used(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Phase, task and data of every task in the lineage."""
    for one in [*metadata.get("lineage", []), metadata]:
        phase = str(one.get("label", "")).partition(": ")[0]
        for name, used in (one.get("data") or {}).items():
            yield phase, name, used


def _of_data(used: Mapping[str, Any]) -> str | None:
    """Empty: none is stated; None: there is nothing to be licensed."""
    return None if used.get("world") is not None else str(used.get("licence") or "")


def _of_encoder(encoder: Mapping[str, Any]) -> str:
    if encoder.get("random"):
        return "- the encoder of phase 1: random weights, so there is nothing to be licensed"
    if hub := encoder.get("hub"):
        known = ENCODERS.get(hub)
        return f"- the encoder {code(hub)}: " + (f"{text(known)}, by its card on the Hub" if known else "see its card on the Hub")
    return "- the encoder of phase 1: not known here"
