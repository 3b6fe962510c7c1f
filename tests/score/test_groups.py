"""Groups of clips: differences like those of the classical tests, and recalls with intervals."""

import numpy as np
import pytest
from scipy.stats import ttest_ind, ttest_rel

from serbench.score.confusion import tally
from serbench.score.groups import group_difference, mean_recalls


def clips_of(shares, names, clips=40):
    """A tally of speakers with one emotion, of whose clips these shares are predicted correctly."""
    predicted = np.concatenate(
        [(np.arange(clips) >= round(share * clips)).astype(int) for share in shares]
    )
    speakers = np.repeat(names, clips)
    return tally(np.eye(2)[predicted], np.zeros(len(predicted), dtype=np.int64), speakers)


CHANCE = np.random.default_rng(3)
HIGH, LOW = CHANCE.uniform(0.5, 0.9, 12), CHANCE.uniform(0.3, 0.8, 9)


def test_groups_without_a_common_speaker_are_compared_like_by_welchs_test():
    high, low = np.round(HIGH * 40) / 40, np.round(LOW * 40) / 40
    names = [f"s{n:02}" for n in range(21)]
    found = group_difference(clips_of(high, names[:12]), clips_of(low, names[12:]))
    expected = ttest_ind(high, low, equal_var=False)
    assert found.difference == pytest.approx(high.mean() - low.mean())
    assert tuple(found.interval) == pytest.approx(tuple(expected.confidence_interval()), abs=0.01)
    assert found.p == pytest.approx(expected.pvalue, rel=0.2)
    assert found.speakers == 21


def test_groups_of_the_same_speakers_are_compared_in_pairs():
    strong = np.round(HIGH * 40) / 40
    normal = np.round((HIGH - 0.1 + 0.05 * CHANCE.random(12)) * 40) / 40
    names = [f"s{n:02}" for n in range(12)]
    found = group_difference(clips_of(strong, names), clips_of(normal, names))
    expected = ttest_rel(strong, normal)
    assert tuple(found.interval) == pytest.approx(tuple(expected.confidence_interval()), abs=0.01)
    assert found.speakers == 12


def test_only_emotions_of_both_groups_are_compared():
    speakers = np.array(["a", "b", "a", "b"])
    both = tally(np.eye(2)[[0, 0, 0, 0]], np.array([0, 0, 1, 1]), speakers)
    one = tally(np.eye(2)[[0, 0]], np.array([0, 0]), speakers[:2])
    other = tally(np.eye(2)[[1, 1]], np.array([1, 1]), speakers[:2])
    assert group_difference(both, one).difference == 0
    assert group_difference(one, other) is None


def test_a_group_of_one_speaker_has_a_difference_and_no_interval():
    found = group_difference(clips_of([0.5], ["a"]), clips_of([0.25, 0.75], ["b", "c"]))
    assert (found.difference, found.interval, found.p) == (0, None, None)


def test_recalls_are_weighted_and_lie_in_their_intervals():
    names = [f"s{n:02}" for n in range(12)]
    first, second = clips_of(HIGH, names), clips_of(np.roll(HIGH, 3) - 0.2, names)
    (recall, ends), (absent, nothing) = mean_recalls([first, second], [0.75, 0.25])
    expected = 0.75 * first.counts[:, 0, 0].mean() + 0.25 * second.counts[:, 0, 0].mean()
    assert recall == pytest.approx(expected / 40)
    assert ends.low < recall < ends.high
    assert np.isnan(absent)
    assert nothing is None
