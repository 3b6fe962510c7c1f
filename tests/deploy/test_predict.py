"""What a network predicts for files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from serbench.data.clips import ClipFormat, standardise
from serbench.deploy.predict import FilePrediction, predict_files
from serbench.errors import AudioError
from serbench.model.network import EmotionNetwork

CLIPS = ClipFormat(8_000, 0.25, "keep")
EMOTIONS = ("sadness", "anger", "neutral")


class Loudness(torch.nn.Module):
    """Logits that follow from the mean square of the waveform ``[B, samples]``."""

    def forward(self, waveform):
        energy = waveform.square().mean(dim=1, keepdim=True)
        return torch.cat([-energy, energy, 0 * energy], dim=1)


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


def predicted(*paths):
    return list(predict_files(NETWORK, CLIPS, EMOTIONS, paths))


def test_probabilities_are_the_softmax_in_label_set_order(write):
    path = write("loud.wav", noise(0.25, peak=0.9))
    [found] = predicted(path)
    waveform, _ = soundfile.read(path, dtype="float32")
    energy = float(np.square(waveform).mean())
    expected = np.exp([-energy, energy, 0]) / np.exp([-energy, energy, 0]).sum()
    assert tuple(found.probabilities) == EMOTIONS
    assert list(found.probabilities.values()) == pytest.approx(expected.tolist(), rel=1e-5)


def test_logits_are_divided_by_the_temperature(write):
    path = write("loud.wav", noise(0.25, peak=0.9))
    [warm], [cold] = (
        list(predict_files(NETWORK, CLIPS, EMOTIONS, [path], temperature=temperature))
        for temperature in (1.0, 0.1)
    )
    powers = np.array(list(warm.probabilities.values())) ** 10
    assert list(cold.probabilities.values()) == pytest.approx(powers / powers.sum(), rel=1e-4)


def test_a_prediction_below_the_least_confidence_has_no_emotion(write):
    path = write("loud.wav", noise(0.25, peak=0.9))
    [free] = predicted(path)
    assert (free.emotion, free.rejected) == ("anger", False)
    assert free.confidence == free.probabilities["anger"]
    answers = {
        least: next(predict_files(NETWORK, CLIPS, EMOTIONS, [path], reject_below=least))
        for least in (free.confidence, free.confidence + 1e-6)
    }
    assert [each.emotion for each in answers.values()] == ["anger", None]
    assert [each.rejected for each in answers.values()] == [False, True]
    assert all(each.probabilities == free.probabilities for each in answers.values())


def test_the_most_probable_emotion_is_the_answer():
    assert (
        FilePrediction(Path("a"), 1.0, {"anger": 0.2, "fear": 0.5, "neutral": 0.3}).emotion
        == "fear"
    )


def test_files_are_read_in_the_order_given(write):
    paths = [write(f"{name}.wav", noise(0.25)) for name in "cab"]
    assert [found.path for found in predicted(*paths)] == paths


def test_sound_beyond_the_clip_is_not_used(write):
    beginning = noise(0.25)
    long = np.concatenate([beginning, noise(1.0, peak=0.9)])
    short_one, long_one = predicted(write("short.wav", beginning), write("long.wav", long))
    assert long_one.probabilities == short_one.probabilities
    assert (short_one.seconds, long_one.seconds) == (0.25, 1.25)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (8_000, 2)])
def test_any_rate_and_any_channels_are_prepared_as_in_training(write, rate, channels):
    path = write("file.wav", noise(0.1, rate, channels), rate)
    [found] = predicted(path)
    waveform, _ = soundfile.read(path, dtype="float32", always_2d=True)
    clip = standardise(waveform.mean(axis=1), rate, CLIPS)
    logits = NETWORK(torch.from_numpy(clip)[None])[0]
    expected = torch.softmax(logits, dim=0).tolist()
    assert list(found.probabilities.values()) == pytest.approx(expected, rel=1e-5)


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
    [answer] = predict_files(network, CLIPS, EMOTIONS, [write("a.wav", noise(0.2))])
    assert isinstance(answer, AudioError)


@pytest.mark.parametrize("level", ["rms", "ebu"])
def test_at_one_level_the_answer_does_not_depend_on_the_gain(write, level):
    sound = noise(0.25, peak=0.02)
    paths = [write("quiet.wav", sound), write("loud.wav", 40 * sound)]
    quiet, loud = predict_files(NETWORK, replace(CLIPS, level=level), EMOTIONS, paths)
    assert list(loud.probabilities.values()) == pytest.approx(
        list(quiet.probabilities.values()), rel=1e-2
    )
    quiet, loud = predicted(*paths)
    assert abs(loud.probabilities["anger"] - quiet.probabilities["anger"]) > 0.05


def test_a_network_that_ignores_padding_receives_the_length_of_the_recording(write):
    told = []

    class Told(EmotionNetwork):
        def forward(self, waveform, lengths=None):
            told.append((waveform.shape[1], lengths.tolist()))
            return super().forward(waveform, lengths)

    network = Told(torch.nn.Identity(), Loudness(), torch.nn.Identity())
    paths = [write("a.wav", noise(0.1)), write("b.wav", noise(0.2, 16_000), 16_000)]
    assert len(list(predict_files(network, CLIPS, EMOTIONS, [*paths, write("c.wav", noise(1))])))
    assert told == [(2000, [800]), (2000, [1600]), (2000, [2000])]
