"""Showing and rescoring results does not wait for what training and figures need."""

import subprocess
import sys

import pytest
from making.entries import add_entry

HEAVY = ("torch", "sklearn", "scipy.stats", "pandas", "matplotlib", "altair", "jinja2", "PIL")


def lines(code, *arguments):
    """What a program prints; in the last line, which of the heavy packages it imported."""
    ending = f"; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code + ending, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "module",
    [
        "serbench.views.ranking",
        "serbench.views.comparison",
        "serbench.views.cross",
        "serbench.views.detail",
        "serbench.views.tables",
        "serbench.views.study",
        "serbench.store.systems",
        "serbench.run.imports",
    ],
)
def test_a_view_needs_neither_torch_nor_figures(module):
    assert lines(f"import sys, {module}") == ["[]"]


def test_a_ranking_on_the_command_line_needs_neither(database, made):
    add_entry(database, made, made.manifest(), protocol="speaker-2:holdout")
    code = (
        "import contextlib, sys; from serbench.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(sys.argv[1:])\n"
        "0"
    )
    *shown, imported = lines(code, "leaderboard", "--db", database.url)
    assert any("homebrew" in line for line in shown)
    assert imported == "[]"
