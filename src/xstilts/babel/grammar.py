"""Render events as clauses of a language; every word has its part of speech, role, entity tag and CCG category."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain

from xstilts.babel.concepts import CITIES, HYPERNYM, NAMES, ORGANISATIONS, QUESTIONS, Event
from xstilts.babel.declaration import Language
from xstilts.babel.lexicon import Lexicon

ROLES = ("time", "agent", "verb", "patient", "place")
CONNECTIVES = ("so", "then", "because")


@dataclass(frozen=True)
class Word:
    """A word of a clause with the tags of the tagging tasks."""

    text: str
    part_of_speech: str
    """Universal Dependencies tag."""
    category: str
    """CCG category, according to the word order of the language."""
    role: str = ""
    """A role in ROLES, or empty."""
    entity: str = "O"


Clause = list[Word]


def text_of(*clauses: Clause) -> str:
    """Return the words of the clauses, joined by spaces."""
    return " ".join(word.text for clause in clauses for word in clause)


class Speaker:
    """Renders events in a language."""

    def __init__(self, language: Language, lexicon: Lexicon) -> None:
        self.language = language
        self.lexicon = lexicon

    def say(
        self,
        event: Event,
        roles: Collection[str] = ROLES,
        connective: str | None = None,
        general: Collection[str] = (),
    ) -> Clause:
        """Return a statement with these roles (always with the verb); roles in `general` are expressed by their hypernyms."""
        return self._clause(event, roles, None, connective, general)

    def ask(self, event: Event, role: str, roles: Collection[str] = ROLES, general: Collection[str] = ()) -> Clause:
        """Return the question about a role; it mentions the other `roles`."""
        return self._clause(event, {*roles, role}, role, None, general)

    def name(self, event: Event, role: str) -> Clause:
        """Return the words of a role in the statement of an event: the answer to a question."""
        return [word for word in self.say(event) if word.role == role]

    def short(self, event: Event, role: str) -> str:
        """Return the words of a role without adposition and determiner: the answer span of question answering."""
        return " ".join(word.text for word in self.name(event, role) if word.part_of_speech not in ("ADP", "DET"))

    def _clause(
        self, event: Event, roles: Collection[str], asked: str | None, connective: str | None, general: Collection[str]
    ) -> Clause:
        language = self.language
        part = {
            role: self._question_word(role) if role == asked else self._part(event, role, general)
            for role in ROLES
            if role in roles or role == "verb"
        }
        front = part.pop(asked, []) if asked and language.question == "front" else []
        time = part.pop("time", [])
        order = {
            "SVO": ("agent", "verb", "patient", "place"),
            "SOV": ("agent", "place", "patient", "verb"),
            "VSO": ("verb", "agent", "patient", "place"),
        }[language.order]
        core = list(chain.from_iterable(part.get(role, []) for role in order))
        link = [self._word(connective, "SCONJ" if connective == "because" else "CCONJ", "S/S")] if connective else []
        end = Word("?" if asked else ".", "PUNCT", ".")
        before, after = (time, []) if language.time == "first" else ([], time)
        return [*link, *front, *before, *core, *after, end]

    def _part(self, event: Event, role: str, general: Collection[str]) -> Clause:
        if role == "agent":
            return [self._entity(event.agent, "agent")]
        if role == "time":
            return [self._word(event.time, "ADV", "S/S" if self.language.time == "first" else "S\\S", "time")]
        if role == "verb":
            return self._verb(event)
        if role == "patient":
            noun = HYPERNYM[event.patient] if role in general else event.patient
            return self._patient(noun, event)
        place = HYPERNYM.get(event.place, event.place) if role in general else event.place
        return self._place(place)

    def _verb(self, event: Event) -> Clause:
        language, affixes = self.language, self.lexicon.affixes
        text = self.lexicon.words[event.verb]
        if language.tense == "suffix":
            text += affixes["tense"]
        elif language.tense == "prefix":
            text = affixes["tense"] + text
        if event.negated and language.negation == "suffix":
            text += affixes["negation"]
        category = {"SVO": "(S\\NP)/NP", "SOV": "(S\\NP)\\NP", "VSO": "(S/NP)/NP"}[language.order]
        words = [Word(text, "VERB", category, "verb")]
        if language.tense == "particle":
            words.insert(0, self._word("past", "AUX", f"({category})/({category})", "verb"))
        if event.negated and language.negation != "suffix":
            slash = "/" if language.negation == "before" else "\\"
            no = self._word("not", "PART", f"({category}){slash}({category})", "verb")
            words = [no, *words] if language.negation == "before" else [*words, no]
        return words

    def _patient(self, concept: str, event: Event) -> Clause:
        language, affixes = self.language, self.lexicon.affixes
        noun = self.lexicon.words[concept]
        if event.number is not None:
            noun = {"suffix": noun + affixes["plural"], "prefix": affixes["plural"] + noun, "none": noun}[language.plural]
        if language.case == "suffix":
            noun += affixes["case"]
        modifier = "N/N" if language.adjective == "before" else "N\\N"
        modifiers = [Word(str(event.number), "NUM", modifier, "patient")] if event.number is not None else []
        modifiers += [self._word(event.adjective, "ADJ", modifier, "patient")] if event.adjective else []
        words = [Word(noun, "NOUN", "N" if language.determiner else "NP", "patient")]
        words = [*modifiers, *words] if language.adjective == "before" else [*words, *modifiers]
        if language.case == "particle":
            words.append(self._word("object", "PART", "NP\\NP", "patient"))
        return [*self._determiner("patient"), *words]

    def _place(self, concept: str) -> Clause:
        if concept in NAMES:
            words = [self._entity(concept, "place")]
        else:
            noun = self._word(concept, "NOUN", "N" if self.language.determiner else "NP", "place")
            words = [*self._determiner("place"), noun]
        before = self.language.adposition == "before"
        adposition = self._word("in", "ADP", "(S\\S)/NP" if before else "(S\\S)\\NP", "place")
        return [adposition, *words] if before else [*words, adposition]

    def _determiner(self, role: str) -> Clause:
        return [self._word("the", "DET", "NP/N", role)] if self.language.determiner else []

    def _entity(self, name: str, role: str) -> Word:
        entity = "B-LOC" if name in CITIES else "B-ORG" if name in ORGANISATIONS else "B-PER"
        return Word(self.lexicon.words[name], "PROPN", "NP", role, entity)

    def _question_word(self, role: str) -> Clause:
        adverb = role in ("place", "time")
        return [self._word(QUESTIONS[role], "ADV" if adverb else "PRON", "S/S" if adverb else "NP", role)]

    def _word(self, concept: str, part_of_speech: str, category: str, role: str = "") -> Word:
        return Word(self.lexicon.words[concept], part_of_speech, category, role)
