"""Databases with the entries of a report, none of them trained."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
from making.entries import LINEAGE, PARAMETERS, begin

from serbench.data.protocols import HOLDOUT, parse_protocol, split_dataset
from serbench.model.complexity import Complexity
from serbench.score.confusion import confusion_of
from serbench.search.events import FoldScored, TrialEnded, TrialStarted, WinnerTested
from serbench.store.systems import Systems

PAPER = (
    "homebrew",
    "mobilenetv3_large_100",
    "tf_efficientnetv2_b0",
    "tf_efficientnetv2_b1",
    "inception_v3",
)
SCHEDULES = ("half-cycle", "one-cycle")


def add_entry(database, made, manifest, weights="none", threads=(1, 2), trials=1, **changes):
    """One finished study with random logits, of the plan's key alone; give the entry's number."""
    plan = made.plan(manifest, trials=trials, **changes)
    folder = Path(database.url.removeprefix("sqlite:///")).parent / "artifacts"
    ledger = begin(database, made, manifest, plan, folder)

    def outcome(trial, fold):
        found = made.outcome(manifest, trial, fold, plan)
        place = 99 if fold == HOLDOUT else fold
        chance = np.random.default_rng([int(plan.key, 16), trial, place])
        logits = chance.normal(size=found.logits.shape).astype(np.float32)
        tested = logits, manifest.targets[found.rows]
        return replace(
            found,
            logits=logits,
            confusion=confusion_of(*tested) if len(found.rows) else found.confusion,
            weights=weights,
        )

    means = []
    for trial in range(trials):
        ledger.record(plan, TrialStarted(trial, PARAMETERS))
        folds = range(len(split_dataset(manifest, parse_protocol(plan.protocol)).folds))
        tested = [outcome(trial, fold) for fold in folds]
        for each in tested:
            ledger.record(plan, FoldScored(each))
        uars = tuple(each.uar for each in tested)
        ledger.record(plan, TrialEnded(trial, PARAMETERS, False, uars))
        means.append(np.mean(uars))
    won = int(np.argmax(means))
    ledger.record(plan, WinnerTested(won, PARAMETERS, outcome(won, HOLDOUT)))
    systems = Systems(database)
    entry = systems.rank(plan, made.metrics, LINEAGE)
    systems.save_complexity(entry, Complexity(25_000, 4_000_000))
    for count in threads:
        times = made.latency(threads=count, p50=3.0 + entry, p90=40.0 / count)
        systems.save_latency(entry, made.machine, times)
    return entry


def stored(database, entry):
    """What SQLite itself has of an entry: fold → (rows, logits) of the winning trial."""
    found = sqlite3.connect(database.url.removeprefix("sqlite:///")).execute(
        "SELECT split.fold, split.test, prediction.logits FROM system "
        "JOIN training ON training.system_id = system.id "
        "JOIN trial ON trial.id = training.trial_id "
        "JOIN prediction ON prediction.system_id IN (system.id, trial.system_id) "
        "JOIN split ON split.id = prediction.split_id WHERE system.number = ?",
        (entry,),
    )
    return {
        name: (np.frombuffer(rows, "<i8"), np.frombuffer(logits, "<f4").reshape(-1, 6))
        for name, rows, logits in found.fetchall()
    }
