"""Repetitions with further seeds: what is due, what is recorded, and what removes it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from making.entries import LINEAGE, NESTED, add_entry, begin, finish, run_trial

from serbench.data.protocols import HOLDOUT
from serbench.errors import DivergedError, UsageError
from serbench.store.entries import delete_entry
from serbench.store.looks import count_looks
from serbench.store.predictions import joined, scored_predictions
from serbench.store.repetitions import due_repetitions, record_repetition, seeded_runs
from serbench.store.schema import (
    PredictionRow,
    RepetitionRow,
    ScoreRow,
    TallyRow,
    TrainingRow,
    TrialRow,
)
from serbench.store.systems import Systems, find_system

WEAK, STRONG = 0.0, 5.0


@pytest.fixture
def manifest(made):
    return made.manifest()


def outcome_of(database, repetition, change=1.0):
    """An outcome with other logits than those of the recorded training; equal ones for 0."""
    with database.session() as session:
        training = session.get(TrainingRow, repetition.training)
        prediction = session.get(PredictionRow, (training.system_id, "eager", training.split_id))
        logits = np.frombuffer(prediction.logits, "<f4").reshape(-1, 6)
    chance = np.random.default_rng([repetition.number, repetition.training])
    logits = (logits + change * chance.normal(size=logits.shape)).astype(np.float32)
    return SimpleNamespace(
        logits=logits, seed=repetition.number, epochs=4, best_epoch=3, seconds=2.0
    )


def repeat(database, due, change=1.0):
    for each in due:
        record_repetition(database, (each, outcome_of(database, each, change)))


def runs_of(database, entry):
    with database.session() as session:
        return seeded_runs(session, find_system(session, entry))


EVIDENCE = {
    "speaker-2": [(0, 0, None), (0, 1, None)],
    "speaker-2:holdout": [(0, HOLDOUT, 2)],
    NESTED: [(0, HOLDOUT, 2), (1, HOLDOUT, 2)],
}
"""Protocol → outer fold, fold and epochs of the trainings that its score comes from."""


@pytest.mark.parametrize(("protocol", "places"), EVIDENCE.items(), ids=EVIDENCE)
def test_the_trainings_that_the_score_comes_from_are_due(
    database, made, manifest, protocol, places
):
    entry = add_entry(database, made, manifest, protocol=protocol, trials=2)
    assert due_repetitions(database, entry, 1) == []
    due = due_repetitions(database, entry, 3)
    assert [(each.number, each.outer_fold, each.fold, each.exactly) for each in due] == [
        (number, *place) for number in (2, 3) for place in places
    ]
    with database.session() as session:
        for each in due:
            training = session.get(TrainingRow, each.training)
            assert (training.split.outer_fold, training.split.fold) == (
                each.outer_fold,
                str(each.fold),
            )
            assert training.trial.number == each.trial
            assert training.trial.parameters == each.parameters


def test_recorded_repetitions_are_not_due_again_and_a_larger_number_adds_to_them(
    database, made, manifest
):
    entry = add_entry(database, made, manifest, protocol="speaker-2")
    due = due_repetitions(database, entry, 2)
    repeat(database, due[:1])
    assert due_repetitions(database, entry, 2) == due[1:]
    assert [run.number for run in runs_of(database, entry).runs] == [1], "2 is not complete"
    repeat(database, due[1:])
    assert due_repetitions(database, entry, 2) == []
    assert [each.number for each in due_repetitions(database, entry, 4)] == [3, 3, 4, 4]
    assert due_repetitions(database, entry, 1) == []


@pytest.mark.parametrize("protocol", EVIDENCE)
def test_the_logits_of_each_seed_come_back_for_all_clips_of_the_score(
    database, made, manifest, protocol
):
    entry = add_entry(database, made, manifest, protocol=protocol, trials=2)
    due = due_repetitions(database, entry, 3)
    repeat(database, due)
    found = runs_of(database, entry)
    assert [run.number for run in found.runs] == [1, 2, 3]
    assert not found.identical
    with database.session() as session:
        tested = joined(scored_predictions(session, find_system(session, entry))).by_row()
    first, second, _ = found.runs
    assert np.array_equal(first.tested.by_row().rows, tested.rows)
    assert np.array_equal(first.tested.by_row().logits, tested.logits)
    assert np.array_equal(second.tested.rows, first.tested.rows)
    sent = [outcome_of(database, each).logits for each in due if each.number == 2]
    assert np.array_equal(second.tested.logits, np.concatenate(sent))
    assert second.seconds == 2.0 * len(sent)


def test_equal_logits_of_the_second_seed_end_the_repetitions(database, made, manifest):
    entry = add_entry(database, made, manifest, protocol="speaker-2")
    first, *others = due_repetitions(database, entry, 5)
    repeat(database, [first], change=0.0)
    assert due_repetitions(database, entry, 5) == others, "another fold may differ"
    repeat(database, others[:1], change=0.0)
    assert due_repetitions(database, entry, 5) == []
    assert runs_of(database, entry).identical


def test_a_repetition_that_diverged_is_not_due_again_and_has_no_score(database, made, manifest):
    entry = add_entry(database, made, manifest, protocol="speaker-2")
    first, *others = due_repetitions(database, entry, 3)
    record_repetition(database, (first, DivergedError("the loss became nan")))
    repeat(database, others)
    assert due_repetitions(database, entry, 3) == []
    second, third = runs_of(database, entry).runs[1:]
    assert second.tested is None
    assert "nan" in second.failure
    assert third.tested is not None


def test_repetitions_change_no_prediction_score_tally_and_look(database, made, manifest):
    entry = add_entry(database, made, manifest)

    def everything():
        with database.session() as session:
            system = find_system(session, entry)
            Systems(database).rescore(entry, made.metrics)
            return (
                sorted((each.split_id, each.logits) for each in session.query(PredictionRow)),
                sorted(
                    (each.evidence, each.metric, each.value) for each in session.query(ScoreRow)
                ),
                [each.counts for each in session.query(TallyRow)],
                count_looks(session)[system.id],
                sorted((each.number, each.mean_uar) for each in session.query(TrialRow)),
            )

    before = everything()
    repeat(database, due_repetitions(database, entry, 3))
    assert everything() == before


def rows(database):
    with database.session() as session:
        return session.query(RepetitionRow).count()


@pytest.mark.parametrize("protocol", ["speaker-2", "speaker-2:holdout"])
def test_another_winner_removes_them_and_the_same_one_keeps_them(
    database, made, manifest, artifacts, protocol
):
    plan = made.plan(manifest, trials=1, protocol=protocol)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0, WEAK)
    finish(ledger, made, manifest, plan, 0, WEAK)
    entry = Systems(database).rank(plan, made.metrics, LINEAGE)
    repeat(database, due_repetitions(database, entry, 3))
    kept = rows(database)
    assert kept == 2 * len(EVIDENCE[protocol])
    begin(database, made, manifest, replace(plan, trials=2), artifacts)
    run_trial(ledger, made, manifest, plan, 1, STRONG)
    assert rows(database) == kept, "the entry still has its first winner"
    finish(ledger, made, manifest, plan, 1, STRONG)
    assert rows(database) == 0
    assert Systems(database).rank(plan, made.metrics, LINEAGE) == entry
    assert {each.trial for each in due_repetitions(database, entry, 2)} == {1}


def test_a_deleted_entry_has_none_and_others_keep_theirs(database, made, manifest, artifacts):
    one, two = (
        add_entry(database, made, manifest, seed=seed, protocol="speaker-2", artifacts=artifacts)
        for seed in (0, 1)
    )
    repeat(database, due_repetitions(database, one, 2))
    repeat(database, due_repetitions(database, two, 3))
    delete_entry(database, one, artifacts)
    assert rows(database) == 4
    assert due_repetitions(database, two, 3) == []
    with pytest.raises(UsageError):
        due_repetitions(database, one, 2)
