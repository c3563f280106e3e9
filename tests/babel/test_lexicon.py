"""No word means two things; how many words two languages share, and in which letters they are written, is as declared."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.babel.concepts import CONCEPTS, NAMES
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.lexicon import AFFIXES, SCRIPTS, Lexicon, lexicons, written


def pair(language: Language, seed: int = 0) -> tuple[Lexicon, Lexicon]:
    """The pivot's words and the language's."""
    found = lexicons(WorldConfig(seed=seed, languages={"qaa": Language(), "qab": language}), CONCEPTS, NAMES)
    return found["qaa"], found["qab"]


def test_scripts_are_one_to_one() -> None:
    assert {len(letters) for letters in SCRIPTS.values()} == {20}
    assert len(set("".join(SCRIPTS.values()))) == 80


def test_no_word_means_two_things(declared: Callable[[str], WorldConfig]) -> None:
    config = declared("babel")
    meaning: dict[str, str] = {}
    for lexicon in lexicons(config, CONCEPTS, NAMES).values():
        assert set(lexicon.words) == {*CONCEPTS, *NAMES}
        assert len(set(lexicon.words.values())) == len(lexicon.words)
        for concept, word in lexicon.words.items():
            assert meaning.setdefault(word, concept) == concept


@given(st.floats(0, 1), st.floats(0, 1))
def test_as_many_words_are_shared_as_declared(overlap: float, names: float) -> None:
    pivot, other = pair(Language(overlap=overlap, names=names))
    for words, share in ((CONCEPTS, overlap), (NAMES, names)):
        assert sum(pivot.words[word] == other.words[word] for word in words) == round(share * len(words))


def test_what_differs_in_no_word_differs_in_no_affix() -> None:
    pivot, other = pair(Language(order="SOV"))
    assert (other.words, other.affixes) == (pivot.words, pivot.affixes)
    assert set(pivot.affixes) == set(AFFIXES)
    assert not set(pair(Language(overlap=0, names=0))[1].words.values()) & set(pivot.words.values())


@pytest.mark.parametrize("script", sorted(set(SCRIPTS) - {"Latin"}))
def test_another_script_is_a_transliteration(script: str) -> None:
    pivot, other = pair(Language(script=script))
    back = str.maketrans(SCRIPTS[script], SCRIPTS["Latin"])
    assert {name: word.lower().translate(back) for name, word in other.words.items()} == {
        name: word.lower() for name, word in pivot.words.items()
    }
    assert {name: affix.translate(back) for name, affix in other.affixes.items()} == pivot.affixes
    assert not set("".join(other.words.values()).lower()) & set(SCRIPTS["Latin"])


def test_names_begin_with_a_capital() -> None:
    for script in ("Latin", "Cyrillic", "Armenian"):
        words = pair(Language(script=script))[1].words
        assert {word for word in words if words[word][0].isupper()} == set(NAMES)
    assert written("bad", Language(script="Georgian"), capital=True) == "ბად"  # a script without capitals


def test_one_language_more_changes_no_other(declared: Callable[[str], WorldConfig]) -> None:
    config = declared("babel")
    before = lexicons(config, CONCEPTS, NAMES)
    config.languages["qzz"] = Language(overlap=0.5)
    after = lexicons(config, CONCEPTS, NAMES)
    assert {code: after[code] for code in before} == before


def test_another_seed_other_words() -> None:
    one, two = pair(Language())[0].words, pair(Language(), seed=1)[0].words
    assert sum(one[word] == two[word] for word in one) <= 2
