"""Notices to the user, one line each on standard error, where nothing failed."""

from __future__ import annotations

import sys


def notice(line: str) -> None:
    """Print a line on standard error immediately."""
    print(line, file=sys.stderr, flush=True)
