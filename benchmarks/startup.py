"""The time of `serbench --help` and `serbench leaderboard`, as whole processes.

    python benchmarks/startup.py
    python benchmarks/startup.py --quick

The leaderboard is that of a small database, which is created here. For comparison, the time of an
empty Python process, `python -c pass`, is measured in turn with them, because it also increases on
a busy machine. Neither command may import the packages of training; the time of these imports is
printed too, because a study cannot start before them. One JSON object is printed.
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
"""Packages that neither command may import."""


def imported(command: Sequence[str]) -> list[str]:
    """Which of the heavy packages a command of Python imports."""
    python, *arguments = command
    ran = subprocess.run(
        [python, "-X", "importtime", *arguments], check=True, capture_output=True, text=True
    )
    modules = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    return [name for name in HEAVY if name in modules]


TRAINING = ("numpy", "sqlalchemy", "optuna", "torch", "timm")
"""The packages that a study imports, in this order."""

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
    """Time the commands and print."""
    parser = argparse.ArgumentParser(description="start-up of the command line")
    parser.add_argument("--repetitions", type=int, default=11)
    parser.add_argument(
        "--quick", action="store_true", help="one repetition, to check that it works"
    )
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
            notes=[f"Imports of a study, in order: {times}."],
            heavy_imports={name: imported(sides[name].command) for name in LIMITS},
        )


if __name__ == "__main__":
    main()
