"""The comparisons that a study declares: names of choices and of groups of languages, and what is kept with the results.

A declaration is the node `analysis` of the config. The record of a study's sweep (`sweep.json`) keeps, under `declared`, each
declaration that the study was run with, the oldest first, with the number of results that existed before it. The newest counts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from xstilts.analysis import AnalysisConfig, QuestionConfig
from xstilts.errors import UserError
from xstilts.numbering import counted
from xstilts.reporting.comparison import BASELINE, Comparison
from xstilts.reporting.groups import ALL, OTHERS, SEEN, SOURCE, UNSEEN, declared_groups
from xstilts.store.fingerprint import fingerprint, without_defaults

PRIMARY, EXPLORATORY = "primary", "exploratory"
SHORT = {"seen": SEEN, "unseen": UNSEEN}
"""Short name of a group of languages -> its name in the report."""
SHOWN = 8
"""Number of digits of a hash that are shown."""


@dataclass(frozen=True)
class Declared:
    """A declaration that is kept with results."""

    analysis: AnalysisConfig
    hash: str
    results: int
    """Number of results that existed when the study was first run with it."""
    earlier: tuple[str, ...] = ()
    """Hashes of the declarations before it."""
    changed: str = ""
    """The study's file, if it declares something else now."""

    def origin(self) -> str:
        """Tell when it was declared, and if it has changed."""
        hashed = f"Declaration {self.hash[:SHOWN]}"
        when = f"made when {counted(self.results, 'result')} existed" if self.results else "made before the first result"
        before = ", ".join(one[:SHOWN] for one in self.earlier)
        changed = f" {self.changed} declares something else now; to use it, run the study again." if self.changed else ""
        return f"{hashed}, {when}{f'; earlier ones: {before}' if before else ''}.{changed}"


def questions(declared: AnalysisConfig) -> Iterator[tuple[str, QuestionConfig]]:
    """Yield each question with its place, `primary.NAME` or `exploratory.NAME`."""
    for family in (PRIMARY, EXPLORATORY):
        yield from ((f"{family}.{name}", question) for name, question in getattr(declared, family).items())


def matching(patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the names that match any pattern, each once; the baseline is matched by its own name only."""
    given = list(patterns)
    return [
        name for name in names if name in given or (name != BASELINE and any(fnmatchcase(name, pattern) for pattern in given))
    ]


def group_names(one: Comparison) -> list[str]:
    """Return the names of the groups of languages, and the codes of the languages, that a declaration can use."""
    codes = dict.fromkeys(row["language"] for result in one.results() for row in result["rows"])
    return [ALL, SOURCE, OTHERS, SEEN, UNSEEN, *SHORT, *declared_groups(one), *one.languages, *codes]


def hash_of(declared: AnalysisConfig) -> str:
    """Return the hash of a declaration; a default that is written out does not change it."""
    return fingerprint(without_defaults(declared))


def record(declared: AnalysisConfig, kept: Sequence[Mapping[str, Any]], results: int) -> list[Mapping[str, Any]]:
    """Add a declaration to those that are kept, unless it is the newest or declares nothing.

    `results`: the number of results that exist.
    """
    own = hash_of(declared)
    if not any(questions(declared)) or (kept and kept[-1]["hash"] == own):
        return list(kept)
    return [*kept, {"hash": own, "results": results, "analysis": asdict(declared)}]


def newest(sweep: Mapping[str, Any]) -> Declared | None:
    """Return the declaration that counts, from the record of a study's sweeps (`last_sweep`); None if nothing is declared.

    UserError if it is broken.
    """
    kept = sweep["declared"]
    if not kept:
        return None
    last, file = kept[-1], sweep["file"]
    now = in_file(Path(file)) if file else None
    changed = file if now is not None and hash_of(now) != last["hash"] else ""
    earlier = tuple(str(one["hash"]) for one in kept[:-1])
    return Declared(typed(last["analysis"]), last["hash"], last["results"], earlier, changed)


def in_file(path: Path) -> AnalysisConfig | None:
    """Read the declaration in a study's file; None if the file cannot be read, or refers to options of the config in it."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        written = OmegaConf.select(OmegaConf.load(path), "analysis") or {}
        return typed(OmegaConf.to_container(OmegaConf.create(written), resolve=True))
    except (OSError, ValueError, AttributeError, OmegaConfBaseException):
        return None


def typed(written: Any) -> AnalysisConfig:
    """Return a declaration of plain values with its types. UserError if they do not fit."""
    from omegaconf import OmegaConf

    from xstilts.launch.wording import plain_errors

    with plain_errors():
        found = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(AnalysisConfig), written))
    if not isinstance(found, AnalysisConfig):
        raise UserError("analysis: expected options such as question: ...")
    return found
