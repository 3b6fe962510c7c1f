"""Licences of corpora and of weights, and whether they allow commercial use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Commercial = Literal["yes", "no", "unknown"]
Speech = Literal["acted", "elicited", "natural", "synthetic", "unknown"]

COMMERCIAL: tuple[str, ...] = get_args(Commercial)
SPEECH: tuple[str, ...] = get_args(Speech)

NON_COMMERCIAL = re.compile(r".*\b(nc|non-?commercial|research|academic)\b.*", re.IGNORECASE)
OPEN = re.compile(
    r"(cc0|cc-by|odbl|odc-by|pddl|mit|apache|bsd|isc|mpl|l?gpl|agpl|unlicense|public domain)\b.*",
    re.IGNORECASE,
)
"""Families of SPDX identifiers that allow commercial use; tried after `NON_COMMERCIAL`."""


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms under which a corpus or weights may be used.

    Attributes:
        name: SPDX identifier such as ``CC-BY-NC-SA-4.0``, or a few words; ``unknown``.
        commercial: whether commercial use is allowed: ``yes``, ``no`` or ``unknown``.
    """

    name: str = "unknown"
    commercial: Commercial = "unknown"

    def __str__(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        """As text, such as ``MIT (commercial use: yes)``."""
        return f"{self.name} (commercial use: {self.commercial})"


UNKNOWN_LICENCE = Licence()

NOTHING = Licence("none needed", "yes")
"""The licence of random weights."""


def named_licence(name: str | None) -> Licence:
    """The licence of a name, with the commercial use that its family of licences allows.

    Args:
        name: SPDX identifier, or a few words; None or empty if it is unknown.
    """
    name = (name or "").strip()
    if not name:
        return UNKNOWN_LICENCE
    key = name.replace(" ", "-")
    if NON_COMMERCIAL.fullmatch(key):
        return Licence(name, "no")
    return Licence(name, "yes" if OPEN.fullmatch(key) else "unknown")


def least_commercial(uses: Iterable[Commercial]) -> Commercial:
    """The commercial use of several works together; ``unknown`` for an empty list."""
    found = set(uses)
    if "no" in found:
        return "no"
    return "yes" if found == {"yes"} else "unknown"
