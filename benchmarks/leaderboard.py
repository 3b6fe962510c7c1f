"""How long `serbench leaderboard` takes on a large database, and what it takes with more in it.

    python benchmarks/leaderboard.py
    python benchmarks/leaderboard.py --quick

Databases are filled with studies that nobody trained: 1,000 of 100 trials of 5 folds, each fold
with its predictions of 100 clips, and smaller ones. Every figure is of a whole process, from its
start to its end; the databases are shown in turn. A ranking reads no fold, so it should take as
long with 5 trials for each study as with 100, and grow by the same for every entry. One JSON object
is printed.
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

import numpy as np
from scipy.special import expit
from sqlalchemy import Connection, insert
from timing import at_most, in_turn, print_findings

from serbench.score.tally import METRICS, Tally, score
from serbench.store.database import Database
from serbench.store.schema import (
    DatasetRow,
    EntryRow,
    FoldRow,
    LatencyRow,
    MachineRow,
    PredictionRow,
    StudyRow,
    TrialRow,
)

SECONDS, MEGABYTES = 1.0, 300.0
"""What showing the largest database may take."""

FOLDS, CLIPS, SPEAKERS, EMOTIONS = 5, 100, 24, 6
BACKBONES = 20
THREADS = (1, 2)


@dataclass(frozen=True)
class Contents:
    """What a database holds."""

    entries: int
    trials: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.entries} entries of {self.trials} trials"

    @property
    def folds(self) -> int:
        """Of all studies."""
        return self.entries * self.trials * FOLDS


FULL = (Contents(250, 5), Contents(500, 5), Contents(1000, 5), Contents(1000, 100))
QUICK = (Contents(5, 1), Contents(10, 1), Contents(20, 1), Contents(20, 4))
"""The last is the largest; the one before has as many entries."""


def fill(path: Path, contents: Contents) -> None:
    """Make a database of studies, each with an entry that was measured on one machine."""
    engine = Database(f"sqlite:///{path}").engine
    random = np.random.default_rng(0)
    speakers = random.normal(0, 0.7, (SPEAKERS, EMOTIONS))
    with engine.begin() as connection:
        connection.execute(
            insert(DatasetRow).values(name="made", hash="0" * 64, synthetic=True, account={})
        )
        connection.execute(
            insert(MachineRow).values(fingerprint="made", cpu="A processor", cores=2, system="")
        )
    for number in range(1, contents.entries + 1):
        with engine.begin() as connection:
            _add_study(connection, number, contents.trials, random)
            _add_entry(connection, number, speakers, random)
    engine.dispose()


def _add_study(
    connection: Connection, number: int, trials: int, random: np.random.Generator
) -> None:
    key = f"{number:016}"
    connection.execute(
        insert(StudyRow).values(
            id=number,
            key=key,
            family=key,
            dataset_id=1,
            backbone=f"backbone-{number % BACKBONES}",
            front_end="mel",
            schedule="half-cycle",
            protocol="speaker-5",
            plan={"trials": trials, "rest": "as long as a plan is " * 40},
            compute_settings={"threads": 2, "precision": "fp32"},
            machine={},
            versions={},
        )
    )
    tried = range((number - 1) * trials, number * trials)
    parameters = {"learning_rate": 0.001, "freeze_depth": 0, "width:noise": 0.1}
    uars = random.uniform(0.3, 0.7, trials).tolist()
    connection.execute(
        insert(TrialRow).values(study_id=number, state="complete", parameters=parameters),
        [
            {"id": trial + 1, "number": place, "mean_uar": uar}
            for place, (trial, uar) in enumerate(zip(tried, uars, strict=True))
        ],
    )
    folds = range(tried.start * FOLDS, tried.stop * FOLDS)
    connection.execute(
        insert(FoldRow).values(
            uar=0.5,
            accuracy=0.5,
            macro_f1=0.5,
            epochs=20,
            best_epoch=15,
            seconds=60.0,
            seed=0,
            weights="none",
        ),
        [
            {"id": fold + 1, "trial_id": fold // FOLDS + 1, "name": str(fold % FOLDS)}
            for fold in folds
        ],
    )
    logits = random.normal(size=(len(folds), CLIPS * EMOTIONS)).astype("<f4")
    connection.execute(
        insert(PredictionRow).values(rows=np.arange(CLIPS, dtype="<i8").tobytes()),
        [
            {"fold_id": fold + 1, "logits": said.tobytes()}
            for fold, said in zip(folds, logits, strict=True)
        ],
    )


def _add_entry(
    connection: Connection, number: int, speakers: np.ndarray, random: np.random.Generator
) -> None:
    """Larger backbones are slower and mostly better, and each entry has its luck with speakers."""
    size = (number % BACKBONES) / BACKBONES
    right = expit(size + random.normal(0, 0.3) + speakers + random.normal(0, 0.3, speakers.shape))
    answers = np.repeat(((1 - right) / (EMOTIONS - 1))[..., None], EMOTIONS, axis=2)
    answers[:, np.arange(EMOTIONS), np.arange(EMOTIONS)] = right
    tally = Tally(tuple(f"made/{n:02}" for n in range(SPEAKERS)), random.multinomial(8, answers))
    scores = {metric: float(score(tally.confusion, metric)) for metric in METRICS}
    connection.execute(
        insert(EntryRow).values(
            id=number,
            study_id=number,
            protocol_id="speaker-5#00000000",
            trial=0,
            ece=0.1,
            intervals={name: [each - 0.05, each + 0.05] for name, each in scores.items()},
            tally=tally.to_bytes(),
            cv_uar_mean=scores["uar"] + 0.02,
            cv_uar_sd=0.03,
            params=1_000_000,
            macs=10_000_000,
            weights="none",
            **scores,
        )
    )
    p50 = 2.0 * 40**size * float(random.lognormal(0, 0.2))
    spread = float(random.uniform(1.02, 1.3))
    connection.execute(
        insert(LatencyRow).values(
            entry_id=number, machine_id=1, runtime="eager", runs=100, versions={}
        ),
        [
            {
                "threads": threads,
                "p50": p50 / threads,
                "p90": spread * p50 / threads,
                "p99": 2 * spread * p50 / threads,
            }
            for threads in THREADS
        ],
    )


@dataclass
class Process:
    """A command in processes of its own; keeps what every run took.

    Attributes:
        command: to run.
        processor_seconds: user and system time of each run.
        megabytes: peak resident memory of each run.
    """

    command: Sequence[str]
    processor_seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    def __call__(self) -> None:
        """Run it once, on one thread: a second one that waits for a busy core would count."""
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(self.command)} ended with {process.returncode}")
        self.processor_seconds.append(usage.ru_utime + usage.ru_stime)
        # Linux counts kilobytes, macOS bytes.
        self.megabytes.append(usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))


def serbench(*arguments: str) -> Process:
    """The command line."""
    return Process([sys.executable, "-m", "serbench.cli.main", *arguments])


def growth(
    filled: Sequence[Contents], shown: Mapping[str, Process], taken: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """Medians of each database, what a further entry takes, and what twenty times the folds do."""
    seconds = [statistics.median(shown[each.name].processor_seconds) for each in filled]
    fewest, middle, most, with_folds = seconds
    entries = [each.entries for each in filled]
    return {
        "databases": [
            {
                "entries": each.entries,
                "folds": each.folds,
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
        "times_the_folds": filled[3].folds / filled[2].folds,
        "times_the_processor_seconds": with_folds / most,
    }


def main() -> None:
    """Fill, show and print."""
    parser = argparse.ArgumentParser(description="serbench leaderboard on large databases")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="tiny databases, to see that it runs")
    given = parser.parse_args()
    filled = QUICK if given.quick else FULL
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{place}.db" for place in range(len(filled))]
        # In processes of their own: a new process counts what its parent held for its own peak.
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
            f"SQLite, {largest.name}, {largest.folds} folds, {file.stat().st_size >> 20} MB",
            [
                at_most("serbench leaderboard", taken[largest.name], SECONDS, "s"),
                at_most("its processor time", process.processor_seconds, SECONDS, "s"),
                at_most("its peak memory", process.megabytes, MEGABYTES, "MB"),
            ],
            growth=growth(filled, shown, taken),
        )


if __name__ == "__main__":
    main()
