"""The time of commands that train nothing, as whole processes.

    python benchmarks/startup.py
    python benchmarks/startup.py --quick

The commands are `--help`, `leaderboard` of a small database that is created here, `plugins list`,
and, of a small study that is run here, `predict` of one file and the same `study run` again. The
time until the latter prints its first line is measured too. Names of plugins are read from the
index in the cache folder, as in every run but the first. For comparison, the time of an empty
Python process, `python -c pass`, is measured in turn with them, because it also increases on a busy
machine. The first three commands may not import the packages of training; the time of these
imports is printed too, because no prediction is made sooner. One JSON object is printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from filling import Contents, fill
from timing import at_most, in_turn, print_findings

from leaderboard import Process, serbench

HELP, LEADERBOARD, PYTHON = "serbench --help", "serbench leaderboard", "python -c pass"
PLUGINS, PREDICT, STUDY = "plugins list", "predict of one file", "study run that is finished"
FIRST_LINE = "first line of a study run"
LIMITS = {HELP: 0.25, LEADERBOARD: 1.0, PLUGINS: 3.0, PREDICT: 3.0, STUDY: 3.0}
"""Seconds."""

FIRST_LINE_LIMIT = 1.0

LIGHT = (HELP, LEADERBOARD, PLUGINS)
"""What imports nothing heavy."""

OPTIONS = (
    "--backbone",
    "homebrew",
    "--protocol",
    "speaker-2:holdout",
    "--trials",
    "1",
    "--epochs",
    "1",
)

EMOTIONS = range(3, 7)
"""RAVDESS's codes of four emotions."""

RATE = 16000

SMALL = Contents(entries=10, trials=2)

HEAVY = ("torch", "pandas", "scipy.stats", "sklearn", "alembic", "optuna")
"""Packages that the first three commands may not import."""


def write_corpus(folder: Path) -> Path:
    """Half a second of noise for each of four speakers and emotions; gives the last file."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for speaker in range(1, 5):
        for emotion in EMOTIONS:
            file = folder / f"03-01-{emotion:02}-01-01-01-{speaker:02}.wav"
            soundfile.write(file, 0.1 * random.standard_normal(RATE // 2), RATE)
    return file


class FirstLine:
    """Times a command until it prints something on either stream, and waits for its end.

    Attributes:
        seconds: of each run.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command
        self.seconds: list[float] = []

    def __call__(self) -> None:
        """Run it once."""
        started = time.perf_counter()
        with subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            self.seconds.append(time.perf_counter() - started)
            process.stdout.read()


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
        database, trained = Path(folder) / "serbench.db", str(Path(folder) / "trained.db")
        os.environ["SERBENCH_CACHE"] = str(Path(folder) / "cache")
        fill(database, SMALL)
        clip = write_corpus(Path(folder) / "noise")
        study = serbench("study", "run", *OPTIONS, "--db", trained)
        serbench("corpus", "scan", str(clip.parent), "--dataset", "noise", "--db", trained)()
        first_line = FirstLine(study.command)
        sides = {
            HELP: serbench("--help"),
            LEADERBOARD: serbench("leaderboard", "--db", str(database)),
            PLUGINS: serbench("plugins", "list"),
            PREDICT: serbench("predict", "1", str(clip), "--db", trained),
            STUDY: study,
            PYTHON: Process([sys.executable, "-c", "pass"]),
        }
        study()  # to its end
        sides[PLUGINS]()  # fills the index
        for side in sides.values():
            side.processor_seconds.clear()
        repetitions = 1 if given.quick else given.repetitions
        taken = in_turn({**sides, FIRST_LINE: first_line}, repetitions)
        imports = import_seconds(1 if given.quick else 3)
        times = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in imports.items())
        print_findings(
            "startup",
            f"SQLite, {SMALL.name}",
            [
                *(
                    at_most(what, figures, limit, "s")
                    for name, limit in LIMITS.items()
                    for what, figures in (
                        (name, taken[name]),
                        (f"processor time of {name}", sides[name].processor_seconds),
                    )
                ),
                at_most(FIRST_LINE, first_line.seconds, FIRST_LINE_LIMIT, "s"),
            ],
            python_seconds=statistics.median(taken[PYTHON]),
            python_processor_seconds=statistics.median(sides[PYTHON].processor_seconds),
            notes=[f"Imports of a study, in order: {times}."],
            heavy_imports={name: imported(sides[name].command) for name in LIGHT},
        )


if __name__ == "__main__":
    main()
