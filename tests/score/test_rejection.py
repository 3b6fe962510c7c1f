"""The scores of the clips that are answered if uncertain predictions are rejected."""

import numpy as np
import pytest
from error_facts import value_error
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import recall_score

from serbench.score.confusion import score_counts, tally
from serbench.score.intervals import tally_interval
from serbench.score.rejection import rejection_curve, rejection_points
from serbench.score.resampling import draws


@st.composite
def answered(draw):
    """Logits ``[n, C]`` with equal confidences, and targets ``[n]``."""
    emotions, clips = draw(st.integers(2, 4)), draw(st.integers(1, 25))
    row = st.lists(st.integers(-2, 2).map(float), min_size=emotions, max_size=emotions)
    logits = np.array(draw(st.lists(row, min_size=clips, max_size=clips)))
    targets = draw(st.lists(st.integers(0, emotions - 1), min_size=clips, max_size=clips))
    return logits, np.array(targets)


@settings(max_examples=50, deadline=None)
@given(answered())
def test_each_threshold_has_the_scores_of_the_clips_above_it(test):
    logits, targets = test
    confidence, named = softmax(logits, axis=1).max(axis=1), logits.argmax(axis=1)
    curve = rejection_curve(logits, targets)
    assert (np.diff(curve.thresholds) < 0).all()
    assert set(curve.thresholds) == set(confidence)
    for threshold, answered, uar, accuracy in zip(
        curve.thresholds, curve.answered, curve.uar, curve.accuracy, strict=True
    ):
        inside = confidence >= threshold
        true, predicted = targets[inside], named[inside]
        assert answered == inside.sum()
        assert accuracy == pytest.approx((true == predicted).mean())
        recalls = recall_score(true, predicted, labels=np.unique(true), average=None)
        assert uar == pytest.approx(recalls.mean())
    assert curve.coverage[-1] == 1


def test_the_area_is_the_mean_accuracy_over_the_coverages():
    logits = np.log([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.7, 0.3], [0.6, 0.4]])
    curve = rejection_curve(logits, np.array([0, 1, 0, 1, 0]))
    assert curve.answered.tolist() == [1, 2, 4, 5]
    assert curve.accuracy.tolist() == [1, 0.5, 0.5, 0.6]
    assert curve.uar.tolist() == [1, 0.5, 0.5, 0.5]
    assert curve.area == pytest.approx((1 + 0.5 + 0.5 + 0.5 + 0.6) / 5)


def test_the_threshold_of_a_coverage_answers_at_least_so_many():
    logits = np.log([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.7, 0.3], [0.6, 0.4]])
    curve = rejection_curve(logits, np.zeros(5, dtype=int))
    found = [curve.threshold_at(coverage) for coverage in (1, 0.8, 0.5, 0.4, 0.01)]
    assert found == pytest.approx([0.6, 0.7, 0.7, 0.8, 0.9])


def test_points_have_intervals_over_the_speakers_of_the_answered_clips():
    chance = np.random.default_rng(0)
    targets = chance.integers(0, 3, 240)
    logits = chance.normal(size=(240, 3)) + 1.5 * np.eye(3)[targets]
    speakers = np.array([f"s{clip % 8}" for clip in range(240)])
    curve = rejection_curve(logits, targets)
    whole, half = rejection_points(curve, logits, targets, speakers, (1.0, 0.5))
    assert (whole.coverage, whole.clips, half.coverage, half.clips) == (1, 240, 0.5, 120)
    inside = softmax(logits, axis=1).max(axis=1) >= half.confidence
    counted = tally(logits[inside], targets[inside], speakers[inside])
    drawn = draws(counted.clips)
    for metric, score in (("uar", half.uar), ("accuracy", half.accuracy)):
        assert score.value == pytest.approx(score_counts(counted.confusion, metric))
        assert score.interval == tally_interval(counted, metric, drawn)
        assert score.low < score.value < score.high


def test_a_single_speaker_has_no_interval():
    logits, targets = np.eye(3), np.arange(3)
    curve = rejection_curve(logits, targets)
    [point] = rejection_points(curve, logits, targets, np.array(["a"] * 3), (1.0, 0.5))
    assert point.clips == 3  # all confidences are equal
    assert point.uar.interval is point.accuracy.interval is None


def test_a_curve_needs_clips():
    with value_error():
        rejection_curve(np.empty((0, 2)), np.array([], dtype=int))
