"""The pruning rules between folds and within a fold, and the order of the folds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making.records import ENVIRONMENT

from serbench.data.protocols import Fold
from serbench.execute.job import BEHIND, FIRST_EPOCHS, GRACE, LossReference, Outcome
from serbench.model.training import EpochReport, Validation
from serbench.score.confusion import confusion_of
from serbench.search.pruning import (
    BestSoFar,
    behind,
    expected_maximum,
    judging_order,
    lead_variance,
)

CLASSES, CLIPS, TRIED_ON = 4, 25, 5


def outcome_with(right, clips=CLIPS):
    """Outcome of ``clips`` clips per emotion, of which the first ``right`` are predicted
    correctly."""
    targets = targets_of(clips)
    answers = np.concatenate(
        [[emotion] * right + [(emotion + 1) % CLASSES] * (clips - right) for emotion in range(4)]
    )
    return outcome_of(np.eye(CLASSES, dtype=np.float32)[answers], targets)


def targets_of(clips):
    return np.repeat(np.arange(CLASSES), clips)


def outcome_of(logits, targets, losses=(0.5,)):
    """The outcome of a training with these logits."""
    return Outcome(
        trial=0,
        fold=0,
        rows=np.arange(len(targets)),
        logits=logits,
        confusion=confusion_of(logits, targets),
        epochs=1,
        best_epoch=1,
        seconds=1.0,
        seed=0,
        weights="none",
        environment=ENVIRONMENT,
        losses=losses,
    )


def best_with(*rights, clips=CLIPS, others=()):
    """The best configuration, and UARs of other configurations on its folds."""
    best = {fold: outcome_with(right, clips) for fold, right in enumerate(rights)}
    return BestSoFar(best, targets_of(clips), [dict(enumerate(uars)) for uars in others])


def found(*rights, clips=CLIPS):
    return {fold: outcome_with(right, clips) for fold, right in enumerate(rights)}


def test_the_variance_of_a_lead_comes_from_clips_that_only_one_of_both_predicts():
    targets = np.array([0, 0, 0, 0, 2, 2])
    one = np.array([True, True, False, False, True, True])
    other = np.array([True, False, True, False, True, True])
    expected = ((2 + 1) / (4 + 2) / 4 + (0 + 1) / (2 + 2) / 2) / 2**2
    assert lead_variance(one, other, targets) == pytest.approx(expected)


def test_clips_that_are_difficult_for_both_do_not_increase_the_variance():
    random = np.random.default_rng(0)
    targets = targets_of(CLIPS)
    one, other = random.random((2, len(targets))) < 0.5
    shared = np.where(random.random(len(targets)) < 0.2, other, one)
    assert lead_variance(one, shared, targets) < lead_variance(one, other, targets)


def test_a_configuration_is_pruned_where_the_lead_is_more_than_chance():
    best, clips = best_with(*[15] * TRIED_ON), np.arange(CLIPS)

    def judged(right):
        """The lead over an outcome in standard errors, and the verdict."""
        one, other = (np.tile(each, CLASSES) for each in (clips < 15, right))
        answers = np.where(other, targets_of(CLIPS), (targets_of(CLIPS) + 1) % CLASSES)
        outcome = outcome_of(np.eye(CLASSES, dtype=np.float32)[answers], targets_of(CLIPS))
        lead = (15 - right.sum()) / CLIPS
        return lead / math.sqrt(lead_variance(one, other, targets_of(CLIPS))), best.worse(
            {0: outcome}
        )

    assert judged(clips < 14) == (pytest.approx(1.47, abs=0.01), True)
    assert judged(clips >= CLIPS - 14) == (pytest.approx(0.44, abs=0.01), False)
    assert judged(clips >= CLIPS - 10) == (pytest.approx(1.90, abs=0.30), True)
    assert not best.worse(found(15))
    assert not best.worse(found(17))


def test_a_good_fold_compensates_a_bad_one():
    best = best_with(15, 15)
    assert best.worse(found(12))
    assert not best.worse(found(12, 18))


def test_folds_are_compared_with_the_same_folds():
    best = best_with(20, 5)
    assert not best.worse({1: outcome_with(6)})
    assert best.worse({0: outcome_with(6)})


def test_the_mean_of_the_best_of_many_is_expected_to_be_too_high():
    spread = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
    others = [0.6 + np.roll(spread, shift) for shift in range(15)]
    pruned = [
        best_with(*[15] * TRIED_ON, others=others[:many]).worse(found(10)) for many in (1, 15)
    ]
    assert pruned == [True, False]


def test_the_excess_is_smaller_for_more_folds():
    leads, variances = np.full(2, 0.10), np.full(2, 0.06**2)
    few, many = (np.tile([0.06, -0.06], (7, half)) for half in (1, 8))
    assert not behind(leads, variances, few)
    assert behind(leads, variances, many)


def test_configurations_that_suit_some_folds_only_make_a_lead_less_certain():
    steady, uneven = np.zeros((2, 5)), np.array([[0.2, -0.2, 0.2, -0.2, 0.0]] * 2)
    leads, variances = np.array([0.12]), np.array([0.05**2])
    assert behind(leads, variances, steady)
    assert not behind(leads, variances, uneven)


@pytest.mark.parametrize("draws", [1, 2, 3, 8, 30])
def test_the_expected_maximum_is_that_of_normal_draws(draws):
    drawn = np.random.default_rng(0).standard_normal((20_000, draws)).max(axis=1)
    assert expected_maximum(draws) == pytest.approx(drawn.mean(), abs=0.04)


@pytest.mark.parametrize(("better", "most"), [(0.0, 0.16), (0.03, 0.06)])
@pytest.mark.parametrize("rivals", [1, 2, 4, 16])
@pytest.mark.parametrize("folds", [3, 5, 10])
def test_good_configurations_are_rarely_pruned(better, most, rivals, folds):
    """Four points of noise per fold; ``benchmarks/pruning.py`` also simulates the clips."""
    noise, repetitions = 0.04, 10_000
    random = np.random.default_rng(0)
    uars = noise * random.standard_normal((repetitions, rivals, folds))
    order = uars.mean(axis=2).argsort(axis=1)[:, ::-1, None]
    uars = np.take_along_axis(uars, order, axis=1)
    best, others = uars[:, 0], uars[:, :1] - uars[:, 1:]
    leads = best - better - noise * random.standard_normal((repetitions, folds))
    variances = np.full(leads.shape, 2 * noise**2)
    looks = range(1, folds)
    lost = np.any([behind(leads[:, :look], variances[:, :look], others) for look in looks], axis=0)
    assert lost.mean() <= most


@given(st.lists(st.integers(0, CLIPS), min_size=1, max_size=5))
def test_a_configuration_as_good_on_every_fold_is_never_pruned(rights):
    assert not best_with(*rights).worse(found(*rights))


REFERENCE = (1.8, 1.5, 1.4, 1.4, 1.2, 1.3, 1.1, 1.0)
ERROR = 0.05
CLOSE = BEHIND * ERROR


def reports(*losses, error=ERROR):
    """Reports of the epochs so far, with these validation losses."""
    return [
        EpochReport(number, len(REFERENCE), 1.0, Validation(loss, error, 0.5))
        for number, loss in enumerate(losses, 1)
    ]


def test_no_training_is_pruned_in_its_first_part():
    best = (1.0,) * 20
    judged = math.ceil(GRACE * len(best))
    assert judged > FIRST_EPOCHS
    assert not LossReference(best).is_behind(reports(*[9.0] * (judged - 1)))
    assert LossReference(best).is_behind(reports(*[9.0] * judged))


def test_the_first_epochs_are_never_pruned_also_if_the_best_training_was_short():
    best = (1.0,) * 6
    assert not LossReference(best).is_behind(reports(*[9.0] * (FIRST_EPOCHS - 1)))
    assert LossReference(best).is_behind(reports(*[9.0] * FIRST_EPOCHS))


def test_the_lowest_losses_so_far_are_compared():
    reference = LossReference(REFERENCE)
    assert not reference.is_behind(reports(1.2 + CLOSE - 0.001, *[9.0] * 4))
    assert reference.is_behind(reports(1.2 + CLOSE + 0.001, *[9.0] * 4))
    assert reference.is_behind(reports(*[1.2 + CLOSE - 0.001] * 7)), (
        "it is compared with all epochs so far"
    )


def test_a_loss_with_a_large_error_rarely_prunes():
    reference = LossReference(REFERENCE)
    assert reference.is_behind(reports(*[1.2 + 2 * CLOSE] * 5))
    assert not reference.is_behind(reports(*[1.2 + 2 * CLOSE] * 5, error=3 * ERROR))


def test_the_error_is_that_of_the_best_epoch():
    certain, uncertain = reports(1.2 + 2 * CLOSE)[0], reports(9.0, error=9.0)[0]
    assert LossReference(REFERENCE).is_behind([certain, *[uncertain] * 4])


def test_a_best_training_that_ended_early_is_compared_by_its_lowest_loss():
    reference = LossReference((1.1, 1.2, 1.3))
    assert reference.is_behind(reports(*[1.1 + 2 * CLOSE] * 9))
    assert not reference.is_behind(reports(*[1.1 + CLOSE / 2] * 9))


def test_where_no_losses_are_known_no_training_is_behind():
    assert not LossReference(()).is_behind(reports(*[9.0] * 8))


def test_each_fold_has_its_own_loss_reference():
    logits, targets = np.eye(2, dtype=np.float32), np.arange(2)
    best = {fold: outcome_of(logits, targets, (loss,)) for fold, loss in enumerate((1.5, 0.9))}
    assert BestSoFar(best, targets).loss_reference(1) == LossReference((0.9,))


def test_folds_with_more_clips_of_every_emotion_come_first():
    targets = np.array([0, 1] * 30)
    small, large = np.arange(4), np.arange(4, 44)
    uneven = np.concatenate([np.arange(44, 60, 2), np.array([1])])
    folds = [Fold(np.array([0]), test) for test in (uneven, small, large, large)]
    assert judging_order(folds, targets) == [2, 3, 1, 0]
