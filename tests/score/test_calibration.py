"""Confidence and accuracy of predictions, and their calibration with a temperature."""

import math

import numpy as np
import pytest
from error_facts import value_error
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from serbench.score.calibration import (
    GROUPS,
    cross_fitted,
    expected_calibration_error,
    fit_temperature,
    log_losses,
    reliability,
)


@st.composite
def answers(draw):
    """Logits ``[n, C]``, targets ``[n]`` and a number of bins; examples include ties and absent
    emotions."""
    emotions, clips = draw(st.integers(2, 6)), draw(st.integers(1, 30))
    logit = st.one_of(st.integers(-3, 3).map(float), st.floats(-30, 30, width=32))
    row = st.lists(logit, min_size=emotions, max_size=emotions)
    logits = draw(st.lists(row, min_size=clips, max_size=clips))
    targets = draw(st.lists(st.integers(0, emotions - 1), min_size=clips, max_size=clips))
    return np.array(logits, dtype=np.float32), np.array(targets), draw(st.integers(1, 20))


def written_out(logits, targets, bins):
    """Guo et al. 2017, equations 2, 3 and 5, one bin and one clip at a time."""
    said = []
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        top = max(row)
        confidence = 1 / math.fsum(math.exp(each - top) for each in row)
        said.append((confidence, row.index(top) == target))
    error, table = 0.0, []
    for m in range(1, bins + 1):
        # A confidence within rounding of an edge may lie on either side of it.
        inside = [each for each in said if (m - 1) / bins < each[0] <= m / bins]
        count = len(inside)
        table.append(count)
        if inside:
            confidence = math.fsum(each[0] for each in inside) / count
            accuracy = sum(each[1] for each in inside) / count
            error += count / len(said) * abs(accuracy - confidence)
    return error, table, [confidence for confidence, _ in said]


@settings(max_examples=40, deadline=None)
@given(answers())
def test_the_calibration_error_is_guos(answer):
    logits, targets, bins = answer
    error, counts, confidences = written_out(logits, targets, bins)
    on_edge = [c for c in confidences if c < 1 and abs(c * bins - round(c * bins)) < 1e-9]
    if on_edge:
        return
    assert expected_calibration_error(logits, targets, bins) == pytest.approx(error, abs=1e-9)
    assert reliability(logits, targets, bins).count.tolist() == counts


def test_a_bin_includes_its_upper_edge():
    found = reliability(np.zeros((1, 2)), np.array([0]), bins=2)
    assert found.count.tolist() == [1, 0]
    assert found.confidence[0] == 0.5
    assert found.accuracy[0] == 1
    assert np.isnan(found.confidence[1])
    assert np.isnan(found.accuracy[1])


def test_a_confidence_of_1_belongs_to_the_last_bin():
    found = reliability(np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([0, 0]))
    assert found.count.tolist() == [0] * 14 + [2]
    assert (found.confidence[-1], found.accuracy[-1], found.error) == (1, 0.5, 0.5)


def test_a_system_whose_accuracy_equals_its_confidence_has_no_error():
    logits = np.log([[0.75, 0.25]] * 4)
    assert expected_calibration_error(logits, np.array([0, 0, 0, 1])) == pytest.approx(0)
    assert expected_calibration_error(logits, np.array([1, 1, 1, 1])) == pytest.approx(0.75)


def test_a_table_needs_clips_and_bins():
    with value_error():
        reliability(np.empty((0, 2)), np.array([], dtype=int))
    with value_error():
        reliability(np.zeros((1, 2)), np.array([0]), bins=0)


@st.composite
def speakers_clips(draw):
    """Logits ``[n, C]``, some of them minus infinity, targets ``[n]`` and speakers ``[n]``."""
    emotions, clips = draw(st.integers(2, 5)), draw(st.integers(1, 25))
    logit = st.one_of(st.integers(-3, 3).map(float), st.floats(-30, 30, width=32))
    row = st.lists(logit, min_size=emotions, max_size=emotions)
    logits = np.array(draw(st.lists(row, min_size=clips, max_size=clips)))
    targets = np.array(draw(st.lists(st.integers(0, emotions - 1), min_size=clips, max_size=clips)))
    if draw(st.booleans()):
        logits[0, (targets[0] + 1) % emotions] = -np.inf
    speakers = draw(st.lists(st.sampled_from("abc"), min_size=clips, max_size=clips))
    return logits, targets, np.array(speakers)


def smooth_loss(logits, targets, temperature):
    """The log loss with one clip's weight on random emotions, one clip at a time."""
    clips, losses = len(targets), []
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        top = max(row)
        total = math.fsum(math.exp((each - top) / temperature) for each in row)
        costs = [(top - each) / temperature + math.log(total) for each in row]
        possible = [cost for cost in costs if cost < math.inf]
        losses.append(clips * costs[target] + math.fsum(possible) / len(possible))
    return math.fsum(losses) / (clips + 1) / clips


