"""Comparisons of two systems on the same speakers, and on the same folds."""

import math

import numpy as np
import pytest
import written_out
from error_facts import value_error
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import chi, nct, norm, ttest_1samp
from scipy.stats import t as student

from serbench.score.comparison import (
    Bootstrap,
    corrected_t_test,
    smallest_difference,
    tally_difference,
)
from serbench.score.confusion import COUNT_METRICS as METRICS
from serbench.score.confusion import Tally
from serbench.score.resampling import draws

quick = settings(max_examples=30, deadline=None)
FEW = 30
differences = st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=12)


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


@quick
@given(differences, st.integers(1, 5000), st.integers(1, 5000))
def test_the_corrected_t_test_is_nadeau_and_bengios(folds, n_train, n_test):
    found, k = corrected_t_test(folds, n_train, n_test), len(folds)
    mean = math.fsum(folds) / k
    variance = math.fsum((each - mean) ** 2 for each in folds) / (k - 1)
    error = math.sqrt((1 / k + n_test / n_train) * variance)
    half = student.ppf(0.975, k - 1) * error
    assert found.degrees == k - 1
    assert found.difference == pytest.approx(mean, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((mean - half, mean + half), abs=1e-9)
    if max(folds) - min(folds) > 1e-6:
        assert found.t == pytest.approx(mean / error, rel=1e-9, abs=1e-9)
        assert found.p == pytest.approx(2 * student.cdf(-abs(mean / error), k - 1), abs=1e-9)


def test_with_very_few_test_clips_it_is_the_ordinary_t_test():
    folds = [0.02, 0.05, -0.01, 0.04, 0.03]
    found, ordinary = corrected_t_test(folds, 1e15, 1), ttest_1samp(folds, 0)
    assert (found.t, found.p) == pytest.approx((ordinary.statistic, ordinary.pvalue), abs=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(ordinary.confidence_interval()), abs=1e-9)


def test_equal_differences_on_all_folds_have_no_variance():
    always, never = corrected_t_test([-0.1] * 7, 80, 20), corrected_t_test([0.0] * 7, 80, 20)
    assert (always.t, always.p) == (-math.inf, 0)
    assert (always.low, always.high) == pytest.approx((-0.1, -0.1))
    assert (never.t, never.p, never.low, never.high) == (0, 1, 0, 0)


def test_a_t_test_needs_two_folds_with_clips():
    with value_error():
        corrected_t_test([0.1], 80, 20)
    for n_train, n_test in ((0, 20), (80, 0)):
        with value_error():
            corrected_t_test([0.1, 0.2], n_train, n_test)


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
