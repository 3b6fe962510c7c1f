"""Resampling inside of a network, against soxr, which prepares training clips."""

import numpy as np
import pytest
import soxr
import torch
from torch import nn

from serbench.builtin.mel import LogMel
from serbench.data.clips import ClipFormat
from serbench.errors import ExportError
from serbench.model.deployable import Deployable
from serbench.model.frontend import InputSpec
from serbench.model.network import EmotionNetwork
from serbench.model.resample import Resampler
from serbench.testing.parity import parity_error


def voice(rate, seconds):
    """Harmonics up to 3 kHz, which every rate here can carry."""
    time = np.arange(round(rate * seconds)) / rate
    tones = [np.sin(2 * np.pi * 210 * k * time) / k for k in range(1, 15)]
    fade = np.minimum(1, np.minimum(time, seconds - time) / 0.05)
    return (0.1 * fade * np.sum(tones, axis=0)).astype(np.float32)


@pytest.mark.parametrize(
    ("old", "new"), [(48_000, 16_000), (16_000, 24_000), (8_000, 16_000), (44_100, 16_000)]
)
def test_it_gives_the_samples_of_soxr(old, new):
    sound = voice(old, 0.5)
    expected = soxr.resample(sound, old, new, quality="HQ")
    found = Resampler(old, new, len(expected))(torch.from_numpy(sound)[None])[0].numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 2e-3 * np.abs(expected).max()


def test_rates_without_a_large_common_divisor_are_refused():
    with pytest.raises(ExportError) as raised:
        Resampler(16_000, 24_414, 1000)
    assert raised.value.facts == {"input_rate": 16_000, "sample_rate": 24_414}


def deployable(input_rate=None):
    clip_format = ClipFormat(8_000, 0.5, "rms", "reflect")
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    spec = InputSpec(1, 32, 32, (0.5,), (0.25,))
    network = EmotionNetwork(LogMel().build(clip_format, spec), body, nn.Linear(4, 3)).eval()
    return Deployable(network, clip_format, input_rate=input_rate)


@pytest.mark.parametrize("seconds", [0.5, 0.2])
def test_the_answer_is_that_of_the_resampled_recording(seconds):
    own, other = deployable(), deployable(input_rate=16_000)
    short = voice(16_000, seconds)
    waveform = np.full(other.input_samples, 0.3, np.float32)
    waveform[: len(short)] = short
    resampled = np.zeros(own.input_samples, np.float32)
    resampled[: len(short) // 2] = soxr.resample(short, 16_000, 8_000, quality="HQ")
    with torch.inference_mode():
        found = other(torch.from_numpy(waveform)[None], torch.tensor([len(short)])).logits
        expected = own(torch.from_numpy(resampled)[None], torch.tensor([len(short) // 2])).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)


def test_a_network_that_resamples_is_exported():
    pytest.importorskip("onnxruntime")
    made = deployable(input_rate=16_000)
    assert made.recording().waveform.shape == (1, 8_000)
    assert parity_error(made) < 1e-4
