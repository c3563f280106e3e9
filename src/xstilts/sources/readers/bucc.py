"""BUCC 2018 bitext mining: two pools of `id TAB sentence`, and pairs `id TAB English id` in a gold file.

Queries are the sentences in the other language, candidates those in English. With a gold file, a query without a pair has an
empty list of relevant candidates; without it, no query has gold. Ids are `{pair}/{id}`, e.g. `zh/en-000000057`, since the English
pools of the four pairs use the same ids for different sentences. A repeated sentence keeps all its ids, as in jiant; XTREME's
script leaves out every mined pair with such a sentence.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.sources.raw import RawExample, lines
from xstilts.tasks.declaration import Source

FORMATS = ("retrieval",)

FILES = (2,)
READS_GOLD = True


def _pairs(path: Path, expected: str) -> Iterator[tuple[int, str, str]]:
    for number, line in lines(path):
        left, tab, right = line.partition("\t")
        if not (left and tab and right) or "\t" in right:
            raise UserError(f"{path}:{number}: {counted(len(line.split(chr(9))), 'column')}, expected {expected}")
        yield number, left, right


def read(files: dict[str, Path], source: Source, split: str, language: str) -> Iterator[RawExample]:
    """Yield rows with the fields of the retrieval format."""
    pools = {role: list(_pairs(files[role], "id TAB sentence")) for role in ("source", "english")}
    known = {role: {name for _, name, _ in pool} for role, pool in pools.items()}
    gold: dict[str, list[str]] | None = None
    if "gold" in files:
        gold = defaultdict(list)
        for number, name, english in _pairs(files["gold"], "id TAB English id"):
            for role, unknown in (("source", name), ("english", english)):
                if unknown not in known[role]:
                    raise UserError(f"{files['gold']}:{number}: id '{unknown}' is not in {files[role].name}")
            gold[name].append(f"{language}/{english}")
    for role, side in (("source", "query"), ("english", "candidate")):
        for number, name, text in pools[role]:
            relevant = gold.get(name, []) if gold is not None and side == "query" else None
            fields = {"id": f"{language}/{name}", "side": side, "text": text.strip(), "relevant": relevant}
            yield RawExample(f"{files[role]}:{number}", fields)
