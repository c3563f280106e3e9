"""The texts of test items, for people to read: from the data that a cell was evaluated on, if it is still on this disk."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xstilts.config import CharNoise, DataConfig
from xstilts.errors import UserError
from xstilts.reporting.comparison import Result
from xstilts.sources import TaskSource, source_of
from xstilts.sources.noise import noisy
from xstilts.sources.readers import reader_module
from xstilts.tasks.declaration import Task
from xstilts.tasks.format import Format
from xstilts.tasks.formats import format_of

MOST_CHARACTERS = 240
"""Length to which a text is cut."""
CUT = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class ItemText:
    """A test item, or a candidate of retrieval."""

    text: str
    words: Sequence[str] = ()
    """The words that have tags."""


def item_texts(result: Result, split: str, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], ItemText]:
    """Return (language, id) -> the text of each wanted example, or candidate of retrieval, of a result's split that is there.

    Texts have the character noise with which they were evaluated. Nothing is downloaded or generated. UserError, in one line, if
    the data cannot be read.
    """
    from xstilts.sources.load import load

    source, noise = _evaluated(result)
    format, declared = format_of(source.task), source.declared
    if hasattr(reader_module(declared.readers.get(split, declared.reader)), "pool"):
        raise UserError("the candidates that all languages share are too many to read them for a report")
    found = {}
    languages = sorted({language for language, _ in wanted})
    for together in [languages] if format.candidate else [[language] for language in languages]:
        examples = load(source, split, together)
        names = zip(examples["language"][:], examples["id"][:], strict=True)
        examples = examples.select([row for row, name in enumerate(names) if name in wanted])
        for example in (noisy(examples, source.task, noise) if noise.rate else examples).to_list():
            words = example[format.labelled_items] if format.labelled_items else ()
            found[example["language"], example["id"]] = ItemText(" | ".join(_texts(example, format)), words)
    return found


def excerpt(text: str, around: str = "", length: int = MOST_CHARACTERS) -> str:
    """Cut a text, so that the first place of `around` stays in it; white space becomes single blanks."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    start = max(0, min(text.find(around) - length // 2, len(text) - length)) if around and around in text else 0
    end = start + length
    return f"{CUT if start else ''}{text[start:end]}{CUT if end < len(text) else ''}"


def _evaluated(result: Result) -> tuple[TaskSource, CharNoise]:
    """Return the source of the result's target and its noise, as the config says. UserError if it does not say."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        data, target = result["config"]["data"], result["config"]["target"]
        given = (DataConfig, data), (Task, target["task"]), (CharNoise, target.get("char_noise", {}))
        made = [OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(schema), values)) for schema, values in given]
    except (KeyError, OmegaConfBaseException) as error:
        raise UserError(f"the config in the results does not say where the data is ({str(error).splitlines()[0]})") from None
    config, task, noise = made
    assert isinstance(config, DataConfig) and isinstance(task, Task) and isinstance(noise, CharNoise)
    return source_of(task, config), noise


def _texts(example: Mapping[str, Any], format: Format) -> Iterator[str]:
    """Yield the texts among an example's fields; of a list of texts each with its number, but words as they stand."""
    hidden = {"id", "language", format.gold, *((format.candidate[0],) if format.candidate else ())}
    for name, value in example.items():
        if name in hidden or not value:
            continue
        if isinstance(value, str):
            yield value
        elif name == format.labelled_items:
            yield " ".join(value)
        elif isinstance(value, list) and isinstance(value[0], str):
            yield " ".join(f"[{number}] {text}" for number, text in enumerate(value))
