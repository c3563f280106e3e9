from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xstilts.babel.check import CHOICES
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.distance import FEATURES, distances, lexical, script, structural

VALUES: dict[str, Any] = {name: st.sampled_from(values) for name, values in CHOICES.items()} | {
    "determiner": st.booleans(),
    "overlap": st.floats(0, 1),
}
LANGUAGES = st.builds(Language, **VALUES)


@given(LANGUAGES, LANGUAGES, LANGUAGES)
def test_structural_distance_is_a_metric_on_features(a: Language, b: Language, c: Language) -> None:
    assert structural(a, a) == 0
    assert structural(a, b) == structural(b, a)
    assert structural(a, c) <= structural(a, b) + structural(b, c) + 1e-9
    assert 0 <= structural(a, b) <= 1


@given(LANGUAGES, st.sampled_from(FEATURES))
def test_one_feature_is_a_tenth(language: Language, feature: str) -> None:
    values = CHOICES.get(feature, (True, False))
    other = next(value for value in values if value != getattr(language, feature))
    assert structural(language, Language(**vars(language) | {feature: other})) == pytest.approx(0.1)


def test_words_and_scripts() -> None:
    pivot, near, far = Language(), Language(overlap=0.4), Language(overlap=0.5, script="Georgian")
    assert (lexical(pivot, near), lexical(near, far), lexical(pivot, pivot)) == (pytest.approx(0.6), pytest.approx(0.8), 0)
    assert (script(pivot, near), script(near, far)) == (0, 1)
    assert structural(near, far) == 0


def test_the_worlds_languages_are_as_far_as_it_was_designed(repository: Path) -> None:
    declared = yaml.safe_load((repository / "conf" / "data" / "babel.yaml").read_text(encoding="utf-8"))["data"]["world"]
    config = WorldConfig(languages={code: Language(**values) for code, values in declared["languages"].items()})
    found = distances(config)
    assert [found[code]["structural"] for code in config.languages] == pytest.approx([0, 0.2, 0.2, 0.2, 0.4, 0.6, 0.5, 0.7])
    assert [found[code]["script"] for code in config.languages] == [0, 0, 0, 1, 0, 0, 1, 1]
    assert found["qaa"] == {"structural": 0, "lexical": 0, "script": 0}
    assert found["qab"]["lexical"] == pytest.approx(0.6)


def test_no_languages_no_distances() -> None:
    assert distances(WorldConfig()) == {}
