"""Tatoeba sentence pairs: two files of lines, queries in English, candidates in the other language.

XTREME sorts the English side, so that line i of one file is not the translation of line i of the other; the task is to find,
for each English sentence, its translation among the other language's (google-research/xtreme third_party/evaluate_retrieval.py).
In that form (`{lg}-en.*`, or renamed to `tatoeba.{lg}-eng.*`) gold is known only from a gold file: per line of the other
language, the number (from 0) of its English line. LASER's own files, `tatoeba.{iso3}-eng.*`, are aligned line by line.

Ids are `{pair}/{side}-{line from 0}`, e.g. `sw/en-74` and `sw/sw-0`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.sources.raw import Row, lines
from xstilts.tasks.declaration import Source

_ALIGNED = re.compile(r"tatoeba\.[a-z]{3}-eng\.")


def _gold(path: Path, count: int, english: Path) -> list[int]:
    """Per line of the other language, the number of its English line."""
    numbers = []
    for number, line in lines(path):
        if not (line.strip().isdigit() and int(line) < count):
            raise UserError(f"{path}:{number}: '{line}', expected the number of a line of {english.name}, 0 to {count - 1}")
        numbers.append(int(line))
    if len(numbers) != count:
        raise UserError(f"{path}: {len(numbers)} lines, expected {count}, as many as {english.name} has")
    return numbers


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[Row]:
    """Rows with the fields of the retrieval format. Equal lines are interchangeable: all of them are relevant."""
    queries = [text.strip() for _, text in lines(files["english"])]
    candidates = [text.strip() for _, text in lines(files["source"])]
    if len(queries) != len(candidates):
        raise UserError(
            f"{files['english']}: {len(queries)} lines, but {len(candidates)} in {files['source'].name}; expected pairs of lines"
        )
    gold: list[int] | None = None
    if _ALIGNED.match(files["source"].name):
        gold = list(range(len(queries)))
    elif "gold" in files:
        gold = _gold(files["gold"], len(queries), files["english"])
    yield from retrieval_rows(queries, candidates, gold, language, str(files["english"]), str(files["source"]))


def retrieval_rows(
    queries: list[str], candidates: list[str], gold: list[int] | None, language: str, query_file: str, candidate_file: str
) -> Iterator[Row]:
    """Queries, then candidates. `gold`: per candidate, the number of the query that it translates."""
    translations = defaultdict(set)  # English text -> texts that translate it
    for candidate, line in zip(candidates, gold or [], strict=False):
        translations[queries[line]].add(candidate)
    ids = defaultdict(list)  # text of a candidate -> ids
    for line, candidate in enumerate(candidates):
        ids[candidate].append(f"{language}/{language}-{line}")
    for line, query in enumerate(queries):
        relevant = None if gold is None else [name for text in sorted(translations[query]) for name in ids[text]]
        fields = {"id": f"{language}/en-{line}", "side": "query", "text": query, "relevant": relevant}
        yield Row(f"{query_file}:{line + 1}", fields)
    for line, candidate in enumerate(candidates):
        fields = {"id": f"{language}/{language}-{line}", "side": "candidate", "text": candidate, "relevant": None}
        yield Row(f"{candidate_file}:{line + 1}", fields)
