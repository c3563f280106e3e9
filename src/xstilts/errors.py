"""Errors for users: one line that says what was given, what was expected and what to type next.

Entry points print a `UserError` without a traceback and exit with a non-zero code; any other exception is a bug in xstilts.
"""

import difflib
import sys
from collections.abc import Iterable, Iterator

from xstilts.numbering import counted, natural

SCREEN = 20
"""Number of lines that are printed at most, about a screen."""
LONGEST = 100
"""Characters that are shown of a wrong name or folder."""
shown_already: set[str] = set()
"""Lines that this command has printed already."""


class UserError(ValueError):
    """Wrong input; the message is one line that a user can act on, or a line for each of several problems."""


class AlreadyReported(UserError):
    """An error that another process has already printed."""


def print_error(error: UserError) -> None:
    """Print each line of an error to stderr, no line twice in one command and at most SCREEN lines."""
    lines = [line for line in str(error).splitlines() if line not in shown_already]
    shown_already.update(lines)
    for line in str(combined(lines)).splitlines():
        sys.stderr.write(f"error: {line}\n")


def combined(problems: Iterable[str]) -> UserError:
    """Return one error with a line for each problem; of more than SCREEN, the first ones and the number of the others."""
    lines = list(dict.fromkeys(problems))
    if len(lines) <= SCREEN:
        return UserError("\n".join(lines))
    return UserError("\n".join([*lines[: SCREEN - 1], f"and {counted(len(lines) - SCREEN + 1, 'more problem')} of this kind"]))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, the one that caused it, the cause of that, and so on; each once, also where they form a ring."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def tell(problem: str, problems: list[str] | None) -> None:
    """Add a problem to `problems`; without such a list, raise it as UserError."""
    if problems is None:
        raise UserError(problem)
    problems.append(problem)


def unknown_name(what: str, got: str, valid: Iterable[str], how: str = "") -> str:
    """Return the message for a name that does not exist, with the closest valid names; `how` says what to type instead."""
    names = sorted(valid, key=natural)
    got = got if got.isprintable() else repr(got)[1:-1]
    got = got if len(got) <= LONGEST else got[:LONGEST] + "..."
    close = difflib.get_close_matches(got, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"valid: {', '.join(names) or 'none'}."
    return f"unknown {what} '{got}': {hint}" + (f" {how}" if how else "")
