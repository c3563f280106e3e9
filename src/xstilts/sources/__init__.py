"""Read raw data as examples in the format's schema.

This module finds files, languages and parts of splits for the driver, without torch and datasets; `xstilts.sources.load` reads
the examples.
"""

from xstilts.sources.check import problems
from xstilts.sources.files import TaskSource, languages_with_data, locate, place_of, require, source_of, without_gold
from xstilts.sources.splits import parse_split

__all__ = [
    "TaskSource",
    "languages_with_data",
    "locate",
    "parse_split",
    "place_of",
    "problems",
    "require",
    "source_of",
    "without_gold",
]
