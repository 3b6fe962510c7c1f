"""Who is on the front, who cannot be told from it, and who is beaten."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from serbench.results.front import DOMINATED, NEAR, ON, UNMEASURED, Candidate, verdicts
from serbench.results.statistics.comparison import paired_difference
from serbench.results.statistics.tally import Tally, uar

SPEAKERS, CLIPS = 8, 6


def candidate(rights, p50=1.0, p90=2.0):
    """One that recognises so many of each speaker's six clips of either emotion."""
    counts = np.array([[[right, CLIPS - right], [CLIPS - right, right]] for right in rights])
    tally = Tally(tuple(f"s{number}" for number in range(len(rights))), counts)
    return Candidate(float(uar(tally.confusion)), p50, p90, tally)


ALIKE = [4, 3, 5, 4, 2, 5, 3, 4]
"""Mean 3.75, as the next but with other speakers."""
OTHERWISE = [3, 4, 3, 5, 4, 3, 5, 2]
FAR_BELOW = [1, 0, 2, 1, 0, 2, 0, 1]


def test_one_alone_is_on_the_front():
    assert verdicts([candidate(ALIKE)]) == [ON]
    assert verdicts([]) == []


def test_the_faster_and_the_better_share_the_front():
    assert verdicts([candidate(ALIKE, 9, 10), candidate(FAR_BELOW, 1, 2)]) == [ON, ON]


def test_clearly_worse_is_dominated():
    assert verdicts([candidate(ALIKE), candidate(FAR_BELOW)]) == [ON, DOMINATED]


def test_worse_by_chance_is_indistinguishable():
    found = verdicts([candidate(ALIKE), candidate(OTHERWISE)])
    assert found == [ON, NEAR]


def test_slower_beyond_the_spread_is_dominated():
    same = candidate(ALIKE, 1.0, 2.0), candidate(ALIKE, 2.1, 2.5)
    assert verdicts(same) == [ON, DOMINATED]


def test_slower_within_the_spread_is_indistinguishable():
    assert verdicts([candidate(ALIKE, 1.0, 2.0), candidate(ALIKE, 1.9, 2.5)]) == [ON, NEAR]


def test_one_on_the_front_that_clearly_beats_it_is_enough():
    near, far = candidate(OTHERWISE, 1.0, 2.0), candidate(ALIKE, 1.0, 3.0)
    assert verdicts([candidate(ALIKE), near, far]) == [ON, NEAR, NEAR]
    slow = candidate(OTHERWISE, 2.5, 4.0)
    assert verdicts([candidate(ALIKE), slow]) == [ON, DOMINATED]


def test_whoever_was_not_measured_decides_nothing():
    best = candidate([CLIPS] * SPEAKERS, None, None)
    assert verdicts([best, candidate(FAR_BELOW)]) == [UNMEASURED, ON]


def test_of_one_speaker_no_difference_is_clear():
    assert verdicts([candidate([6]), candidate([0])]) == [ON, NEAR]


CANDIDATES = st.lists(
    st.builds(
        lambda rights, p50, spread: candidate(rights, p50, p50 + spread if spread else p50),
        st.lists(st.integers(0, CLIPS), min_size=4, max_size=4),
        st.sampled_from([1.0, 2.0, 3.0]),
        st.sampled_from([0.0, 0.5, 2.5]),
    ),
    min_size=1,
    max_size=5,
)


@given(CANDIDATES)
@settings(max_examples=30)
def test_a_verdict_is_what_the_tests_of_each_pair_say(candidates):
    def beats(one, other):
        as_good = one.uar >= other.uar and one.p90 <= other.p90
        return as_good and (one.uar, one.p90) != (other.uar, other.p90)

    front = [one for one in candidates if not any(beats(other, one) for other in candidates)]
    for each, verdict in zip(candidates, verdicts(candidates), strict=True):
        better = [other for other in front if beats(other, each)]
        clear = [
            other
            for other in better
            if each.p50 > other.p90 or paired_difference(other.tally, each.tally).distinguishable
        ]
        assert verdict == (DOMINATED if clear else NEAR if better else ON)


@pytest.mark.parametrize("place", range(3))
def test_the_order_does_not_matter(place):
    three = [candidate(ALIKE), candidate(OTHERWISE), candidate(FAR_BELOW)]
    turned = three[place:] + three[:place]
    expected = [ON, NEAR, DOMINATED]
    assert verdicts(turned) == expected[place:] + expected[:place]
