"""Front ends made to measure: the hop, the mel filters, decibels, the last fit."""

import numpy as np
import pytest
import torch
import torchaudio
from error_facts import values_in
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from making.records import PAPERS as PAPERS_CLIPS

from serbench.builtin.mel import LogMel, Mel, MelSpectrogram, decibels, standardised_log
from serbench.data.clips import ClipFormat
from serbench.model.frontend import InputSpec, fit_image, fitted_hop


def frames_of(samples, hop):
    """Columns of a centred short-time Fourier transform."""
    return 1 + samples // hop


@given(
    samples=st.integers(1, 3000), n_fft=st.sampled_from([16, 64, 512]), frames=st.integers(1, 300)
)
def test_no_hop_comes_closer_without_falling_short(samples, n_fft, frames):
    hop = fitted_hop(samples, n_fft, frames)
    counts = {frames_of(samples, other) for other in range(1, samples + 2)}
    enough = {count for count in counts if count >= frames}
    assert hop >= 1
    assert frames_of(samples, hop) == (min(enough) if enough else max(counts))


@given(seconds=st.floats(0.5, 10), rate=st.sampled_from([8000, 16000, 24414, 48000]))
def test_real_formats_fit_the_usual_input_sizes_exactly(seconds, rate):
    samples = ClipFormat(rate, seconds).samples
    for frames in (96, 128, 160, 224):
        if frames**2 < samples:  # beyond that, hops are too few to give every count
            assert frames_of(samples, fitted_hop(samples, 2048, frames)) == frames


def test_the_papers_clips_on_224_columns_hop_286_samples():
    # ceil((63916 − 2048) / 223) + 3 = 281 gives 228 columns; 63916 // hop is 223 for 286 alone.
    assert PAPERS_CLIPS.samples == 63916
    assert fitted_hop(63916, 2048, 224) == 286
    assert frames_of(63916, 286) == 224


@pytest.mark.parametrize(
    ("samples", "n_fft", "frames", "hop"),
    [
        (1000, 984, 200, 5),  # ceil(16 / 199) + 3 = 4 gives 251 columns, 5 gives 201, 6 only 167
        (1000, 600, 10, 101),  # ceil(400 / 9) + 3 = 48 is too short: 101 is the first with 10
        (1000, 10, 3, 498),  # ceil(990 / 2) + 3 = 498 gives 3 columns: no adjustment
        (100, 10, 500, 1),  # 500 columns are impossible
    ],
)
def test_hops_worked_out_by_hand(samples, n_fft, frames, hop):
    assert fitted_hop(samples, n_fft, frames) == hop


