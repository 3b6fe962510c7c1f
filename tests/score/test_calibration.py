"""Confidence and accuracy of predictions."""

import math

import numpy as np
import pytest
from error_facts import value_error
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.score.calibration import expected_calibration_error, reliability


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
