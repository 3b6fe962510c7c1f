"""Which candidates are on the front, indistinguishable from it, or dominated."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from serbench.score.comparison import Bootstrap, Bootstrapped
from serbench.score.confusion import Tally
from serbench.views.front import DOMINATED, NEAR, ON, UNMEASURED, Candidate, verdicts

SPEAKERS, CLIPS = 8, 6


def candidate(rights, p50=1.0, p90=2.0):
    """One that recognises so many of each speaker's six clips of either emotion."""
    tally = tally_of(rights)
    found = Bootstrap(tally).of(tally)
    return Candidate(found.score, p50, p90, found)


def tally_of(rights):
    counts = np.array([[[right, CLIPS - right], [CLIPS - right, right]] for right in rights])
    return Tally(tuple(f"s{number}" for number in range(len(rights))), counts)


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


def test_one_candidate_of_the_front_that_clearly_beats_it_is_enough():
    near, far = candidate(OTHERWISE, 1.0, 2.0), candidate(ALIKE, 1.0, 3.0)
    assert verdicts([candidate(ALIKE), near, far]) == [ON, NEAR, NEAR]
    slow = candidate(OTHERWISE, 2.5, 4.0)
    assert verdicts([candidate(ALIKE), slow]) == [ON, DOMINATED]


def test_a_candidate_without_latency_decides_nothing():
    best = candidate([CLIPS] * SPEAKERS, None, None)
    assert verdicts([best, candidate(FAR_BELOW)]) == [UNMEASURED, ON]


def test_of_one_speaker_no_difference_is_clear():
    assert verdicts([candidate([6]), candidate([0])]) == [ON, NEAR]


@st.composite
def any_candidates(draw):
    """Up to eight, some as good or as fast as each other, some not measured."""
    rights = st.lists(st.integers(0, CLIPS), min_size=4, max_size=4)
    latencies = st.tuples(st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([0.0, 0.5, 2.5]))
    return [
        candidate(
            draw(rights),
            *((None, None) if measured is None else (measured[0], sum(measured))),
        )
        for measured in draw(st.lists(st.none() | latencies, min_size=1, max_size=8))
    ]


def beats(one, other):
    as_good = one.uar >= other.uar and one.p90 <= other.p90
    return as_good and (one.uar, one.p90) != (other.uar, other.p90)


def defined(candidates):
    """The verdicts as they are defined: every pair compared on its own."""
    measured = [one for one in candidates if one.p90 is not None]
    front = [one for one in measured if not any(beats(other, one) for other in measured)]
    for each in candidates:
        if each.p90 is None:
            yield UNMEASURED
            continue
        better = [other for other in front if beats(other, each)]
        clear = [
            other
            for other in better
            if each.p50 > other.p90 or other.score.minus(each.score).distinguishable
        ]
        yield DOMINATED if clear else NEAR if better else ON


@given(any_candidates())
@settings(max_examples=150)
def test_a_verdict_follows_from_the_tests_of_each_pair(candidates):
    assert verdicts(candidates) == list(defined(candidates))


def test_what_latencies_decide_is_not_compared_by_scores(monkeypatch):
    def never(*_):
        pytest.fail("no score had to be compared")

    monkeypatch.setattr(Bootstrapped, "minus", never)
    slower = [candidate(OTHERWISE, p50, p50 + 1) for p50 in (3.0, 5.0, 9.0)]
    found = verdicts([candidate(ALIKE, 1.0, 2.0), *slower, candidate(FAR_BELOW, 0.5, 0.9)])
    assert found == [ON, DOMINATED, DOMINATED, DOMINATED, ON]


@pytest.mark.parametrize("place", range(3))
def test_the_order_does_not_matter(place):
    three = [candidate(ALIKE), candidate(OTHERWISE), candidate(FAR_BELOW)]
    turned = three[place:] + three[:place]
    expected = [ON, NEAR, DOMINATED]
    assert verdicts(turned) == expected[place:] + expected[:place]
