"""Ranked systems: numbered, scored, measured, rescored, deleted."""

import numpy as np
import pytest
from making.entries import (
    LINEAGE,
    NESTED,
    PARAMETERS,
    add_entry,
    begin,
    finish,
    run_trial,
)

from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError
from serbench.score.confusion import Tally, score_counts, tally
from serbench.score.intervals import tally_interval
from serbench.score.metric import CORRECTED, CROSS_VALIDATION, POOLED_FOLDS
from serbench.score.resampling import draws
from serbench.score.scoring import score_holdout
from serbench.search.events import FoldScored, TrialEnded, TrialStarted
from serbench.store.predictions import (
    fold_predictions,
    joined,
    scored_predictions,
    trial_predictions,
    winners,
)
from serbench.store.schema import PredictionRow, ScoreRow, TrainingRow, TrialRow
from serbench.store.systems import Systems, find_system


@pytest.fixture
def manifest(made):
    return made.manifest(takes=4)


CV, ONE_HOLDOUT = "speaker-2", "speaker-2:holdout"


@pytest.fixture(params=[NESTED, ONE_HOLDOUT])
def entry(request, database, made, manifest):
    """The number of an entry, of one outer fold and of two."""
    return add_entry(database, made, manifest, protocol=request.param, trials=2)


@pytest.fixture(params=[NESTED, ONE_HOLDOUT, CV])
def any_entry(request, database, made, manifest):
    """The number of an entry with any evidence."""
    return add_entry(database, made, manifest, protocol=request.param, trials=2)


def evidence_of(database, number):
    with database.session() as session:
        return find_system(session, number).protocol.evidence


def scores(database, number):
    with database.session() as session:
        return {
            (row.metric, row.evidence): (row.value, row.low, row.high, row.spread)
            for row in find_system(session, number).scores
        }


def test_entries_are_numbered_in_one_sequence(database, made, manifest):
    assert [add_entry(database, made, manifest, seed=seed) for seed in range(3)] == [1, 2, 3]
    assert Systems(database).numbers() == [1, 2, 3]


def test_every_metric_is_a_row_and_comes_from_the_logits(database, made, manifest, entry):
    found, its = scores(database, entry), evidence_of(database, entry)
    names = {metric.name for metric in made.metrics}
    assert {metric for metric, evidence in found if evidence == its} == names
    assert {evidence for _, evidence in found} == {its, CROSS_VALIDATION, POOLED_FOLDS}
    with database.session() as session:
        system = find_system(session, entry)
        holdout = joined(scored_predictions(session, system))
    expected = score_holdout(
        made.metrics,
        holdout.logits,
        manifest.targets[holdout.rows],
        manifest.speakers[holdout.rows],
    )
    for name, score in expected.items():
        assert found[name, its][:3] == (score.value, score.low, score.high)


def test_the_tuning_score_is_the_mean_over_the_winners_folds(database, manifest, entry):
    with database.session() as session:
        system = find_system(session, entry)
        trials = [[t.mean_uar for t in each.study.trials] for each in winners(session, system)]
        best = [trial.mean_uar for trial in winners(session, system)]
        folds = fold_predictions(session, system)
    assert best == [max(means) for means in trials]
    assert [list(each) for each in folds] == [[0, 1]] * len(best)
    value, low, high, spread = scores(database, entry)["uar", CROSS_VALIDATION]
    assert value == pytest.approx(np.mean(best))
    assert spread > 0
    assert low is high is None, "an interval over speakers is that of the folds' clips together"


def test_the_pooled_tuning_score_and_its_interval_are_of_the_same_clips(
    database, manifest, any_entry
):
    entry = any_entry
    with database.session() as session:
        folds = fold_predictions(session, find_system(session, entry))
        found = joined(fold for outer in folds for fold in outer.values())
        counted = tally(found.logits, manifest.targets[found.rows], manifest.speakers[found.rows])
    value, low, high, spread = scores(database, entry)["uar", POOLED_FOLDS]
    assert value == pytest.approx(score_counts(counted.confusion, "uar"))
    assert (low, high) == pytest.approx(tally_interval(counted, "uar", draws(counted.clips)))
    assert spread is None


def test_the_tally_counts_the_tested_clips_by_speaker(database, manifest, any_entry):
    with database.session() as session:
        system = find_system(session, any_entry)
        tally = Tally.from_bytes(system.tallies[0].counts)
        rows = joined(scored_predictions(session, system)).rows
    assert tally.counts.sum() == len(rows)
    assert set(tally.speakers) == set(manifest.speakers[rows].tolist())


def test_without_a_holdout_the_winner_is_scored_on_every_clip(database, made, manifest):
    plan = made.plan(manifest, protocol=CV, trials=3)
    entry = add_entry(database, made, manifest, protocol=CV, trials=3)
    logits = np.zeros((3, len(manifest), len(manifest.emotions)), np.float32)
    for trial in range(3):
        for fold in range(2):
            outcome = made.outcome(manifest, trial, fold, plan, 1.0)
            logits[trial, outcome.rows] = outcome.logits
    with database.session() as session:
        system = find_system(session, entry)
        [winner] = winners(session, system)
        [scored], trials = scored_predictions(session, system), trial_predictions(session, system)
        number = winner.number
        ids = [trial.system_id for trial in winner.study.trials]
        speakers = set(Tally.from_bytes(system.tallies[0].counts).speakers)
    everyone = list(range(len(manifest)))
    assert scored.rows.tolist() == everyone
    assert np.array_equal(scored.logits, logits[number])
    assert [each for each, _ in trials] == ids
    for (_, found), expected in zip(trials, logits, strict=True):
        assert found.rows.tolist() == everyone
        assert np.array_equal(found.logits, expected)
    assert speakers == set(manifest.speakers.tolist())
    names = {metric.name for metric in made.metrics}
    assert {(each, CORRECTED) for each in names} <= scores(database, entry).keys()


