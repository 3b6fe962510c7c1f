"""The level of a clip: as recorded, a fixed root mean square, or a fixed loudness."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

Level = Literal["keep", "rms", "ebu"]
"""``keep`` changes nothing, ``rms`` sets clips to ``RMS``, ``ebu`` sets them to ``LOUDNESS``."""

RMS = -26.0
"""Root mean square in dB of full scale, the usual active speech level in tests by ITU-T P.56."""

LOUDNESS = -23.0
"""Integrated loudness in LUFS, the target of EBU R 128."""

BLOCK_SECONDS = 0.4
"""Length of a gating block of ITU-R BS.1770-4."""


def levelled(
    waveform: npt.NDArray[np.float32], sample_rate: int, level: Level
) -> npt.NDArray[np.float32]:
    """A mono waveform ``[samples]`` at a level that does not depend on the gain of the recording.

    Peaks may be above full scale: nothing is clipped or limited. Digital silence is unchanged.

    ``ebu`` is the integrated loudness of ITU-R BS.1770-4, K-weighted and gated. It is measured
    after the waveform was set to ``RMS``, so that the gate at -70 LUFS does not depend on the gain
    either. A waveform of less than 0.4 s is repeated until it fills one block; a waveform without
    any sound above the gate stays at ``RMS``.

    Args:
        waveform: the samples of the recording, without padding.
        sample_rate: in Hz.
        level: the kind of level.
    """
    if level == "keep":
        return waveform
    peak = float(max(waveform.max(), -waveform.min()))
    if peak == 0:
        return waveform
    # The waveform is first divided by its peak, so that squares do not underflow and the factor
    # does not overflow.
    shape = waveform / np.float32(peak)
    rms = float(np.sqrt(np.dot(shape, shape) / len(shape)))
    at_rms: npt.NDArray[np.float32] = shape * np.float32(10 ** (RMS / 20) / rms)
    if level == "rms":
        return at_rms
    loudness = _loudness(at_rms, sample_rate)
    if not np.isfinite(loudness):
        return at_rms
    scaled: npt.NDArray[np.float32] = at_rms * np.float32(10 ** ((LOUDNESS - loudness) / 20))
    return scaled


def _loudness(waveform: npt.NDArray[np.float32], sample_rate: int) -> float:
    """Integrated loudness in LUFS; minus infinity if no block is louder than the gate."""
    import pyloudnorm

    block = math.ceil(BLOCK_SECONDS * sample_rate)
    whole = waveform if len(waveform) >= block else np.resize(waveform, block)
    # "DeMan" names the filters whose coefficients at 48 kHz are those of the standard.
    meter = pyloudnorm.Meter(sample_rate, filter_class="DeMan", block_size=BLOCK_SECONDS)
    return float(meter.integrated_loudness(whole.astype(np.float64)))