def likely(clips, scale=1.0, seed=0, speakers=8):
    """Logits whose softmax, at a temperature of ``scale``, is the true chance of each emotion."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(scale=2, size=(clips, 6))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (shares.cumsum(axis=1) < chance.random((clips, 1))).sum(axis=1)
    return scale * logits, targets, np.array([f"s{clip % speakers}" for clip in range(clips)])


def test_the_temperature_is_that_of_the_least_loss_on_a_grid():
    for seed, scale in enumerate([0.3, 4.0]):
        logits, targets, _ = likely(60, scale, seed)
        logits[0, (targets[0] + 1) % 6] = -np.inf
        grid = scale * np.geomspace(0.5, 2, 401)
        losses = [smooth_loss(logits, targets, each) for each in grid]
        best = grid[int(np.argmin(losses))]
        assert fit_temperature(logits, targets) == pytest.approx(best, rel=2e-3)


@settings(max_examples=30, deadline=None)
@given(speakers_clips(), st.floats(0.01, 100))
@example((np.array([[0.0, 0.0], [0.0, 1.0]]), np.array([0, 0]), np.array(["a", "b"])), 2.0)
def test_multiplied_logits_have_a_multiplied_temperature_and_the_same_probabilities(test, factor):
    logits, targets, speakers = test
    once, more = fit_temperature(logits, targets), fit_temperature(factor * logits, targets)
    finite = np.where(np.isfinite(logits), logits, logits.max(axis=1, keepdims=True))
    differ = np.ptp(finite, axis=1) > 0
    if differ.any():
        assert more == pytest.approx(factor * once, rel=1e-6)
    calibrated = cross_fitted(logits, targets, speakers)
    again = cross_fitted(factor * logits, targets, speakers)
    if calibrated is None:
        assert again is None
        assert len(set(speakers)) == 1
    else:
        # Speakers without any difference of logits leave the temperature of the others at 1.
        fitted = np.array([differ[speakers != each].any() for each in speakers])
        np.testing.assert_allclose(
            softmax(again, axis=1)[fitted], softmax(calibrated, axis=1)[fitted], atol=1e-6
        )
        # Multiplication may only make two nearly equal logits equal.
        chosen = calibrated[np.arange(len(targets)), logits.argmax(axis=1)]
        np.testing.assert_allclose(chosen, calibrated.max(axis=1), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(speakers_clips())
def test_no_label_of_a_speaker_affects_the_probabilities_of_this_speaker(test):
    logits, targets, speakers = test
    before = cross_fitted(logits, targets, speakers)
    if before is None:
        return
    inside = speakers == speakers[0]
    changed = np.where(inside, (targets + 1) % logits.shape[1], targets)
    after = cross_fitted(logits, changed, speakers)
    np.testing.assert_array_equal(after[inside], before[inside])
    # The temperature is the one fitted on all others.
    expected = logits[inside] / fit_temperature(logits[~inside], targets[~inside])
    np.testing.assert_array_equal(before[inside], expected)


def test_more_speakers_than_groups_still_use_temperatures_of_others():
    logits, targets, speakers = likely(300, 2.0, speakers=GROUPS + 5)
    before = cross_fitted(logits, targets, speakers)
    inside = speakers == "s0"
    changed = np.where(inside, (targets + 1) % 6, targets)
    np.testing.assert_array_equal(cross_fitted(logits, changed, speakers)[inside], before[inside])


@pytest.mark.parametrize("seed", range(3))
def test_calibration_helps_where_probabilities_are_wrong_and_else_does_not_harm(seed):
    logits, targets, speakers = likely(800, 1.0, seed)
    right = log_losses(logits, targets)
    assert fit_temperature(logits, targets) == pytest.approx(1, abs=0.15)
    differences = log_losses(cross_fitted(logits, targets, speakers), targets) - right
    assert differences.mean() < 0.005
    certain = 3 * logits
    calibrated = cross_fitted(certain, targets, speakers)
    assert log_losses(calibrated, targets).mean() < log_losses(certain, targets).mean() - 0.2
    before, after = (expected_calibration_error(each, targets) for each in (certain, calibrated))
    assert after < 0.06 < 0.15 < before


def test_without_an_error_no_probability_is_one():
    logits, targets = 5 * np.eye(4), np.arange(4)
    confidence = softmax(logits / fit_temperature(logits, targets), axis=1).max()
    # Of five clips, one of which has a random emotion, 1/5 · 3/4 are wrong.
    assert confidence == pytest.approx(1 - 0.15)


def test_a_system_that_is_always_wrong_is_not_confident():
    logits, targets = 5 * np.eye(4), (np.arange(4) + 1) % 4
    shares = softmax(logits / fit_temperature(logits, targets), axis=1)
    np.testing.assert_allclose(shares, 0.25, atol=1e-3)
    assert (shares.argmax(axis=1) == np.arange(4)).all()


def test_without_differences_of_logits_the_temperature_is_one():
    assert fit_temperature(np.zeros((3, 4)), np.arange(3)) == 1
    impossible = np.array([[-np.inf, 0.0, 1.0]])
    assert fit_temperature(impossible, np.array([0])) == 1


@pytest.mark.parametrize("logits", [np.empty((0, 3)), [[np.nan, 0, 0]], [[np.inf, 0, 0]]])
def test_a_temperature_needs_clips_and_numbers(logits):
    targets = np.zeros(len(logits), dtype=int)
    for fit in (
        fit_temperature,
        log_losses,
        lambda *test: cross_fitted(*test, np.array(["a"] * len(logits))),
    ):
        with value_error():
            fit(np.array(logits), targets)
