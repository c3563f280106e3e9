"""The question that a study declares, as a part of the config: `analysis:` in a file of `experiments/`."""

from dataclasses import dataclass, field
from typing import Any

from xstilts.bounds import WRITTEN, number, one_of


@dataclass
class QuestionConfig:
    """One comparison that a study declares; `xstilts.study.questions` has the keys that each kind needs."""

    kind: str | None = one_of(None, ("contrast", "interaction", "slope", "law", "graded"))
    """`contrast`: a minus b; `interaction`: a minus b in `languages` less the same in `minus`; `slope`: a minus b by distance or
    diversity; `law`: scores by number of training examples; `graded`: trend of ordered levels minus b."""
    a: list[str] | None = None
    """Names or patterns of intermediate choices; the mean over them counts."""
    b: list[str] | None = None
    """The choices that `a` is compared with."""
    choices: list[str] | None = None
    """For `law`: the choices, which differ in the number of examples."""
    levels: list[list[str]] | None = None
    """For `graded`: the choices of each level, in order."""
    targets: list[str] | None = None
    """Names or patterns of targets; null: all of the study."""
    languages: Any = field(default="other languages", metadata={WRITTEN: str | list[str]})
    """A group of languages, one code, or a list of codes."""
    minus: Any = field(default=None, metadata={WRITTEN: str | list[str] | None})
    """For `interaction` and `graded`: the group of languages in which the same is subtracted."""
    by: str | None = one_of(None, ("distance", "diversity"))
    """For `slope`: what grows."""
    distance: str | None = None
    """The kind of distance; null: the first that the study has (`syntactic`, in a synthetic world `structural`)."""
    expect: str | None = one_of(None, ("positive", "negative", "none"))
    """The expected sign."""


@dataclass
class AnalysisConfig:
    """The question of a study and the comparisons that answer it. No part of any cell."""

    question: str = ""
    """The question, in a sentence."""
    margin: float = number(1.0, above=0, at_most=100)
    """In percentage points: a difference inside of plus and minus the margin counts as none."""
    primary: dict[str, QuestionConfig] = field(default_factory=dict)
    """Name -> comparison. Their p-values are corrected together."""
    exploratory: dict[str, QuestionConfig] = field(default_factory=dict)
    """Name -> comparison, for what else one wants to see; corrected among themselves."""