def test_only_complete_trials_are_rivals_of_a_winner(database, made, manifest, artifacts):
    plan = made.plan(manifest, protocol=CV, trials=3)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0, 5.0)
    for trial, ends in ((1, {"pruned": True}), (2, {"pruned": False, "failure": "diverged"})):
        fold = made.outcome(manifest, trial, 0, plan)
        ledger.record(plan, TrialStarted(trial, PARAMETERS))
        ledger.record(plan, FoldScored(fold))
        ledger.record(plan, TrialEnded(trial, PARAMETERS, uars=(fold.uar,), **ends))
    finish(ledger, made, manifest, plan, 0, 5.0)
    entry = Systems(database).rank(plan, made.metrics, LINEAGE)
    with database.session() as session:
        system = find_system(session, entry)
        [winner] = winners(session, system)
        [(number, _)] = trial_predictions(session, system)
        assert number == winner.system_id


def test_a_record_has_what_using_the_network_takes(database, manifest, made):
    number = add_entry(database, made, manifest, protocol="speaker-2:holdout")
    record = Systems(database).record(number)
    assert record.emotions == manifest.emotions
    assert record.plan == made.plan(manifest, trials=1)
    assert record.file == f"{record.plan.key}-winner-1.safetensors"


def test_an_unknown_entry_is_named(database, made, manifest):
    for seed in range(2):
        with pytest.raises(UsageError) as raised:
            Systems(database).record(7)
        assert raised.value.facts == {"number": 7}
        add_entry(database, made, manifest, seed=seed)


def test_rescored_nothing_changes(database, made, any_entry):
    before = scores(database, any_entry)
    assert Systems(database).rescore(any_entry, made.metrics) == []
    assert scores(database, any_entry) == before


@pytest.mark.parametrize("column", ["value", "low", "high"])
@pytest.mark.parametrize("evidence", [HOLDOUT, CORRECTED, CROSS_VALIDATION, POOLED_FOLDS])
def test_a_score_that_was_changed_is_named_and_restored(database, made, manifest, column, evidence):
    protocol = CV if evidence == CORRECTED else ONE_HOLDOUT
    entry = add_entry(database, made, manifest, protocol=protocol)
    before = scores(database, entry)
    with database.session() as session:
        row = session.query(ScoreRow).filter_by(metric="accuracy", evidence=evidence).one()
        setattr(row, column, 0.123)
    named = "accuracy" if evidence in (HOLDOUT, CORRECTED) else f"{evidence}_accuracy"
    assert Systems(database).rescore(entry, made.metrics) == [named]
    assert scores(database, entry) == before


def test_logits_that_were_changed_change_the_scores(database, made, entry):
    with database.session() as session:
        system = find_system(session, entry)
        row = session.query(PredictionRow).filter_by(system_id=system.id).first()
        clips = len(row.split.test) // 8
        row.logits = row.logits[: len(row.logits) // clips] * clips
        tally = system.tallies[0].counts
    assert {"uar", "accuracy", "log_loss"} <= set(Systems(database).rescore(entry, made.metrics))
    with database.session() as session:
        assert find_system(session, entry).tallies[0].counts != tally


def test_a_trials_score_that_was_changed_is_named_and_restored(database, made, manifest):
    entry = add_entry(database, made, manifest, protocol="speaker-2:holdout")
    with database.session() as session:
        [fold] = [t for t in session.query(TrainingRow) if t.split.fold == "1"]
        fold.uar = 0.99
        session.query(TrialRow).one().mean_uar = 0.99
    changed = Systems(database).rescore(entry, made.metrics)
    assert changed == ["trial 1 fold 2 uar", "trial 1 mean_uar"]
    assert Systems(database).rescore(entry, made.metrics) == []


class Errors:
    """A metric that was not there when the entry was made."""

    name, label, higher_is_better, share = "errors", "errors", False, False

    def score(self, logits, targets):
        return float((logits.argmax(axis=1) != targets).sum())

    def ratios(self, logits, targets, speakers):
        return None


def test_a_new_metric_is_added_to_an_earlier_entry(database, made, entry):
    changed = Systems(database).rescore(entry, [*made.metrics, Errors()])
    assert changed == ["cv_errors", "cv_pooled_errors", "errors"]
    value, low, high, _ = scores(database, entry)["errors", evidence_of(database, entry)]
    assert value == int(value) > 0
    with database.session() as session:
        several = len(find_system(session, entry).protocol.splits) > 3
    assert (low is not None) == several, "the holdout of one speaker has no interval"
    assert low is None or low <= value <= high


def test_scoring_again_deletes_the_scores_of_a_runtime_without_logits(database, made, entry):
    with database.session() as session:
        system = find_system(session, entry)
        facts = {"system_id": system.id, "protocol_id": system.protocol_id, "metric": "uar"}
        evidence = system.protocol.evidence
        session.add(ScoreRow(**facts, runtime="another", evidence=evidence, value=0.5))
    assert Systems(database).rescore(entry, made.metrics) == []
    with database.session() as session:
        assert not session.query(ScoreRow).filter_by(runtime="another").count()
