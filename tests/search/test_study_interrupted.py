"""A study that is stopped and resumed has the same results as one without a stop."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making.scripted import FOLDS, Record, Script, Stopped, completed, make_search

from serbench.data.protocols import HOLDOUT
from serbench.search.pruning import judging_order


def good_and_bad(trial, fold, configuration):
    """Trial 1 is the best; trial 2 starts better and is pruned after three folds."""
    if fold == HOLDOUT:
        return 0.5
    return [0.6, 0.9, 1.0 if fold == ORDER[0] else 0.0][trial]


SCRIPTED = make_search(trials=3)
ORDER = judging_order(SCRIPTED.split.folds, SCRIPTED.manifest.targets)


@pytest.fixture
def undisturbed(script):
    """The record of the scripted study without an interruption, and its number of events."""
    script(uar=good_and_bad)
    record, kinds = completed(SCRIPTED)
    assert [(pruned, len(uars)) for pruned, uars in record.ends.values()] == [
        (False, FOLDS),
        (False, FOLDS),
        (True, 3),
    ]
    return record.outcome(), len(kinds)


@pytest.mark.parametrize("note_last", [True, False], ids=["noted", "lost"])
def test_a_study_stopped_at_any_event_has_the_same_results(undisturbed, script, note_last):
    """The last event before the stop was recorded, or was lost."""
    expected, n_events = undisturbed
    for stop in range(1, n_events + 1):
        record = Record()
        record.go_on(SCRIPTED, events=stop, note_last=note_last)
        record.go_on(SCRIPTED)
        if note_last and stop == n_events:
            record.winner = expected[3]  # recorded before the stop, not tested again
        assert record.outcome() == expected, f"stopped after {stop} events"


def test_a_study_stopped_during_any_fold_has_the_same_results(undisturbed, script):
    expected, _ = undisturbed
    total = len(expected[1]) + 1
    for call in range(total):
        record = Record()
        script(uar=good_and_bad, stop_at=call)
        with pytest.raises(Stopped):
            record.go_on(SCRIPTED)
        again = script(uar=good_and_bad)
        record.go_on(SCRIPTED)
        assert record.outcome() == expected, f"stopped in training {call}"
        assert len(again.calls) == total - call, "only what was lost is trained again"


@pytest.mark.parametrize("note_last", [True, False], ids=["noted", "lost"])
def test_a_study_without_a_holdout_stopped_at_any_event_has_the_same_results(script, note_last):
    search = make_search(trials=2, protocol="speaker-3")
    best = {0: 3, 1: 8, 2: 5, HOLDOUT: 1}
    scripted = script(uar=lambda trial, *_: [0.5, 0.9][trial], best_epoch=best.get)
    record, kinds = completed(search)
    expected = record.outcome()
    for stop in range(1, len(kinds)):
        record = Record()
        record.go_on(search, events=stop, note_last=note_last)
        scripted.jobs.clear()
        record.go_on(search)
        assert record.outcome() == expected, f"stopped after {stop} events"
        assert scripted.jobs[-1].exactly == 5


def test_a_study_stopped_many_times_has_the_same_results(undisturbed):
    expected, _ = undisturbed
    record, runs = Record(), 0
    while not record.go_on(SCRIPTED, events=3):
        runs += 1
        assert runs < 100
    if record.winner is None:
        record.winner = expected[3]
    assert record.outcome() == expected
    assert runs > 5


@settings(deadline=None, max_examples=4)
@given(st.lists(st.integers(3, 30), min_size=1, max_size=4))
def test_which_configurations_are_tried_does_not_depend_on_interruptions(stops):
    """After ten trials the sampler uses earlier trials; its proposals must not change either."""
    search = make_search(trials=13)
    with pytest.MonkeyPatch.context() as patch:
        Script().put(patch)
        if not LONG_STUDY:
            LONG_STUDY.append(completed(search)[0].outcome())
        record = Record()
        for stop in stops:
            record.go_on(search, events=stop)
        record.go_on(search)
    assert record.outcome() == LONG_STUDY[0]


LONG_STUDY = []


class ByFold(Record):
    """A record that returns the folds of a trial in the order of their numbers, as a ledger may."""

    def history(self):
        return [
            replace(trial, uars=dict(sorted(trial.uars.items()))) for trial in super().history()
        ]


def uneven(trial, fold, configuration):
    """Scores that differ from fold to fold."""
    return 0.5 + 0.35 * random.Random(f"{trial}-{fold}-{configuration.learning_rate:.9g}").random()


def test_pruned_trials_are_ranked_by_the_last_fold_that_was_compared(script):
    """TPE ranks them by it, and uses the best of them where few trials are complete."""
    script(uar=uneven, pruned=tuple((trial, 1) for trial in range(1, 16)))
    search = make_search(trials=16, protocol="speaker-4:holdout")
    order = judging_order(search.split.folds, search.manifest.targets)
    assert order == [0, 2, 1, 3], "the folds are compared in the order of their numbers"
    expected = completed(search)[0].outcome()
    assert sum(len(uars) == 3 for _, uars in expected[2].values()) >= 10
    record = ByFold()
    while not record.go_on(search, events=9):
        pass
    assert record.outcome()[:3] == expected[:3]
