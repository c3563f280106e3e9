"""Which revision of a Hub model is asked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from xstilts.config import Config, ModelConfig, StoreConfig
from xstilts.phases import inputs

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        (ModelConfig("owner/encoder", pinned={"owner/encoder": COMMIT}), [("owner/encoder", COMMIT)]),
        (ModelConfig("owner/encoder", revision="v2", pinned={"owner/encoder": COMMIT}), [("owner/encoder", "v2")]),
        (ModelConfig("owner/other", pinned={"owner/encoder": COMMIT}), [("owner/other", None)]),
        (
            ModelConfig("owner/other", tokenizer="owner/encoder", pinned={"owner/encoder": COMMIT}),
            [("owner/other", None), ("owner/encoder", COMMIT)],
        ),
    ],
)
def test_a_pin_is_of_one_id_and_gives_way_to_a_revision(
    model: ModelConfig, asked: list[tuple[str, str | None]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []

    def fetch_model(name: str, revision: str | None, weights: bool, checksum: object) -> Path:
        seen.append((name, revision))
        return tmp_path

    monkeypatch.setattr(inputs, "fetch_model", fetch_model)
    local = inputs.local_model(replace(Config(), model=model, store=StoreConfig(root=str(tmp_path))))
    assert seen == asked
    assert (local.name_or_path, local.revision) == (str(tmp_path), None)
