"""Power spectra by matrix products, against an independent discrete Fourier transform."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from serbench.model.spectrum import PowerSpectrum, frames_of


class ByProducts(nn.Module):
    """The form in which a spectrum is exported."""

    def __init__(self, spectrum):
        super().__init__()
        self.spectrum = spectrum

    def forward(self, waveform):
        return self.spectrum._by_products(waveform)


def reference(waveform, window, n_fft, hop, centred):
    """Powers ``[n_fft // 2 + 1, frames]`` of one waveform, by NumPy in double precision."""
    samples, length = np.asarray(waveform, np.float64), len(window)
    padding = n_fft - length
    whole = np.pad(window.numpy().astype(np.float64), (padding // 2, padding - padding // 2))
    if centred:
        samples = np.pad(samples, n_fft // 2, mode="reflect")
        starts = range(0, len(samples) - n_fft + 1, hop)
        frames = [samples[start : start + n_fft] * whole for start in starts]
    else:
        starts = range(0, len(samples) - length + 1, hop)
        frames = [samples[start : start + length] * window.numpy() for start in starts]
    return (np.abs(np.fft.rfft(np.stack(frames), n=n_fft, axis=1)) ** 2).T


@settings(deadline=None, max_examples=25)
@given(
    n_fft=st.sampled_from([7, 16, 30, 64, 97, 400, 512]),
    shorter=st.integers(0, 5),
    hop=st.integers(3, 600),
    centred=st.booleans(),
    extra=st.integers(1, 700),
)
def test_both_forms_are_the_discrete_fourier_transform(n_fft, shorter, hop, centred, extra):
    window = torch.hann_window(max(4, n_fft - shorter))
    spectrum = PowerSpectrum(window, n_fft, hop, centred)
    waveform = torch.randn(2, n_fft + extra, generator=torch.Generator().manual_seed(extra))
    expected = np.stack([reference(row, window, n_fft, hop, centred) for row in waveform])
    largest = expected.max()
    for powers in (spectrum(waveform), ByProducts(spectrum)(waveform)):
        assert powers.shape == expected.shape
        assert np.abs(powers.numpy() - expected).max() < 1e-5 * largest


def test_an_exported_graph_uses_the_products():
    spectrum = PowerSpectrum(torch.hann_window(32), 32, 8)
    waveform = torch.randn(1, 200)
    program = torch.export.export(spectrum, (waveform,))
    names = {str(node.target) for node in program.graph.nodes}
    assert not any("stft" in name or "fft" in name for name in names)
    assert any("matmul" in name for name in names)
    torch.testing.assert_close(program.module()(waveform), spectrum(waveform))


@pytest.mark.parametrize(("length", "hop"), [(8, 3), (8, 8), (8, 11), (1, 1)])
def test_frames_are_slices_of_the_waveform(length, hop):
    waveform = torch.arange(60.0).reshape(2, 30)
    assert torch.equal(frames_of(waveform, length, hop), waveform.unfold(1, length, hop))
