"""The variance between seeds and between speakers, against values written out."""

import math

import numpy as np
import pytest
import written_out
from error_facts import value_error
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from serbench.score.confusion import Tally
from serbench.score.resampling import draws
from serbench.score.variance import components, sd_interval, seed_variance

quick = settings(max_examples=30, deadline=None)
FEW = 30

TABLE = np.array([[0.5, 0.6, 0.7], [0.8, 0.8, 0.5], [0.2, 0.4, 0.3], [0.9, 0.7, 0.8]])
"""UA of four speakers with three seeds; the squares below were added up by hand."""


def test_components_of_a_table_computed_by_hand():
    # Sums by speaker 1.8, 2.1, 0.9, 2.4; by seed 2.4, 2.5, 2.3; in all 7.2, mean 0.6.
    # Sum of squares: all 4.86 - 4.32, by speaker 14.22/3 - 4.32, by seed 17.30/4 - 4.32.
    speakers, seeds = 0.42, 0.005
    rest = (4.86 - 4.32) - speakers - seeds
    between_speakers, between_seeds, interaction = speakers / 3, seeds / 2, rest / 6
    found = components(TABLE)
    assert found.interaction == pytest.approx(interaction)
    assert found.speaker == pytest.approx((between_speakers - interaction) / 3)
    assert between_seeds < interaction
    assert (found.seed, found.negative) == (0.0, ("seed",))


def left_over(table, *factors):
    """Sum of squares that a linear model with these factors does not explain."""
    design = np.concatenate(
        [np.eye(factor.max() + 1)[factor.ravel()] for factor in factors], axis=1
    )
    found = np.linalg.lstsq(design, table.ravel(), rcond=None)[0]
    return ((table.ravel() - design @ found) ** 2).sum()


