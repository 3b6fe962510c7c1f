"""Draws of speakers, and intervals from them."""

import numpy as np
import pytest
import written_out
from confidence_intervals import evaluate_with_conf_int
from hypothesis import given, settings
from written_out import clip_intervals, intervals_on, resampled_metric, speaker_intervals

from serbench.score.confusion import COUNT_METRICS as METRICS
from serbench.score.confusion import Tally, score_counts
from serbench.score.resampling import draws

quick = settings(max_examples=30, deadline=None)
FEW = 30


def tally_with(counts):
    counts = np.asarray(counts, dtype=np.int64)
    return Tally(tuple(f"{number:03}" for number in range(len(counts))), counts)


def random_tally(seed, n_speakers, emotions=4, clips=10):
    random = np.random.default_rng(seed)
    recall = random.beta(6, 3, (n_speakers, emotions, 1))
    answers = recall * np.eye(emotions) + (1 - recall) * (1 - np.eye(emotions)) / (emotions - 1)
    return tally_with(random.multinomial(clips, answers))


@quick
@given(written_out.tested_clips(systems=1))
def test_a_resampled_score_is_that_of_speakers_drawn_with_all_clips(tested):
    emotions, (clips,) = tested
    tally = written_out.tally_of(clips, emotions)
    drawn = draws(tally.clips, seed=1, resamples=FEW)
    if drawn is None:
        return
    for metric in METRICS:
        written = [written_out.SCORES[metric](written_out.resample(clips, row)) for row in drawn]
        assert resampled_metric(tally, drawn, metric) == pytest.approx(written, abs=1e-9)


@quick
@given(written_out.tested_clips(systems=1))
def test_the_interval_is_the_one_written_out_under_the_same_draws(tested):
    emotions, (clips,) = tested
    tally = written_out.tally_of(clips, emotions)
    drawn = draws(tally.clips, seed=3, resamples=FEW)
    found = speaker_intervals(tally, seed=3, resamples=FEW)
    if drawn is None:
        assert found is None
        return
    assert found == intervals_on(tally, drawn)
    for metric in METRICS:
        written = written_out.SCORES[metric]
        values = [written(written_out.resample(clips, row)) for row in drawn]
        speakers = written_out.effective_speakers(clips)
        expected = written_out.interval_of_share(written(clips), values, speakers)
        assert found[metric] == pytest.approx(expected, abs=1e-9)


@quick
@given(written_out.tested_clips(systems=1))
def test_an_interval_includes_its_score_and_lies_between_0_and_1(tested):
    emotions, (clips,) = tested
    tally = written_out.tally_of(clips, emotions)
    found = speaker_intervals(tally, resamples=FEW)
    for metric in METRICS if found else ():
        low, high = found[metric]
        assert 0 <= low <= score_counts(tally.confusion, metric) <= high <= 1


@quick
@given(written_out.tested_clips(systems=1))
def test_every_draw_has_as_many_speakers_and_every_emotion(tested):
    emotions, (clips,) = tested
    tally = written_out.tally_of(clips, emotions)
    drawn = draws(tally.clips, resamples=FEW)
    if drawn is None:
        return
    assert drawn.shape == (FEW, len(tally.speakers))
    assert np.all(drawn.sum(axis=1) == len(tally.speakers))
    for row in drawn:
        again = {clip.true for clip in written_out.resample(clips, row)}
        assert again == {clip.true for clip in clips}


def test_the_only_speaker_of_an_emotion_is_in_every_draw():
    clips = np.array([[3, 1], [3, 0], [3, 0]])
    drawn = draws(clips)
    assert drawn[:, 0].min() == 1
    assert drawn[:, 1].min() == 0


def test_draws_depend_on_the_seed_and_nothing_else():
    clips = np.ones((5, 3), dtype=np.int64)
    assert np.array_equal(draws(clips, seed=4), draws(clips * 7, seed=4))
    assert not np.array_equal(draws(clips, seed=4), draws(clips, seed=5))


def test_one_speaker_has_no_interval():
    assert speaker_intervals(tally_with([[[5, 1], [2, 4]]])) is None


def test_emotions_of_one_speaker_each_have_no_interval():
    """Ten draws from ten speakers almost never give all ten."""
    counts = np.zeros((10, 10, 10))
    counts[range(10), range(10), range(10)] = 5
    assert speaker_intervals(tally_with(counts)) is None


ONE_ANSWER = [[4, 0, 0], [4, 0, 0], [4, 0, 0]]
"""Counts of a speaker for a network that always predicts the first emotion."""


@pytest.mark.parametrize("speakers", [2, 3, 8, 24])
def test_an_equal_score_of_all_speakers_has_an_interval(speakers):
    unseen = 1 - 0.05 ** (1 / speakers)
    perfect = speaker_intervals(tally_with([4 * np.eye(3)] * speakers))
    for interval in perfect.values():
        assert interval == pytest.approx((1 - unseen, 1))
    low, high = speaker_intervals(tally_with([ONE_ANSWER] * speakers))["uar"]
    assert (low, high) == pytest.approx((1 / 3 - unseen / 3, 1 / 3 + unseen * 2 / 3))


