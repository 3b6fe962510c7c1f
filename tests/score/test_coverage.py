"""The simulations of docs/explanation/simulations.md and selection.md."""

import importlib.util
import json
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
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
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


def test_the_best_of_equal_configurations_is_corrected(simulation):
    from selected_winners import Case, measured

    found = measured(Case(16, False, "all equal", 10, 1), repetitions=160, resamples=100)
    for metric in simulation.COUNT_METRICS:
        assert found["naive"][metric]["bias"] > 1.2
        assert abs(found["corrected"][metric]["bias"]) < 1.2
        assert found["corrected"][metric]["coverage"] > 88
        assert found["corrected"][metric]["width"] < 20


def test_searches_of_several_entries_are_compared_and_ranked(simulation):
    from selected_winners import Case, measured

    found = measured(Case(8, True, "one better", 4, 3), repetitions=20, resamples=100)
    assert set(found) == {"naive", "corrected", "difference", "rank"}
    assert found["rank"]["uar"]["coverage"] > 80


def test_simulated_configurations_have_the_true_score_of_their_closed_form(simulation):
    """Over many speakers the share of correct predictions is the one that is computed."""
    import simulated_searches as searches
    from simulated_speakers import true_scores

    random = np.random.default_rng(2)
    hill = searches.LANDSCAPES["hill"]
    found, (entry,) = searches.searches(random, 400, False, hill, 3, 1, 10)
    for trial in range(3):
        truths = true_scores(entry.quality[:, trial], found.shares)
        for metric in simulation.COUNT_METRICS:
            counted = [
                simulation.score_counts(each.sum(axis=0), metric) for each in entry.counts[:, trial]
            ]
            assert np.mean(counted) == pytest.approx(truths[metric].mean(), abs=0.008)


def test_each_speaker_is_tested_once_by_a_winner_selected_without_this_speaker(simulation):
    from nested_winners import nested
    from simulated_searches import LANDSCAPES, Entry
    from simulated_speakers import Speakers, corpus

    random = np.random.default_rng(4)
    clips = corpus(random, 9, True)
    shared = Speakers(random, clips, 6)
    entry = Entry(shared, LANDSCAPES["hill"], 4, better=False)
    before = entry.among(np.arange(1, 9), 5).search()
    assert before.counts.shape[2] == 8
    assert np.array_equal(before.counts[0, 0].sum(axis=2), clips.clips[1:])
    found = nested(entry, 9, outer_folds=3)
    assert found.qualities.shape == (3, 6)
    assert np.array_equal(found.counts.sum(axis=3), np.broadcast_to(clips.clips, (6, 9, 6)))


def test_nested_scores_have_no_selection_bias(simulation):
    from nested_winners import both
    from selected_winners import Case, measured

    found = measured(Case(16, False, "all equal", 10, 1), 120, 100, 20, both)
    assert found["naive"]["uar"]["bias"] > 1.2
    for name in ("nested", "nested_shipped", "nested_all"):
        assert abs(found[name]["uar"]["bias"]) < 1.0
        assert found[name]["uar"]["coverage"] > 88


def test_without_an_error_shared_by_a_fold_each_clip_has_one_of_the_same_size(simulation):
    from simulated_speakers import Speakers, corpus

    random = np.random.default_rng(6)
    clips = corpus(random, 10, False)
    shared, apart = (Speakers(random, clips, 4000, each) for each in (True, False))
    errors = shared.networks()
    assert np.array_equal(errors[:, 0], errors[:, 1])
    assert not np.array_equal(errors[:, 1], errors[:, 2])
    assert not apart.networks().any()
    assert apart.chance**2 == pytest.approx(shared.chance**2 + errors.var(), rel=0.01)


@pytest.mark.parametrize("part", ["intervals", "searches", "nested", "holdouts"])
def test_each_part_prints_one_object(simulation, part, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["coverage.py", part, "--quick", "--worlds", "ravdess"])
    simulation.main()
    found = json.loads(capsys.readouterr().out)
    assert found["repetitions"] == 8
    assert found[{"intervals": "worlds"}.get(part, part)]


def test_the_simulated_searches_are_pruned_by_the_rule_of_real_ones(simulation):
    from simulated_searches import pruned

    from serbench.search.pruning import behind

    random = np.random.default_rng(5)
    uars = random.normal(0.5, 0.05, (60, 6, 5))
    variances, best = np.full((60, 5), 0.002), random.integers(0, 4, 60)
    others = (random.random((60, 4)) < 0.6) & (np.arange(4) != best[:, None])
    found = pruned(uars, 5, best, others, variances)
    for each, incumbent, of_it, gone in zip(uars, best, others, found, strict=True):
        leads, apart = each[incumbent] - each[5], each[incumbent] - each[:4][of_it]
        looks = [behind(leads[:fold], variances[0, :fold], apart) for fold in range(1, 5)]
        assert gone == any(looks)
    assert 0 < found.sum() < 60
