"""Clips counted by speaker, true and predicted emotion, and the scores of the counts."""

import numpy as np
import pytest
import written_out
from error_facts import value_error, values_in
from hypothesis import given, settings
from sklearn.metrics import accuracy_score, f1_score, recall_score

from serbench.score.confusion import COUNT_METRICS as METRICS
from serbench.score.confusion import (
    Tally,
    confusion_of,
    ratios_of_counts,
    recalls,
    score_counts,
    tally,
    uar_of,
)

quick = settings(max_examples=30, deadline=None)


def scikit_learns(clips):
    true, predicted = [clip.true for clip in clips], [clip.predicted for clip in clips]
    spoken = {"labels": np.unique(true), "average": "macro", "zero_division": 0}
    return [
        recall_score(true, predicted, **spoken),
        accuracy_score(true, predicted),
        f1_score(true, predicted, **spoken),
    ]


@quick
@given(written_out.tested_clips(systems=1))
def test_the_scores_of_a_tally_are_scikit_learns(tested):
    emotions, (clips,) = tested
    confusion = written_out.tally_of(clips, emotions).confusion
    found = [score_counts(confusion, metric) for metric in METRICS]
    assert found == pytest.approx(scikit_learns(clips), abs=1e-9)
    by_hand = [written_out.SCORES[metric](clips) for metric in METRICS]
    assert found == pytest.approx(by_hand, abs=1e-9)


@quick
@given(written_out.tested_clips(systems=1))
def test_each_speaker_is_scored_as_if_alone(tested):
    emotions, (clips,) = tested
    found = written_out.tally_of(clips, emotions)
    assert list(found.speakers) == sorted({clip.speaker for clip in clips})
    for metric in METRICS:
        alone = [
            written_out.SCORES[metric]([clip for clip in clips if clip.speaker == speaker])
            for speaker in found.speakers
        ]
        each = [score_counts(counts, metric) for counts in found.counts]
        assert each == pytest.approx(alone, abs=1e-9)


@quick
@given(written_out.tested_clips(systems=1))
def test_a_tally_is_read_from_its_bytes(tested):
    emotions, (clips,) = tested
    stored = written_out.tally_of(clips, emotions)
    read = Tally.from_bytes(stored.to_bytes())
    assert read.speakers == stored.speakers
    assert read.counts.dtype == np.int64
    assert np.array_equal(read.counts, stored.counts)


def test_speakers_of_any_name_are_read_from_bytes():
    names = ("a\nb", "Łucja", "")
    stored = Tally(names, np.arange(12).reshape(3, 2, 2))
    assert Tally.from_bytes(stored.to_bytes()).speakers == names


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data[5:], lambda _: b"{}"])
def test_bytes_that_were_cut_are_refused(spoil):
    data = Tally(("a", "b"), np.ones((2, 3, 3), dtype=np.int64)).to_bytes()
    with value_error():
        Tally.from_bytes(spoil(data))


def test_counts_greater_than_int32_are_not_stored():
    with value_error():
        Tally(("a",), np.full((1, 2, 2), 2**31)).to_bytes()


def test_a_tally_counts_clips_by_speaker_true_and_predicted_emotion():
    logits = np.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]])
    found = tally(logits, np.array([1, 1, 0]), ["b", "a", "b"])
    assert found.speakers == ("a", "b")
    assert found.counts.tolist() == [[[0, 0], [1, 0]], [[1, 0], [0, 1]]]
    assert found.clips.tolist() == [[0, 1], [1, 1]]
    assert found.confusion.tolist() == [[1, 0], [1, 1]]


@quick
@given(written_out.tested_clips(systems=1))
def test_the_mean_of_the_ratios_is_the_score_and_they_have_a_row_for_each_speaker(tested):
    emotions, (clips,) = tested
    found = written_out.tally_of(clips, emotions)
    for metric in METRICS:
        ratios = ratios_of_counts(found.counts, metric)
        assert len(ratios.numerators) == len(found.speakers)
        assert ratios.value == pytest.approx(score_counts(found.confusion, metric), abs=1e-12)


def test_without_clips_there_is_no_score():
    for metric in METRICS:
        assert score_counts(np.eye(2), metric) == 1
        with value_error():
            score_counts(np.zeros((2, 2)), metric)


def test_clips_without_speakers_are_not_counted():
    with value_error() as refusal:
        tally(np.eye(2), np.array([0, 1]), ["a"])
    assert values_in(refusal.value) == {"2", "1"}
    with value_error():
        tally(np.empty((0, 2)), np.array([], dtype=int), [])
    with value_error():
        tally(np.full((1, 2), np.nan), np.array([0]), ["a"])


def test_a_worked_example():
    """True 0, 0, 0, 1, 1, 3 predicted as 0, 0, 1, 1, 2, 3; emotion 2 does not occur."""
    logits = np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2, 3]]
    targets = np.array([0, 0, 0, 1, 1, 3])
    counted = confusion_of(logits, targets)
    assert counted.tolist() == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    assert recalls(counted).tolist() == pytest.approx([2 / 3, 1 / 2, float("nan"), 1], nan_ok=True)
    assert uar_of(logits, targets) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    found = [score_counts(counted, metric) for metric in METRICS]
    assert found == pytest.approx([(2 / 3 + 1 / 2 + 1) / 3, 4 / 6, (4 / 5 + 1 / 2 + 1) / 3])


def test_always_predicting_one_emotion_is_at_chance_for_any_share_of_it():
    logits = np.tile(np.float32([1, 0, 0]), (10, 1))
    targets = np.array([0] * 8 + [1, 2])
    assert uar_of(logits, targets) == pytest.approx(1 / 3)
    assert score_counts(confusion_of(logits, targets), "accuracy") == pytest.approx(0.8)
