"""Configurations that cannot be trained have no score; the best of the others wins."""

import numpy as np
import pytest
from making.scripted import FOLDS, MATERIAL, Record, completed, make_search

from serbench.data.protocols import HOLDOUT
from serbench.errors import DivergedError
from serbench.execute.processes import WorkerProcesses
from serbench.search.events import FAILED, TrialEnded, TrialRecord, WinnerTested
from serbench.search.propose import propose
from serbench.search.pruning import judging_order

DECADES, MIDDLE = (1e-4, 1e-2), 1e-3


def first_fold(search):
    """The fold that is run first."""
    return judging_order(search.split.folds, search.manifest.targets)[0]


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("judged", range(FOLDS))
def test_a_trial_with_a_diverged_training_has_failed(script, judged, parallel):
    search = make_search(parallel=parallel)
    fold = judging_order(search.split.folds, search.manifest.targets)[judged]
    script(uar=lambda trial, *_: [0.5, 0.9, 0.6][trial], diverged=[(1, fold)])
    record, _ = completed(search)
    assert record.failures == {0: "", 1: f"trial 1 fold {fold}", 2: ""}
    assert len(record.ends[1][1]) == judged
    assert record.winner[0] == 2


def test_a_failed_trial_has_no_score():
    ended = TrialEnded(1, {}, False, (0.5, 0.7), failure="the training loss became nan")
    assert ended.state == FAILED
    assert ended.mean_uar is None


def test_where_the_first_trial_fails_the_others_are_not_compared_with_it(script):
    search = make_search(trials=4)
    script(uar=lambda *_: 0.6, diverged=[(0, first_fold(search))])
    record, _ = completed(search)
    assert [bool(record.failures[trial]) for trial in range(4)] == [True, False, False, False]
    assert len({tuple(each.values()) for each in record.parameters.values()}) == 4
    assert record.winner[0] == 1


def test_a_winner_that_cannot_be_refitted_has_failed_and_the_next_best_is_tested(script):
    search = make_search()
    calls = script(uar=lambda trial, *_: [0.7, 0.9, 0.8][trial], diverged=[(1, HOLDOUT)]).calls
    record, _ = completed(search)
    assert record.failures[1] == "trial 1 fold holdout"
    assert record.winner[0] == 2
    assert [trial for trial, fold in calls if fold == HOLDOUT] == [1, 2]


def test_after_an_interruption_a_failed_winner_is_not_refitted_again(script):
    search = make_search()
    scripted = script(uar=lambda trial, *_: [0.7, 0.9, 0.8][trial], diverged=[(1, HOLDOUT)])
    record = Record()
    for event in record.events(search):
        if isinstance(event, WinnerTested):
            break  # stopped before it was recorded
        record.note(event)
    scripted.calls.clear()
    record.go_on(search)
    assert scripted.calls == [(2, HOLDOUT)]
    assert record.winner[0] == 2


def test_where_every_trial_fails_there_is_no_winner(script):
    search = make_search(trials=2)
    fold = first_fold(search)
    script(uar=lambda *_: 0.6, diverged=[(0, fold), (1, fold)])
    record = Record()
    with pytest.raises(DivergedError) as refusal:
        record.go_on(search)
    assert refusal.value.facts["trials"] == 2
    assert set(record.failures) == {0, 1}
    assert record.winner is None


def test_later_proposals_differ_from_failed_configurations():
    space = make_search().space
    rates = np.geomspace(*DECADES, 14)
    history = [
        TrialRecord(number, {**space.initial(), "learning_rate": rate}, *end)
        for number, rate in enumerate(rates)
        for end in [("failed", None, {0: 0.9}) if rate > MIDDLE else ("complete", 0.5, {0: 0.5})]
    ]
    drawn = [propose(history, 16, space, seed)["learning_rate"] for seed in range(20)]
    assert sum(rate < MIDDLE for rate in drawn) >= 15


def test_a_training_that_diverges_in_a_worker_process_is_a_failed_trial():
    hot = {"learning_rate": (1e30, 1e30)}
    search = make_search(trials=1, protocol="speaker-2:holdout", bounds=hot)
    record = Record()
    with WorkerProcesses(1) as executor:
        executor.share(MATERIAL)
        with pytest.raises(DivergedError):
            record.go_on(search, executor=executor)
    assert record.failures[0]
    assert not record.folds
