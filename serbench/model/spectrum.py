"""Power spectra of short frames, in a form that every runtime can execute.

PyTorch computes them with its Fourier transform. ONNX Runtime's operators for it are slow, so a
network that is exported computes them as two small matrix products (Cooley and Tukey, "An algorithm
for the machine calculation of complex Fourier series", Mathematics of Computation 19, 1965).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PowerSpectrum(nn.Module):
    """Waveforms ``[B, samples]`` → powers ``[B, n_fft // 2 + 1, frames]``.

    Front ends that compute their spectra with this module can be exported.

    Args:
        window: weights of the samples of a frame ``[length]``.
        n_fft: number of points of the transform, at least ``length``; the frame is in their middle.
        hop: samples between the beginnings of two frames.
        centred: whether the middle of the first frame is the first sample, and the waveform is
            padded by reflection; by default. Otherwise the first frame begins with the first
            sample, and no frame reaches beyond the end.
    """

    window: Tensor
    first: Tensor
    second: Tensor
    order: Tensor

    def __init__(self, window: Tensor, n_fft: int, hop: int, centred: bool = True) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.hop = hop
        self.centred = centred
        self.register_buffer("window", window, persistent=False)
        for name, values in _products(n_fft).items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Powers of all frames."""
        if torch.compiler.is_exporting():
            return self._by_products(waveform)
        if self.centred:
            spectrum = torch.stft(
                waveform, self.n_fft, self.hop, len(self.window), self.window, return_complex=True
            )  # [B, n_fft / 2 + 1, frames]
        else:
            frames = waveform.unfold(-1, len(self.window), self.hop) * self.window
            spectrum = torch.fft.rfft(frames, n=self.n_fft).transpose(1, 2)
        return torch.addcmul(spectrum.real.square(), spectrum.imag, spectrum.imag)

    def _by_products(self, waveform: Tensor) -> Tensor:
        """The same powers from real matrix products.

        Sample ``n = rows · n1 + n2`` and frequency ``k = k1 + columns · k2``: a transform over n1
        for each n2, of which half the frequencies are enough, since samples are real; then one over
        n2, together with the rotation by ``n2 · k1``.
        """
        if self.centred:
            half = self.n_fft // 2
            padded = F.pad(waveform.unsqueeze(1), (half, half), mode="reflect").squeeze(1)
            before = (self.n_fft - len(self.window)) // 2
            padded = padded[:, before : padded.shape[1] - (self.n_fft - len(self.window) - before)]
        else:
            padded = waveform
        frames = frames_of(padded, len(self.window), self.hop) * self.window
        if len(self.window) < self.n_fft:
            frames = F.pad(frames, (0, self.n_fft - len(self.window)))
        batch, n_frames, _ = frames.shape
        half_columns, rows = len(self.second), self.second.shape[1] // 2
        parts = self.first @ frames.reshape(batch, n_frames, -1, rows)
        parts = parts.reshape(batch, n_frames, 2, half_columns, rows).permute(0, 3, 1, 2, 4)
        found = parts.reshape(batch, half_columns, n_frames, 2 * rows) @ self.second
        squares = found * found
        powers = squares[..., :rows] + squares[..., rows:]  # [B, k1, frames, k2]
        powers = powers.transpose(2, 3).reshape(batch, half_columns * rows, n_frames)
        return powers.index_select(1, self.order)


def frames_of(waveform: Tensor, length: int, hop: int) -> Tensor:
    """The frames ``[B, frames, length]`` of waveforms ``[B, samples]``.

    They are slices of rows of ``hop`` samples, side by side, which ONNX Runtime copies several
    times faster than it gathers single samples.
    """
    batch, samples = waveform.shape
    n_frames = 1 + (samples - length) // hop
    slices = math.ceil(length / hop)
    n_rows = n_frames + slices - 1
    filled = F.pad(waveform, (0, max(0, n_rows * hop - samples)))[:, : n_rows * hop]
    rows = filled.reshape(batch, n_rows, hop)
    side_by_side = [rows[:, place : place + n_frames] for place in range(slices)]
    return torch.cat(side_by_side, dim=2)[:, :, :length]


def _products(n_fft: int) -> dict[str, Tensor]:
    """The matrices of both products, and the place of each frequency in their result.

    ``first`` ``[2 · half, columns]`` and ``second`` ``[half, 2 · rows, 2 · rows]`` have real parts
    before imaginary ones; ``half`` is ``columns // 2 + 1``.
    """
    rows = max(each for each in range(1, math.isqrt(n_fft) + 1) if n_fft % each == 0)
    columns = n_fft // rows
    k1 = torch.arange(columns // 2 + 1)
    n1, n2 = torch.arange(columns), torch.arange(rows)
    turns = torch.outer(k1, n1).remainder(columns).double() / columns
    cosine, sine = (2 * math.pi * turns).cos(), (2 * math.pi * turns).sin()
    first = torch.cat([cosine, -sine])
    frequencies = k1[:, None] + columns * n2  # [k1, k2]
    turns = (n2[None, :, None] * frequencies[:, None, :]).remainder(n_fft).double() / n_fft
    cosine, sine = (2 * math.pi * turns).cos(), (2 * math.pi * turns).sin()  # [k1, n2, k2]
    second = torch.cat([torch.cat([cosine, -sine], 2), torch.cat([sine, cosine], 2)], 1)
    # A real signal has equal powers at k and n_fft - k.
    equal = torch.minimum(frequencies, n_fft - frequencies).flatten()
    order = torch.zeros(n_fft // 2 + 1, dtype=torch.int64)
    order[equal] = torch.arange(len(equal))
    return {"first": first.float(), "second": second.float(), "order": order}
