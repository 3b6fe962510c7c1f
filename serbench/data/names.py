"""Check of names that users give, so that every database, terminal and file can hold them."""

from __future__ import annotations

import unicodedata

from serbench.errors import UsageError

LONGEST = 100
"""Largest number of characters, so that names fit in tables."""

LONGEST_NUMBER = 9
"""Largest number of digits of a number in a name or a table."""

UNPRINTABLE = ("Cc", "Zl", "Zp")
"""Unicode's categories of control characters and of line and paragraph separators."""


def is_utf8(text: str) -> bool:
    """False for text from a file name or an argument that is not UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def printable(text: str) -> str:
    """The text with escapes for line breaks and for characters that cannot be printed."""
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
    """Why a name is not allowed, in a few words; None if it is allowed."""
    if not name.strip():
        return "is empty"
    if len(name) > LONGEST:
        return f"has {len(name)} characters, more than {LONGEST}"
    if not is_utf8(name):
        return "is not UTF-8"
    if printable(name) != name:
        return "has line breaks or control characters"
    return None


def check_name(kind: str, name: str) -> str:
    """Check a name that a user gives, and return it.

    Args:
        kind: the kind of the named object, such as ``dataset``, for the message.
        name: the name as typed.

    Raises:
        UsageError: the name is not allowed.
    """
    problem = name_problem(name)
    if problem is not None:
        shown = printable(name if len(name) <= LONGEST else f"{name[:20]}…")
        raise UsageError(
            f"the {kind} name '{shown}' {problem}: give another name",
            kind=kind,
            name=name,
            problem=problem,
        )
    return name
