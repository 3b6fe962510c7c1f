"""A study that goes on with a larger budget: the trials are those of a larger one at once."""

import pytest
from making.scripted import Record, completed, make_search

from serbench.data.protocols import HOLDOUT
from serbench.search.progress import Progress


@pytest.mark.parametrize("steps", [(2, 3), (1, 2, 6), (3, 8)])
@pytest.mark.parametrize("parallel", [1, 3])
def test_more_trials_go_on_where_fewer_ended(script, steps, parallel):
    script()
    record = Record()
    for trials in steps:
        assert record.go_on(make_search(trials=trials, parallel=parallel))
    at_once, _ = completed(make_search(trials=steps[-1]))
    assert record.outcome() == at_once.outcome()


def test_more_time_goes_on_where_less_ended(script):
    script()
    record = Record()
    assert record.go_on(make_search(trials=5, timeout=6.0))
    assert len(record.ends) < 5
    assert record.go_on(make_search(trials=5, timeout=None))
    at_once, _ = completed(make_search(trials=5))
    assert record.outcome() == at_once.outcome()


def test_tests_on_the_holdout_take_no_time_from_the_search(script):
    script()
    record, _ = completed(make_search(trials=2))
    outcome = next(iter(record.folds.values()))
    known = {**record.folds, (0, HOLDOUT): outcome}
    spent = sum(each.seconds for each in record.folds.values())
    search = make_search(trials=2)
    order = range(len(search.split.folds))
    assert not Progress(record.history(), known, order, spent + 0.5).time_is_up
    assert Progress(record.history(), known, order, spent).time_is_up


def test_a_winner_that_stays_the_best_is_not_tested_again(script):
    calls = script(uar=lambda trial, *_: 0.9 if trial == 0 else 0.4).calls
    record, _ = completed(make_search(trials=2))
    number, logits = record.winner
    assert number == 0
    tested = calls.count((0, HOLDOUT))
    search = make_search(trials=4)
    outcome = next(iter(record.folds.values()))
    record.folds[0, HOLDOUT] = outcome  # as the ledger has it
    assert record.go_on(search)
    assert calls.count((0, HOLDOUT)) == tested == 1
    assert record.winner == (0, logits)
