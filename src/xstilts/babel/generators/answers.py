"""Answer retrieval as in LAReQA: a question retrieves the sentences that answer it, in every language."""

from collections.abc import Iterator
from typing import Any

from xstilts.babel.concepts import QUESTIONS
from xstilts.babel.generators.question_answering import distinct_events
from xstilts.babel.grammar import text_of
from xstilts.babel.world import World

SENTENCES = 2


def examples(world: World, split: str, language: str, count: int) -> Iterator[dict[str, Any]]:
    """Yield `count` questions, one per paragraph of two sentences; both sentences are candidates.

    `relevant` lists the answer's sentence in all languages of the world; readers drop languages that are not loaded.
    """
    rng = world.rng("answers", split)
    speaker = world.speakers[language]
    for number in range(count):
        events = distinct_events(world, rng, split, SENTENCES)
        answer = rng.randrange(SENTENCES)
        question = speaker.ask(events[answer], rng.choice(tuple(QUESTIONS)))
        paragraph = text_of(*(speaker.say(event) for event in events))
        relevant = [f"{code}/{number}-{answer}" for code in dict.fromkeys([language, *world.config.languages])]
        yield {"id": f"{language}/{number}", "side": "query", "text": text_of(question), "relevant": relevant}
        for position, event in enumerate(events):
            text = text_of(speaker.say(event))
            yield {"id": f"{language}/{number}-{position}", "side": "candidate", "text": text, "context": paragraph}
