"""A finding of an inspection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["error", "warning", "note"]
"""``error`` affects every study, ``warning`` may affect one, ``note`` is only unusual."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)

Suggestion = Literal["leave out", "get again", "convert", "look at"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One possible defect.

    Attributes:
        kind: kind of the defect, such as ``clipping``.
        severity: its severity.
        subject: the recording (stem of its file), speaker or emotion.
        paths: the recordings of the suggestion.
        measured: the measured value and its limit.
        suggestion: suggestion for ``paths``; ``leave out`` is only suggested for certain defects.
    """

    kind: str
    severity: Severity
    subject: str
    paths: tuple[str, ...]
    measured: str
    suggestion: Suggestion
