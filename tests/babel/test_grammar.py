"""Each feature of a language does what its docstring says, whatever the other features, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xstilts.babel.check import CHOICES
from xstilts.babel.concepts import (
    ADJECTIVES,
    CITIES,
    CONCEPTS,
    NAMES,
    NOUN_CLASS,
    NUMBERS,
    ORGANISATIONS,
    PEOPLE,
    PLACE_CLASS,
    QUESTIONS,
    TIMES,
    VERB_GROUP,
    Event,
    patients_of,
)
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.grammar import CONNECTIVES, ROLES, Clause, Speaker
from xstilts.babel.lexicon import SCRIPTS, lexicons

FEW = settings(max_examples=20)
VALUES: dict[str, Any] = {name: st.sampled_from(values) for name, values in CHOICES.items()} | {"determiner": st.booleans()}
LANGUAGES = st.builds(Language, **VALUES)
LEXICON = {
    script: lexicons(WorldConfig(languages={"qaa": Language(), "qab": Language(overlap=0, script=script)}), CONCEPTS, NAMES)[
        "qab"
    ]
    for script in SCRIPTS
}


@st.composite
def events(draw: st.DrawFn) -> Event:
    verb = draw(st.sampled_from(tuple(VERB_GROUP)))
    return Event(
        draw(st.sampled_from((*PEOPLE, *ORGANISATIONS))),
        verb,
        draw(st.sampled_from(patients_of(verb))),
        draw(st.sampled_from((*PLACE_CLASS, *CITIES))),
        draw(st.sampled_from(TIMES)),
        draw(st.none() | st.sampled_from(ADJECTIVES)),
        draw(st.none() | st.sampled_from(NUMBERS)),
        draw(st.booleans()),
    )


@st.composite
def utterances(draw: st.DrawFn) -> Callable[[Language], Clause]:
    """A statement or a question, to be said in languages whose words are the same."""
    event = draw(events())
    general = draw(st.sets(st.sampled_from(("patient", "place"))))
    roles = draw(st.sets(st.sampled_from(ROLES)))
    asked = draw(st.none() | st.sampled_from(tuple(QUESTIONS)))
    link = draw(st.none() | st.sampled_from(CONNECTIVES))

    def say(language: Language) -> Clause:
        who = Speaker(language, LEXICON[language.script])
        return who.say(event, roles, link, general) if asked is None else who.ask(event, asked, roles, general)

    return say


def texts(clause: Clause) -> list[str]:
    return [word.text for word in clause]


def of(clause: Clause, role: str) -> list[str]:
    return [word.text for word in clause if word.role == role]


def others(clause: Clause, role: str) -> list[str]:
    return [word.text for word in clause if word.role != role]


def concept(language: Language, word: str) -> str:
    return LEXICON[language.script].words[word]


def affix(language: Language, feature: str) -> str:
    return LEXICON[language.script].affixes[feature]


def plain(event: Event) -> Event:
    return replace(event, adjective=None, number=None, negated=False)


@FEW
@given(LANGUAGES, utterances(), st.sampled_from(("order", "adjective", "adposition", "question", "time")), st.data())
def test_features_of_order_only_move_words(
    language: Language, say: Callable[[Language], Clause], feature: str, data: st.DataObject
) -> None:
    other = replace(language, **{feature: data.draw(VALUES[feature])})
    assert sorted(texts(say(language))) == sorted(texts(say(other)))
    moved = [(word.text, word.part_of_speech, word.role, word.entity) for word in say(other)]
    assert sorted(moved) == sorted((word.text, word.part_of_speech, word.role, word.entity) for word in say(language))


@FEW
@given(LANGUAGES, events())
def test_order(language: Language, event: Event) -> None:
    for order in CHOICES["order"]:
        clause = Speaker(replace(language, order=order), LEXICON[language.script]).say(event)
        letters = {"agent": "S", "verb": "V", "patient": "O"}
        assert "".join(dict.fromkeys(letters[word.role] for word in clause if word.role in letters)) == order


@FEW
@given(LANGUAGES, events())
def test_time_is_first_or_last(language: Language, event: Event) -> None:
    for value, position in (("first", 1), ("last", -2)):  # a connective before it, a full stop after it
        clause = Speaker(replace(language, time=value), LEXICON[language.script]).say(event, connective="so")
        assert clause[position].role == "time"
        assert len(of(clause, "time")) == 1


@FEW
@given(LANGUAGES, events())
def test_modifiers_stand_on_one_side_of_their_noun(language: Language, event: Event) -> None:
    language = replace(language, case="none", determiner=False)
    before = of(Speaker(replace(language, adjective="before"), LEXICON[language.script]).say(event), "patient")
    after = of(Speaker(replace(language, adjective="after"), LEXICON[language.script]).say(event), "patient")
    noun, modifiers = before[-1], before[:-1]
    assert after == [noun, *modifiers]
    assert len(modifiers) == (event.adjective is not None) + (event.number is not None)
    assert concept(language, event.patient) in noun


@FEW
@given(LANGUAGES, events())
def test_adpositions_stand_on_one_side_of_their_phrase(language: Language, event: Event) -> None:
    before = of(Speaker(replace(language, adposition="before"), LEXICON[language.script]).say(event), "place")
    after = of(Speaker(replace(language, adposition="after"), LEXICON[language.script]).say(event), "place")
    assert before[0] == concept(language, "in") == after[-1]
    assert before[1:] == after[:-1]


@FEW
@given(LANGUAGES, events(), st.sampled_from(tuple(QUESTIONS)))
def test_question_words_move_or_stay(language: Language, event: Event, role: str) -> None:
    word = concept(language, QUESTIONS[role])
    front = Speaker(replace(language, question="front"), LEXICON[language.script]).ask(event, role)
    assert front[0].text == word
    stays = Speaker(replace(language, question="in_situ"), LEXICON[language.script])
    asked, told = stays.ask(event, role), stays.say(event)
    assert list(dict.fromkeys(word.role for word in asked)) == list(dict.fromkeys(word.role for word in told))
    assert of(asked, role) == [word]
    assert others(asked, role)[:-1] == others(told, role)[:-1]
    assert (asked[-1].text, told[-1].text) == ("?", ".")


@FEW
@given(LANGUAGES, events())
def test_case_marks_the_object_only(language: Language, event: Event) -> None:
    none, suffix, particle = (
        Speaker(replace(language, case=case), LEXICON[language.script]).say(event) for case in ("none", "suffix", "particle")
    )
    assert others(none, "patient") == others(suffix, "patient") == others(particle, "patient")
    assert of(particle, "patient") == [*of(none, "patient"), concept(language, "object")]
    changed = [(one.text, two) for one, two in zip(none, suffix, strict=True) if one.text != two.text]
    assert [(before + affix(language, "case"), "NOUN") for before, _ in changed] == [
        (word.text, word.part_of_speech) for _, word in changed
    ]
    assert len(changed) == 1


@FEW
@given(LANGUAGES, utterances())
def test_determiners_are_there_or_not(language: Language, say: Callable[[Language], Clause]) -> None:
    with_them, without = say(replace(language, determiner=True)), say(replace(language, determiner=False))
    assert [word.text for word in with_them if word.part_of_speech != "DET"] == texts(without)
    assert {word.text for word in with_them if word.part_of_speech == "DET"} <= {concept(language, "the")}


@FEW
@given(LANGUAGES, events(), st.sampled_from(NUMBERS))
def test_plural_marks_counted_nouns_only(language: Language, event: Event, number: int) -> None:
    noun, mark = concept(language, event.patient), affix(language, "plural")
    for plural, wanted in (("suffix", noun + mark), ("prefix", mark + noun), ("none", noun)):
        who = Speaker(replace(language, plural=plural, case="none"), LEXICON[language.script])
        [one] = [
            word.text for word in who.say(replace(event, number=None)) if word.part_of_speech == "NOUN" and word.role == "patient"
        ]
        [two] = [
            word.text
            for word in who.say(replace(event, number=number))
            if word.part_of_speech == "NOUN" and word.role == "patient"
        ]
        assert (one, two) == (noun, wanted)


@FEW
@given(LANGUAGES, events())
def test_tense_marks_the_verb_only(language: Language, event: Event) -> None:
    language, event = replace(language, negation="before"), plain(event)
    verb, mark = concept(language, event.verb), affix(language, "tense")
    wanted = {"suffix": [verb + mark], "prefix": [mark + verb], "particle": [concept(language, "past"), verb]}
    for tense, words in wanted.items():
        assert of(Speaker(replace(language, tense=tense), LEXICON[language.script]).say(event), "verb") == words
    first, *rest = [
        others(Speaker(replace(language, tense=tense), LEXICON[language.script]).say(event), "verb") for tense in wanted
    ]
    assert rest == [first, first]


@FEW
@given(LANGUAGES, events())
def test_negation_is_beside_the_verb_or_a_suffix_of_it(language: Language, event: Event) -> None:
    for negation in CHOICES["negation"]:
        who = Speaker(replace(language, negation=negation), LEXICON[language.script])
        yes, no = (who.say(replace(event, negated=negated)) for negated in (False, True))
        verb = of(yes, "verb")
        wanted = {
            "before": [concept(language, "not"), *verb],
            "after": [*verb, concept(language, "not")],
            "suffix": [*verb[:-1], verb[-1] + affix(language, "negation")],
        }
        assert of(no, "verb") == wanted[negation]
        assert others(no, "verb") == others(yes, "verb")


@FEW
@given(LANGUAGES, utterances(), st.sampled_from(tuple(SCRIPTS)))
def test_script_changes_letters_only(language: Language, say: Callable[[Language], Clause], script: str) -> None:
    latin, written = say(replace(language, script="Latin")), say(replace(language, script=script))
    back = str.maketrans(SCRIPTS[script], SCRIPTS["Latin"])
    assert [text.lower().translate(back) for text in texts(written)] == [text.lower() for text in texts(latin)]
    assert [replace(word, text="") for word in written] == [replace(word, text="") for word in latin]


@FEW
@given(LANGUAGES, utterances(), st.sampled_from(("overlap", "names", "text")))
def test_grammar_does_not_look_at_words_or_amounts(language: Language, say: Callable[[Language], Clause], field: str) -> None:
    changed: dict[str, Any] = {field: 0.5}
    assert say(replace(language, **changed)) == say(language)


@FEW
@given(LANGUAGES, events())
def test_general_terms_and_roles_that_are_told(language: Language, event: Event) -> None:
    who = Speaker(replace(language, tense="particle", case="none", plural="none"), LEXICON[language.script])
    clause = who.say(event, ("agent", "patient"), general=("patient",))
    assert {word.role for word in clause} == {"agent", "verb", "patient", ""}
    assert concept(language, NOUN_CLASS[event.patient]) in of(clause, "patient")
    assert concept(language, event.patient) not in texts(clause)
    everything = who.say(event, general=("place",))
    assert concept(language, PLACE_CLASS.get(event.place, event.place)) in of(everything, "place")


@FEW
@given(LANGUAGES, events(), st.sampled_from(tuple(QUESTIONS)))
def test_an_answer_stands_in_the_statement(language: Language, event: Event, role: str) -> None:
    who = Speaker(language, LEXICON[language.script])
    statement = " ".join(texts(who.say(event)))
    assert " ".join(texts(who.name(event, role))) in statement
    assert f" {who.short(event, role)} " in f" {statement} "
    assert concept(language, "the") not in who.short(event, role).split()


@pytest.mark.parametrize(("name", "tag"), [("person0", "B-PER"), ("organisation0", "B-ORG")])
def test_names_are_entities(name: str, tag: str) -> None:
    event = Event(name, "see", "dog", "city0", "noon")
    clause = Speaker(Language(), LEXICON["Latin"]).say(event)
    assert {word.role: word.entity for word in clause if word.entity != "O"} == {"agent": tag, "place": "B-LOC"}
