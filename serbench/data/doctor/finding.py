"""What an inspection finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["error", "warning", "note"]
"""Spoils any study; may spoil one; is only unlike the rest."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)

Suggestion = Literal["leave out", "get again", "convert", "look at"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that may be wrong.

    Attributes:
        kind: what it is, such as ``clipping``.
        severity: how bad it is.
        subject: the recording (its file's stem), speaker or emotion, as people say it.
        paths: the recordings that the suggestion is about.
        measured: what was measured, and against what.
        suggestion: what to do with ``paths``. Only what is beyond doubt is to be left out.
    """

    kind: str
    severity: Severity
    subject: str
    paths: tuple[str, ...]
    measured: str
    suggestion: Suggestion
