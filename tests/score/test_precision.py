"""Whether a faster form of a network may take its place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from serbench.score.comparison import tally_difference
from serbench.score.confusion import Tally
from serbench.score.precision import ALLOWED_LOSS, FEWEST_CLIPS, may_replace


def answers(*correct, clips=100):
    """Two emotions with so many clips of each speaker; of each emotion so many are correct."""
    counts = [[[right, clips - right], [clips - right, right]] for right in correct]
    return Tally(tuple(f"s{number:02}" for number in range(len(correct))), np.array(counts))


FULL = answers(*[70, 75, 80, 85] * 4)


def test_the_same_predictions_may_replace():
    assert may_replace(FULL, FULL)


def test_more_correct_predictions_may_replace():
    assert may_replace(answers(*[75, 81, 84, 90] * 4), FULL)


def test_half_a_point_less_for_every_speaker_may_replace():
    """UA is 77.5 and 77.0; speakers differ, but their differences hardly do."""
    faster = answers(*[70, 75, 80, 85] * 2, *[69, 74, 79, 84] * 2)
    difference = tally_difference(faster, FULL)
    assert difference.difference == pytest.approx(-0.005)
    assert may_replace(faster, FULL) == (difference.interval.low > -0.01)


@pytest.mark.parametrize("loss", [1, 2, 10])
def test_a_point_less_for_every_speaker_may_not(loss):
    assert not may_replace(answers(*(each - loss for each in [70, 75, 80, 85] * 4)), FULL)


@settings(max_examples=40, deadline=None)
@given(
    correct=st.lists(st.integers(100, 900), min_size=2, max_size=12),
    gain=st.integers(-30, 30),
)
def test_a_constant_difference_may_replace_if_it_is_above_the_margin(correct, gain):
    """Of 1,000 clips of each speaker, so many more are correct."""
    full, faster = (answers(*(each + more for each in correct), clips=1000) for more in (0, gain))
    assert tally_difference(faster, full).difference == pytest.approx(gain / 1000)
    assert may_replace(faster, full) == (gain > -10)


@given(
    counts=st.lists(st.tuples(*[st.integers(0, 90)] * 4), min_size=2, max_size=5).filter(
        lambda rows: np.sum(rows, axis=0)[:2].any() and np.sum(rows, axis=0)[2:].any()
    )
)
def test_predictions_that_all_agree_may_replace_if_there_are_enough(counts):
    """Also where emotions have so few speakers that no interval can be computed."""
    names = tuple(f"s{number}" for number in range(len(counts)))
    tally = Tally(names, np.array(counts).reshape(-1, 2, 2))
    assert may_replace(tally, tally) == (np.sum(counts) >= FEWEST_CLIPS)


def test_the_fewest_clips_are_those_of_the_exact_interval():
    """Without a loss among them, the interval of Clopper and Pearson ends below one point."""
    ends = [binomtest(0, clips).proportion_ci(0.95).high for clips in (367, 368)]
    assert ends[0] > ALLOWED_LOSS > ends[1]
    assert FEWEST_CLIPS == 368


def test_no_loss_on_average_that_is_uncertain_may_not():
    """Half of the speakers gain ten points, the others lose ten."""
    faster = answers(*[80, 65, 90, 75] * 4)
    assert tally_difference(faster, FULL).difference == pytest.approx(0)
    assert not may_replace(faster, FULL)


def test_with_one_speaker_nothing_is_excluded():
    one = answers(80)
    assert tally_difference(one, one).interval is None
    assert not may_replace(one, one)


def test_the_rule_is_the_lower_end_of_the_interval():
    generator = np.random.default_rng(0)
    seen = set()
    for _ in range(40):
        losses = generator.integers(-3, 4, 16)
        faster = answers(*(np.array([70, 75, 80, 85] * 4) - losses))
        interval = tally_difference(faster, FULL).interval
        seen.add(may_replace(faster, FULL))
        assert may_replace(faster, FULL) == (interval.low > -ALLOWED_LOSS)
    assert seen == {True, False}
