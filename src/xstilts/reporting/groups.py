"""Groups of languages that a report averages over: by family, script, and amount of pretraining text.

Real languages: families as in XTREME-R (Ruder et al. 2021, appendix), the script that the benchmarks use, and the size in CC-100,
XLM-R's pretraining text (Conneau et al. 2020, appendix A), by order of magnitude only: the exact figures could not be checked
against the paper.

Languages of a synthetic world: by its parameters. `low-resource` ones have less than half of the source language's text; of the
others, `near` ones differ from the source language in at most 3 of 10 features, `far` ones in more.
"""

from collections.abc import Iterable, Mapping, Sequence

from xstilts.babel.declaration import Language
from xstilts.babel.distance import structural
from xstilts.reporting.comparison import Comparison

ALL, SOURCE, OTHERS = "all languages", "source language", "other languages"
SEEN, UNSEEN = "seen in phase 2", "unseen in phase 2"
"""Other languages that phase 2 of a choice trained in, and those that it did not train in, which zero-shot claims are about."""
WHOLE, PHASE_2, PART, LANGUAGE = "whole", "phase 2", "unseen part", "language"
"""Kinds of groups: ALL, SOURCE and OTHERS; SEEN and UNSEEN; the unseen languages of a family; a single language."""
SCARCE = "low-resource"
"""The group of languages with little text."""
LOW_RESOURCE = 0.5
"""Amount of text, relative to the source language's, below which a language is low-resource."""
NEAR = 0.3
"""The largest structural distance of a near language."""
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
    """Return code -> family (Indo-European ones with their branch), script, index of SIZES."""
    words = _FACTS.split()
    quadruples = zip(words[::4], words[1::4], words[2::4], words[3::4], strict=True)
    return {code: (family.replace(":", ", "), script, int(size)) for code, family, script, size in quadruples}


def families(codes: Sequence[str]) -> list[str]:
    """Return the family of each real language; an unknown language is a family of its own.

    Branches of Indo-European count as one family: they have a common ancestor and neighbours, so that they are alike in what is
    said of the whole family, and a regression that took them for independent would find slopes that are not there.
    """
    facts = language_facts()
    return [facts[code][0].split(",")[0] if code in facts else code for code in codes]


def compared_groups(one: Comparison, languages: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Return the languages of every group, by its name and kind: whole, single languages, and those of `groups`.

    Only `languages` count, and groups without any are left out. ALL and SOURCE need a score in the source language; the groups
    that languages have something in common in are without it.
    """
    others = [code for code in languages if code != one.source]
    found = {(OTHERS, WHOLE): others}
    if one.source in languages:
        found = {(ALL, WHOLE): list(languages), (SOURCE, WHOLE): [one.source], **found}
    found |= {(code, LANGUAGE): [code] for code in languages}
    found |= {key: [code for code in codes if code in others] for key, codes in groups(one).items()}
    return {key: codes for key, codes in found.items() if codes}


def phase_2_groups(one: Comparison, choices: Iterable[str], languages: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Return SEEN and UNSEEN for some intermediate choices together: seen are the languages that any of them was trained in.

    Of each family or group of a synthetic world with seen languages, the unseen ones are a group of their own. Only `languages`
    count, without the source language; a group without any is left out.
    """
    trained = {code for choice in choices for code in one.trained_in(choice)}
    others = [code for code in languages if code != one.source]
    unseen = [code for code in others if code not in trained]
    found = {(SEEN, PHASE_2): [code for code in others if code in trained], (UNSEEN, PHASE_2): unseen}
    for (name, kind), codes in groups(one).items():
        if kind in (FAMILY, WORLD) and trained.intersection(codes, others):
            found[unseen_part(name)] = [code for code in unseen if code in codes]
    return {key: codes for key, codes in found.items() if codes}


def unseen_part(name: str) -> tuple[str, str]:
    """Return name and kind of the unseen languages of a family or group of a synthetic world."""
    return f"{name}, {UNSEEN}", PART


def groups(one: Comparison) -> dict[tuple[str, str], list[str]]:
    """Return the languages that have something in common, by the name and kind of their group; no group of a single language."""
    if one.languages:
        found = {(name, WORLD): codes for name, codes in _world_groups(one).items()}
        return found | _by({code: language.script for code, language in one.languages.items()}, SCRIPT)
    facts = language_facts()
    return {
        **_by({code: family for code, (family, _, _) in facts.items()}, FAMILY),
        **_by({code: script for code, (_, script, _) in facts.items()}, SCRIPT),
        **_by({code: SIZES[size] for code, (_, _, size) in facts.items()}, TEXT, SIZES),
    }


def declared_groups(one: Comparison) -> dict[str, list[str]]:
    """Return the groups that a study can name, beside ALL, SOURCE and OTHERS.

    These are those of `groups`, and of real languages

    near, far       those of the source language's family (`Indo-European` without its branch), and the others
    low-resource    those with less than 10 GiB of text in CC-100
    a family without its branch
    """
    found = {name: codes for (name, _), codes in groups(one).items()}
    if one.languages:
        return found
    facts = language_facts()
    families = {code: family.partition(",")[0] for code, (family, _, _) in facts.items()}
    for family in sorted(set(families.values())):
        found.setdefault(family, [code for code, own in families.items() if own == family])
    if one.source in facts:
        near = found[families[one.source]]
        found |= {"near": near, "far": [code for code in facts if code not in near]}
    return found | {SCARCE: low_resource(one.source, {})}


def low_resource(source: str, world: Mapping[str, Language]) -> list[str]:
    """Return the languages with little text: see LOW_RESOURCE for those of a synthetic world, else less than 10 GiB in CC-100."""
    if not world:
        return [code for code, (_, _, size) in language_facts().items() if size < SIZES.index("10 to 50 GiB")]
    least = LOW_RESOURCE * world.get(source, Language()).text
    return [code for code, language in world.items() if language.text < least]


def _world_groups(one: Comparison) -> dict[str, list[str]]:
    """Return near, far and low-resource languages; nothing if the source language is not one of the world's."""
    source, languages = one.source, one.languages
    if source not in languages:
        return {}
    found: dict[str, list[str]] = {"near": [], "far": [], SCARCE: low_resource(source, languages)}
    for code, language in languages.items():
        if code != source and code not in found[SCARCE]:
            found["near" if structural(language, languages[source]) <= NEAR else "far"].append(code)
    return found


def _by(values: Mapping[str, str], kind: str, order: Sequence[str] = ()) -> dict[tuple[str, str], list[str]]:
    names = order or sorted(set(values.values()))
    found = {(name, kind): [code for code, value in values.items() if value == name] for name in names}
    return {key: codes for key, codes in found.items() if len(codes) > 1}