@pytest.mark.parametrize("speakers", [2, 3, 8, 24])
@pytest.mark.parametrize("differing", [0.02, 0.1, 0.3, 0.6])
def test_intervals_of_equal_scores_miss_the_true_value_in_at_most_5_percent(speakers, differing):
    """Some speakers are never predicted correctly, all others always; each test draws speakers."""
    random = np.random.default_rng(0)
    right, wrong = 4 * np.eye(3), 4 * np.roll(np.eye(3), 1, axis=1)
    alike = (random.random((4000, speakers)) >= differing).all(axis=1).mean()
    low, high = speaker_intervals(tally_with([right] * speakers), resamples=FEW)["uar"]
    missed = alike * (not low <= 1 - differing <= high)
    assert missed <= 0.06
    low, high = speaker_intervals(tally_with([wrong] * speakers), resamples=FEW)["uar"]
    assert alike * (not low <= differing <= high) <= 0.06


def test_with_one_clip_per_speaker_the_standard_error_is_that_of_a_share():
    """70 of 100 correct, with one clip per speaker: √(0.7 · 0.3 / 99), on the logit scale."""
    counts = np.zeros((100, 1, 2))
    counts[:70, 0, 0] = counts[70:, 0, 1] = 1
    tally = tally_with(np.concatenate([counts, np.zeros_like(counts)], axis=1))
    low, high = speaker_intervals(tally, resamples=20_000)["accuracy"]
    width = np.log(high / (1 - high)) - np.log(low / (1 - low))
    assert width == pytest.approx(2 * 1.98422 * np.sqrt(0.21 / 99) / 0.21, rel=0.02)


def test_speakers_who_differ_widen_the_interval_and_clips_do_not():
    alike = tally_with([[[5, 5], [5, 5]]] * 8)
    apart = tally_with([[[10, 0], [0, 10]], [[0, 10], [10, 0]]] * 4)
    (low, high), (lower, higher) = (speaker_intervals(each)["uar"] for each in (alike, apart))
    assert lower < 0.25 < low
    assert high < 0.75 < higher
    assert clip_intervals(alike) == clip_intervals(apart)


@quick
@given(written_out.tested_clips(systems=1))
def test_the_clip_interval_is_the_percentiles_of_clips_drawn_one_by_one(tested):
    emotions, (clips,) = tested
    found = clip_intervals(written_out.tally_of(clips, emotions), seed=2, resamples=FEW)
    kinds = sorted({(clip.true, clip.predicted) for clip in clips})
    alike = [sum((clip.true, clip.predicted) == kind for clip in clips) for kind in kinds]
    own = np.array([np.eye(emotions, dtype=np.int64)[true] for true, _ in kinds])
    drawn = draws(own, seed=2, resamples=FEW, copies=np.array(alike))
    if drawn is None:
        assert found is None
        return
    answers = [written_out.Clip(str(number).zfill(3), *kind) for number, kind in enumerate(kinds)]
    for metric in METRICS:
        values = [written_out.SCORES[metric](written_out.resample(answers, row)) for row in drawn]
        expected = np.percentile(values, [2.5, 97.5])
        assert found[metric] == pytest.approx(tuple(expected), abs=1e-9)
        assert np.all(drawn.sum(axis=1) == len(clips))


def test_over_many_tests_the_interval_has_its_coverage_and_the_clip_interval_has_not():
    """Recalls are Beta(6, 3), so that UAR and accuracy are 2/3 over all speakers."""
    tallies = [random_tally([9, repetition], 16) for repetition in range(200)]
    drawn = draws(tallies[0].clips, resamples=500)
    held = np.mean([ends.low <= 2 / 3 <= ends.high for ends in uars(tallies, drawn)])
    assert 0.92 < held < 0.98
    per_clip = [clip_intervals(each, resamples=200)["uar"] for each in tallies]
    assert np.mean([low <= 2 / 3 <= high for low, high in per_clip]) < 0.92


def uars(tallies, drawn):
    return [intervals_on(tally, drawn)["uar"] for tally in tallies]


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_intervals_of_independent_clips_agree_with_another_package(metric):
    """``confidence_intervals`` (Ferrer and Riera) draws clips and takes percentiles."""
    random = np.random.default_rng(4)
    targets = random.integers(4, size=300)
    predicted = np.where(random.random(300) < 0.6, targets, random.integers(4, size=300))

    def score(true, answers):
        pairs = np.bincount(4 * true + answers, minlength=16)
        return score_counts(pairs.reshape(4, 4), metric)

    point, ends = evaluate_with_conf_int(predicted, score, targets, num_bootstraps=1000)
    counts = np.zeros((300, 4, 4))
    counts[np.arange(300), targets, predicted] = 1
    tally = tally_with(counts)
    assert score_counts(tally.confusion, metric) == pytest.approx(point)
    assert clip_intervals(tally, resamples=1000)[metric] == pytest.approx(ends, abs=0.01)
    assert speaker_intervals(tally, resamples=1000)[metric] == pytest.approx(ends, abs=0.01)
