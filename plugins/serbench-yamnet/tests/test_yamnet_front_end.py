"""The front end gives the features of TensorFlow, for YAMNet and for other backbones."""

import numpy as np
import pytest
import torch
from serbench_yamnet.front_end import YAMNET_INPUT, YamnetFrontEnd, frame_count, mel_matrix
from yamnet_material import seeded

from serbench.data.clips import ClipFormat
from serbench.model.frontend import InputSpec

CLIP = ClipFormat(16000, 2.618)


def front_end(spec=YAMNET_INPUT):
    return YamnetFrontEnd().build(CLIP, spec)


def noise(samples, n_clips=1, seed=0):
    return 0.1 * torch.randn(n_clips, samples, generator=seeded(seed))


def mel(hertz):
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def log_mel_from_definitions(waveform):
    """Frame by frame, bin by bin, from the definitions; ``[samples]`` → ``[frames, 64]``."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    turn = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
    step = (mel(7500) - mel(125)) / 65
    filters = np.zeros((257, 64))
    for bin_number in range(1, 257):
        for band in range(64):
            centre = mel(125) + (band + 1) * step
            distance = abs(mel(bin_number * 16000 / 512) - centre) / step
            filters[bin_number, band] = max(0.0, 1.0 - distance)
    starts = range(0, len(waveform) - 399, 160)
    magnitudes = np.array([abs(turn @ (waveform[s : s + 400] * window)) for s in starts])
    return np.log(magnitudes @ filters + 0.001)


@pytest.mark.parametrize("samples", [15600, 15759, 15760, 41888])
def test_it_equals_the_definitions(samples):
    waveform = noise(samples)
    expected = torch.from_numpy(log_mel_from_definitions(waveform[0].double().numpy())).float()
    image = front_end()(waveform)
    torch.testing.assert_close(image[0, 0], expected.T, rtol=0, atol=1e-4)


def test_a_study_clip_has_260_frames():
    assert CLIP.samples == 41888
    assert frame_count(CLIP.samples) == 260
    assert YAMNET_INPUT.width == frame_count(3 * 16000) == 298
    assert front_end()(noise(CLIP.samples, n_clips=3)).shape == (3, 1, 64, 260)


def test_yamnet_gets_every_frame_of_a_longer_clip():
    assert front_end()(noise(10 * 16000)).shape[-1] == frame_count(10 * 16000) == 998


def test_silence_is_appended_to_a_clip_too_short_for_a_patch():
    image = front_end()(noise(1600))
    assert image.shape == (1, 1, 64, 96)
    torch.testing.assert_close(image[..., 10:], torch.full_like(image[..., 10:], np.log(0.001)))
    assert (image[..., :8] > np.log(0.001) + 1).all()


def test_filters_reach_from_125_to_7500_hertz_and_peak_at_one():
    filters = mel_matrix()
    hertz = np.linspace(0, 8000, 257)
    covered = filters.sum(axis=1) > 0
    assert not covered[(hertz <= 125) | (hertz >= 7500)].any()
    assert covered[(hertz > 125) & (hertz < 7500)].all()
    assert 0.8 < filters.max() <= 1.0


def test_a_louder_clip_is_louder():
    quiet = front_end()(noise(CLIP.samples))
    loud = front_end()(10 * noise(CLIP.samples))
    torch.testing.assert_close(loud - quiet, torch.full_like(quiet, np.log(10)), rtol=0, atol=0.1)


def test_another_backbone_gets_its_input_size_and_scale():
    spec = InputSpec(3, 128, 100, mean=(0.5,) * 3, std=(0.5,) * 3)
    image = front_end(spec)(noise(CLIP.samples, n_clips=2))
    assert image.shape == (2, 3, 128, 100)
    assert image.min() >= -1
    assert image.max() <= 1


def test_yamnets_mean_and_deviation_convert_images_to_log_mel_values():
    """So the images of other front ends have the range on which the network was trained."""
    (mean,), (std,) = YAMNET_INPUT.mean, YAMNET_INPUT.std
    assert (0 - mean) / std == pytest.approx(np.log(0.001))
    full_scale = torch.sin(2 * torch.pi * 1000 * torch.arange(CLIP.samples) / 16000).unsqueeze(0)
    assert (1 - mean) / std == pytest.approx(front_end()(full_scale).max().item(), abs=0.6)
