"""The time limit of a study: no trial starts after it, but one is always completed."""

from making.scripted import FOLDS, Record, completed, make_search

from serbench.data.protocols import HOLDOUT


def test_no_trial_starts_after_the_timeout(script):
    calls = script(uar=lambda *_: 1.0, seconds=10.0).calls
    record, _ = completed(make_search(trials=10, timeout=2 * FOLDS * 10.0 - 5))
    assert list(record.parameters) == [0, 1]
    assert len(calls) == 2 * FOLDS + 1
    assert record.winner is not None


def test_one_trial_is_completed_for_any_timeout(script):
    script(uar=lambda *_: 1.0, seconds=10.0)
    record, _ = completed(make_search(trials=10, timeout=0.001))
    assert list(record.ends) == [0]
    assert record.winner[0] == 0


def test_the_time_of_earlier_runs_counts(script):
    script(uar=lambda *_: 1.0, seconds=10.0)
    search = make_search(trials=10, timeout=2 * FOLDS * 10.0 - 5)
    record = Record()
    while not record.go_on(search, events=4):
        pass
    assert record.outcome() == completed(search)[0].outcome()


def test_the_holdout_is_tested_after_the_time_limit(script):
    script(uar=lambda *_: 1.0, seconds=10.0)
    search = make_search(timeout=1.0)
    before, _ = completed(search)
    calls = script(uar=lambda *_: 1.0).calls
    after = Record(before.parameters, before.folds, before.ends)
    after.go_on(search)
    assert after.winner == before.winner
    assert calls == [(0, HOLDOUT)]
