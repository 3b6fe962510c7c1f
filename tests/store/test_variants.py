"""Logits and scores of entries in other runtimes, in the database."""

from dataclasses import replace

import numpy as np
import pytest
from making.entries import LINEAGE, NESTED, PARAMETERS, add_entry, begin, finish, run_trial

from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError, WeightsError
from serbench.score.scoring import score_holdout
from serbench.store.networks import lost_folds
from serbench.store.predictions import scored_predictions
from serbench.store.schema import PredictionRow, ScoreRow, TallyRow
from serbench.store.systems import Systems, find_system
from serbench.store.variants import Variants

RUNTIME = "onnx-int8"
HELD_OUT, EVERY_SPEAKER = "speaker-2:holdout", "speaker-2"
OTHER = {**PARAMETERS, "learning_rate": 0.01}


@pytest.fixture
def variants(database):
    return Variants(database)


@pytest.fixture(params=[EVERY_SPEAKER, NESTED])
def entry(request, database, made, manifest, artifacts):
    return add_entry(
        database, made, manifest, artifacts=artifacts, protocol=request.param, trials=2
    )


def changed(database, number, networks, amount):
    """The recorded logits of networks, with another value of the first emotion."""
    found = []
    with database.session() as session:
        for network in networks:
            row = session.get_one(PredictionRow, (network.system, "eager", network.split))
            logits = np.frombuffer(row.logits, "<f4").reshape(len(network.test), -1).copy()
            logits[:, 0] += np.float32(amount)
            found.append((network, logits))
    return found


def save(variants, database, made, number, amount=0.0):
    networks = variants.networks(number)
    found = changed(database, number, networks, amount)
    variants.save(number, RUNTIME, found, made.metrics)
    return found


def runtimes(database, number):
    """Runtimes of the stored scores and tallies."""
    with database.session() as session:
        system = find_system(session, number).id
        return [
            {row.runtime for row in session.query(table).filter_by(system_id=system)}
            for table in (ScoreRow, TallyRow)
        ]


def test_the_tested_networks_are_those_of_the_scores(entry, variants, database, manifest):
    networks = variants.networks(entry)
    with database.session() as session:
        scored = scored_predictions(session, find_system(session, entry))
    expected = np.concatenate([part.rows for part in scored])
    tested = np.concatenate([network.test for network in networks])
    assert sorted(tested) == sorted(expected)
    for network in networks:
        speakers = (set(manifest.speakers[rows]) for rows in (network.train, network.test))
        assert set.isdisjoint(*speakers)
        assert len(network.files) in (1, 2)


def test_equal_logits_have_equal_scores(entry, variants, database, made):
    assert not variants.is_scored(entry, RUNTIME)
    save(variants, database, made, entry)
    assert variants.is_scored(entry, RUNTIME)
    assert variants.uar(entry, RUNTIME) == variants.uar(entry, "eager")
    own, eager = variants.tally(entry, RUNTIME), variants.tally(entry)
    assert own.speakers == eager.speakers
    assert np.array_equal(own.counts, eager.counts)
    assert runtimes(database, entry) == [{"eager", RUNTIME}] * 2


@pytest.mark.parametrize("protocol", [HELD_OUT, NESTED])
def test_other_logits_have_the_scores_of_the_metric(
    protocol, variants, database, made, manifest, artifacts
):
    entry = add_entry(database, made, manifest, artifacts=artifacts, protocol=protocol)
    before = variants.uar(entry, "eager")
    found = save(variants, database, made, entry, amount=2)
    rows = np.concatenate([network.test for network, _ in found])
    logits = np.concatenate([logits for _, logits in found])
    expected = score_holdout(made.metrics, logits, manifest.targets[rows], manifest.speakers[rows])
    assert variants.uar(entry, RUNTIME) == expected["uar"] != before
    assert variants.uar(entry, "eager") == before


def test_saving_again_replaces_the_logits(entry, variants, database, made):
    save(variants, database, made, entry, amount=2)
    save(variants, database, made, entry)
    assert variants.uar(entry, RUNTIME) == variants.uar(entry, "eager")
    with database.session() as session:
        count = session.query(PredictionRow).filter_by(runtime=RUNTIME).count()
    assert count == len(variants.networks(entry))


def test_scores_of_other_runtimes_are_computed_again_with_those_of_training(
    entry, variants, database, made
):
    save(variants, database, made, entry, amount=2)
    before = variants.uar(entry, RUNTIME)
    with database.session() as session:
        [row] = session.query(ScoreRow).filter_by(
            system_id=find_system(session, entry).id,
            runtime=RUNTIME,
            metric="uar",
            evidence=find_system(session, entry).protocol.evidence,
        )
        row.value = 0.123
    assert Systems(database).rescore(entry, made.metrics) == []
    assert variants.uar(entry, RUNTIME) == before


@pytest.mark.parametrize("protocol", [HELD_OUT, EVERY_SPEAKER])
def test_another_winner_has_no_scores_of_a_runtime_in_which_it_was_not_tested(
    protocol, database, made, manifest, artifacts, variants
):
    plan = made.plan(manifest, protocol=protocol, trials=1)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    finish(ledger, made, manifest, plan, 0)
    entry = Systems(database).rank(plan, made.metrics, LINEAGE)
    save(variants, database, made, entry)
    longer = replace(plan, trials=2)
    begin(database, made, manifest, longer, artifacts)
    run_trial(ledger, made, manifest, longer, 1, 3.0, OTHER)
    finish(ledger, made, manifest, longer, 1, 3.0, OTHER)
    assert Systems(database).rank(longer, made.metrics, LINEAGE) == entry
    assert runtimes(database, entry) == [{"eager"}] * 2
    assert not variants.is_scored(entry, RUNTIME)
    save(variants, database, made, entry)
    assert variants.is_scored(entry, RUNTIME)


def test_a_missing_fold_is_listed_once_whatever_the_runtimes(
    database, made, manifest, artifacts, variants
):
    plan = made.plan(manifest, protocol=EVERY_SPEAKER, trials=1)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    finish(ledger, made, manifest, plan, 0)
    entry = Systems(database).rank(plan, made.metrics, LINEAGE)
    save(variants, database, made, entry, amount=1)
    for path in artifacts.glob("*-fold-*"):
        path.unlink()
    assert [lost.fold for lost in lost_folds(database, artifacts, plan)] == [0, 1]


def test_the_training_clips_are_those_of_the_shipped_network(entry, variants, database, manifest):
    rows = variants.training_rows(entry)
    with database.session() as session:
        splits = find_system(session, entry).protocol.splits
        held_out = [each for each in splits if each.fold == HOLDOUT and not each.outer_fold]
        [expected] = [np.frombuffer(each.train, "<i8").tolist() for each in held_out]
    assert rows.tolist() == expected


def test_an_unknown_entry_and_an_unknown_runtime_are_usage_errors(variants, entry):
    for act in (variants.networks, variants.manifest, variants.training_rows, variants.tally):
        with pytest.raises(UsageError):
            act(entry + 1)
    with pytest.raises(UsageError) as raised:
        variants.tally(entry, RUNTIME)
    assert raised.value.facts == {"number": entry, "runtime": RUNTIME}


def test_a_network_without_a_file_names_the_entry(variants, database, made, manifest, artifacts):
    from serbench.store.schema import ArtifactRow

    entry = add_entry(database, made, manifest, artifacts=artifacts, protocol=EVERY_SPEAKER)
    with database.session() as session:
        for row in session.query(ArtifactRow):
            row.file = None
    with pytest.raises(WeightsError) as raised:
        variants.networks(entry)
    assert raised.value.facts == {"number": entry}
