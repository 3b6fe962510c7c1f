"""Entries whose networks nobody trained: random logits, right as often as they are told to be."""

from dataclasses import replace

import numpy as np

from serbench.data.protocols import HOLDOUT, parse_protocol, split_dataset
from serbench.model.compute import ComputeSettings
from serbench.score.metrics import score
from serbench.store.datasets import Datasets
from serbench.store.entries import Entries, EntryFacts
from serbench.store.schema import FoldRow, StudyRow, TrialRow
from serbench.store.studies import Studies

NESTED = "speaker-2:nested-2"


def said(manifest, rows, skill, chance):
    """Logits ``[n, C]`` that lean towards the truth by ``skill`` standard deviations."""
    logits = np.random.default_rng(chance).normal(size=(len(rows), len(manifest.emotions)))
    logits[np.arange(len(rows)), manifest.targets[rows]] += skill
    return logits.astype(np.float32)


def add_entry(database, made, manifest, skill=1.0, seed=0, protocol=NESTED):
    """The entry of a study with one trial in each of the protocol's outer folds."""
    Datasets(database).save_scan(made.scanned(manifest))
    plan = made.plan(manifest, protocol=protocol, seed=seed, trials=1)
    studies = Studies(database)
    for number, part in enumerate(split_dataset(manifest, parse_protocol(protocol)).outer_folds):
        of_outer_fold = plan.of_outer_fold(number)
        studies.begin_study(of_outer_fold, ComputeSettings(1))
        studies.begin_trial(of_outer_fold, 0, {"learning_rate": 0.001, "freeze_depth": 0})
        uars = []
        for fold, rows in [
            *enumerate(each.test for each in part.folds),
            (HOLDOUT, part.holdout.test),
        ]:
            logits = said(manifest, rows, skill, [seed, number, len(rows), int(fold == HOLDOUT)])
            outcome = replace(
                made.outcome(manifest, 0, fold),
                rows=rows,
                logits=logits,
                scores=score(logits, manifest.targets[rows]),
            )
            if fold == HOLDOUT:
                studies.finish_study(of_outer_fold, outcome)
            else:
                studies.save_fold(of_outer_fold, outcome)
                uars.append(outcome.scores.uar)
        studies.end_trial(of_outer_fold, 0, "complete", float(np.mean(uars)))
    facts = EntryFacts(0, "none", 25_000, 4_000_000, f"{plan.key}.safetensors", "0" * 64)
    return Entries(database).save_entry(plan, facts)


def stored_folds(session, family, holdout):
    """The trainings of all outer folds of a study: its holdouts, or the folds before them."""
    query = (
        session.query(FoldRow)
        .join(TrialRow, TrialRow.id == FoldRow.trial_id)
        .join(StudyRow, StudyRow.id == TrialRow.study_id)
        .filter(StudyRow.family == family)
        .order_by(StudyRow.outer_fold, FoldRow.id)
    )
    return [fold for fold in query if (fold.name == HOLDOUT) == holdout]
