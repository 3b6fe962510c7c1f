"""Whether a faster form of a network may take its place."""

import numpy as np
import pytest

from serbench.score.comparison import tally_difference
from serbench.score.confusion import Tally
from serbench.score.precision import ALLOWED_LOSS, may_replace

CLIPS = 100


def answers(*correct):
    """Two emotions with 100 clips of each speaker; of each emotion so many are correct."""
    counts = [[[right, CLIPS - right], [CLIPS - right, right]] for right in correct]
    return Tally(tuple(f"s{number:02}" for number in range(len(correct))), np.array(counts))


FULL = answers(*[70, 75, 80, 85] * 4)


def test_the_same_predictions_may_replace():
    assert may_replace(FULL, FULL)


@pytest.mark.parametrize(("clips", "enough"), [(298, False), (300, True)])
def test_unchanged_predictions_of_300_clips_are_enough(clips, enough):
    half = clips // 2
    tally = Tally(("a", "b"), np.array([[[half - 9, 9], [0, 0]], [[0, 0], [1, half - 1]]]))
    assert may_replace(tally, tally) == enough


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
