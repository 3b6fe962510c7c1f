"""Scores, checked against scikit-learn and against a reference written by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from serbench.score.metrics import score


@st.composite
def answers(draw):
    """Logits ``[N, C]`` without ties and targets ``[N]``; some classes may not occur."""
    n_classes = draw(st.integers(2, 6))
    n_clips = draw(st.integers(1, 40))
    predicted = draw(st.lists(st.integers(0, n_classes - 1), min_size=n_clips, max_size=n_clips))
    targets = draw(st.lists(st.integers(0, n_classes - 1), min_size=n_clips, max_size=n_clips))
    logits = np.random.default_rng(n_clips).standard_normal((n_clips, n_classes))
    logits[np.arange(n_clips), predicted] = 10
    return logits.astype(np.float32), np.array(targets), np.array(predicted)


@settings(max_examples=40)
@given(answers())
def test_uar_is_scikit_learns_balanced_accuracy(answer):
    logits, targets, predicted = answer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of predicted classes that do not occur
        expected = balanced_accuracy_score(targets, predicted)
    assert score(logits, targets).uar == pytest.approx(expected)


@settings(max_examples=40)
@given(answers())
def test_accuracy_is_scikit_learns(answer):
    logits, targets, predicted = answer
    assert score(logits, targets).accuracy == pytest.approx(accuracy_score(targets, predicted))


@settings(max_examples=40)
@given(answers())
def test_macro_f1_is_scikit_learns_over_the_emotions_that_occur(answer):
    logits, targets, predicted = answer
    expected = f1_score(
        targets, predicted, labels=np.unique(targets), average="macro", zero_division=0
    )
    assert score(logits, targets).macro_f1 == pytest.approx(expected)


def by_hand(targets, predicted, n_classes):
    """Confusion, recalls, UAR, accuracy and macro-F1, counted one clip at a time."""
    confusion = [[0] * n_classes for _ in range(n_classes)]
    for target, guess in zip(targets.tolist(), predicted.tolist(), strict=True):
        confusion[target][guess] += 1
    recalls, f1s = [], []
    for c in range(n_classes):
        said_and_true = confusion[c][c]
        true, said = sum(confusion[c]), sum(row[c] for row in confusion)
        recalls.append(said_and_true / true if true else float("nan"))
        if true:
            f1s.append(2 * said_and_true / (true + said))
    occurring = [recall for recall in recalls if recall == recall]
    right = sum(confusion[c][c] for c in range(n_classes))
    uar = sum(occurring) / len(occurring)
    return confusion, recalls, uar, right / len(targets), sum(f1s) / len(f1s)


@settings(max_examples=40)
@given(answers())
def test_everything_agrees_with_counting_by_hand(answer):
    logits, targets, predicted = answer
    scores = score(logits, targets)
    confusion, recalls, uar, accuracy, macro_f1 = by_hand(targets, predicted, logits.shape[1])
    assert scores.confusion.tolist() == confusion
    assert scores.recalls == pytest.approx(recalls, nan_ok=True)
    assert scores.uar == pytest.approx(uar)
    assert scores.accuracy == pytest.approx(accuracy)
    assert scores.macro_f1 == pytest.approx(macro_f1)


def test_a_worked_example():
    # True 0, 0, 0, 1, 1, 3 heard as 0, 0, 1, 1, 2, 3; emotion 2 does not occur.
    logits = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2, 3]]
    scores = score(logits, np.array([0, 0, 0, 1, 1, 3]))
    assert scores.recalls == pytest.approx((2 / 3, 1 / 2, float("nan"), 1), nan_ok=True)
    assert scores.uar == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.macro_f1 == pytest.approx((4 / 5 + 1 / 2 + 1) / 3)
    assert scores.confusion.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_always_saying_one_emotion_is_chance_however_common_it_is():
    logits = np.tile(np.float32([1, 0, 0]), (10, 1))
    scores = score(logits, np.array([0] * 8 + [1, 2]))
    assert scores.uar == pytest.approx(1 / 3)
    assert scores.accuracy == pytest.approx(0.8)


@settings(max_examples=40)
@given(answers(), st.randoms())
def test_the_order_of_clips_does_not_matter(answer, random):
    logits, targets, _ = answer
    order = list(range(len(targets)))
    random.shuffle(order)
    first, second = score(logits, targets), score(logits[order], targets[order])
    assert first.uar == pytest.approx(second.uar)
    assert first.macro_f1 == pytest.approx(second.macro_f1)
    assert first.confusion.tolist() == second.confusion.tolist()


def test_a_diverged_network_is_scored_not_refused():
    scores = score(np.full((4, 3), np.nan, dtype=np.float32), np.array([0, 1, 2, 2]))
    assert scores.uar == pytest.approx(1 / 3)


def test_nothing_to_score_is_an_error():
    with pytest.raises(ValueError, match="no clips to score"):
        score(np.zeros((0, 3), dtype=np.float32), np.zeros(0, dtype=np.int64))
