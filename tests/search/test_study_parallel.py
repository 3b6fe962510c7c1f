"""The results of a study do not depend on the number of parallel trainings or their order."""

import random
from collections import Counter
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making.scripted import FOLDS, Record, Script, completed, make_search

from serbench.data.protocols import HOLDOUT
from serbench.execute.executor import Channel
from serbench.search.events import FoldScored, TrialEnded, TrialStarted
from serbench.search.pruning import judging_order


class InAnyOrder:
    """An executor whose jobs end in random order; cancelled ones only at their end."""

    slots = 6

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.waiting, self.cancelled = [], []
        self.most = 0

    def submit(self, function, job, receive):
        future = Future()
        self.waiting.append((future, function, job, receive))
        self.most = max(self.most, len(self.waiting))
        return future

    def wait(self, futures):
        while not any(future.done() for future in futures):
            place = self.random.randrange(len(self.waiting))
            future, function, job, receive = self.waiting.pop(place)
            future.set_result(function(job, None, Channel(receive)))

    def cancel(self, future):
        self.cancelled.append(future)


def good_and_bad(trial, fold, configuration):
    """Some trials are better than the first, some worse on some folds, some far worse."""
    if fold == HOLDOUT:
        return 0.5
    return [0.6, 0.9, 0.3, 0.6, 1.0, 0.7, 0.2][trial] - (0.3 if (trial + fold) % 3 == 0 else 0)


SEARCH = make_search(trials=7)


def of_jobs(search, jobs):
    """The same search with ``jobs`` parallel trainings."""
    return replace(search, compute=replace(search.compute, parallel=jobs))


def together(search, jobs, seed=0):
    """The record of a study with ``jobs`` parallel trainings, and its executor."""
    record, executor = Record(), InAnyOrder(seed)
    record.go_on(of_jobs(search, jobs), executor=executor)
    return record, executor


@settings(max_examples=25)
@given(jobs=st.integers(2, 6), seed=st.integers(0, 1000))
def test_outcomes_do_not_depend_on_the_number_of_parallel_trainings(jobs, seed):
    with pytest.MonkeyPatch.context() as patch:
        Script(uar=good_and_bad).put(patch)
        if not ALONE:
            ALONE.append(completed(SEARCH)[0].outcome())
        record, executor = together(SEARCH, jobs, seed)
    assert record.outcome() == ALONE[0]
    assert executor.most == jobs


ALONE = []


def test_some_of_these_trials_are_pruned_and_some_are_not(script):
    script(uar=good_and_bad)
    ends = completed(SEARCH)[0].ends
    assert len({len(uars) for _, uars in ends.values()}) > 2
    assert {pruned for pruned, _ in ends.values()} == {True, False}


@pytest.mark.parametrize("stop", range(1, 40, 3))
def test_stopped_at_any_event_of_parallel_trainings_it_has_the_same_results(script, stop):
    script(uar=good_and_bad)
    expected = completed(SEARCH)[0].outcome()
    record = Record()
    record.go_on(of_jobs(SEARCH, 3), events=stop, executor=InAnyOrder(stop))
    record.go_on(of_jobs(SEARCH, 2), executor=InAnyOrder(0))
    if stop > len(list_of_events()):
        record.winner = expected[3]
    assert record.outcome() == expected


def list_of_events():
    with pytest.MonkeyPatch.context() as patch:
        Script(uar=good_and_bad).put(patch)
        return completed(SEARCH)[1]


def test_events_of_a_trial_come_in_the_order_of_its_folds(script):
    script(uar=good_and_bad)
    events = list(Record().events(of_jobs(SEARCH, 4), InAnyOrder(3)))
    alone = list(Record().events(SEARCH))
    for trial in range(7):
        mine, theirs = (
            [
                (type(event), getattr(event, "outcome", None) and event.outcome.fold)
                for event in some
                if isinstance(event, TrialStarted | TrialEnded | FoldScored)
                and (event.outcome.trial if isinstance(event, FoldScored) else event.trial) == trial
            ]
            for some in (events, alone)
        )
        assert mine == theirs


def test_a_trial_that_ends_early_has_its_other_folds_cancelled(script):
    script(uar=lambda trial, fold, configuration: [0.9, 0.1, 0.1, 0.1][trial])
    _, executor = together(make_search(trials=4), jobs=6)
    assert executor.cancelled


FIXED = {
    "learning_rate": (1e-3, 1e-3),
    "weight_decay": (0.1, 0.1),
    "width:time-shift": (0.3, 0.3),
    "width:gain": (0.0, 0.0),
}
"""Bounds that leave one configuration."""


def test_a_configuration_that_was_tried_is_not_trained_again(script):
    calls = script(uar=lambda trial, fold, configuration: 0.7).calls
    search = make_search(trials=5, bounds=FIXED)
    record, _ = completed(search)
    assert Counter(trial for trial, fold in calls if fold != HOLDOUT) == {0: FOLDS}
    assert {trial: uars for trial, (_, uars) in record.ends.items()} == dict.fromkeys(
        range(5), record.ends[0][1]
    )
    for fold in range(FOLDS):
        first, again = record.folds[0, fold], record.folds[4, fold]
        assert np.array_equal(first.logits, again.logits)
        assert (again.seconds, again.seed, again.state) == (0.0, first.seed, {})
    assert record.winner[0] == 0
    assert together(search, jobs=3)[0].outcome() == record.outcome()


def test_a_repeated_configuration_names_the_trial_that_it_repeats(script):
    script(uar=lambda trial, fold, configuration: 0.7)
    search = make_search(trials=3, bounds=FIXED)
    ends = [e for e in Record().events(search) if isinstance(e, TrialEnded)]
    assert [end.repeats for end in ends] == [None, 0, 0]


def test_a_fold_pruned_ends_its_trial(script):
    script(uar=lambda trial, fold, configuration: 0.7, pruned=((1, 0),))
    record, _ = completed(make_search())
    assert [(pruned, len(uars)) for pruned, uars in record.ends.values()] == [
        (False, FOLDS),
        (True, 1),
        (False, FOLDS),
    ]


def test_the_first_trial_is_compared_with_nothing_and_an_exhaustive_study_never(script):
    scripted = script(uar=lambda trial, fold, configuration: [1.0, 0.2, 1.0][trial])
    completed(make_search())
    references = {(job.trial, job.fold): job.reference for job in scripted.jobs}
    assert {references[0, fold] for fold in range(FOLDS)} == {None}
    first, *later = judging_order(SEARCH.split.folds, SEARCH.manifest.targets)
    assert references[2, first] is not None
    assert {references[2, fold] for fold in later} == {None}, "only a trial's first fold has one"
    exhaustive = script(uar=lambda trial, fold, configuration: [1.0, 0.2, 0.2][trial])
    record, _ = completed(make_search(exhaustive=True))
    assert {job.reference for job in exhaustive.jobs} == {None}
    assert [len(uars) for _, uars in record.ends.values()] == [FOLDS] * 3
