"""UA against the number of training speakers."""

import numpy as np
import pytest
from error_facts import value_error

from serbench.score.comparison import tally_difference
from serbench.score.confusion import Tally
from serbench.score.learning_curve import learning_curve


def tally(*rights):
    counts = np.array([[[right, 6 - right], [6 - right, right]] for right in rights])
    return Tally(tuple(f"s{number}" for number in range(len(rights))), counts)


def test_each_point_is_compared_with_the_one_before():
    few, more, most = tally(2, 3, 1, 4), tally(4, 3, 3, 4), tally(5, 5, 4, 6)
    found = learning_curve([(2.0, few), (4.0, more), (6.5, most)])
    assert [each.speakers for each in found] == [2.0, 4.0, 6.5]
    assert [each.uar for each in found] == pytest.approx([10 / 24, 14 / 24, 20 / 24])
    assert found[0].gain is None
    for point, before, after in ((found[1], few, more), (found[2], more, most)):
        expected = tally_difference(after, before)
        assert point.gain.difference == expected.difference
        assert point.gain.interval == pytest.approx(expected.interval)
        assert point.interval.low < point.uar < point.interval.high


def test_one_point_has_no_gain_and_other_clips_are_refused():
    assert learning_curve([]) == ()
    assert [each.gain for each in learning_curve([(3.0, tally(2, 3))])] == [None]
    with value_error():
        learning_curve([(3.0, tally(2, 3)), (4.0, tally(2, 3, 4))])
