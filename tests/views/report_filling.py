"""Databases with the entries a report is made of, none of them trained."""

import sqlite3
from dataclasses import replace

import numpy as np

from serbench.model.compute import ComputeSettings
from serbench.score.metrics import score
from serbench.store.entries import Entries, EntryFacts
from serbench.store.studies import Studies

PAPER = (
    "homebrew",
    "mobilenetv3_large_100",
    "tf_efficientnetv2_b0",
    "tf_efficientnetv2_b1",
    "inception_v3",
)
SCHEDULES = ("half-cycle", "one-cycle")


def add_entry(database, made, manifest, weights="none", threads=(1, 2), trials=(1,), **changes):
    """One finished study of two folds that trial 1 won; give the entry's number."""
    plan = made.plan(manifest, **changes)
    studies = Studies(database)
    studies.begin_study(plan, ComputeSettings(1))

    def said(trial, fold):
        outcome = made.outcome(manifest, trial, fold)
        chance = np.random.default_rng([int(plan.key, 16), trial, len(str(fold))])
        logits = chance.normal(size=outcome.logits.shape).astype(np.float32)
        scores = score(logits, manifest.targets[outcome.rows])
        return replace(outcome, logits=logits, scores=scores, weights=weights)

    for trial in trials:
        studies.begin_trial(plan, trial, {"learning_rate": 0.001, "freeze_depth": 0})
        for fold in (0, 10):
            studies.save_fold(plan, said(trial, fold))
        studies.end_trial(plan, trial, "complete", 0.5)
    facts = EntryFacts(1, weights, 25_000, 4_000_000, f"{plan.key}.safetensors", "0" * 64)
    studies.finish_study(plan, said(1, "holdout"))
    entry = Entries(database).save_entry(plan, facts)
    for count in threads:
        times = made.latency(threads=count, p50=3.0 + entry, p90=40.0 / count)
        Entries(database).save_latency(entry, made.machine, times)
    return entry


def stored(database, entry):
    """What SQLite itself holds of an entry: (fold's name, rows, logits) of the winning trial."""
    found = sqlite3.connect(database.url.removeprefix("sqlite:///")).execute(
        "SELECT fold.name, prediction.rows, prediction.logits FROM entry "
        "JOIN trial ON trial.study_id = entry.study_id AND trial.number = entry.trial "
        "JOIN fold ON fold.trial_id = trial.id JOIN prediction ON prediction.fold_id = fold.id "
        "WHERE entry.id = ?",
        (entry,),
    )
    return [
        (name, np.frombuffer(rows, "<i8"), np.frombuffer(logits, "<f4").reshape(-1, 6))
        for name, rows, logits in found.fetchall()
    ]
