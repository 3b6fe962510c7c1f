"""Time of `serbench leaderboard` on a large database, and its growth with the size.

    python benchmarks/leaderboard.py
    python benchmarks/leaderboard.py --quick

Databases are filled with invented studies: 1,000 studies with 100 trials of 5 folds, in which each
training has predictions of 100 clips, and smaller ones. Every figure is for a whole process; the
databases are read in turn. A ranking reads no trainings, so its time should be the same for 5 and
100 trials per study, and grow linearly with the number of entries. One JSON object is printed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filling import Contents, fill
from timing import at_most, in_turn, print_findings

SECONDS, MEGABYTES = 1.0, 300.0
"""Targets for the largest database."""

FULL = (Contents(250, 5), Contents(500, 5), Contents(1000, 5), Contents(1000, 100))
QUICK = (Contents(5, 1), Contents(10, 1), Contents(20, 1), Contents(20, 4))
"""The last database is the largest; the one before it has the same number of entries."""


@dataclass
class Process:
    """A command that is run in separate processes, with the resources of every run.

    Attributes:
        command: the command.
        processor_seconds: user and system time of each run.
        megabytes: peak resident memory of each run.
    """

    command: Sequence[str]
    processor_seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        """Run it once, on one thread, because waiting for a busy core would be counted."""
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(self.command)} ended with {process.returncode}")
        self.processor_seconds.append(usage.ru_utime + usage.ru_stime)
        # The unit is kilobytes on Linux and bytes on macOS.
        self.megabytes.append(usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))


def serbench(*arguments: str) -> Process:
    """A command of serbench."""
    return Process([sys.executable, "-m", "serbench.cli.main", *arguments])


def growth(
    filled: Sequence[Contents], shown: Mapping[str, Process], taken: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """Medians for each database, and their growth with entries and trainings."""
    seconds = [statistics.median(shown[each.name].processor_seconds) for each in filled]
    fewest, middle, most, with_trainings = seconds
    entries = [each.entries for each in filled]
    return {
        "databases": [
            {
                "entries": each.entries,
                "trainings": each.trainings,
                "seconds": statistics.median(taken[each.name]),
                "processor_seconds": second,
                "peak_megabytes": statistics.median(shown[each.name].megabytes),
            }
            for each, second in zip(filled, seconds, strict=True)
        ],
        "processor_ms_per_entry": {
            f"{entries[0]} to {entries[1]}": 1000 * (middle - fewest) / (entries[1] - entries[0]),
            f"{entries[1]} to {entries[2]}": 1000 * (most - middle) / (entries[2] - entries[1]),
        },
        "times_the_trainings": filled[3].trainings / filled[2].trainings,
        "times_the_processor_seconds": with_trainings / most,
    }


def main() -> None:
    """Fill the databases, time the command and print."""
    parser = argparse.ArgumentParser(description="serbench leaderboard on large databases")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="tiny databases, to check that it works"
    )
    given = parser.parse_args()
    filled = QUICK if given.quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{place}.db" for place in range(len(filled))]
        # In separate processes, because a new process inherits the peak memory of its parent.
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            list(pool.map(fill, files, filled))
        shown = {
            contents.name: serbench("leaderboard", "--db", str(file))
            for contents, file in zip(filled, files, strict=True)
        }
        taken = in_turn(shown, 1 if given.quick else given.repetitions)
        largest, file = filled[-1], files[-1]
        process = shown[largest.name]
        print_findings(
            "leaderboard",
            f"SQLite, {largest.name}, {largest.trainings} trainings, "
            f"{file.stat().st_size >> 20} MB",
            [
                at_most("serbench leaderboard", taken[largest.name], SECONDS, "s"),
                at_most("its processor time", process.processor_seconds, SECONDS, "s"),
                at_most("its peak memory", process.megabytes, MEGABYTES, "MB"),
            ],
            growth=growth(filled, shown, taken),
        )


if __name__ == "__main__":
    main()
