"""Percentiles and the order statistics around them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from serbench.score.percentiles import percentile_places, percentiles

SHARES = st.floats(0.05, 0.95)


@given(st.integers(1, 3000), SHARES)
def test_each_side_is_exceeded_in_at_most_a_fortieth_of_the_cases(count, share):
    below = binom(count, share)
    places = percentile_places(count, share)
    if places is None:
        # The smallest and the greatest time together are not enough.
        assert max(below.pmf(0), below.pmf(count)) > 0.025 * (1 - 1e-9)
        return
    low, high = places
    assert 0 <= low < high < count
    # The percentile is below the time at place k if at most k times are below the percentile.
    assert below.cdf(low) <= 0.025 * (1 + 1e-9)
    assert below.sf(high) <= 0.025 * (1 + 1e-9)
    assert below.cdf(low + 1) > 0.025 * (1 - 1e-9), "a narrower interval would do"
    assert below.sf(high - 1) > 0.025 * (1 - 1e-9), "a narrower interval would do"


@pytest.mark.parametrize(
    ("count", "share", "places"),
    [(6, 0.5, (0, 5)), (5, 0.5, None), (35, 0.9, None), (36, 0.9, (28, 35)), (100, 0.5, (39, 60))],
)
def test_places_of_published_tables(count, share, places):
    assert percentile_places(count, share) == places


def test_the_interval_contains_the_percentile_of_the_distribution_as_often_as_it_should():
    random = np.random.default_rng(0)
    drawn = random.lognormal(0, 1, (2000, 100))
    found = [percentiles(times) for times in drawn]
    for name, truth in (("p50", 1.0), ("p90", float(np.exp(1.2815515655446004)))):
        inside = [each[f"{name}_low"] <= truth <= each[f"{name}_high"] for each in found]
        assert 0.94 <= np.mean(inside) <= 0.985


def test_percentiles_are_those_of_numpy_and_inside_their_intervals():
    times = list(np.random.default_rng(1).gamma(2.0, 3.0, 101))
    found = percentiles(times)
    assert found["p50"] == sorted(times)[50]
    assert found["p90"] == sorted(times)[90]
    assert found["p99"] == sorted(times)[99]
    assert found["p50_low"] < found["p50"] < found["p50_high"]
    assert found["p90_low"] < found["p90"] < found["p90_high"]


def test_few_times_have_no_interval():
    assert percentiles([2.0]) == {
        **dict.fromkeys(("p50", "p90", "p99"), 2.0),
        **dict.fromkeys(("p50_low", "p50_high", "p90_low", "p90_high")),
    }
