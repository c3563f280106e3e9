import pytest

from xstilts.errors import UserError
from xstilts.metrics.mlqa import normalise, score


@pytest.mark.parametrize(
    ("language", "text", "normalised"),
    [
        ("en", "The “Old” Bridge—an arch", "old bridgean arch"),  # punctuation goes first and leaves no blank
        ("en", "a los amigos", "los amigos"),
        ("es", "¿Los niños y una niña?", "niños y niña"),
        ("es", "the end", "the end"),
        ("de", "Der Hund des Königs", "hund königs"),
        ("de", "einer von ihnen", "von ihnen"),
        ("vi", "Những người của làng", "người làng"),
        ("ar", "الكتاب", "كتاب"),
        ("ar", "بالكتاب، والقلم", "ب كتاب و قلم"),  # also in the middle of a word, with a blank in its place
        ("ar", "الله", "له"),
        ("hi", "एक लड़का।", "एक लड़का"),  # the danda is punctuation; no articles
        ("zh", "他在NBA 打球，1984年", "他 在 nba 打 球 1984 年"),
        ("zh", "《电化电池》", "电 化 电 池"),
        ("zh", "㐀a龥", "㐀a 龥"),  # U+3400 lies outside the range, U+9FA5 inside
    ],
)
def test_normalisation_of_each_language(language: str, text: str, normalised: str) -> None:
    assert normalise(text, language) == normalised


def test_values_worked_by_hand() -> None:
    # zh: 4 characters given, 4 right, 2 shared
    assert score([["电化电池"]], ["电池工厂"], "zh") == {"exact_match": 0.0, "f1": 50.0}
    # de: "3050 und 3350" against "3050 und 3350 meter"
    assert score([["3050 und 3350 Meter"]], ["3050 und 3350"], "de")["f1"] == pytest.approx(100 * 6 / 7)
    # en article dropped on one side only
    assert score([["the river"], ["lake"]], ["river", "sea"], "en") == {"exact_match": 50.0, "f1": 50.0}
    # es articles of the other language stay
    assert score([["el río"]], ["río"], "es")["exact_match"] == 100.0
    assert score([["el río"]], ["río"], "en")["exact_match"] == 0.0


def test_unknown_language() -> None:
    with pytest.raises(UserError, match="unknown language of the metric mlqa 'th'.*ar, de, en, es, hi, vi, zh"):
        score([["x"]], ["x"], "th")


def test_of_a_pair_the_context_rules():
    gold, given = [["das Haus"]], ["Haus"]
    assert score(gold, given, "de-en")["exact_match"] == 100.0
    assert score(gold, given, "en-de")["exact_match"] == 0.0
