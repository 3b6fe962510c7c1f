"""The page with what the scores of all entries do not show, and how a network may be used."""

from __future__ import annotations

from serbench.views.model_card import LIMITS, USE
from serbench.views.site.parts import Page, Section

LIMITS_PATH = "limits.html"


def limits_page() -> Page:
    """The page, to which the page of each entry has a link."""
    return Page(
        LIMITS_PATH,
        "Limits and responsible use",
        "This holds for all entries of this site.",
        sections=[
            Section("limits", "What the scores do not show", LIMITS),
            Section("use", "Responsible use", USE),
        ],
    )
