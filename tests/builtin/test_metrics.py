"""The built-in metrics, checked against scikit-learn and against counting by hand."""

import math
import warnings

import numpy as np
import pytest
from error_facts import value_error, values_in
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    roc_auc_score,
)

from serbench.builtin import metrics
from serbench.score.calibration import expected_calibration_error
from serbench.score.metric import Ratios

REGISTERED = []
metrics.register_metrics(REGISTERED.append)
METRICS = {metric.name: metric for metric in REGISTERED}
NAMES = list(METRICS)


def score(name, logits, targets):
    return METRICS[name].score(logits, targets)


@st.composite
def answers(draw, ties=False):
    """Logits ``[n, C]``, targets ``[n]`` and predictions ``[n]``; some classes may not occur.

    With ties logits are small whole numbers, so that many clips have the same probabilities.
    """
    n_classes = draw(st.integers(2, 6))
    n_clips = draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    targets = random.integers(0, draw(st.integers(1, n_classes)), n_clips)
    logits = random.normal(0, draw(st.sampled_from([0.3, 2.0, 8.0])), (n_clips, n_classes))
    logits[np.arange(n_clips), targets] += draw(st.integers(0, 3))
    if ties:
        logits = np.round(logits)
    logits = logits.astype(np.float32)
    return logits, targets, logits.argmax(axis=1)


def probabilities(logits):
    """The softmax of each row, one number at a time."""
    rows = []
    for row in logits.tolist():
        powers = [math.exp(each - max(row)) for each in row]
        rows.append([power / math.fsum(powers) for power in powers])
    return np.array(rows)


def test_they_are_named_and_labelled_as_the_field_does():
    assert [(metric.name, metric.label) for metric in REGISTERED] == [
        ("uar", "UA"),
        ("accuracy", "WA"),
        ("macro_f1", "macro-F1"),
        ("ece", "ECE"),
        ("log_loss", "log loss"),
        ("auc", "AUC"),
    ]
    assert {name for name in NAMES if not METRICS[name].higher_is_better} == {"ece", "log_loss"}
    assert {name for name in NAMES if not METRICS[name].share} == {"log_loss"}


@given(answers())
def test_uar_is_scikit_learns_balanced_accuracy(answer):
    logits, targets, predicted = answer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of predicted classes that do not occur
        expected = balanced_accuracy_score(targets, predicted)
    assert score("uar", logits, targets) == pytest.approx(expected, abs=1e-12)


@given(answers())
def test_accuracy_is_scikit_learns(answer):
    logits, targets, predicted = answer
    assert score("accuracy", logits, targets) == pytest.approx(accuracy_score(targets, predicted))


@given(answers())
def test_macro_f1_is_scikit_learns_over_the_emotions_that_occur(answer):
    logits, targets, predicted = answer
    expected = f1_score(
        targets, predicted, labels=np.unique(targets), average="macro", zero_division=0
    )
    assert score("macro_f1", logits, targets) == pytest.approx(expected, abs=1e-12)


@given(answers())
def test_log_loss_is_scikit_learns(answer):
    logits, targets, _ = answer
    shares = probabilities(logits)
    assume(shares.min() > 1e-12)  # scikit-learn raises smaller ones to its machine epsilon
    expected = log_loss(targets, shares, labels=np.arange(logits.shape[1]))
    assert score("log_loss", logits, targets) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_log_loss_of_a_certain_mistake_is_the_distance_of_its_logits():
    logits = np.array([[0.0, 300.0], [0.0, -300.0]])
    assert score("log_loss", logits, np.array([0, 0])) == pytest.approx(150)


