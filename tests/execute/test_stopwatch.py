"""Real training steps, timed."""

from scripted_studies import make_bench

from serbench.execute.stopwatch import time_steps
from serbench.search.space import Configuration
from serbench.search.study import space_of

BENCH = make_bench()
SETTING = Configuration.from_parameters(space_of(BENCH).initial())


def test_real_steps_are_timed_and_the_same_seed_learns_the_same():
    seconds, losses = time_steps(BENCH, SETTING, None)
    assert seconds > 0
    assert len(losses) >= 3
    assert losses[0] > 0
    again = time_steps(BENCH, SETTING, None)[1]
    assert again[:3] == losses[:3]


def test_a_way_that_is_too_slow_is_left_after_its_first_timed_step():
    _, losses = time_steps(BENCH, SETTING, 1e-9)
    assert len(losses) == 2


def test_a_first_step_that_is_short_is_enough():
    seconds, losses = time_steps(BENCH, SETTING, None, short=60.0)
    assert len(losses) == 1
    assert 0 < seconds < 60


def test_a_first_step_that_is_not_short_is_only_a_warm_up():
    _, losses = time_steps(BENCH, SETTING, None, short=1e-9)
    assert len(losses) >= 3
