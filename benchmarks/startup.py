"""How long `serbench --help` and `serbench leaderboard` take, as whole processes.

    python benchmarks/startup.py
    python benchmarks/startup.py --quick

The leaderboard is of a small database, made here. For comparison, the time that Python itself takes
to start and to end, `python -c pass`, is measured in turn with them: on a busy machine it takes
longer too. What training needs must not be imported for either; the time of those imports is
printed too, because no study begins sooner. One JSON object is printed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from filling import Contents, fill
from timing import at_most, in_turn, print_findings

from leaderboard import Process, serbench

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


TRAINING = ("numpy", "sqlalchemy", "optuna", "torch", "timm")
"""What a study imports, each of them in this order beside what came before."""

TIME_IMPORTS = """
import importlib, sys, time
for name in sys.argv[1:]:
    started = time.perf_counter()
    importlib.import_module(name)
    print(time.perf_counter() - started)
"""


def import_seconds(repetitions: int) -> dict[str, float]:
    """Median seconds that each of ``TRAINING`` takes in a fresh process."""
    command = [sys.executable, "-c", TIME_IMPORTS, *TRAINING]
    runs = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        for _ in range(repetitions)
    ]
    return {
        name: statistics.median(map(float, seconds))
        for name, seconds in zip(TRAINING, zip(*runs, strict=True), strict=True)
    }


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
        imports = import_seconds(1 if given.quick else 3)
        times = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in imports.items())
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
            notes=[f"What a study imports, one after another: {times}."],
            heavy_imports={name: imported(sides[name].command) for name in LIMITS},
        )


if __name__ == "__main__":
    main()