def htk_triangles(n_bins, n_mels, rate):
    """Triangles on the HTK mel scale from 0 Hz to half the rate, ``[n_bins, n_mels]``."""

    def mel(hertz):
        return 2595 * np.log10(1 + hertz / 700)

    corners = 700 * (10 ** (np.linspace(0, mel(rate / 2), n_mels + 2) / 2595) - 1)
    bins = np.linspace(0, rate // 2, n_bins)
    filters = np.zeros((n_bins, n_mels))
    for band in range(n_mels):
        left, centre, right = corners[band : band + 3]
        rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
        filters[:, band] = np.maximum(0, np.minimum(rising, falling))
    return filters


@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels"), [(24414, 2048, 224), (16000, 512, 80), (8000, 256, 20)]
)
def test_mel_filters_are_triangles_on_the_htk_scale(rate, n_fft, n_mels):
    filters = MelSpectrogram(rate, n_fft, n_fft, n_fft // 4, n_mels).filters.numpy()
    expected = htk_triangles(n_fft // 2 + 1, n_mels, rate)
    filters, beyond = filters[:, :n_mels], filters[:, n_mels:]
    assert not beyond.any()
    np.testing.assert_allclose(filters, expected, atol=2e-4)


def noise(samples, n_clips=2):
    return torch.randn(n_clips, samples, generator=torch.Generator().manual_seed(0)) * 0.1


@pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero values")
@pytest.mark.parametrize(
    ("rate", "n_fft", "window", "hop", "n_mels"),
    [(24414, 2048, 2048, 286, 224), (16000, 512, 400, 160, 80)],
)
def test_mel_powers_are_torchaudios(rate, n_fft, window, hop, n_mels):
    waveform = noise(rate)
    ours = MelSpectrogram(rate, n_fft, window, hop, n_mels)(waveform)
    theirs = torchaudio.transforms.MelSpectrogram(
        rate, n_fft=n_fft, win_length=window, hop_length=hop, n_mels=n_mels
    )(waveform)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


PAPERS = InputSpec(1, 224, 224, (0.0,), (1.0,))


def papers_clips():
    """Noise, voices from loud to very quiet, an impulse and silence, ``[11, 63916]``."""
    seconds = torch.arange(PAPERS_CLIPS.samples) / PAPERS_CLIPS.sample_rate
    clips = noise(PAPERS_CLIPS.samples, n_clips=11)
    for row in range(1, 9):
        phase = 2 * torch.pi * 90 * row * (seconds + 0.1 * seconds.square())
        voice = sum(torch.sin(harmonic * phase) / harmonic for harmonic in range(1, 6))
        clips[row] = 0.2 * voice * torch.sin(3 * seconds).clamp(min=0) / 10 ** (row / 2)
    clips[-2:] = 0
    clips[-2, 30000] = 1
    return clips


def test_images_are_torchaudios_decibels_to_a_ten_thousandth():
    clips = papers_clips()
    mel = torchaudio.transforms.MelSpectrogram(24414, n_fft=2048, hop_length=286, n_mels=224)
    convert = torchaudio.transforms.AmplitudeToDB("power", top_db=80)
    theirs = torch.stack([convert(mel(clip[None]))[0] for clip in clips])
    ours = Mel().build(PAPERS_CLIPS, PAPERS)(clips)[:, 0] * 100 - 40
    assert (ours - theirs).abs().max() < 1e-4


@pytest.mark.parametrize("front_end", [Mel(), LogMel()], ids=["mel", "logmel"])
@pytest.mark.parametrize("size", [224, 299, 128])
def test_an_image_does_not_depend_on_its_batch(front_end, size):
    module = front_end.build(PAPERS_CLIPS, InputSpec(3, size, size, (0.5,) * 3, (0.25,) * 3))
    clips = papers_clips()[:-1]  # for silence, logmel amplifies the rounding of its mean
    together = module(clips)
    for few in (1, 3):
        assert torch.equal(torch.cat([module(part) for part in clips.split(few)]), together)


@pytest.mark.parametrize("n_mels", [1, 5, 31, 32, 33, 100])
def test_any_number_of_bands_has_its_powers(n_mels):
    waveform = noise(8000)
    module = MelSpectrogram(16000, 1024, 1024, 256, n_mels)
    spectrum = torch.stft(waveform, 1024, 256, window=torch.hann_window(1024), return_complex=True)
    filters = torchaudio.functional.melscale_fbanks(513, 0.0, 8000.0, n_mels, 16000)
    expected = torch.matmul(filters.T, spectrum.abs().square())
    torch.testing.assert_close(module(waveform), expected, rtol=1e-5, atol=1e-6)


def test_one_traced_graph_serves_batches_of_any_size():
    module = Mel().build(PAPERS_CLIPS, PAPERS)
    batch = {0: torch.export.Dim("batch", max=64)}
    program = torch.export.export(module, (noise(63916),), dynamic_shapes=(batch,)).module()
    for n_clips in (1, 3, 11):
        clips = papers_clips()[:n_clips]
        torch.testing.assert_close(program(clips), module(clips), rtol=0, atol=1e-4)


def test_a_sine_has_its_maximum_in_the_band_of_its_frequency():
    rate, n_mels = 16000, 64
    seconds = torch.arange(rate) / rate
    powers = MelSpectrogram(rate, 1024, 1024, 256, n_mels)(
        torch.sin(2 * torch.pi * 1000 * seconds)[None]
    )
    corners = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), n_mels + 2)
    expected = np.abs(corners[1:-1] - 2595 * np.log10(1 + 1000 / 700)).argmin()
    assert powers[0, :, 10].argmax() == expected


@given(
    arrays.arrays(
        np.float32,
        (2, 3, 4),
        elements=st.floats(0, 1e6, width=32, allow_subnormal=False),
    )
)
def test_decibels_are_torchaudios_clip_by_clip_on_a_scale_of_their_own(powers):
    powers = torch.from_numpy(powers)
    convert = torchaudio.transforms.AmplitudeToDB("power", top_db=80)
    # torchaudio limits a batch by its loudest clip, hence clips are processed one by one.
    expected = torch.stack([convert(clip[None])[0] for clip in powers])
    torch.testing.assert_close(decibels(powers) * 100 - 40, expected, rtol=1e-4, atol=1e-3)


