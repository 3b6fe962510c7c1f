"""Mean ranks over speakers: the numbers of Demšar 2006, ties, and which systems are joined."""

import numpy as np
import pytest
from scipy.stats import wilcoxon

from serbench.score.confusion import tally
from serbench.score.mean_ranks import critical_difference, mean_ranks, speaker_scores

DEMSAR = np.array(
    [
        *([0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967]),
        *([0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931]),
        *([0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875]),
        *([1.0, 1.0, 1.0, 1.0], [0.94, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669]),
        *([0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970]),
    ]
)
"""AUC of four systems on fourteen data sets, table 6 of the article; one tie is broken."""


def test_the_example_of_demsar_gives_its_numbers():
    found = mean_ranks(DEMSAR)
    assert found.order == (3, 1, 2, 0)
    assert found.ranks == pytest.approx([1.964, 2.0, 2.893, 3.143], abs=5e-4)
    assert found.critical == pytest.approx(1.25, abs=5e-3)
    assert found.p < 0.05
    # No pair is as far apart as the critical difference (1.179 < 1.25).
    assert found.cliques == ((0, 3),)


@pytest.mark.parametrize(("systems", "q"), [(3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_values_are_those_of_its_table(systems, q):
    expected = q * np.sqrt(systems * (systems + 1) / (6 * 20))
    assert critical_difference(systems, 20) == pytest.approx(expected, abs=2e-3)


def apart(skills, speakers=12):
    noise = np.random.default_rng(1).normal(size=(speakers, len(skills)))
    return np.array(skills) + 0.02 * noise


def test_systems_that_differ_are_not_joined_and_others_are():
    scores = apart([0.2, 0.2, 0.8, 0.8])
    for test in ("nemenyi", "wilcoxon"):
        found = mean_ranks(scores, test)
        best, worst = {found.order[:2]}, {found.order[2:]}
        assert {tuple(sorted(each)) for each in best | worst} == {(2, 3), (0, 1)}
        assert found.cliques == ((0, 1), (2, 3))
    p = wilcoxon(scores[:, 0] - scores[:, 2]).pvalue
    assert p * 6 < 0.05 < wilcoxon(scores[:, 0] - scores[:, 1]).pvalue * 6


def test_equal_systems_share_a_rank_and_nothing_is_compared():
    found = mean_ranks(np.repeat(np.linspace(0.3, 0.9, 8)[:, None], 3, axis=1))
    assert (found.ranks, found.p, found.critical) == ((2.0, 2.0, 2.0), 1.0, None)
    assert found.cliques == ((0, 2),)


def test_two_systems_or_one_speaker_have_no_mean_ranks():
    for shape in ((5, 2), (1, 4)):
        with pytest.raises(ValueError, match="mean ranks"):
            mean_ranks(np.random.default_rng(0).random(shape))


def test_the_score_of_a_speaker_is_a_mean_over_this_speakers_emotions():
    targets, speakers = np.array([0, 0, 1, 0]), np.array(["a", "a", "a", "b"])
    right = tally(np.eye(2)[[0, 1, 1, 0]], targets, speakers)
    wrong = tally(np.eye(2)[[1, 1, 0, 1]], targets, speakers)
    np.testing.assert_allclose(speaker_scores([right, wrong]), [[0.75, 0], [1, 0]])
    other = tally(np.eye(2)[[0]], np.array([0]), np.array(["c"]))
    with pytest.raises(ValueError, match="same speakers"):
        speaker_scores([right, other])
