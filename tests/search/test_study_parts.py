"""A study in two parts: first its trials, later the last training of its winner."""

import pytest
from making.scripted import FOLDS, Record, Script, Stopped, completed, here, make_search

from serbench.data.protocols import HOLDOUT
from serbench.errors import DivergedError
from serbench.search.study import run_trials, run_winner

PROTOCOL = f"speaker-{FOLDS}:holdout"
SEARCH = make_search(trials=3, protocol=PROTOCOL)


def run(part, record, search=SEARCH):
    for event in part(search, record.history(), dict(record.folds), here(), lambda *_: None):
        record.note(event)


def test_both_parts_have_the_results_of_the_whole(script):
    script()
    whole, _ = completed(SEARCH)
    record = Record()
    run(run_trials, record)
    assert record.winner is None
    run(run_winner, record)
    assert record.outcome() == whole.outcome()


def test_trials_can_be_added_before_the_winner_is_trained(script):
    used = script()
    whole, _ = completed(SEARCH)
    record = Record()
    for trials in (1, 3):
        run(run_trials, record, make_search(trials=trials, protocol=PROTOCOL))
    run(run_winner, record)
    assert record.outcome() == whole.outcome()
    assert sum(fold == HOLDOUT for _, fold in used.calls) == 2, "once in each study"


def test_a_trial_that_was_stopped_is_not_the_winner(script):
    script(uar=lambda trial, fold, configuration: [0.5, 0.9, 0.9][trial], stop_at=8)
    record = Record()
    with pytest.raises(Stopped):
        run(run_trials, record)
    assert len(record.parameters) > len(record.ends)
    used = script()
    run(run_winner, record)
    assert used.calls == [(0, HOLDOUT)]
    assert record.winner[0] == 0


def test_without_a_complete_trial_there_is_no_winner(monkeypatch):
    search = make_search(trials=1, protocol=PROTOCOL)
    Script(diverged=[(0, fold) for fold in range(5)]).put(monkeypatch)
    record = Record()
    run(run_trials, record, search)
    assert record.failures[0]
    with pytest.raises(DivergedError):
        run(run_winner, record, search)


def test_jobs_are_cancelled_if_a_listener_raises(script):
    script()
    executor = here()
    cancelled = []
    executor.cancel = cancelled.append
    events = run_trials(SEARCH, [], {}, executor)
    next(events)
    next(events)
    events.close()

    def over(*_):
        raise Stopped

    executor.wait = over
    with pytest.raises(Stopped):
        list(run_trials(SEARCH, [], {}, executor))
    assert cancelled
