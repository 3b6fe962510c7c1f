"""Entries without trained networks: random logits with a given share of correct predictions."""

from pathlib import Path

import numpy as np

from serbench.data.protocols import HOLDOUT, parse_protocol
from serbench.model.complexity import Complexity
from serbench.model.compute import ComputeSettings
from serbench.model.ranges import Choice, Range
from serbench.search.events import FoldScored, TrialEnded, TrialStarted, WinnerTested
from serbench.store.datasets import Datasets
from serbench.store.ledger import Ledger
from serbench.store.lineage import Lineage
from serbench.store.predictions import Predictions
from serbench.store.splits import Splits
from serbench.store.systems import Systems

NESTED = "speaker-2:nested-2"

LINEAGE = Lineage((), ())

PARAMETERS = {"readout": "pooled", "learning_rate": 0.001, "freeze_depth": 0}

SPACE = {
    "readout": Choice(("pooled",)),
    "learning_rate": Range(1e-5, 0.1, 0.001, log=True),
    "freeze_depth": Range(0, 4, 0),
}


def begin(database, made, manifest, plan, artifacts, compute=None):
    """Store the dataset and start the study of every outer fold; returns the ledger."""
    Datasets(database).save_scan(made.scanned(manifest))
    ledger = Ledger(database, Path(artifacts))
    protocol = Splits(database).of(manifest, parse_protocol(plan.protocol))
    for number in range(len(protocol.split.outer_folds)):
        ledger.begin(
            plan.of_outer_fold(number),
            protocol,
            manifest.emotions,
            compute or ComputeSettings(1),
            SPACE,
        )
    return ledger


def run_trial(ledger, made, manifest, plan, trial, skill=0.0, parameters=None, order=(0, 1)):
    """Record a trial whose folds ended in this order, compared by number; returns its mean UAR."""
    parameters = parameters or PARAMETERS
    ledger.record(plan, TrialStarted(trial, parameters))
    outcomes = [made.outcome(manifest, trial, fold, plan, skill) for fold in order]
    for outcome in outcomes:
        ledger.record(plan, FoldScored(outcome))
    uars = tuple(outcome.uar for outcome in sorted(outcomes, key=lambda each: each.fold))
    ledger.record(plan, TrialEnded(trial, parameters, False, uars))
    return float(np.mean(uars))


def finish(ledger, made, manifest, plan, trial, skill=0.0, parameters=None):
    """Record the holdout of a winner."""
    outcome = made.outcome(manifest, trial, HOLDOUT, plan, skill)
    ledger.record(plan, WinnerTested(trial, parameters or PARAMETERS, outcome))
    return outcome


def add_entry(
    database,
    made,
    manifest,
    skill=1.0,
    seed=0,
    protocol=NESTED,
    artifacts=None,
    trials=1,
    order=(0, 1),
    **plan,
):
    """Add the entry of a study with two folds per outer fold; returns its number.

    Args:
        database: database, which may have other entries.
        made: the fixture.
        manifest: the dataset.
        skill: shift of the logit of the true emotion.
        seed: seed of the study, so that two entries differ.
        protocol: protocol whose searches have two folds.
        artifacts: folder of the weights files; by default beside the database.
        trials: number of trials, which differ only by chance; the best wins.
        order: order in which folds are run.
        plan: further fields of the plan.
    """
    study = made.plan(manifest, protocol=protocol, seed=seed, trials=trials, **plan)
    folder = artifacts or Path(database.url.removeprefix("sqlite:///")).parent / "artifacts"
    ledger = begin(database, made, manifest, study, folder)
    split = Splits(database).of(manifest, parse_protocol(protocol)).split
    for number in range(len(split.outer_folds)):
        outer = study.of_outer_fold(number)
        means = [
            run_trial(ledger, made, manifest, outer, each, skill, order=order)
            for each in range(trials)
        ]
        finish(ledger, made, manifest, outer, int(np.argmax(means)), skill)
    entry = Systems(database).rank(study, made.metrics, LINEAGE)
    Systems(database).save_complexity(entry, Complexity(25_000, 4_000_000))
    return entry


def logits_like(manifest, rows, skill, chance):
    """Random logits ``[n, C]``; that of the true emotion is greater by ``skill`` deviations."""
    logits = np.random.default_rng(chance).normal(size=(len(rows), len(manifest.emotions)))
    logits[np.arange(len(rows)), manifest.targets[rows]] += skill
    return logits.astype(np.float32)


def predictions_like(manifest, rows, skill, chance):
    """The same logits as predictions."""
    return Predictions(np.asarray(rows), logits_like(manifest, rows, skill, chance))
