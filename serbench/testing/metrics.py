"""Requirements on every metric: a finite number that is better for better predictions."""

from __future__ import annotations

import math

import numpy as np

from serbench.score.metric import Logits, Metric, Speakers, Targets
from serbench.testing.require import require, require_members

_CLASSES, _CLIPS = 4, 240


def _tested(skill: float, seed: int = 0) -> tuple[Logits, Targets, Speakers]:
    """Logits ``[n, C]`` that are better the greater ``skill`` is, codes and speakers ``[n]``."""
    random = np.random.default_rng(seed)
    targets = np.arange(_CLIPS) % _CLASSES
    logits = random.standard_normal((_CLIPS, _CLASSES))
    logits[np.arange(_CLIPS), targets] += skill
    speakers = np.array([f"speaker {number % 6}" for number in range(_CLIPS)])
    return logits.astype(np.float32), targets.astype(np.int64), speakers


def it_has_everything_a_metric_needs(metric: Metric) -> None:
    """It has every attribute and method of ``Metric``, with the arguments of each."""
    require_members(metric, Metric)


def its_label_is_a_short_text(metric: Metric) -> None:
    """The label is a text that is not empty, and both properties are True or False."""
    require(isinstance(metric.label, str) and bool(metric.label.strip()), "its label is empty")
    for name in ("higher_is_better", "share"):
        value = getattr(metric, name)
        require(isinstance(value, bool), f"{name} is {value!r}, not True or False")


def better_predictions_score_better(metric: Metric) -> None:
    """Almost perfect predictions score better than random ones."""
    good, bad = (metric.score(*_tested(skill)[:2]) for skill in (12.0, 0.0))
    better = good > bad if metric.higher_is_better else good < bad
    require(better, f"good predictions score {good:.3g}, random ones {bad:.3g}")


def scores_are_finite(metric: Metric) -> None:
    """For all predictions a score is a finite float, and a share lies in [0, 1]."""
    for skill in (-12.0, 0.0, 1.0, 40.0):
        value = metric.score(*_tested(skill)[:2])
        require(isinstance(value, float) and math.isfinite(value), f"a score is {value!r}")
        require(not metric.share or 0 <= value <= 1, f"a share is {value:.3g}")


def absent_emotions_give_a_finite_score(metric: Metric) -> None:
    """Where one emotion is missing from the targets, the score is still a finite number."""
    logits, targets, _ = _tested(1.0)
    kept = targets != 2
    value = metric.score(logits[kept], targets[kept])
    require(math.isfinite(value), f"without one of the emotions the score is {value}")


def ratios_agree_with_the_score(metric: Metric) -> None:
    """Where it has ratios, their mean is the score, and they have a row for each speaker."""
    logits, targets, speakers = _tested(1.0)
    ratios = metric.ratios(logits, targets, speakers)
    if ratios is None:
        return
    rows = (len(ratios.numerators), len(ratios.denominators))
    require(rows == (6, 6), f"six speakers have {rows} rows")
    value = metric.score(logits, targets)
    close = math.isclose(ratios.value, value, rel_tol=1e-9, abs_tol=1e-12)
    require(close, f"the mean of the ratios is {ratios.value}, the score {value}")


def the_order_of_clips_does_not_matter(metric: Metric) -> None:
    """The same clips in another order have the same score."""
    logits, targets, _ = _tested(1.0)
    order = np.random.default_rng(1).permutation(_CLIPS)
    value, other = metric.score(logits, targets), metric.score(logits[order], targets[order])
    close = math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)
    require(close, f"in another order the score {value} becomes {other}")


def the_logits_are_not_changed(metric: Metric) -> None:
    """It changes neither logits nor targets in place."""
    logits, targets, speakers = _tested(1.0)
    before = logits.copy(), targets.copy()
    metric.score(logits, targets)
    metric.ratios(logits, targets, speakers)
    same = np.array_equal(logits, before[0]) and np.array_equal(targets, before[1])
    require(same, "it changes its input arrays: work on a copy")
