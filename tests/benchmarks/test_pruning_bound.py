"""The best pruning rule: its extreme cases, and a comparison with thresholds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from pruning_bound import best_rule, most_saved

LEADS, NOISE, FOLDS = [0.08, 0.01, 0.12, -0.02], 0.05, 5


def test_everything_is_pruned_at_once_where_losing_has_no_price():
    rule = best_rule(LEADS, NOISE, price=0.0)
    assert rule.folds == pytest.approx(1, abs=1e-6)
    assert rule.lost == pytest.approx(1, abs=1e-6)


def test_nothing_is_pruned_where_losing_has_a_very_high_price():
    rule = best_rule(LEADS, NOISE, price=1e9)
    assert rule.folds == pytest.approx(FOLDS, abs=0.02)
    assert rule.lost < 1e-3


def test_leads_much_greater_than_the_noise_are_pruned_after_one_fold():
    assert most_saved([0.15] * 4, noise=0.005, limit=0.2) == pytest.approx(25 / 9, rel=0.01)


@pytest.mark.parametrize("margin", [0.03, 0.06, 0.1])
def test_no_margin_saves_more_for_the_same_share_of_lost(margin):
    random = np.random.default_rng(1)

    def tried(lead: float) -> tuple[float, float]:
        sums = random.normal(lead, NOISE, (20_000, FOLDS)).cumsum(axis=1)
        pruned = sums[:, :-1] > margin
        at = np.where(pruned.any(axis=1), pruned.argmax(axis=1) + 1, FOLDS)
        return float(at.mean()), float(pruned.any(axis=1).mean())

    lost = tried(0.0)[1]
    saved = FOLDS * (len(LEADS) + 1) / (FOLDS + sum(tried(lead)[0] for lead in LEADS))
    assert most_saved(LEADS, NOISE, limit=lost) > 0.99 * saved
