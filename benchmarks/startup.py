"""How soon `serbench --help` and `serbench leaderboard` answer, as whole processes.

    python benchmarks/startup.py
    python benchmarks/startup.py --quick

The leaderboard is of a small database, made here. Beside them stands what Python itself takes to
start and to end, `python -c pass`, timed in turn with them: on a busy machine it takes longer too.
What training needs must not be imported for either. One JSON object is printed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from timing import at_most, in_turn, print_findings

from leaderboard import Contents, Process, fill, serbench

HELP, LEADERBOARD, PYTHON = "serbench --help", "serbench leaderboard", "python -c pass"
LIMITS = {HELP: 0.25, LEADERBOARD: 1.0}
"""Seconds."""

SMALL = Contents(entries=10, trials=2)

HEAVY = ("torch", "pandas", "scipy.stats", "sklearn", "alembic", "optuna")
"""What neither may import."""


def imported(command: Sequence[str]) -> list[str]:
    """Which of the heavy packages a command of Python imports."""
    python, *arguments = command
    ran = subprocess.run(
        [python, "-X", "importtime", *arguments], check=True, capture_output=True, text=True
    )
    modules = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    return [name for name in HEAVY if name in modules]


def main() -> None:
    """Start, time and print."""
    parser = argparse.ArgumentParser(description="start-up of the command line")
    parser.add_argument("--repetitions", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="once each, to see that it runs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "serbench.db"
        fill(database, SMALL)
        sides = {
            HELP: serbench("--help"),
            LEADERBOARD: serbench("leaderboard", "--db", str(database)),
            PYTHON: Process([sys.executable, "-c", "pass"]),
        }
        taken = in_turn(sides, 1 if given.quick else given.repetitions)
        print_findings(
            "startup",
            f"SQLite, {SMALL.name}",
            [
                at_most(what, figures, limit, "s")
                for name, limit in LIMITS.items()
                for what, figures in (
                    (name, taken[name]),
                    (f"processor time of {name}", sides[name].processor_seconds),
                )
            ],
            python_seconds=statistics.median(taken[PYTHON]),
            python_processor_seconds=statistics.median(sides[PYTHON].processor_seconds),
            heavy_imports={name: imported(sides[name].command) for name in LIMITS},
        )


if __name__ == "__main__":
    main()
