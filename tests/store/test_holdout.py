"""How often holdouts were tested, and what an earlier winner of an extended study leaves."""

from dataclasses import replace

import numpy as np
import pytest
from making.entries import LINEAGE, add_entry, begin, finish, run_trial
from making.records import utterance

from serbench.data.manifest import make_manifest
from serbench.data.protocols import HOLDOUT
from serbench.store.datasets import Datasets
from serbench.store.entries import delete_entry
from serbench.store.evaluations import Evaluations
from serbench.store.looks import LookCounts, count_looks, looks_of
from serbench.store.schema import ArtifactRow, PredictionRow, TrainingRow
from serbench.store.schema_machines import LatencyRow
from serbench.store.studies import entry_within, standings
from serbench.store.systems import Systems, find_system

WEAK, STRONG = 0.0, 5.0


@pytest.fixture
def manifest(made):
    return made.manifest()


@pytest.fixture
def plan(made, manifest):
    return made.plan(manifest, trials=1)


@pytest.fixture
def extended(database, made, manifest, plan, artifacts):
    """A study of one trial with its entry, to which a better trial was added."""
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0, WEAK)
    finish(ledger, made, manifest, plan, 0, WEAK)
    rank(database, made, plan)
    Systems(database).save_latency(1, made.machine, made.latency())
    begin(database, made, manifest, replace(plan, trials=2), artifacts)
    run_trial(ledger, made, manifest, plan, 1, STRONG)
    return ledger


def rank(database, made, plan):
    return Systems(database).rank(plan, made.metrics, LINEAGE)


def looks(database, entry):
    with database.session() as session:
        system = find_system(session, entry)
        return count_looks(session)[system.id], looks_of(session, system)


def holdout_files(artifacts):
    return sorted(path.name for path in artifacts.glob("*winner*"))


def test_a_study_without_an_extension_looks_once(database, made, manifest):
    number = add_entry(database, made, manifest)
    counts, tests = looks(database, number)
    assert counts == LookCounts(1, 1)
    assert [(look.trial, look.outer_fold) for look in tests] == [(0, 0), (0, 1)]


def test_another_winner_takes_the_entrys_place_and_both_tests_are_counted(
    extended, database, made, manifest, plan, artifacts
):
    [before] = holdout_files(artifacts)
    outcome = finish(extended, made, manifest, plan, 1, STRONG)
    assert rank(database, made, plan) == 1
    counts, (first, second) = looks(database, 1)
    assert counts == LookCounts(2, 2)
    assert (first.trial, second.trial) == (0, 1)
    assert second.uar == outcome.uar != first.uar
    with database.session() as session:
        system = find_system(session, 1)
        [prediction] = session.query(PredictionRow).filter_by(system_id=system.id)
        assert prediction.logits == outcome.logits.astype("<f4").tobytes()
        assert session.query(LatencyRow).count() == 0, "it was of the other network"
        tested = session.query(TrainingRow).filter_by(system_id=system.id).one()
        assert tested.uar == outcome.uar
    [now] = holdout_files(artifacts)
    assert now != before
    assert Systems(database).record(1).file == now


def test_another_winner_is_tested_on_other_datasets_again(extended, database, made, manifest, plan):
    clips = [utterance(s, name, "/other", 0) for s in (11, 12) for name in ("fear", "anger")]
    Datasets(database).save_scan(made.scanned(make_manifest("other", clips)))
    evaluations = Evaluations(database)
    tested = evaluations.clips(1, "other")
    evaluations.save(tested, np.zeros((4, 6), np.float32))
    finish(extended, made, manifest, plan, 1, STRONG)
    assert evaluations.logits(evaluations.clips(1, "other")) is None


def test_the_training_data_of_the_earlier_network_stay_recorded(
    extended, database, made, manifest, plan, artifacts
):
    finish(extended, made, manifest, plan, 1, STRONG)
    with database.session() as session:
        system = find_system(session, 1)
        old, new = session.query(ArtifactRow).filter_by(system_id=system.id).order_by("id")
        assert old.file is None
        assert old.sha256 != new.sha256
        assert old.split.fold == HOLDOUT


def test_a_network_that_others_began_from_keeps_its_file(
    extended, database, made, manifest, plan, artifacts
):
    before = holdout_files(artifacts)
    with database.session() as session:
        parent = session.query(ArtifactRow).filter_by(file=before[0]).one()
        session.add(
            ArtifactRow(
                file="child",
                sha256="ab",
                backbone="homebrew",
                began_from="x",
                split_id=parent.split_id,
                parent=parent,
            )
        )
    finish(extended, made, manifest, plan, 1, STRONG)
    assert set(before) < set(holdout_files(artifacts))


def test_between_two_winners_a_study_is_unfinished_and_has_no_stale_scores(
    extended, database, made, manifest, plan, artifacts
):
    larger = replace(plan, trials=2)
    assert entry_within(standings(database, larger), larger) is None
    assert entry_within(standings(database, plan), plan) is None, "more has begun"
    finish(extended, made, manifest, plan, 1, STRONG)
    assert entry_within(standings(database, larger), larger) is None, "it is not ranked"
    rank(database, made, plan)
    assert entry_within(standings(database, larger), larger) == 1
    assert entry_within(standings(database, plan), plan) == 1, "fewer trials are done, too"


def test_a_lost_network_that_is_tested_again_is_no_other_look(
    extended, database, made, manifest, plan, artifacts
):
    (artifacts / holdout_files(artifacts)[0]).unlink()
    assert extended.forget_lost_holdout(plan)
    finish(extended, made, manifest, plan, 0, WEAK)
    assert looks(database, 1)[0] == LookCounts(1, 1)


def test_all_studies_that_test_the_same_clips_count_together_also_deleted_ones(
    database, made, manifest, artifacts
):
    one = add_entry(database, made, manifest, artifacts=artifacts)
    two = add_entry(database, made, manifest, seed=1, artifacts=artifacts)
    elsewhere = add_entry(database, made, made.manifest("b", takes=2), artifacts=artifacts)
    again = add_entry(database, made, made.manifest("renamed"), seed=2, artifacts=artifacts)
    delete_entry(database, two, artifacts)
    assert looks(database, one)[0] == LookCounts(1, 3)
    assert looks(database, again)[0] == LookCounts(1, 3)
    assert looks(database, elsewhere)[0] == LookCounts(1, 1)
