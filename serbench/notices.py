"""Notices to the user on standard error, where nothing failed; lines as wide as the terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TextIO


def notice(line: str) -> None:
    """Print a line on standard error immediately."""
    print(in_lines(line, sys.stderr), file=sys.stderr, flush=True)


def in_lines(text: str, stream: TextIO) -> str:
    """The text with long lines broken between words, if it is printed on a terminal."""
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    wrapper = textwrap.TextWrapper(width, break_on_hyphens=False, break_long_words=False)
    return "\n".join(wrapper.fill(line) for line in text.split("\n"))
