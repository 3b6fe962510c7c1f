"""Real training steps, timed."""

from dataclasses import replace

from making.scripted import here, make_search

from serbench.execute.stopwatch import TimingJob, time_steps
from serbench.model.recipe import Configuration

SEARCH = make_search()
JOB = TimingJob(
    material=SEARCH.material,
    recipe=SEARCH.plan.recipe,
    configuration=Configuration.from_parameters(SEARCH.space.initial()),
    rows=SEARCH.split.holdout.train,
    root_seed=SEARCH.plan.root_seed,
    compute=SEARCH.compute,
)


def timed(**changes):
    """Seconds of a step and the losses of the first ones."""
    return here().submit(time_steps, replace(JOB, **changes), lambda message: None).result()


def test_real_steps_are_timed_and_the_same_seed_gives_the_same_losses():
    seconds, losses = timed()
    assert seconds > 0
    assert len(losses) >= 3
    assert losses[0] > 0
    assert timed()[1][:3] == losses[:3]


def test_slow_settings_are_not_timed_after_their_first_counted_step():
    assert len(timed(limit=1e-9)[1]) == 2


def test_a_first_step_that_is_short_is_enough():
    seconds, losses = timed(short=60.0)
    assert len(losses) == 1
    assert 0 < seconds < 60


def test_a_first_step_that_is_not_short_is_only_a_warm_up():
    assert len(timed(short=1e-9)[1]) >= 3