def test_a_full_scale_sine_is_just_below_one():
    seconds = torch.arange(PAPERS_CLIPS.samples) / 24414
    sine = torch.sin(2 * torch.pi * 1000 * seconds)[None]
    loudest = decibels(MelSpectrogram(24414, 2048, 2048, 286, 128)(sine)).max()
    assert 0.9 < loudest < 1.05


def test_ten_times_the_amplitude_is_a_fifth_more():
    powers = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)) + 0.1
    torch.testing.assert_close(decibels(100 * powers), decibels(powers) + 0.2)


@given(st.floats(0.5, 50), st.integers(0, 100))
def test_standardised_logs_have_mean_one_half_and_deviation_one_quarter(spread, seed):
    generator = torch.Generator().manual_seed(seed)
    powers = torch.exp(spread * torch.rand(2, 20, 30, generator=generator))
    scaled = standardised_log(powers)
    torch.testing.assert_close(scaled.mean(dim=(1, 2)), torch.full((2,), 0.5), atol=1e-3, rtol=0)
    torch.testing.assert_close(scaled.std(dim=(1, 2)), torch.full((2,), 0.25), atol=1e-3, rtol=0)


def test_log_mel_does_not_depend_on_loudness_and_mel_does():
    clip_format = ClipFormat(16000, 1.0)
    spec = InputSpec(1, 64, 64, (0.0,), (1.0,))
    waveform = noise(clip_format.samples, n_clips=1)
    mel, log_mel = (front_end.build(clip_format, spec) for front_end in (Mel(), LogMel()))
    torch.testing.assert_close(log_mel(3 * waveform), log_mel(waveform), atol=1e-2, rtol=0)
    louder = mel(3 * waveform) - mel(waveform)
    torch.testing.assert_close(louder, torch.full_like(louder, np.log10(9) / 10), atol=1e-3, rtol=0)


def test_the_papers_front_end_needs_no_resize():
    module = Mel().build(PAPERS_CLIPS, InputSpec(3, 224, 224, (0.5,) * 3, (0.5,) * 3))
    assert module.mel(noise(PAPERS_CLIPS.samples, n_clips=1)).shape == (1, 224, 224)
    assert module.mel.spectrum.n_fft == 2048
    assert module.mel.spectrum.hop == 286


def test_empty_filters_are_reported():
    (note,) = Mel(n_fft=256).build(PAPERS_CLIPS, InputSpec(1, 128, 64, (0.5,), (0.5,))).notes
    filters = htk_triangles(129, 128, 24414)
    empty = int((filters.sum(axis=0) == 0).sum())
    assert empty > 0
    assert values_in(note) == {str(empty), "128", "256", "24414"}


def test_without_empty_filters_there_are_no_notes():
    assert not Mel().build(PAPERS_CLIPS, InputSpec(1, 128, 128, (0.5,), (0.25,))).notes
    assert not LogMel().build(PAPERS_CLIPS, InputSpec(1, 224, 224, (0.5,), (0.25,))).notes


def test_an_image_that_fits_is_only_normalised():
    features = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(0))
    image = fit_image(features, InputSpec(3, 4, 5, (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)))
    expected = np.stack(
        [(features.numpy() - m) / s for m, s in [(0.1, 0.5), (0.2, 1.0), (0.3, 2.0)]], axis=1
    )
    np.testing.assert_allclose(image.numpy(), expected, rtol=1e-5)


def test_an_image_that_does_not_fit_is_resized():
    ramp = torch.arange(8.0).repeat(3, 1)[None]  # [1, 3, 8], rising in time
    image = fit_image(ramp, InputSpec(1, 6, 4, (0.0,), (1.0,)))
    np.testing.assert_allclose(image[0, 0].numpy(), np.tile([0.5, 2.5, 4.5, 6.5], (6, 1)))


def test_low_frequencies_are_the_first_rows():
    clip_format = ClipFormat(16000, 1.0)
    module = Mel().build(clip_format, InputSpec(1, 64, 64, (0.0,), (1.0,)))
    seconds = torch.arange(clip_format.samples) / clip_format.sample_rate
    low, high = (
        module(torch.sin(2 * torch.pi * hertz * seconds)[None])[0, 0].mean(dim=1).argmax()
        for hertz in (200, 4000)
    )
    assert low < high


def test_images_are_in_the_memory_order_that_convolutions_prefer():
    image = fit_image(torch.rand(2, 4, 5), InputSpec(3, 4, 5, (0.5,) * 3, (0.5,) * 3))
    assert image.is_contiguous(memory_format=torch.channels_last)
