"""Names that users give: which of them every database, terminal and file can take."""

from __future__ import annotations

import unicodedata

from serbench.errors import UsageError

LONGEST = 100
"""Characters; more fit no table."""

LONGEST_NUMBER = 9
"""Digits of any number in a name or a table: no study has so many folds, seeds or entries."""

UNPRINTABLE = ("Cc", "Zl", "Zp")
"""Unicode's categories of control characters and of line and paragraph separators."""


def is_utf8(text: str) -> bool:
    """False for what Python made of bytes of a file name or an argument that are no UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def printable(text: str) -> str:
    """The same with escapes for what breaks a line or cannot be printed."""
    return "".join(
        character
        if is_utf8(character) and unicodedata.category(character) not in UNPRINTABLE
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def shortened(text: str) -> str:
    """The same, with its middle left out where it is too long to be shown."""
    return text if len(text) <= LONGEST else f"{text[:60]}…{text[-20:]}"


def name_problem(name: str) -> str | None:
    """Why something cannot be called so, in a few words; None where it can."""
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST:
        return f"has {len(name)} characters, and {LONGEST} are the most"
    if not is_utf8(name):
        return "is not UTF-8"
    if printable(name) != name:
        return "has line breaks or control characters"
    return None


def check_name(kind: str, name: str) -> str:
    """A name that a user gives to something.

    Args:
        kind: what is called so, such as ``dataset``, for the message.
        name: as it was typed.

    Raises:
        UsageError: it cannot be called so.
    """
    problem = name_problem(name)
    if problem is not None:
        shown = printable(name if len(name) <= LONGEST else f"{name[:20]}…")
        raise UsageError(
            f"the {kind} name '{shown}' {problem}: give another",
            kind=kind,
            name=name,
            problem=problem,
        )
    return name