@pytest.mark.parametrize("ties", [False, True])
def test_auc_is_the_mean_of_scikit_learns_over_the_emotions_that_occur(ties):
    @given(answers(ties))
    def check(answer):
        logits, targets, _ = answer
        # Of rounded probabilities ties are ties, in whatever order their softmax was summed up.
        spread = np.log(np.round(probabilities(logits), 9) + 1e-12)
        shares = metrics.softmax(spread, axis=1)
        occurring = np.unique(targets)
        if len(occurring) < 2:
            return
        expected = [roc_auc_score(targets == each, shares[:, each]) for each in occurring]
        assert score("auc", spread, targets) == pytest.approx(np.mean(expected), abs=1e-12)

    check()


def test_auc_of_all_emotions_is_scikit_learns_one_vs_rest():
    random = np.random.default_rng(2)
    targets = np.arange(80) % 4
    logits = random.normal(size=(80, 4)) + np.eye(4)[targets]
    expected = roc_auc_score(targets, probabilities(logits), multi_class="ovr", average="macro")
    assert score("auc", logits, targets) == pytest.approx(expected, abs=1e-12)


def test_auc_counts_pairs_and_a_tie_for_half():
    """Two clips of each of three emotions, all alike but the first, which is right for emotion 0.

    Emotion 0: of 2 · 4 pairs four are won and four tied. Emotions 1 and 2: of 8 pairs two are won,
    against the first clip, and six tied.
    """
    logits, targets = np.zeros((6, 3), dtype=np.float32), np.arange(6) % 3
    assert score("auc", logits, targets) == 0.5
    logits[0, 0] = 1
    assert score("auc", logits, targets) == pytest.approx((6 + 5 + 5) / 8 / 3)


def test_auc_of_one_emotion_alone_is_chance():
    assert score("auc", np.eye(3, dtype=np.float32), np.zeros(3, dtype=np.int64)) == 0.5


@given(answers())
def test_the_calibration_error_has_fifteen_bins(answer):
    logits, targets, _ = answer
    assert score("ece", logits, targets) == expected_calibration_error(logits, targets, bins=15)


@given(answers(), st.integers(1, 5))
def test_ratios_come_to_the_score_and_have_a_row_for_each_speaker(answer, n_speakers):
    logits, targets, _ = answer
    speakers = np.array([f"s{number % n_speakers}" for number in range(len(targets))])
    for name in ("uar", "accuracy", "macro_f1", "log_loss"):
        ratios = METRICS[name].ratios(logits, targets, speakers)
        assert ratios.value == pytest.approx(score(name, logits, targets), abs=1e-9)
        names = np.unique(speakers)
        assert len(ratios.numerators) == len(ratios.denominators) == len(names)
        for row, speaker in enumerate(names if name in ("accuracy", "log_loss") else ()):
            own = speakers == speaker
            alone = Ratios(ratios.numerators[[row]], ratios.denominators[[row]])
            expected = score(name, logits[own], targets[own])
            assert alone.value == pytest.approx(expected, abs=1e-9)
    assert METRICS["ece"].ratios(logits, targets, speakers) is None
    assert METRICS["auc"].ratios(logits, targets, speakers) is None


def test_a_probability_of_0_that_is_never_true_does_no_harm():
    """Such as an emotion that a system from elsewhere cannot predict."""
    logits = np.log(np.array([[0.9, 0.1, 1], [0.2, 0.8, 1], [0.6, 0.4, 1]]))
    logits[:, 2] = -np.inf
    targets = np.array([0, 1, 1])
    two = logits[:, :2]
    for name in NAMES:
        assert score(name, logits, targets) == pytest.approx(score(name, two, targets))


@pytest.mark.parametrize("name", NAMES)
def test_what_has_no_score_is_refused(name):
    logits, targets = np.zeros((4, 3), dtype=np.float32), np.array([0, 1, 2, 2])
    with value_error():
        score(name, logits[:0], targets[:0])
    with value_error() as refusal:
        score(name, logits, targets[:3])
    assert values_in(refusal.value) == {"4", "3"}
    for value in (np.nan, np.inf):
        broken = logits.copy()
        broken[2, 1] = value
        with value_error():
            score(name, broken, targets)
