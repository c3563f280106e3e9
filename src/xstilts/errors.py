"""What a user did wrong, in one line: what was got, what was expected, what to type next.

Entry points print a `UserError` without a traceback and end with a non-zero code; any other exception is a fault of xstilts.
"""

import difflib
import sys
from collections.abc import Iterable

SCREEN = 20
"""Lines that a user reads at once."""
complained: set[str] = set()
"""Lines that this command has shown already."""


LONGEST = 100
"""Characters that are shown of a wrong name or folder."""


class UserError(ValueError):
    """Wrong input; the message is one line that a user can act on, or a line for each of several problems."""


class ToldAlready(UserError):
    """The user has been told what is wrong, by the process where it went wrong."""


def complain(error: UserError) -> None:
    """One line on stderr for each problem: none twice in one command, and a screen of them at most."""
    lines = [line for line in str(error).splitlines() if line not in complained]
    complained.update(lines)
    for line in str(several(lines)).splitlines():
        sys.stderr.write(f"error: {line}\n")


def several(problems: Iterable[str]) -> UserError:
    """One error for all problems, a line each; of more than a screen, the first ones and how many there are."""
    lines = list(dict.fromkeys(problems))
    if len(lines) <= SCREEN:
        return UserError("\n".join(lines))
    return UserError("\n".join([*lines[: SCREEN - 1], f"and {len(lines) - SCREEN + 1} more problems of this kind"]))


def unknown_name(what: str, got: str, valid: Iterable[str], how: str = "") -> str:
    """The message for a name that does not exist, with the closest valid ones (`how` says what to type instead)."""
    names = sorted(valid)
    got = got if got.isprintable() else repr(got)[1:-1]
    got = got if len(got) <= LONGEST else got[:LONGEST] + "..."
    close = difflib.get_close_matches(got, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"valid: {', '.join(names) or 'none'}."
    return f"unknown {what} '{got}': {hint}" + (f" {how}" if how else "")
