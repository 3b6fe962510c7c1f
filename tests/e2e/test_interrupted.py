"""A study may be stopped at any time: the same command continues it, with the same results."""

import itertools
import random
import re
import signal
import time
from contextlib import contextmanager

import pytest

from serbench.cli.progress import PlainListener
from serbench.search.events import FoldScored, TrialEnded, TrialStarted, WinnerTested
from serbench.store.ledger import Ledger
from serbench.store.systems import Systems


def test_killed_twice_and_interrupted_once_it_has_the_same_results(
    place, undisturbed, capsys, interrupt_after_a_fold
):
    running = place.start()
    running.wait_for(r"homebrew · mel")
    assert running.kill() == -signal.SIGKILL

    running = place.start()
    running.wait_for(r"trial 1/2 fold 1/2: UA ")
    running.process.send_signal(signal.SIGSTOP)  # it keeps its lease and records no further fold
    capsys.readouterr()
    assert place.run(*place.study) == 1
    assert re.match(r"error: .*\brunning\b", capsys.readouterr().err.splitlines()[-1])
    assert running.kill() == -signal.SIGKILL

    with interrupt_after_a_fold():
        assert place.run(*place.study) == 130
    said = capsys.readouterr().err
    assert re.search(r"^continuing: [123] training", said, re.MULTILINE)
    assert said.splitlines()[-1].startswith("interrupted: ")

    assert place.run(*place.study) == 0
    assert place.recorded() == undisturbed


def test_the_best_trial_is_the_same_after_an_interruption(place, interrupt_after_a_fold, capsys):
    with interrupt_after_a_fold(number=3):
        assert place.run(*place.study) == 130
    before = best_so_far(capsys)
    assert place.run(*place.study) == 0
    assert best_so_far(capsys) >= before


def best_so_far(capsys):
    return float(re.findall(r"best so far (\d+\.\d)", capsys.readouterr().err)[-1])


@pytest.fixture
def interrupt_after_a_fold(monkeypatch):
    """``with interrupt_after_a_fold():`` Ctrl-C is pressed once a fold is recorded."""

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
    """Ends a run at a given step."""


STEPS = [(Ledger, "begin"), (Ledger, "record"), (Systems, "rank"), (Systems, "save_latency")]
"""All steps that write while a study runs."""


def distinguishing(argument):
    """The part of an argument that distinguishes calls of a step."""
    match argument:
        case FoldScored():
            return "fold", argument.outcome.trial, argument.outcome.fold
        case TrialStarted() | TrialEnded() | WinnerTested():
            return type(argument).__name__, argument.trial
        case int() | str():
            return argument
    return None


@pytest.fixture
def moments(monkeypatch):
    """Stop the run once before and once after each step; gives the steps so far."""
    seen = []

    def stop_at(*moment):
        if moment not in seen:
            seen.append(moment)
            raise Stop

    def stopping(name, step):
        def take(self, *arguments, **options):
            call = (name, *map(distinguishing, arguments))
            stop_at("before", *call)
            result = step(self, *arguments, **options)
            stop_at("after", *call)
            return result

        return take

    for owner, name in STEPS:
        monkeypatch.setattr(owner, name, stopping(name, getattr(owner, name)))
    return seen


def test_stopped_before_and_after_each_write_it_has_the_same_results(place, undisturbed, moments):
    for _ in range(100):
        try:
            assert place.run(*place.study) == 0
            break
        except Stop:
            continue
    assert place.recorded() == undisturbed
    assert {name for _, name, *_ in moments} == {name for _, name in STEPS}
    folds = [moment for moment in moments if moment[0] == "after" and "fold" in str(moment[3:])]
    assert len(folds) >= 3


@pytest.mark.slow
def test_killed_ten_times_at_random_it_has_the_same_results(place, undisturbed):
    chance = random.Random(0)
    for _ in range(10):
        running = place.start()
        time.sleep(chance.uniform(0.5, 10))
        running.kill()
    assert place.run(*place.study) == 0
    assert place.recorded() == undisturbed
