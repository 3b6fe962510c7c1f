"""Resampling as a convolution, for networks that are exported with another input rate."""

from __future__ import annotations

import math

import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

from serbench.errors import ExportError

ZEROS = 64
"""Zero crossings of the windowed sinc on each side."""

ROLLOFF, BETA = 0.9475937167399596, 14.769656459379492
"""Cutoff as a share of the Nyquist frequency, and shape of the Kaiser window. They are those of the
filter "kaiser_best" of resampy, which torchaudio's documentation also names."""

MOST_WEIGHTS = 2_000_000
"""Weights of the largest filter bank that is put into a file (8 MB)."""


class Resampler(nn.Module):
    """Waveforms ``[1, samples]`` of one rate → ``[1, resampled]`` of another one.

    The filter is a Kaiser-windowed sinc (Smith, "Digital audio resampling", CCRMA, Stanford), with
    one phase for each output sample of a period.

    Args:
        old: rate of the input in Hz.
        new: rate of the output in Hz.
        resampled: number of output samples.

    Raises:
        ExportError: the two rates have so small a common divisor that the filter would be too
            large.
    """

    def __init__(self, old: int, new: int, resampled: int) -> None:
        super().__init__()
        common = math.gcd(old, new)
        self._stride, phases = old // common, new // common
        reach = math.ceil(ZEROS * self._stride / (min(self._stride, phases) * ROLLOFF))
        if phases * (2 * reach + self._stride) > MOST_WEIGHTS:
            raise ExportError(
                f"a filter from {old} to {new} Hz would be too large, since their common divisor "
                f"is only {common} Hz: leave out --input-rate, and resample to {new} Hz before",
                input_rate=old,
                sample_rate=new,
            )
        bank = torchaudio.transforms.Resample(
            old, new, "sinc_interp_kaiser", lowpass_filter_width=ZEROS, rolloff=ROLLOFF, beta=BETA
        )
        self.register_buffer("kernel", bank.kernel, persistent=False)
        self._reach = bank.width
        self._resampled = resampled

    kernel: Tensor

    def forward(self, waveform: Tensor) -> Tensor:
        """The resampled waveforms."""
        padded = F.pad(waveform.unsqueeze(1), (self._reach, self._reach + self._stride))
        phases = F.conv1d(padded, self.kernel, stride=self._stride)  # [1, phases, periods]
        found = phases.transpose(1, 2).reshape(len(waveform), -1)[:, : self._resampled]
        return F.pad(found, (0, self._resampled - found.shape[1]))
