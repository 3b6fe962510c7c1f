"""A study may be stopped at any moment: the same command goes on and comes to the same."""

import itertools
import random
import re
import signal
import time
from contextlib import contextmanager

import pytest
import sqlalchemy.exc
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import FrozenTrial

from serbench.cli.progress import PlainListener
from serbench.execute.fold import FoldOutcome
from serbench.store.entries import Entries
from serbench.store.studies import Studies


def test_killed_twice_and_interrupted_once_it_ends_like_one_left_alone(
    place, undisturbed, capsys, interrupt_after_a_fold
):
    running = place.start()
    running.wait_for(r"homebrew · mel")
    assert running.kill() == -signal.SIGKILL

    running = place.start()
    running.wait_for(r"trial 1/2 fold 1/2: UA ")
    capsys.readouterr()
    assert place.run(*place.study) == 1
    assert capsys.readouterr().err == (
        "error: this study is already running in another process: wait for it, or stop it\n"
    )
    assert running.kill() == -signal.SIGKILL

    with interrupt_after_a_fold():
        assert place.run(*place.study) == 130
    said = capsys.readouterr().err
    assert re.search("going on: trainings of an earlier run that are kept: [123]", said)
    assert said.endswith("\ninterrupted: the same command goes on where it stopped\n")

    assert place.run(*place.study) == 0
    assert place.recorded() == undisturbed


def test_what_was_best_before_is_still_best_afterwards(place, interrupt_after_a_fold, capsys):
    with interrupt_after_a_fold(number=3):
        assert place.run(*place.study) == 130
    before = best_so_far(capsys)
    assert place.run(*place.study) == 0
    assert best_so_far(capsys) >= before


def best_so_far(capsys):
    return float(re.findall(r"best so far (\d+\.\d)", capsys.readouterr().err)[-1])


@pytest.fixture
def interrupt_after_a_fold(monkeypatch):
    """``with interrupt_after_a_fold():`` somebody presses Ctrl-C once a fold is recorded."""

    @contextmanager
    def interrupt(number=1):
        left = itertools.count(number - 1, -1)

        def pressed(self, outcome):
            if next(left) == 0:
                signal.raise_signal(signal.SIGINT)

        with monkeypatch.context() as patch:
            patch.setattr(PlainListener, "fold_scored", pressed)
            yield

    return interrupt


class Stop(BaseException):
    """The end of a process, at one certain moment."""


STEPS = [
    (Studies, "begin_study"),
    (Studies, "begin_trial"),
    (Studies, "save_fold"),
    (Studies, "end_trial"),
    (Studies, "finish_study"),
    (Entries, "save_entry"),
    (Entries, "save_latency"),
    (_CachedStorage, "create_new_study"),
    (_CachedStorage, "create_new_trial"),
    (_CachedStorage, "set_trial_param"),
    (_CachedStorage, "set_trial_intermediate_value"),
    (_CachedStorage, "set_trial_state_values"),
]
"""Everything that is written while a study runs."""


def told_apart(argument):
    """What tells one call of a step from another."""
    match argument:
        case FoldOutcome():
            return argument.trial, argument.fold
        case FrozenTrial():
            return str(argument.system_attrs)
        case int() | str():
            return argument
    return None


LOST = {"save_fold", "finish_study", "save_entry", "set_trial_state_values"}
"""Before these, something was computed or decided that is not yet written."""


@pytest.fixture
def moments(monkeypatch):
    """The run is stopped once after each step, and before some; gives the moments seen so far."""
    seen = []

    def stop_at(*moment):
        if moment not in seen:
            seen.append(moment)
            raise Stop

    def stopping(name, step):
        def take(self, *arguments, **options):
            call = (name, *map(told_apart, arguments))
            if name in LOST:
                stop_at("before", *call)
            result = step(self, *arguments, **options)
            # Of a trial's parameters, one in the middle stands for all.
            if name != "set_trial_param" or "freeze_depth" in call:
                stop_at("after", *call)
            return result

        return take

    for owner, name in STEPS:
        monkeypatch.setattr(owner, name, stopping(name, getattr(owner, name)))
    return seen


def test_stopped_after_everything_it_writes_it_ends_like_one_left_alone(
    place, undisturbed, moments
):
    for _ in range(100):
        try:
            assert place.run(*place.study) == 0
            break
        except Stop:
            continue
    assert place.recorded() == undisturbed
    assert {name for _, name, *_ in moments} == {name for _, name in STEPS}
    assert sum(moment[:2] == ("after", "save_fold") for moment in moments) == 4


def test_a_locked_database_of_optunas_is_one_line(place, monkeypatch, capsys):
    def locked(url):
        error = Exception("database is locked")
        raise sqlalchemy.exc.OperationalError("INSERT", {}, error)

    monkeypatch.setattr("serbench.run.study.RDBStorage", locked)
    capsys.readouterr()
    assert place.run(*place.study) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == (
        f"error: {place.db}: database is locked: another process is writing to it; "
        "wait for it, or stop it"
    )


@pytest.mark.slow
def test_killed_ten_times_at_random_it_ends_like_one_left_alone(place, undisturbed):
    chance = random.Random(0)
    for _ in range(10):
        running = place.start()
        time.sleep(chance.uniform(0.5, 10))
        running.kill()
    assert place.run(*place.study) == 0
    assert place.recorded() == undisturbed
