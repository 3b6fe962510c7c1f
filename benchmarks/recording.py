"""The driver's time for recording a fold: its weights file, its logits and its rows.

    python benchmarks/recording.py
    python benchmarks/recording.py --quick

Studies of invented folds are recorded in an SQLite database: 720 clips and the weights of homebrew
(0.1 MB). The time of a fold should be the same for the first and for the last trials of a study.
One JSON object is printed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from timing import at_most, print_findings

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from making import records
from making.entries import PARAMETERS, begin

from serbench.data.emotions import SHARED_EMOTIONS
from serbench.data.manifest import make_manifest
from serbench.search.events import FoldScored, TrialEnded, TrialStarted
from serbench.store.database import Database

MILLISECONDS = 50.0
"""Target: 20 folds per second, so that a driver serves 1,200 workers whose folds take a minute."""


def recorded(trials: int, folder: Path) -> list[float]:
    """Seconds of each fold of a study with so many trials of two folds."""
    made = SimpleNamespace(
        scanned=records.scanned, plan=records.plan, outcome=records.outcome, manifest=None
    )
    manifest = make_manifest(
        "made",
        [
            records.utterance(speaker, emotion, "/made", take)
            for speaker in range(1, 25)
            for emotion in SHARED_EMOTIONS
            for take in range(5)
        ],
    )
    plan = made.plan(manifest, protocol="speaker-2", trials=trials)
    database = Database(f"sqlite:///{folder / 'serbench.db'}")
    ledger = begin(database, made, manifest, plan, folder / "artifacts")
    taken = []
    for trial in range(trials):
        ledger.record(plan, TrialStarted(trial, PARAMETERS))
        outcomes = [made.outcome(manifest, trial, fold, plan, 1.0) for fold in (0, 1)]
        for outcome in outcomes:
            start = time.perf_counter()
            ledger.record(plan, FoldScored(outcome))
            taken.append(time.perf_counter() - start)
        uars = tuple(outcome.uar for outcome in outcomes)
        ledger.record(plan, TrialEnded(trial, PARAMETERS, False, uars))
    database.close()
    return taken


def main() -> None:
    """Record a study and print."""
    parser = argparse.ArgumentParser(description="time of recording a fold")
    parser.add_argument("--quick", action="store_true", help="a few trials, to see that it works")
    given = parser.parse_args()
    trials = 4 if given.quick else 200
    with tempfile.TemporaryDirectory() as folder:
        taken = [1000 * each for each in recorded(trials, Path(folder))]
    part = len(taken) // 4
    first, last = (statistics.median(each) for each in (taken[:part], taken[-part:]))
    print_findings(
        "recording",
        f"SQLite, {trials} trials of 2 folds, 720 clips",
        [at_most("a fold is recorded", taken, MILLISECONDS, "ms")],
        notes=[f"First quarter: {first:.1f} ms, last quarter: {last:.1f} ms."],
    )


if __name__ == "__main__":
    main()
