"""Stories: events, some of which follow from the one before, and at the end perhaps a question with its answer."""

from dataclasses import replace

from xstilts.babel.concepts import VERB_GROUP
from xstilts.babel.declaration import Language, WorldConfig
from xstilts.babel.grammar import text_of
from xstilts.babel.stories import story
from xstilts.babel.world import World

CONFIG = WorldConfig(languages={"qaa": Language(), "qab": Language(order="SOV", script="Georgian")})
WORLD = World(CONFIG)


def stories(world: World, count: int = 300) -> list[list[str]]:
    """The sentences of so many stories, in the pivot."""
    rng = world.rng("stories")
    return [[text_of(*sentence.say(world.speakers["qaa"])) for sentence in story(world, rng)] for _ in range(count)]


def test_a_story_is_the_same_in_every_language() -> None:
    for sentence in story(WORLD, WORLD.rng("one")):
        pivot, other = (sentence.say(WORLD.speakers[code]) for code in CONFIG.languages)
        for one, two in zip(pivot, other, strict=True):
            assert sorted((word.part_of_speech, word.role) for word in one) == sorted(
                (word.part_of_speech, word.role) for word in two
            )


def test_some_sentences_and_perhaps_a_question_at_the_end() -> None:
    made = stories(WORLD)
    assert {len(sentences) for sentences in made} <= set(range(2, 10))
    assert all("?" not in sentence for sentences in made for sentence in sentences[:-1])
    asking = sum("?" in sentences[-1] for sentences in made)
    assert 90 < asking < 150
    assert not any("?" in sentences[-1] for sentences in stories(World(replace(CONFIG, questions=0))))


def test_what_follows_is_told_after_its_cause() -> None:
    """After `then`, always; `because`, the other way round."""
    lexicon = WORLD.speakers["qaa"].lexicon
    verb_of = {lexicon.words[verb] + lexicon.affixes["tense"]: verb for verb in VERB_GROUP}

    def verb(sentence: str) -> str:
        return next(verb_of[word] for word in sentence.split() if word in verb_of)

    seen = {"then": 0, "because": 0}
    for sentences in stories(WORLD):
        before: list[str] = []
        for sentence in sentences:
            first = sentence.split()[0]
            if first == lexicon.words["then"]:
                seen["then"] += 1
                assert WORLD.cause[verb(sentence)] in before[-2:]
            if first == lexicon.words["because"]:
                seen["because"] += 1
                assert WORLD.consequence[verb(sentence)] == before[-1]
            before.append(verb(sentence))
    assert min(seen.values()) > 15
