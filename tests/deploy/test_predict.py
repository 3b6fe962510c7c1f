"""What a network predicts for files."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch

from serbench.data.clips import ClipFormat, standardise
from serbench.deploy.answering import EagerAnswerer, Prediction
from serbench.deploy.predict import BATCH, Windowing, predict_files
from serbench.errors import AudioError, UsageError
from serbench.model.network import EmotionNetwork

CLIPS = ClipFormat(8_000, 0.25, "keep")
RMS = replace(CLIPS, level="rms")
EMOTIONS = ("sadness", "anger", "neutral")


class Loudness(torch.nn.Module):
    """Logits that follow from the mean square of the waveform ``[B, samples]``."""

    def forward(self, waveform):
        energy = waveform.square().mean(dim=1, keepdim=True)
        return torch.cat([-energy, energy, 0 * energy], dim=1)


@dataclass
class Recorded:
    """An answerer without a network, which keeps what it has received."""

    clip_format: ClipFormat
    emotions: tuple[str, ...]
    clips: list = field(default_factory=list)
    lengths: list = field(default_factory=list)
    batches: list = field(default_factory=list)

    def probabilities(self, clips, lengths):
        self.batches.append(len(clips))
        self.clips += list(clips)
        self.lengths += lengths.tolist()
        share = np.clip(np.abs(clips[:, :10]).mean(axis=1).astype(np.float64), 0, 1)
        return np.stack([share, (1 - share) / 2, (1 - share) / 2], axis=1)


NETWORK = EmotionNetwork(torch.nn.Identity(), Loudness(), torch.nn.Identity())


def noise(seconds, rate=8_000, channels=1, peak=0.5):
    chance = np.random.default_rng(0)
    return chance.uniform(-peak, peak, (int(seconds * rate), channels)).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    """``write("a.wav", waveform, rate)`` gives the path."""

    def write_file(name, waveform, rate=8_000):
        soundfile.write(tmp_path / name, waveform, rate, subtype="PCM_16")
        return tmp_path / name

    return write_file


def answerer(network=NETWORK, clips=CLIPS, temperature=1.0):
    return EagerAnswerer(network, clips, EMOTIONS, temperature)


def predicted(*paths, **windowing):
    return list(predict_files(answerer(), paths, Windowing(**windowing)))


def test_probabilities_are_the_softmax_in_label_set_order(write):
    path = write("loud.wav", noise(0.25, peak=0.9))
    [found] = predicted(path)
    waveform, _ = soundfile.read(path, dtype="float32")
    energy = float(np.square(waveform).mean())
    expected = np.exp([-energy, energy, 0]) / np.exp([-energy, energy, 0]).sum()
    assert tuple(found.overall.probabilities) == EMOTIONS
    assert list(found.overall.probabilities.values()) == pytest.approx(expected.tolist(), rel=1e-5)


def test_logits_are_divided_by_the_temperature(write):
    path = write("loud.wav", noise(0.25, peak=0.9))
    [warm], [cold] = (
        predict_files(answerer(temperature=temperature), [path]) for temperature in (1.0, 0.1)
    )
    powers = np.array(list(warm.overall.probabilities.values())) ** 10
    assert list(cold.overall.probabilities.values()) == pytest.approx(
        powers / powers.sum(), rel=1e-4
    )


def test_a_prediction_below_the_least_confidence_has_no_emotion(write):
    path = write("loud.wav", noise(0.25, peak=0.9))
    [free] = predicted(path)
    assert (free.overall.emotion, free.overall.rejected) == ("anger", False)
    assert free.overall.confidence == free.overall.probabilities["anger"]
    answers = {
        least: predicted(path, reject_below=least)[0].overall
        for least in (free.overall.confidence, free.overall.confidence + 1e-6)
    }
    assert [each.emotion for each in answers.values()] == ["anger", None]
    assert [each.rejected for each in answers.values()] == [False, True]
    assert all(each.probabilities == free.overall.probabilities for each in answers.values())


def test_the_most_probable_emotion_is_the_answer():
    assert Prediction({"anger": 0.2, "fear": 0.5, "neutral": 0.3}).emotion == "fear"


def test_files_are_read_in_the_order_given(write):
    paths = [write(f"{name}.wav", noise(0.25)) for name in "cab"]
    assert [found.path for found in predicted(*paths)] == paths


def test_a_short_file_has_the_probabilities_of_its_clip_bit_by_bit(write):
    paths = [write("a.wav", noise(0.2, 16_000), 16_000), write("b.wav", noise(0.25))]
    expected = []
    for path in paths:
        waveform, rate = soundfile.read(path, dtype="float32")
        clip = torch.from_numpy(standardise(waveform, rate, RMS))
        length = torch.tensor([RMS.sounding(len(waveform), rate)])
        with torch.inference_mode():
            logits = NETWORK(clip[None], length)[0]
        expected.append(torch.softmax(logits.double(), dim=0).tolist())
    found = [next(predict_files(answerer(clips=RMS), [path])) for path in paths]
    assert [list(each.overall.probabilities.values()) for each in found] == expected
    assert [each.windows for each in found] == [(), ()]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_each_window_is_prepared_like_a_recording_of_its_own(write, rate):
    """The first one is equal to the clip of the whole recording, bit by bit."""
    sound = noise(1.1, rate) * np.linspace(0.05, 1, int(1.1 * rate), dtype=np.float32)[:, None]
    path = write("long.wav", sound, rate)
    told = Recorded(RMS, EMOTIONS)
    [found] = predict_files(told, [path])
    stored, _ = soundfile.read(path, dtype="float32")
    whole = soxr.resample(stored, rate, RMS.sample_rate, quality="HQ")
    starts = [0, 1000, 2000, 3000, 4000, 5000, 6000, 6800]
    assert [(window.start, window.end) for window in found.windows] == [
        (start / 8_000, start / 8_000 + 0.25) for start in starts
    ]
    np.testing.assert_array_equal(told.clips[0], standardise(stored, rate, RMS))
    for clip, start in zip(told.clips, starts, strict=True):
        part = whole[start : start + 2000]
        np.testing.assert_allclose(clip, standardise(part, 8_000, RMS), atol=1e-6)
    assert told.lengths == [2000] * 8


def test_the_whole_file_has_the_mean_probabilities_of_its_windows(write):
    sound = noise(1) * np.linspace(0, 2, 8_000, dtype=np.float32)[:, None]
    [found] = predicted(write("long.wav", sound), hop=0.2)
    assert found.seconds == 1
    assert [window.start for window in found.windows] == pytest.approx([0, 0.2, 0.4, 0.6, 0.75])
    rows = [list(window.answer.probabilities.values()) for window in found.windows]
    assert list(found.overall.probabilities.values()) == pytest.approx(np.mean(rows, axis=0))
    assert np.ptp(rows, axis=0).max() > 0.05


def test_windows_of_many_files_are_answered_together_and_kept_apart(write, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"")
    lengths = (0.2, 3.0, 0.25, 1.1)
    paths = [write(f"{number}.wav", noise(each)) for number, each in enumerate(lengths)]
    paths.insert(2, tmp_path / "bad.wav")
    told, progress = Recorded(RMS, EMOTIONS), []
    together = list(predict_files(told, paths, progress=lambda *counts: progress.append(counts)))
    alone = [next(predict_files(Recorded(RMS, EMOTIONS), [path])) for path in paths]
    assert isinstance(together[2], AudioError)
    assert [each for each in together if each is not together[2]] == [
        each for each in alone if not isinstance(each, AudioError)
    ]
    assert told.batches == [BATCH, BATCH, 1]  # 1 + 23 + 1 + 8 windows
    assert [done for done, _ in progress] == [BATCH, 2 * BATCH]
    assert all(done < total for done, total in progress)


class Beginning:
    """A detector for which only the beginning of each recording is speech."""

    name, text = "beginning", "only the beginning is speech"

    def speech(self, waveform, sample_rate):
        return [(0.0, 0.3)]


class Nowhere(Beginning):
    def speech(self, waveform, sample_rate):
        return []


def test_windows_without_speech_have_no_emotion_and_do_not_count(write):
    sound = np.concatenate([noise(0.5, peak=0.2), noise(0.5, peak=0.9)])
    path = write("long.wav", sound)
    [found] = predicted(path, detector=Beginning())
    assert [window.answer is None for window in found.windows] == [False] * 2 + [True] * 5
    first, second = (window.answer.probabilities for window in found.windows[:2])
    expected = [(first[emotion] + second[emotion]) / 2 for emotion in EMOTIONS]
    assert list(found.overall.probabilities.values()) == pytest.approx(expected)
    [every] = predicted(path)
    assert all(window.answer for window in every.windows)


def test_a_long_file_without_any_speech_is_an_error_and_a_short_one_is_answered(write):
    long, short = predicted(
        write("long.wav", noise(1)), write("short.wav", noise(0.25)), detector=Nowhere()
    )
    assert isinstance(long, AudioError)
    assert long.facts["path"].name == "long.wav"
    assert long.kind == "silence"
    assert short.overall.emotion in EMOTIONS


def test_a_file_of_a_few_samples_is_an_error(write):
    few, enough = predicted(write("few.wav", noise(0.02)), write("enough.wav", noise(0.025)))
    assert isinstance(few, AudioError)
    assert few.kind == "short"
    assert enough.seconds == 0.025


@pytest.mark.parametrize("hop", [0, -1, 0.26, float("nan"), float("inf")])
def test_a_hop_that_is_not_possible_is_refused_before_any_file_is_read(hop):
    with pytest.raises(UsageError):
        predicted(Path("missing.wav"), hop=hop)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 2)])
def test_any_rate_and_any_channels_are_prepared_as_in_training(write, rate, channels):
    path = write("file.wav", noise(0.1, rate, channels), rate)
    [found] = predicted(path)
    waveform, _ = soundfile.read(path, dtype="float32", always_2d=True)
    clip = standardise(waveform.mean(axis=1), rate, CLIPS)
    logits = NETWORK(torch.from_numpy(clip)[None])[0]
    expected = torch.softmax(logits, dim=0).tolist()
    assert list(found.overall.probabilities.values()) == pytest.approx(expected, rel=1e-5)


def test_the_files_around_a_bad_one_are_answered(write, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"")
    paths = [write("a.wav", noise(0.2)), tmp_path / "bad.wav", write("b.wav", noise(0.2))]
    first, bad, last = predicted(*paths)
    assert (first.path, last.path) == (paths[0], paths[2])
    assert isinstance(bad, AudioError)
    assert bad.facts["path"] == paths[1]


def test_what_is_unusual_about_a_file_comes_with_its_answer(write):
    one, dead = noise(0.2), np.zeros_like(noise(0.2))
    ordinary, stereo = predicted(write("a.wav", one), write("b.wav", np.hstack([one, dead])))
    assert ordinary.remarks == ()
    assert stereo.remarks == ("channel 2 of 2 is silent",)


def test_an_answer_that_is_no_number_is_an_error(write):
    class Nothing(torch.nn.Module):
        def forward(self, waveform):
            return torch.full((len(waveform), len(EMOTIONS)), torch.nan)

    network = EmotionNetwork(torch.nn.Identity(), Nothing(), torch.nn.Identity())
    for seconds in (0.2, 1):
        [answer] = predict_files(answerer(network), [write("a.wav", noise(seconds))])
        assert isinstance(answer, AudioError)


@pytest.mark.parametrize("level", ["rms", "ebu"])
def test_at_one_level_the_answer_does_not_depend_on_the_gain(write, level):
    sound = noise(0.25, peak=0.02)
    paths = [write("quiet.wav", sound), write("loud.wav", 40 * sound)]
    quiet, loud = predict_files(answerer(clips=replace(CLIPS, level=level)), paths)
    assert list(loud.overall.probabilities.values()) == pytest.approx(
        list(quiet.overall.probabilities.values()), rel=1e-2
    )
    quiet, loud = predicted(*paths)
    assert abs(loud.overall.probabilities["anger"] - quiet.overall.probabilities["anger"]) > 0.05


def test_the_network_receives_the_length_of_the_recording(write):
    told = Recorded(CLIPS, EMOTIONS)
    paths = [write("a.wav", noise(0.1)), write("b.wav", noise(0.2, 16_000), 16_000)]
    assert len(list(predict_files(told, [*paths, write("c.wav", noise(0.25))]))) == 3
    assert told.lengths == [800, 1600, 2000]
    assert all(clip.shape == (2000,) for clip in told.clips)
