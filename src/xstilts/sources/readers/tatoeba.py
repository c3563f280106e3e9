"""Tatoeba sentence pairs: two files of lines, queries in English, candidates in the other language.

XTREME sorts the English side, so that line i of one file is not the translation of line i of the other. The task is to retrieve
the translation of each English sentence (google-research/xtreme third_party/evaluate_retrieval.py). In that form (`{lg}-en.*`, or
renamed to `tatoeba.{lg}-eng.*`) the files do not show which lines belong together. Gold comes from a file of line numbers (per
line of the other language, the number of its English line, from 0), or from LASER's files `tatoeba.{iso3}-eng.*`, which are
aligned line by line and contain the same sentences. LASER's files can also be read alone.

Ids are `{pair}/{side}-{line from 0}`, e.g. `sw/en-74` and `sw/sw-0`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.sources.raw import RawExample, lines
from xstilts.tasks.declaration import Source
from xstilts.tasks.languages import ISO3

FORMATS = ("retrieval",)

FILES = (2,)
READS_GOLD = True
_ALIGNED = re.compile(r"tatoeba\.[a-z]{3}-eng\.")


def without_gold(files: dict[str, Path], language: str) -> str | None:
    """Return an error message if the files do not show which sentences belong together; else None."""
    if "gold" in files or "source" not in files or _ALIGNED.match(files["source"].name):  # not two files: shown elsewhere
        return None
    code = ISO3.get(language, language)
    return (
        f"the English side of {files['source'].name} is sorted, so that its translations are unknown. Put "
        f"LASER's aligned files, tatoeba.{code}-eng.{code} and tatoeba.{code}-eng.eng (github.com/facebookresearch/LASER, "
        f"data/tatoeba/v1), into {files['source'].parent}, or add their folder to data.extra_roots"
    )


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Yield rows with the fields of the retrieval format. Equal lines are interchangeable: all of them are relevant."""
    queries, candidates = _texts(files["english"]), _texts(files["source"])
    _check_equal(files["english"], queries, files["source"], candidates)
    pairs: Iterable[tuple[str, str]] | None = None
    if _ALIGNED.match(files["source"].name):
        pairs = zip(queries, candidates, strict=True)
    elif "gold.english" in files:
        pairs = _aligned(files, queries, candidates)
    elif "gold" in files:
        numbers = _gold(files["gold"], len(queries), files["english"])
        pairs = [(queries[line], candidate) for line, candidate in zip(numbers, candidates, strict=True)]
    yield from retrieval_rows(queries, candidates, pairs, language, str(files["english"]), str(files["source"]))


def retrieval_rows(
    queries: list[str],
    candidates: list[str],
    pairs: Iterable[tuple[str, str]] | None,
    language: str,
    query_file: str,
    candidate_file: str,
) -> Iterator[RawExample]:
    """Yield queries, then candidates. `pairs`: (English text, its translation); None: no gold."""
    translations = defaultdict(set)  # English text -> texts that translate it
    for english, other in pairs or []:
        translations[english].add(other)
    ids = defaultdict(list)  # text of a candidate -> ids
    for line, candidate in enumerate(candidates):
        ids[candidate].append(f"{language}/{language}-{line}")
    for line, query in enumerate(queries):
        relevant = None if pairs is None else [name for text in sorted(translations[query]) for name in ids[text]]
        if relevant == []:
            raise UserError(
                f"{query_file}:{line + 1}: by the gold, no line of {candidate_file} translates '{query}', expected one for each "
                "sentence: the gold is of other files, or has a line twice"
            )
        fields = {"id": f"{language}/en-{line}", "side": "query", "text": query, "relevant": relevant}
        yield RawExample(f"{query_file}:{line + 1}", fields)
    for line, candidate in enumerate(candidates):
        fields = {"id": f"{language}/{language}-{line}", "side": "candidate", "text": candidate, "relevant": None}
        yield RawExample(f"{candidate_file}:{line + 1}", fields)


def _texts(path: Path) -> list[str]:
    return [text.strip() for _, text in lines(path)]


def _check_equal(english: Path, queries: list[str], other: Path, candidates: list[str]) -> None:
    if len(queries) != len(candidates):
        raise UserError(
            f"{english}: {counted(len(queries), 'line')}, but {len(candidates)} in {other.name}; expected pairs of lines"
        )


def _gold(path: Path, count: int, english: Path) -> list[int]:
    """Return, for each line of the other language, the number of its English line."""
    numbers = []
    for number, line in lines(path):
        digits = line.strip()
        if not (re.fullmatch("[0-9]{1,9}", digits) and int(digits) < count):
            raise UserError(f"{path}:{number}: '{line}', expected the number of a line of {english.name}, 0 to {count - 1}")
        numbers.append(int(digits))
    if len(numbers) != count:
        raise UserError(f"{path}: {counted(len(numbers), 'line')}, expected {count}, as many as {english.name} has")
    return numbers


def _aligned(files: dict[str, Path], queries: list[str], candidates: list[str]) -> list[tuple[str, str]]:
    """Return the pairs of LASER's files. Raises UserError if they lack a sentence of the data: then the releases differ."""
    english, other = _texts(files["gold.english"]), _texts(files["gold"])
    _check_equal(files["gold.english"], english, files["gold"], other)
    for role, texts, aligned, place in (("english", queries, english, "gold.english"), ("source", candidates, other, "gold")):
        known = set(aligned)
        missing = next((number for number, text in enumerate(texts, start=1) if text not in known), None)
        if missing is not None:
            raise UserError(
                f"{files[role]}:{missing}: '{texts[missing - 1]}' is not in {files[place]}, from which gold is taken: both must "
                "hold the same sentences; get LASER's files of the release that XTREME's were made from, or remove them"
            )
    return list(zip(english, other, strict=True))
