from typing import Any

import pytest

from xstilts.export.licences import SEVERAL, licence_fields, licence_notes

XLMR = {"hub": "FacebookAI/xlm-roberta-base"}
RANDOM = {"random": True}


def metadata(encoder: dict[str, Any], *licences: str | None) -> dict[str, Any]:
    """One task for each licence, the first ones in phase 2 and the last one in phase 3; None: of a synthetic world."""
    data = [
        {f"task{n}": {"licence": licence or "", "world": 0 if licence is None else None}} for n, licence in enumerate(licences)
    ]
    lineage = [{"label": "phase 2: x", "data": one} for one in data[:-1]]
    return {"label": "phase 3: y", "encoder": encoder, "lineage": lineage, "data": data[-1] if data else {}}


@pytest.mark.parametrize(
    ("encoder", "licences", "field"),
    [
        (XLMR, ["MIT"], "mit"),
        (RANDOM, ["CC BY-SA 4.0", "CC BY-SA 4.0"], "cc-by-sa-4.0"),
        (RANDOM, ["BSD 2-Clause", None], "bsd-2-clause"),
        (RANDOM, ["Apache-2.0"], "apache-2.0"),
        (XLMR, ["CC BY-SA 4.0"], None),
        (RANDOM, ["MIT", ""], None),
        (RANDOM, ["CC BY 2.0 FR"], None),
        (RANDOM, [None], None),
        ({"hub": "somebody/encoder"}, ["MIT"], None),
        ({"folder": "mine"}, ["MIT"], None),
        ({}, [], None),
    ],
)
def test_the_hubs_field_is_the_one_licence_of_everything(encoder: dict[str, Any], licences: list[str | None], field: str | None):
    assert licence_fields(metadata(encoder, *licences)) == ({"license": field} if field else SEVERAL)


def test_the_notes_name_every_task_of_the_lineage_and_what_binds() -> None:
    notes = "\n".join(licence_notes(metadata(XLMR, "CC BY-NC-SA 4.0", None, "")))
    assert "- the encoder `FacebookAI/xlm-roberta-base`: MIT, by its card on the Hub" in notes
    assert "- `task0`, phase 2: CC BY-NC-SA 4.0" in notes and "- `task2`, phase 3: none stated" in notes
    assert "- `task1`, phase 2: made by xstilts in a synthetic world, so there is nothing to be licensed" in notes
    assert "The licence of `task0` says NC, not for commercial use." in notes
    assert "The licence of `task0` says SA, to be shared alike." in notes
    assert "no legal advice" in notes


def test_what_is_not_known_is_said() -> None:
    assert "see its card on the Hub" in "\n".join(licence_notes(metadata({"hub": "somebody/encoder"}, "MIT")))
    notes = "\n".join(licence_notes({"label": "phase 2: x"}))
    assert "not known here" in notes and "The licences of its data are not recorded." in notes