@quick
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(2, 4), st.integers(0, 99))
def test_components_of_several_networks_are_those_of_linear_models(sizes, seeds, chance):
    networks = np.repeat(np.arange(len(sizes)), sizes)
    table = np.random.default_rng(chance).random((len(networks), seeds))
    found = components(table, networks)
    degrees = len(networks) - len(sizes)
    if degrees == 0:
        assert found is None
        return
    speaker = np.repeat(np.arange(len(networks))[:, None], seeds, axis=1)
    network = networks[:, None] * seeds + np.arange(seeds)
    rest = left_over(table, speaker, network)
    interaction = rest / (degrees * (seeds - 1))
    by_seed = (left_over(table, speaker) - rest) / (len(sizes) * (seeds - 1))
    by_speaker = (left_over(table, network) - rest) / degrees
    expected = {
        "speaker": (by_speaker - interaction) / seeds,
        "seed": (by_seed - interaction) / np.mean(sizes),
        "interaction": interaction,
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(max(value, 0), abs=1e-12)
        if abs(value) > 1e-9:
            assert (name in found.negative) == (value < 0)


@pytest.mark.parametrize("networks", [1, 4])
def test_components_recover_simulated_ones(networks):
    random = np.random.default_rng(0)
    true = {"speaker": 0.02, "seed": 0.01, "interaction": 0.005}
    groups = np.arange(12) % networks
    found = []
    for _ in range(400):
        table = (
            math.sqrt(true["speaker"]) * random.standard_normal((12, 1))
            + math.sqrt(true["seed"]) * random.standard_normal((networks, 6))[groups]
            + math.sqrt(true["interaction"]) * random.standard_normal((12, 6))
        )
        found.append(components(table, groups))
    for name, value in true.items():
        assert np.mean([getattr(each, name) for each in found]) == pytest.approx(value, rel=0.1)


def test_equal_seeds_have_no_variance_and_equal_speakers_none_either():
    by_speaker = np.repeat([[0.2], [0.5], [0.8]], 4, axis=1)
    found = components(by_speaker)
    assert (found.seed, found.interaction) == pytest.approx((0, 0))
    assert found.negative == ()
    assert found.speaker == pytest.approx(np.var(by_speaker[:, 0], ddof=1))
    found = components(by_speaker.T)
    assert (found.speaker, found.interaction) == pytest.approx((0, 0))
    assert found.seed == pytest.approx(0.09)


def test_one_speaker_has_no_components_and_neither_have_networks_of_one_speaker():
    assert components(TABLE[:1]) is None
    assert components(TABLE, np.arange(4)) is None


@pytest.mark.parametrize(("seeds", "low", "high"), [(2, 0.4461, 31.91), (5, 0.5991, 2.874)])
def test_the_interval_of_a_standard_deviation_is_that_of_the_tables(seeds, low, high):
    assert sd_interval(1.0, seeds) == pytest.approx((low, high), rel=1e-3)


def test_the_interval_of_a_standard_deviation_contains_it_95_times_in_100():
    random = np.random.default_rng(1)
    sds = random.standard_normal((2000, 5)).std(axis=1, ddof=1)
    inside = [low <= 1 <= high for low, high in (sd_interval(sd, 5) for sd in sds)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
    assert sd_interval(0.0, 5) is None


@quick
@given(written_out.tested_clips(systems=3))
def test_all_is_as_written_out_under_the_same_draws(tested):
    emotions, answers = tested
    tallies = [written_out.tally_of(clips, emotions) for clips in answers]
    found = seed_variance(tallies, seed=5, resamples=FEW)
    scores = [written_out.uar(clips) for clips in answers]
    mean = math.fsum(scores) / 3
    sd = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / 2)
    assert found.scores == pytest.approx(tuple(scores))
    assert (found.mean, found.sd) == pytest.approx((mean, sd), abs=1e-12)
    if sd > 1e-9:
        ends = [sd * math.sqrt(2 / chi2.ppf(share, 2)) for share in (0.975, 0.025)]
        assert found.sd_interval == pytest.approx(ends)
    drawn = draws(tallies[0].clips, seed=5, resamples=FEW)
    if drawn is None:
        assert found.standard_error is found.interval is None
        return
    means = [
        math.fsum(written_out.uar(written_out.resample(clips, row)) for clips in answers) / 3
        for row in drawn
    ]
    effective = written_out.effective_speakers(answers[0])
    error = written_out.standard_error(means, effective)
    assert found.standard_error == pytest.approx(error, abs=1e-9)
    expected = written_out.interval_of_share(mean, means, effective)
    assert found.interval == pytest.approx(expected, abs=1e-9)


@quick
@given(written_out.tested_clips(systems=3), st.integers(2, 4))
def test_the_same_seeds_again_never_narrow_the_interval_over_speakers(tested, times):
    emotions, answers = tested
    tallies = [written_out.tally_of(clips, emotions) for clips in answers]
    once, again = (seed_variance(each, resamples=FEW) for each in (tallies, tallies * times))
    assert again.speakers == once.speakers
    assume(once.interval is not None)
    assert again.standard_error == pytest.approx(once.standard_error, abs=1e-9)
    width = once.interval.high - once.interval.low
    assert again.interval.high - again.interval.low == pytest.approx(width, abs=1e-9)


def test_equal_seeds_have_the_interval_of_one_of_them():
    counts = np.array([[[3, 1], [1, 3]], [[4, 0], [2, 2]], [[1, 3], [0, 4]]])
    tally = Tally(("a", "b", "c"), counts)
    found = seed_variance([tally, tally])
    assert (found.sd, found.sd_interval) == (0, None)
    assert found.components.seed == found.components.interaction == 0
    assert found.standard_error > 0.01


def test_one_seed_and_other_clips_are_refused():
    counts = np.array([[[3, 1], [1, 3]], [[4, 0], [2, 2]]])
    with value_error():
        seed_variance([Tally(("a", "b"), counts)])
    with value_error():
        seed_variance([Tally(("a", "b"), counts), Tally(("a", "b"), 2 * counts)])
