"""Answers for sound as it arrives."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from serbench.data.clips import ClipFormat, standardise
from serbench.deploy.answering import Prediction
from serbench.deploy.live import Live, Moment, Summary
from serbench.deploy.sources import FileSource
from serbench.errors import AudioError

CLIPS = ClipFormat(8_000, 2.0, "rms")


@dataclass
class Recorded:
    """An answerer without a network, which keeps what it has received."""

    clip_format: ClipFormat = CLIPS
    emotions: tuple[str, ...] = ("fear", "calm")
    clips: list = field(default_factory=list)
    lengths: list = field(default_factory=list)
    share: float = 0.75

    def probabilities(self, clips, lengths):
        self.clips += list(clips)
        self.lengths += lengths.tolist()
        return np.array([[self.share, 1 - self.share]] * len(clips))


class Loud:
    """Where the sound is not zero, there is speech."""

    name, text = "loud", "loud parts are speech"

    def speech(self, waveform, sample_rate):
        loud = np.concatenate([[False], waveform != 0, [False]]).astype(int)
        edges = np.flatnonzero(np.diff(loud)).reshape(-1, 2) / sample_rate
        return [tuple(edge) for edge in edges.tolist()]


def noise(seconds, rate=16_000):
    return np.random.default_rng(0).uniform(0.1, 0.5, int(seconds * rate)).astype(np.float32)


def source(*parts):
    return FileSource("sound.wav", 16_000, np.concatenate(parts))


def test_each_answer_is_that_of_a_recording_of_the_last_window():
    told, sound = Recorded(), noise(3.2)
    moments = list(Live(told, None, 0.5).moments(source(sound)))
    ends = [0.5, 1, 1.5, 2, 2.5, 3, 3.2]
    assert [moment.seconds for moment in moments] == ends
    assert [moment.added for moment in moments] == pytest.approx([0.5] * 6 + [0.2])
    clips, lengths = told.clips[1:], told.lengths[1:]  # the first one warms up
    for clip, length, end in zip(clips, lengths, ends, strict=True):
        part = sound[max(int((end - 2) * 16_000), 0) : int(end * 16_000)]
        np.testing.assert_array_equal(clip, standardise(part, 16_000, CLIPS))
        assert length == min(end, 2) * 8_000


def test_silence_has_no_emotion_soon_after_the_speech():
    told, silence = Recorded(), np.zeros(32_000, np.float32)
    moments = list(Live(told, Loud(), 0.5).moments(source(silence, noise(1), silence)))
    spoken = [moment.seconds for moment in moments if moment.answer is not None]
    assert spoken == [2.5, 3, 3.5]
    assert len(told.clips) == 1 + len(spoken)
    every = list(Live(told, None, 0.5).moments(source(silence)))
    assert all(moment.answer for moment in every)


def test_speech_is_detected_with_the_sound_before_a_short_window():
    seen = []

    class Seeing(Loud):
        def speech(self, waveform, sample_rate):
            seen.append(len(waveform) / sample_rate)
            return super().speech(waveform, sample_rate)

    short = Recorded(ClipFormat(8_000, 0.5))
    list(Live(short, Seeing(), 0.5).moments(source(noise(4))))
    assert seen[1:] == [0.5, 1, 1.5, 2, 2.5, 3, 3, 3]


def test_an_uncertain_answer_is_rejected():
    [moment] = Live(Recorded(), None, 0.5, reject_below=0.8).moments(source(noise(0.5)))
    assert (moment.answer.emotion, moment.answer.rejected) == (None, True)


def test_probabilities_that_are_nan_are_an_error():
    with pytest.raises(AudioError) as error:
        list(Live(Recorded(share=np.nan), None, 0.5).moments(source(noise(1))))
    assert error.value.facts["path"] == "sound.wav"


@pytest.mark.parametrize("seconds", [0, 0.02])
def test_sound_that_ends_too_soon_is_an_error(seconds):
    with pytest.raises(AudioError) as error:
        list(Live(Recorded(), None, 0.5).moments(source(noise(seconds))))
    assert error.value.kind == "short"


def test_the_summary_counts_every_moment():
    summary = Summary()
    for answer in (Prediction({"fear": 0.6, "calm": 0.4}), None, Prediction({"fear": 0.5}, True)):
        summary.add(Moment(summary.seconds + 0.5, 0.5, 0.1, answer))
    assert (summary.seconds, summary.silent, summary.rejected) == (1.5, 1, 1)
    assert summary.emotions == {"fear": 1}
    assert summary.real_time_factor == pytest.approx(0.2)
    assert Moment(0.5, 0.5, 0.1, None).real_time_factor == pytest.approx(0.2)
    assert Summary().real_time_factor == 0
