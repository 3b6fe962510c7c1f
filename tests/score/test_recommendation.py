"""The rule that chooses one entry by accuracy and latency."""

import hypothesis.strategies as st
import numpy as np
import pytest
from error_facts import value_error
from hypothesis import assume, given, settings
from scipy.stats import t as student

from serbench.score.comparison import Bootstrap
from serbench.score.confusion import Tally
from serbench.score.recommendation import Contender, choose

SPEAKERS, CLIPS = 8, 6


def tally(rights):
    """One that recognises so many of each speaker's six clips of either emotion."""
    counts = np.array([[[right, CLIPS - right], [CLIPS - right, right]] for right in rights])
    return Tally(tuple(f"s{number}" for number in range(len(rights))), counts)


def contenders(*given_pairs):
    """Contenders from pairs of latency and recognised clips by speaker."""
    tallies = [tally(rights) for _, rights in given_pairs]
    scores = Bootstrap(tallies[0]).of_all(tallies)
    return [Contender(each, pair[0]) for each, pair in zip(scores, given_pairs, strict=True)]


BEST = [5, 4, 6, 5, 3, 6, 4, 5]
NEAR = [5, 4, 5, 5, 4, 5, 4, 5]
"""One clip fewer than BEST, of 48; three speakers differ."""
FAR = [2, 1, 3, 2, 0, 3, 1, 2]


@st.composite
def any_contenders(draw):
    """One to six, some as good or as fast as each other."""
    number = draw(st.integers(1, 5))
    rights = st.lists(st.integers(0, CLIPS), min_size=number, max_size=number)
    pairs = st.tuples(st.sampled_from([1.0, 2.0, 4.0, 9.0, None]), rights)
    return contenders(*draw(st.lists(pairs, min_size=1, max_size=6)))


def test_one_alone_is_chosen():
    found = choose(contenders((None, BEST)), 0.03)
    assert (found.best, found.chosen, found.decided, found.losses) == (0, 0, True, {})


def test_a_faster_one_that_is_far_behind_does_not_replace_the_best():
    found = choose(contenders((1.0, FAR), (9.0, BEST)), 0.03)
    assert (found.chosen, found.decided) == (1, True)


def test_a_faster_one_within_the_margin_replaces_the_best():
    found = choose(contenders((1.0, NEAR), (9.0, BEST)), 0.2)
    assert (found.best, found.chosen, found.decided) == (1, 0, True)


def test_a_faster_one_that_may_be_as_good_leaves_it_undecided():
    found = choose(contenders((1.0, NEAR), (9.0, BEST), (0.5, FAR)), 0.03)
    assert (found.best, found.chosen, found.alternative) == (1, 1, 0)
    assert found.more_speakers >= 1


def test_the_interval_is_the_paired_t_interval_of_equally_many_clips():
    """Golden: with equal clips a difference of UA is a mean over speakers, written out here."""
    loss = choose(contenders((1.0, NEAR), (9.0, BEST)), 0.03).losses[0]
    each = (np.array(NEAR) - np.array(BEST)) / CLIPS
    error = each.std(ddof=1) / np.sqrt(SPEAKERS)
    half = student.ppf(0.975, SPEAKERS - 1) * error
    assert loss.difference == pytest.approx(each.mean())
    assert loss.interval == pytest.approx((each.mean() - half, each.mean() + half), abs=0.002)


def test_the_number_of_faster_ones_widens_the_intervals():
    alone = choose(contenders((1.0, NEAR), (9.0, BEST)), 0.03).losses[0]
    among = choose(contenders((1.0, NEAR), (9.0, BEST), (0.5, FAR), (2.0, [1] * 8)), 0.03)
    assert among.losses[0].interval.low < alone.interval.low
    assert set(among.losses) == {0, 2, 3}


def test_an_unmeasured_best_may_be_replaced_by_a_measured_one():
    assert choose(contenders((1.0, NEAR), (None, BEST)), 0.2).chosen == 0
    assert choose(contenders((None, NEAR), (1.0, BEST)), 0.2).chosen == 1


@given(any_contenders(), st.sampled_from([0.0, 0.03, 0.2, 1.0]))
@settings(max_examples=60)
def test_the_chosen_one_is_never_slower_than_the_best(found, margin):
    choice = choose(found, margin)
    times = [float("inf") if each.latency is None else each.latency for each in found]
    assert found[choice.best].score.score == max(each.score.score for each in found)
    assert times[choice.chosen] <= times[choice.best]
    if choice.alternative is not None:
        assert times[choice.alternative] < times[choice.chosen]
    if choice.chosen != choice.best:
        low = choice.losses[choice.chosen].interval
        assert low is None or low.low >= -margin - 1e-9
    assert choice.more_speakers is None or choice.more_speakers >= 1


@given(any_contenders())
@settings(max_examples=40)
def test_a_margin_of_100_points_takes_the_fastest(found):
    times = [float("inf") if each.latency is None else each.latency for each in found]
    choice = choose(found, 1.0)
    assert times[choice.chosen] == min(times)
    assert choice.decided


@given(st.lists(st.integers(0, CLIPS), min_size=2, max_size=9), st.permutations([1.0, 2.0, 3.0]))
@settings(max_examples=30)
def test_of_identical_entries_a_margin_of_0_takes_the_fastest(rights, latencies):
    choice = choose(contenders(*((each, rights) for each in latencies)), 0.0)
    assert latencies[choice.chosen] == 1.0
    assert choice.decided


@given(any_contenders(), st.integers(0, 2))
@settings(max_examples=60)
def test_one_that_is_slower_and_worse_than_the_best_changes_nothing(found, right):
    before = choose(found, 0.05)
    best = found[before.best]
    worse = tally([right] * best.score.speakers)
    added = Bootstrap(worse).of(worse)
    assume(added.score < best.score.score)
    latency = None if best.latency is None else best.latency + 1
    assert choose([*found, Contender(added, latency)], 0.05) == before


def test_bad_arguments_are_errors():
    with value_error():
        choose([], 0.03)
    for margin in (-0.01, float("nan")):
        with value_error():
            choose(contenders((1.0, BEST)), margin)
