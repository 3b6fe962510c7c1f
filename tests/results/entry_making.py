"""Entries whose networks nobody trained: random logits, right as often as they are told to be."""

from dataclasses import replace

import numpy as np

from serbench.data.protocols import EXAM, parse_protocol, split_dataset
from serbench.model.metrics import score
from serbench.model.numerics import Numerics
from serbench.results.datasets import Datasets
from serbench.results.entries import Entries, EntryFacts
from serbench.results.schema import FoldRow, StudyRow, TrialRow
from serbench.results.studies import Studies

NESTED = "speaker-2:nested-2"


def said(manifest, rows, skill, chance):
    """Logits ``[n, C]`` that lean towards the truth by ``skill`` standard deviations."""
    logits = np.random.default_rng(chance).normal(size=(len(rows), len(manifest.emotions)))
    logits[np.arange(len(rows)), manifest.targets[rows]] += skill
    return logits.astype(np.float32)


def add_entry(database, made, manifest, skill=1.0, seed=0, protocol=NESTED):
    """The entry of a study with one trial in each of the protocol's rounds."""
    Datasets(database).save_scan(made.scanned(manifest))
    plan = made.plan(manifest, protocol=protocol, seed=seed, trials=1)
    studies = Studies(database)
    for number, part in enumerate(split_dataset(manifest, parse_protocol(protocol)).rounds):
        of_round = plan.of_round(number)
        studies.begin_study(of_round, Numerics(1))
        studies.begin_trial(of_round, 0, {"learning_rate": 0.001, "freeze_depth": 0})
        uars = []
        for fold, rows in [*enumerate(each.test for each in part.folds), (EXAM, part.exam.test)]:
            logits = said(manifest, rows, skill, [seed, number, len(rows), int(fold == EXAM)])
            outcome = replace(
                made.outcome(manifest, 0, fold),
                rows=rows,
                logits=logits,
                scores=score(logits, manifest.targets[rows]),
            )
            if fold == EXAM:
                studies.finish_study(of_round, outcome)
            else:
                studies.save_fold(of_round, outcome)
                uars.append(outcome.scores.uar)
        studies.end_trial(of_round, 0, "complete", float(np.mean(uars)))
    facts = EntryFacts(0, "none", 25_000, 4_000_000, f"{plan.key}.safetensors", "0" * 64)
    return Entries(database).save_entry(plan, facts)


def stored_folds(session, family, exam):
    """The trainings of all rounds of a study: its exams, or the folds before them."""
    query = (
        session.query(FoldRow)
        .join(TrialRow, TrialRow.id == FoldRow.trial_id)
        .join(StudyRow, StudyRow.id == TrialRow.study_id)
        .filter(StudyRow.family == family)
        .order_by(StudyRow.round, FoldRow.id)
    )
    return [fold for fold in query if (fold.name == EXAM) == exam]
