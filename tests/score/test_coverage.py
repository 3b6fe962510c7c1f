"""The simulation for the coverage in docs/explanation/statistics.md."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


@pytest.fixture
def simulation(monkeypatch):
    spec = importlib.util.spec_from_file_location("coverage_simulation", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "MANY", 20_000)
    return module


def test_intervals_over_speakers_and_over_clips_have_different_coverage(simulation):
    world = simulation.WORLDS["ravdess"]
    truth = world.truth(np.random.default_rng(1))
    found = simulation.coverage(world, truth, n_speakers=16, repetitions=40, resamples=200)
    for metric in simulation.COUNT_METRICS:
        assert found["student_t"][metric]["coverage"] > 0.85
        assert found["per_clip"][metric]["coverage"] < found["student_t"][metric]["coverage"]
        assert found["per_clip"][metric]["width"] < found["student_t"][metric]["width"]


def test_both_systems_are_tested_on_the_same_clips(simulation):
    first, second = simulation.WORLDS["uneven"].tests(np.random.default_rng(0), 5)
    assert np.array_equal(first.clips, second.clips)
    assert not np.array_equal(first.counts, second.counts)


def test_influences_sum_to_0_and_give_the_standard_error(simulation):
    """The first holds by definition, the second because the bootstrap is equal to first order."""
    tally, _ = simulation.WORLDS["ravdess"].tests(np.random.default_rng(3), 30)
    drawn = simulation.draws(tally.clips, resamples=4000)
    for metric in simulation.COUNT_METRICS:
        pull = simulation.influences(tally.counts, np.ones((1, 30)), metric)
        assert pull.sum() == pytest.approx(0, abs=1e-12)
        ratios = simulation.ratios_of_counts(tally.counts, metric)
        spread = simulation.resampled(ratios, drawn).std()
        assert np.sqrt((pull**2).sum()) == pytest.approx(spread, rel=0.06)
