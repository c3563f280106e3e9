"""Events of a world: the same from the same seed, with habits as often as declared, in disjoint splits."""

from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from xstilts.babel.concepts import VERB_GROUP, VERBS, Event, patients_of, split_of
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.distance import FEATURES
from xstilts.babel.world import World

SPLITS = ("train", "validation", "test")
MADE = World(WorldConfig(languages={"qaa": Language()}))


def drawn(world: World, split: str, count: int, habit: float | None = None) -> list[Event]:
    rng = world.rng("drawn", split)
    return [world.draw(rng, split, habit) for _ in range(count)]


def test_each_verb_follows_one_other_of_its_group() -> None:
    for verbs, _ in VERBS:
        verb, seen = verbs[0], set()
        while verb not in seen:
            seen.add(verb)
            verb = MADE.consequence[verb]
        assert seen == set(verbs)
    assert {MADE.consequence[before]: before for before in VERB_GROUP} == MADE.cause


def test_another_seed_is_another_world() -> None:
    other = World(WorldConfig(seed=1, languages={"qaa": Language()}))
    assert other.consequence != MADE.consequence
    assert other.habits != MADE.habits
    assert other.speakers["qaa"].lexicon.words != MADE.speakers["qaa"].lexicon.words
    assert drawn(other, "train", 5) != drawn(MADE, "train", 5)
    assert World(WorldConfig(languages={"qaa": Language()})).habits == MADE.habits


def test_a_world_does_not_depend_on_its_languages(world: World) -> None:
    assert (world.consequence, world.habits, world.usual_patients) == (MADE.consequence, MADE.habits, MADE.usual_patients)
    assert drawn(world, "test", 20) == drawn(MADE, "test", 20)


@given(st.integers(0, 10**6), st.sampled_from(SPLITS), st.floats(0, 1))
def test_events_are_possible_and_of_their_split(seed: int, split: str, habit: float) -> None:
    event = MADE.draw(MADE.rng(seed), split, habit)
    assert event.patient in patients_of(event.verb)
    assert event.agent in MADE.agents and event.place in MADE.places
    after, before = MADE.effect_of(event), MADE.cause_of(event)
    assert {split_of(event), split_of(after), split_of(before)} == {split}
    assert MADE.cause_of(after).verb == event.verb == MADE.effect_of(before).verb
    for other in (after, before):
        assert (other.agent, other.patient, other.place, other.time) == (event.agent, event.patient, event.place, event.time)
        assert other.patient in patients_of(other.verb)


def test_no_split_has_an_event_of_another() -> None:
    events = {
        split: {(one.agent, one.patient, one.place, one.time) for one in drawn(MADE, split, 2000, habit)}
        for split, habit in zip(SPLITS, (0.7, 0.25, 0.25), strict=True)
    }
    assert not events["train"] & events["test"]
    assert not events["train"] & events["validation"]
    assert not events["validation"] & events["test"]


def test_a_tenth_each_is_kept_for_validation_and_test() -> None:
    rng = MADE.rng("any")
    splits = Counter(
        split_of(Event(rng.choice(MADE.agents), "see", "dog", rng.choice(MADE.places), time))
        for time in ("morning", "noon", "evening", "night") * 500
    )
    assert 0.05 < splits["test"] / 2000 < 0.16
    assert 0.05 < splits["validation"] / 2000 < 0.16


def test_habits_are_kept_as_often_as_declared() -> None:
    def kept(habit: float) -> float:
        events = drawn(MADE, "train", 1000, habit)
        return sum(event.time == MADE.habits[event.agent].time for event in events) / len(events)

    assert kept(1) == 1
    assert abs(kept(0.7) - (0.7 + 0.3 / 4)) < 0.05
    assert abs(kept(0) - 1 / 4) < 0.05


def test_random_numbers_depend_on_names_only() -> None:
    assert MADE.rng("a", 1).random() == MADE.rng("a", 1).random() != MADE.rng("a", 2).random()


def test_the_families_differ_from_the_pivot_in_one_field(declared: Callable[[str], WorldConfig]) -> None:
    languages = declared("babel_families").languages
    pivot = vars(languages.pop("qaa"))
    low = languages.pop("qbh")
    differing = {code: [name for name, value in vars(one).items() if value != pivot[name]] for code, one in languages.items()}
    assert {code: len(names) for code, names in differing.items()} == dict.fromkeys(languages, 1)
    assert {names[0] for names in differing.values()} == {"order", "adposition", "case", "script", "overlap", "text"}
    assert (low.text, low.script) == (0.05, "Armenian")
    assert all(getattr(low, name) == pivot[name] for name in FEATURES)


def test_the_micro_world_is_a_part_of_the_large_one(declared: Callable[[str], WorldConfig]) -> None:
    small, large = declared("babel_micro"), declared("babel")
    assert small.languages.items() <= large.languages.items()
    assert small.stories + small.pairs < 500
