"""The browser of the tests."""

import shutil


def chromium_program() -> str:
    """Debian's Chromium."""
    program = shutil.which("chromium")
    assert program, "Chromium is not installed: run `make test-services`"
    return program
