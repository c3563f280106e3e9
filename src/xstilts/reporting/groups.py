"""What languages have in common: family, script, and how much text of them the encoder was pretrained on.

Of a synthetic world these are its own parameters. Of real languages: families as in XTREME-R (Ruder et al. 2021, appendix), the
script that the benchmarks use, and the size in CC-100, XLM-R's pretraining text (Conneau et al. 2020, appendix A), by order of
magnitude only: the exact figures could not be checked against the paper.
"""

from collections.abc import Mapping, Sequence

from xstilts.reporting.comparison import Comparison
from xstilts.reporting.transfer import language_groups

SIZES = ("no text", "under 1 GiB", "1 to 10 GiB", "10 to 50 GiB", "over 50 GiB")
FAMILY, SCRIPT, TEXT, WORLD = "family", "script", "pretraining text", "synthetic world"
Facts = tuple[str, str, int]
"""Family, script, index of SIZES."""

_FACTS = """
af Indo-European:Germanic Latin 2      ar Afro-Asiatic Arabic 3               az Turkic Latin 2
bg Indo-European:Slavic Cyrillic 4     bn Indo-European:Indo-Aryan Bengali 2  de Indo-European:Germanic Latin 4
el Indo-European:Greek Greek 3         en Indo-European:Germanic Latin 4      es Indo-European:Romance Latin 4
et Uralic Latin 2                      eu Basque Latin 2                      fa Indo-European:Iranian Arabic 4
fi Uralic Latin 4                      fr Indo-European:Romance Latin 4       gu Indo-European:Indo-Aryan Gujarati 2
he Afro-Asiatic Hebrew 3               hi Indo-European:Indo-Aryan Devanagari 3 ht Creole Latin 0
hu Uralic Latin 4                      id Austronesian Latin 4                it Indo-European:Romance Latin 3
ja Japonic Japanese 4                  jv Austronesian Latin 1                ka Kartvelian Georgian 2
kk Turkic Cyrillic 2                   ko Koreanic Hangul 4                   lt Indo-European:Baltic Latin 3
ml Dravidian Malayalam 2               mr Indo-European:Indo-Aryan Devanagari 2 ms Austronesian Latin 2
my Sino-Tibetan Burmese 2              nl Indo-European:Germanic Latin 3      pa Indo-European:Indo-Aryan Gurmukhi 1
pl Indo-European:Slavic Latin 3        pt Indo-European:Romance Latin 3       qu Quechuan Latin 0
ro Indo-European:Romance Latin 4       ru Indo-European:Slavic Cyrillic 4     sw Niger-Congo Latin 2
ta Dravidian Tamil 3                   te Dravidian Telugu 2                  th Kra-Dai Thai 4
tl Austronesian Latin 2                tr Turkic Latin 3                      uk Indo-European:Slavic Cyrillic 4
ur Indo-European:Indo-Aryan Arabic 2   vi Austroasiatic Latin 4               wo Niger-Congo Latin 0
yo Niger-Congo Latin 0                 zh Sino-Tibetan Han 3
"""


def language_facts() -> dict[str, Facts]:
    """Code -> family (of Indo-European languages with the branch), script, index of SIZES."""
    words = _FACTS.split()
    quadruples = zip(words[::4], words[1::4], words[2::4], words[3::4], strict=True)
    return {code: (family.replace(":", ", "), script, int(size)) for code, family, script, size in quadruples}


def groups(one: Comparison) -> dict[tuple[str, str], list[str]]:
    """Name and kind of a group -> the languages of the comparison that belong to it; no group of one language alone."""
    if one.languages:
        found = {(name, WORLD): list(codes) for name, codes in language_groups(one).items()}
        return found | _by({code: language.script for code, language in one.languages.items()}, SCRIPT)
    facts = language_facts()
    return {
        **_by({code: family for code, (family, _, _) in facts.items()}, FAMILY),
        **_by({code: script for code, (_, script, _) in facts.items()}, SCRIPT),
        **_by({code: SIZES[size] for code, (_, _, size) in facts.items()}, TEXT, SIZES),
    }


def _by(values: Mapping[str, str], kind: str, order: Sequence[str] = ()) -> dict[tuple[str, str], list[str]]:
    names = order or sorted(set(values.values()))
    found = {(name, kind): [code for code, value in values.items() if value == name] for name in names}
    return {key: codes for key, codes in found.items() if len(codes) > 1}
