"""Comparisons of systems on the same speakers."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import written_out
from error_facts import value_error
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import chi, nct, norm
from scipy.stats import t as student

from serbench.score.comparison import (
    Bootstrap,
    Difference,
    differences,
    holm,
    shared_level,
    tally_difference,
)
from serbench.score.confusion import COUNT_METRICS as METRICS
from serbench.score.confusion import Tally
from serbench.score.power import more_speakers, smallest_difference, speakers_to_detect
from serbench.score.resampling import draws

quick = settings(max_examples=30, deadline=None)
FEW = 30


def tally_with(*counts):
    return Tally(tuple("abcdefghijkl"[: len(counts)]), np.array(counts, dtype=np.int64))


@quick
@given(written_out.tested_clips(systems=2), st.sampled_from(METRICS))
def test_a_difference_is_the_one_written_out_under_the_same_draws(tested, metric):
    emotions, (a, b) = tested
    first, second = written_out.tally_of(a, emotions), written_out.tally_of(b, emotions)
    found = tally_difference(first, second, metric, seed=5, resamples=FEW)
    written = written_out.SCORES[metric]
    point, speakers = written(a) - written(b), len({clip.speaker for clip in a})
    assert found.difference == pytest.approx(point, abs=1e-9)
    assert found.speakers == speakers
    drawn = draws(first.clips, seed=5, resamples=FEW)
    if drawn is None:
        assert found.interval is found.standard_error is found.p is None
        return
    values = [
        written(written_out.resample(a, row)) - written(written_out.resample(b, row))
        for row in drawn
    ]
    effective = written_out.effective_speakers(a)
    expected = written_out.interval_of_difference(point, values, effective)
    assert found.interval == pytest.approx(expected, abs=1e-9)
    assert found.standard_error == pytest.approx(
        written_out.standard_error(values, effective), abs=1e-9
    )


@quick
@given(written_out.tested_clips(systems=2))
def test_the_test_and_the_interval_agree(tested):
    emotions, (a, b) = tested
    found = tally_difference(
        written_out.tally_of(a, emotions), written_out.tally_of(b, emotions), resamples=FEW
    )
    if found.interval is not None:
        assert found.distinguishable == (found.p < 0.05)
        assert found.interval.low <= found.difference <= found.interval.high


@quick
@given(written_out.tested_clips(systems=3))
def test_many_systems_are_compared_as_two_are(tested):
    emotions, answers = tested
    tallies = [written_out.tally_of(clips, emotions) for clips in answers]
    together = Bootstrap(tallies[1], seed=1, resamples=FEW)
    assert together.of(tallies[2]).minus(together.of(tallies[0])) == tally_difference(
        tallies[2], tallies[0], seed=1, resamples=FEW
    )


@pytest.mark.parametrize(("speakers", "certain"), [(3, False), (7, False), (8, True), (12, True)])
def test_an_equal_gain_of_all_speakers_is_distinguishable_only_for_many_speakers(speakers, certain):
    """Three speakers with the same gain may come from a population with different gains."""
    better, worse = ([each] * speakers for each in ([[4, 0], [0, 4]], [[2, 2], [2, 2]]))
    found = tally_difference(tally_with(*better), tally_with(*worse))
    unseen = 1 - 0.05 ** (1 / speakers)
    assert found.difference == 0.5
    assert found.interval == pytest.approx((0.5 - 1.5 * unseen, 0.5 + 0.5 * unseen))
    assert found.p == pytest.approx(1.5**-speakers)
    assert found.distinguishable == certain == (found.p < 0.05)


def test_a_gain_of_one_speaker_is_not_distinguishable():
    better, worse = [[4, 0], [0, 4]], [[0, 4], [4, 0]]
    found = tally_difference(tally_with(better, *[worse] * 5), tally_with(*[worse] * 6))
    assert found.difference == pytest.approx(1 / 6)
    assert not found.distinguishable


def test_a_system_does_not_differ_from_itself():
    same = tally_with([[3, 1], [0, 2]], [[1, 1], [2, 2]])
    found = tally_difference(same, same)
    assert (found.difference, found.standard_error, found.p) == (0, 0, 1)
    assert not found.distinguishable


def test_rounding_is_no_difference():
    """Recalls of 1, 0 and 1/3 against 1/3, 1 and 0: the same UAR, added up in another order."""
    a, b = np.diag([3, 0, 1]), np.diag([1, 3, 0])
    a[1, 0], a[2, 0], b[0, 1], b[2, 1] = 3, 2, 2, 3
    found = tally_difference(tally_with(a, a, a, a), tally_with(b, b, b, b))
    assert (found.difference, found.standard_error, found.p) == (0, 0, 1)


def test_one_speaker_shows_a_difference_without_an_interval():
    found = tally_difference(tally_with([[4, 0], [0, 4]]), tally_with([[2, 2], [2, 2]]))
    assert (found.difference, found.interval, found.standard_error) == (0.5, None, None)
    assert not found.distinguishable


def test_systems_tested_on_other_clips_are_not_compared():
    here = tally_with([[3, 1], [1, 3]], [[2, 0], [0, 2]])
    fewer = tally_with([[3, 1], [1, 3]], [[2, 0], [0, 1]])
    others = Tally(("a", "z"), here.counts)
    for other in (fewer, others):
        with value_error():
            tally_difference(here, other)
        with value_error():
            Bootstrap(here).of(other)


@st.composite
def any_pairs(draw):
    """Two to five systems on the same clips, and all pairs of them."""
    speakers = draw(st.integers(2, 8))
    rights = st.lists(st.integers(0, 6), min_size=speakers, max_size=speakers)
    tallies = [
        tally_with(*([[right, 6 - right], [6 - right, right]] for right in draw(rights)))
        for _ in range(draw(st.integers(2, 5)))
    ]
    scores = Bootstrap(tallies[0], resamples=300).of_all(tallies)
    return list(combinations(scores, 2))


@quick
@given(any_pairs())
def test_several_differences_have_wider_intervals_and_greater_p(pairs):
    level = shared_level(pairs)
    assert 0.05 / len(pairs) - 1e-12 <= level <= 0.05 + 1e-12
    for (one, other), found in zip(pairs, differences(pairs), strict=True):
        alone = one.minus(other)
        assert found.difference == alone.difference
        assert found.p >= alone.p
        assert found.interval.low <= alone.interval.low
        assert found.interval.high >= alone.interval.high


@quick
@given(any_pairs())
def test_a_single_pair_is_not_corrected(pairs):
    assert differences(pairs[:1]) == [pairs[0][0].minus(pairs[0][1])]


def test_all_intervals_together_hold_in_95_of_100_draws():
    """Golden: the share of draws on which every deviation is within its half width."""
    random = np.random.default_rng(4)
    tallies = [
        tally_with(*([[right, 20 - right], [20 - right, right]] for right in rights))
        for rights in random.integers(2, 19, size=(5, 12))
    ]
    scores = Bootstrap(tallies[0]).of_all(tallies)
    pairs = list(combinations(scores, 2))
    level = shared_level(pairs)
    inside = np.ones(4000, dtype=bool)
    for one, other in pairs:
        apart = one.resampled - other.resampled
        inside &= np.abs(apart - apart.mean()) <= norm.isf(level / 2) * apart.std() * (1 + 1e-9)
    assert inside.mean() == pytest.approx(0.95, abs=0.001)


def test_equal_systems_count_as_no_test():
    same = tally_with([[4, 2], [1, 5]], [[3, 3], [2, 4]])
    other = tally_with([[2, 4], [3, 3]], [[3, 3], [2, 4]])
    one, two, three = Bootstrap(same).of_all([same, same, other])
    assert shared_level([(one, two), (one, three)]) == pytest.approx(0.05)


def test_holms_method_has_the_values_of_a_published_example():
    """The example of R's ``p.adjust``: 0.01, 0.02, 0.03, 0.04 → 0.04, 0.06, 0.06, 0.06."""
    assert holm([0.02, 0.04, None, 0.01, 0.03]) == pytest.approx([0.06, 0.06, None, 0.04, 0.06])
    assert holm([0.5, 0.9, 0.7]) == [1.0, 1.0, 1.0]
    assert holm([]) == []
    assert holm([None]) == [None]


