"""What is pruned: worse over folds, or behind within one; and which folds come first."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making.records import ENVIRONMENT

from serbench.data.protocols import Fold
from serbench.execute.job import BEHIND, FIRST_EPOCHS, GRACE, Bar, Outcome
from serbench.model.training import EpochReport
from serbench.score.confusion import confusion_of, uar_of
from serbench.search.pruning import (
    WORSE,
    Yardstick,
    judging_order,
    uar_variance,
)

CLASSES, CLIPS = 4, 25


def outcome_with(right, clips=CLIPS):
    """Scores of so many clips of each emotion, of which ``right`` are recognised."""
    targets = np.repeat(np.arange(CLASSES), clips)
    answers = np.concatenate(
        [[emotion] * right + [(emotion + 1) % CLASSES] * (clips - right) for emotion in range(4)]
    )
    return outcome_of(np.eye(CLASSES, dtype=np.float32)[answers], targets)


def outcome_of(logits, targets, losses=(0.5,)):
    """Of a training that came to these logits."""
    return Outcome(
        trial=0,
        fold=0,
        rows=np.arange(len(targets)),
        logits=logits,
        uar=uar_of(logits, targets),
        confusion=confusion_of(logits, targets),
        epochs=1,
        best_epoch=1,
        seconds=1.0,
        seed=0,
        weights="none",
        environment=ENVIRONMENT,
        losses=losses,
    )


def yardstick(*rights, clips=CLIPS):
    return Yardstick({fold: outcome_with(right, clips) for fold, right in enumerate(rights)})


def test_the_variance_of_a_uar_is_that_of_a_mean_of_shares():
    recall = (15 + 1) / (CLIPS + 2)
    assert uar_variance(outcome_with(15).confusion) == pytest.approx(
        recall * (1 - recall) / CLIPS / CLASSES
    )


def test_emotions_that_are_not_tested_do_not_count():
    targets = np.array([0, 0, 2, 2])
    found = confusion_of(np.eye(4, dtype=np.float32)[[0, 0, 2, 1]], targets)
    expected = (0.75 * 0.25 / 2 + 0.5 * 0.5 / 2) / 2**2
    assert uar_variance(found) == pytest.approx(expected)


def test_a_configuration_is_pruned_where_the_difference_is_more_than_chance():
    best = yardstick(15, 15)
    error = math.sqrt(sum(uar_variance(outcome_with(right).confusion) for right in (15, 13)))
    assert WORSE * error < 2 / CLIPS
    assert best.worse({0: outcome_with(13)})
    assert not best.worse({0: outcome_with(15)})
    assert not best.worse({0: outcome_with(17)})


def test_several_folds_that_are_a_little_worse_count_together():
    best = yardstick(*[150] * 5, clips=250)
    assert not best.worse({0: outcome_with(147, clips=250)})
    assert best.worse({fold: outcome_with(147, clips=250) for fold in range(5)})


def test_a_good_fold_makes_up_for_a_bad_one():
    best = yardstick(15, 15)
    assert not best.worse({0: outcome_with(12), 1: outcome_with(18)})


def test_folds_are_compared_with_the_same_folds():
    best = yardstick(20, 5)
    assert not best.worse({1: outcome_with(6)})
    assert best.worse({0: outcome_with(6)})


@given(st.lists(st.integers(0, CLIPS), min_size=1, max_size=5))
def test_a_configuration_as_good_on_every_fold_is_never_pruned(rights):
    assert not yardstick(*rights).worse(
        {fold: outcome_with(right) for fold, right in enumerate(rights)}
    )


REFERENCE = (1.8, 1.5, 1.4, 1.4, 1.2, 1.3, 1.1, 1.0)
ERROR = 0.05
MARGIN = BEHIND * ERROR


def reports(*losses, error=ERROR):
    """Of a training's epochs so far, with these validation losses."""
    return [
        EpochReport(number, len(REFERENCE), 1.0, loss, error, 0.5)
        for number, loss in enumerate(losses, 1)
    ]


def test_no_training_is_judged_in_its_first_part():
    best = (1.0,) * 20
    judged = math.ceil(GRACE * len(best))
    assert judged > FIRST_EPOCHS
    assert not Bar(best).missed(reports(*[9.0] * (judged - 1)))
    assert Bar(best).missed(reports(*[9.0] * judged))


def test_the_first_epochs_are_waited_for_however_soon_the_best_ended():
    best = (1.0,) * 6
    assert not Bar(best).missed(reports(*[9.0] * (FIRST_EPOCHS - 1)))
    assert Bar(best).missed(reports(*[9.0] * FIRST_EPOCHS))


def test_the_lowest_losses_so_far_are_compared():
    bar = Bar(REFERENCE)
    assert not bar.missed(reports(1.2 + MARGIN - 0.001, *[9.0] * 4))
    assert bar.missed(reports(1.2 + MARGIN + 0.001, *[9.0] * 4))
    assert bar.missed(reports(*[1.2 + MARGIN - 0.001] * 7)), "the other one went on"


def test_a_loss_that_is_uncertain_decides_little():
    bar = Bar(REFERENCE)
    assert bar.missed(reports(*[1.2 + 2 * MARGIN] * 5))
    assert not bar.missed(reports(*[1.2 + 2 * MARGIN] * 5, error=3 * ERROR))


def test_the_error_is_that_of_the_best_epoch():
    certain, uncertain = reports(1.2 + 2 * MARGIN)[0], reports(9.0, error=9.0)[0]
    assert Bar(REFERENCE).missed([certain, *[uncertain] * 4])


def test_a_best_training_that_ended_early_is_compared_by_its_lowest_loss():
    bar = Bar((1.1, 1.2, 1.3))
    assert bar.missed(reports(*[1.1 + 2 * MARGIN] * 9))
    assert not bar.missed(reports(*[1.1 + MARGIN / 2] * 9))


def test_where_no_losses_are_known_no_training_is_behind():
    assert not Bar(()).missed(reports(*[9.0] * 8))


def test_a_folds_bar_is_its_own():
    logits, targets = np.eye(2, dtype=np.float32), np.arange(2)
    best = {fold: outcome_of(logits, targets, (loss,)) for fold, loss in enumerate((1.5, 0.9))}
    assert Yardstick(best).bar(1) == Bar((0.9,))


def test_folds_with_more_clips_of_every_emotion_come_first():
    targets = np.array([0, 1] * 30)
    small, large = np.arange(4), np.arange(4, 44)
    uneven = np.concatenate([np.arange(44, 60, 2), np.array([1])])
    folds = [Fold(np.array([0]), test) for test in (uneven, small, large, large)]
    assert judging_order(folds, targets) == [2, 3, 1, 0]
