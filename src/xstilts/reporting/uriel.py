"""Distances between real languages, from URIEL (Littell et al. 2017) by the package URIEL+ (Khan et al. 2025).

URIEL describes languages by features from grammars and databases. A distance is the angle between two descriptions, over the
features that both have: 0 for none, 1 for a right angle. Some of XTREME's languages have few features (Kazakh has 12 of syntax).
The databases that URIEL+ can add are left out, so that this is URIEL as in the literature.

The package is an extra, since its data are under CC BY-SA 4.0; nothing else needs it.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from xstilts.errors import UserError

KINDS = ("syntactic", "phonological", "inventory", "genetic", "geographic")
"""Kinds of distance; `inventory` is about sounds."""
_ISO_639_3 = """
af afr  ar ara  az aze  bg bul  bn ben  de deu  el ell  en eng  es spa  et est  eu eus  fa fas  fi fin  fr fra  gu guj  he heb
hi hin  ht hat  hu hun  id ind  it ita  ja jpn  jv jav  ka kat  kk kaz  ko kor  lt lit  ml mal  mr mar  ms msa  my mya  nl nld
pa pan  pl pol  pt por  qu que  ro ron  ru rus  sw swa  ta tam  te tel  th tha  tl tgl  tr tur  uk ukr  ur urd  vi vie  wo wol
yo yor  zh zho
"""


def iso_639_3() -> dict[str, str]:
    """Return the code of a language as XTREME writes it -> its ISO 639-3 code with the most features in URIEL."""
    words = _ISO_639_3.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def uriel_distances(languages: Iterable[str], source: str, kinds: Sequence[str] = KINDS) -> dict[str, dict[str, float]]:
    """Return kind -> language -> distance to `source`, 0 to 1; languages without common features are missing.

    UserError without the package, for a source language without a code, and if the package cannot unpack its data.
    """
    codes = iso_639_3()
    if source not in codes:
        raise UserError(f"'{source}' has no ISO 639-3 code in xstilts.reporting.uriel: expected one of {', '.join(codes)}")
    found: dict[str, dict[str, float]] = {kind: {} for kind in kinds}
    with _quiet():
        database = _database()
        for kind in kinds:
            for language in languages:
                if language == source:
                    found[kind][language] = 0.0
                elif language in codes:
                    try:
                        found[kind][language] = float(database.new_distance(kind, codes[source], codes[language]))
                    except ValueError:  # no feature that both have
                        continue
    return found


def _database() -> Any:
    try:
        from urielplus import urielplus
    except ImportError:
        raise UserError(
            "distances between real languages need URIEL+, which is not installed: pip install 'xstilts[typology]'"
        ) from None
    try:
        return urielplus.URIELPlus()
    except OSError as error:  # at its first use, it copies data inside its own folder
        raise UserError(
            f"URIEL+ cannot unpack its data ({error}): make its folder writable, or use it once as its owner"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the messages of URIEL+, and undo its configuration of the root logger at import and at every call."""
    root, silent = logging.getLogger(), logging.NullHandler()
    handlers, level, disabled = root.handlers[:], root.level, root.manager.disable
    root.addHandler(silent)  # a logger that has a handler is not configured again
    logging.disable(max(disabled, logging.INFO))
    try:
        yield
    finally:
        logging.disable(disabled)
        root.setLevel(level)
        root.handlers[:] = handlers