def test_one_speaker_gives_no_corrected_difference():
    one = Bootstrap(tally_with([[4, 0], [0, 4]])).of(tally_with([[3, 1], [0, 4]]))
    [found] = differences([(one, one)])
    assert (found.interval, found.p) == (None, None)


@pytest.mark.parametrize("speakers", [3, 16, 24.5])
def test_a_number_of_speakers_detects_the_difference_and_one_fewer_does_not(speakers):
    needed = speakers_to_detect(0.01, 0.02, speakers, significance=0.02)

    def smallest(number):
        return smallest_difference(0.02 * math.sqrt(speakers / number), number, significance=0.02)

    assert smallest(needed) <= 0.01 < smallest(needed - 1)
    assert speakers_to_detect(-0.01, 0.02, speakers, significance=0.02) == needed


def test_no_number_of_speakers_is_given_where_none_can_be_estimated():
    for difference, error in ((0.0, 0.02), (0.01, 0.0), (1e-6, 0.02), (0.01, math.inf)):
        assert speakers_to_detect(difference, error, 8) is None


def test_more_speakers_are_counted_as_the_tested_ones_were():
    uneven = Difference(0.01, None, 0.02, 0.6, speakers=20, effective=10.0)
    needed = speakers_to_detect(0.01, 0.02, 10)
    assert more_speakers(uneven, 0.01, 0.05) == 2 * needed - 20
    assert more_speakers(replace(uneven, standard_error=1e-5), 0.01, 0.05) == 1
    assert more_speakers(replace(uneven, standard_error=None), 0.01, 0.05) is None


@pytest.mark.parametrize("speakers", [2, 4, 10, 24, 91])
def test_the_smallest_difference_is_detected_with_a_probability_of_0_8(speakers):
    """The power of the t-test, integrated over the distribution of its standard error."""
    true, error, degrees = smallest_difference(0.02, speakers), 0.02, speakers - 1
    critical = student.ppf(0.975, degrees)

    def found(spread):
        bar = critical * spread / math.sqrt(degrees)
        return norm.sf(bar - true / error) * chi.pdf(spread, degrees)

    middle = math.sqrt(degrees)
    pieces = [quad(found, *ends)[0] for ends in ((0, middle), (middle, middle + 12))]
    assert sum(pieces) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("speakers", [1.5, 1.6, 2.3, 3, 7.7, 24, 91, 400])
def test_the_smallest_difference_is_the_root_of_the_non_central_t(speakers):
    critical = student.isf(0.025, speakers - 1)
    root = brentq(
        lambda shift: nct.sf(critical, speakers - 1, shift) - 0.8, 0, 2 * critical + 10, xtol=1e-12
    )
    assert smallest_difference(0.02, speakers) == pytest.approx(0.02 * root, rel=1e-11)


def test_more_speakers_show_smaller_differences():
    found = [smallest_difference(0.02, speakers) for speakers in (2, 3, 4, 8, 24, 1000)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(0.02 * (1.96 + 0.8416), rel=0.01)


def test_for_systems_that_always_agree_the_smallest_difference_is_0():
    assert smallest_difference(0.0, 8) == 0


def test_one_speaker_shows_no_difference():
    with value_error():
        smallest_difference(0.02, 1)
