"""What a user is told although nothing failed: one line on standard error."""

from __future__ import annotations

import sys


def notice(line: str) -> None:
    """Print a line on standard error, now."""
    print(line, file=sys.stderr, flush=True)
