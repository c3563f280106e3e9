"""The concepts and names of every synthetic world, whatever its seed, and events composed of them."""

import zlib
from dataclasses import dataclass

NOUNS: dict[str, tuple[str, ...]] = {
    "animal": ("dog", "cat", "horse", "bird"),
    "food": ("bread", "apple", "soup", "cheese"),
    "tool": ("hammer", "rope", "knife", "lamp"),
    "garment": ("coat", "hat", "shoe", "shirt"),
    "vehicle": ("car", "boat", "cart", "bicycle"),
}
"""Hypernym -> nouns."""
PLACES: dict[str, tuple[str, ...]] = {
    "building": ("school", "market", "station", "mill"),
    "landscape": ("forest", "river", "hill", "field"),
}
VERBS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("see", "call", "catch", "feed", "wash", "praise"), ("animal", "food")),
    (("buy", "carry", "break", "mend", "hide", "lose"), ("food", "tool")),
    (("paint", "sell", "borrow", "clean", "find", "return"), ("garment", "vehicle")),
)
"""Groups of verbs, each with the classes of nouns that can be their patients. The consequence of a verb is in the same group."""
ANTONYMS = (("big", "small"), ("old", "new"))
ADJECTIVES = (*(word for pair in ANTONYMS for word in pair), "red", "round", "strange")
TIMES = ("morning", "noon", "evening", "night")
QUESTIONS: dict[str, str] = {"agent": "who", "patient": "what", "place": "where", "time": "when"}
"""Role -> its question word."""
FUNCTION_WORDS = ("the", "in", "not", "so", "then", "because", "object", "past", *QUESTIONS.values())
PEOPLE = tuple(f"person{number}" for number in range(14))
CITIES = tuple(f"city{number}" for number in range(4))
ORGANISATIONS = tuple(f"organisation{number}" for number in range(4))
NUMBERS = (2, 3, 4, 5, 6)

NOUN_CLASS = {noun: hypernym for hypernym, nouns in NOUNS.items() for noun in nouns}
PLACE_CLASS = {place: hypernym for hypernym, places in PLACES.items() for place in places}
HYPERNYM = NOUN_CLASS | PLACE_CLASS
VERB_GROUP = {verb: group for group, (verbs, _) in enumerate(VERBS) for verb in verbs}
CONCEPTS = (
    *(word for hypernym, nouns in (*NOUNS.items(), *PLACES.items()) for word in (hypernym, *nouns)),
    *VERB_GROUP,
    *ADJECTIVES,
    *TIMES,
    *FUNCTION_WORDS,
)
NAMES = (*PEOPLE, *CITIES, *ORGANISATIONS)


@dataclass(frozen=True)
class Event:
    """An event, as a concept for each role."""

    agent: str
    verb: str
    patient: str
    place: str
    time: str
    adjective: str | None = None
    """Describes the patient."""
    number: int | None = None
    """Number of patients; None means a single one."""
    negated: bool = False


def patients_of(verb: str) -> tuple[str, ...]:
    """Return the nouns that can be the patient of a verb."""
    return tuple(noun for hypernym in VERBS[VERB_GROUP[verb]][1] for noun in NOUNS[hypernym])


def split_of(event: Event) -> str:
    """Return the split in which an event may occur, the same for its consequence; pretraining text has events of `train`."""
    key = f"{event.agent} {event.patient} {event.place} {event.time}"
    return {0: "test", 1: "validation"}.get(zlib.crc32(key.encode()) % 10, "train")
