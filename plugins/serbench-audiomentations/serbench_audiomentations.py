"""Changes of the voice and of the microphone, computed by ``audiomentations`` (MIT licence).

By default its transforms use the global random generators of Python and NumPy. Here every random
number comes from the generator of the training. It is set as a parameter of the transform, which is
then frozen, as audiomentations does to apply one transform repeatedly. So global generators are
neither used nor changed, and folds may be trained in threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import audiomentations  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import torch
from audiomentations.core.transforms_interface import (  # type: ignore[import-untyped]
    BaseWaveformTransform,
)
from torch import Tensor

from serbench import hookimpl
from serbench.errors import UsageError
from serbench.model.augment import Augmentation
from serbench.model.ranges import Range

SAMPLE_RATE = 24_414
"""Hz: the rate that every transform is given, because augmentations do not get that of the clips.

The highest band of the equaliser, 9.5 kHz, lies below half of it.
"""

NYQUIST = SAMPLE_RATE / 2

MARGIN = 0.001
"""Least distance of a cut-off from both ends of the spectrum, where no filter can be designed."""

ROLL_OFF = 24
"""Decibels per octave beyond a cut-off (Butterworth filters of order 4)."""

TransformT = TypeVar("TransformT", bound=BaseWaveformTransform)


def between(low: float, high: float, generator: torch.Generator) -> float:
    """A uniform random number from ``low`` to ``high``."""
    return low + (high - low) * torch.rand((), generator=generator).item()


def frozen(transform: TransformT, **parameters: float) -> TransformT:
    """``transform`` with these parameters instead of random ones; it is always applied."""
    transform.parameters = {"should_apply": True, **parameters}
    transform.freeze_parameters()
    return transform


def pitch_shift(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """A change of pitch by up to ``width`` semitones at constant tempo."""
    semitones = between(-width, width, generator)
    return frozen(audiomentations.PitchShift(), num_semitones=semitones)


def time_stretch(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """A change of tempo by up to the share ``width`` at constant pitch.

    ``width`` must be less than 0.5: below half the tempo the transform adds random numbers that
    cannot be seeded.
    """
    stretch = audiomentations.TimeStretch(leave_length_unchanged=False)
    return frozen(stretch, rate=between(1 - width, 1 + width, generator))


def low_pass(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """Removal of up to the share ``width`` of the spectrum, from the top."""
    cut_off = (1 - MARGIN - between(0, width, generator)) * NYQUIST
    return frozen(audiomentations.LowPassFilter(), cutoff_freq=cut_off, rolloff=ROLL_OFF)


def high_pass(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """Removal of up to the share ``width`` of the spectrum, from the bottom."""
    cut_off = (MARGIN + between(0, width, generator)) * NYQUIST
    return frozen(audiomentations.HighPassFilter(), cutoff_freq=cut_off, rolloff=ROLL_OFF)


def equaliser(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """A gain of up to ±``width`` decibels in each of seven bands.

    Position and width of the bands are random too, within audiomentations' bounds.
    """
    seven = audiomentations.SevenBandParametricEQ()
    for band in (seven.low_shelf_filter, *seven.peaking_filters, seven.high_shelf_filter):
        octaves = math.log2(band.max_center_freq / band.min_center_freq)
        frozen(
            band,
            center_freq=band.min_center_freq * 2 ** between(0, octaves, generator),
            gain_db=between(-width, width, generator),
            q_factor=between(band.min_q, band.max_q, generator),
        )
    return frozen(seven)


def distortion(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """A tanh distortion of up to ``width``, the share of samples in its nonlinear part."""
    amount = between(0, width, generator)
    return frozen(audiomentations.TanhDistortion(), distortion_amount=amount)


def fitted(waveform: npt.NDArray[np.float32], samples: int) -> npt.NDArray[np.float32]:
    """The waveform cut to ``[samples]``, or extended by reflection, as short recordings are."""
    missing = samples - len(waveform)
    return np.pad(waveform, (0, missing), mode="reflect") if missing > 0 else waveform[:samples]


@dataclass(frozen=True)
class VoiceChange:
    """An augmentation that applies a different random transform to each clip.

    Attributes:
        name: name in results and study files.
        widths: range of widths to search.
        transform: width and generator → a transform without further randomness.
    """

    name: str
    widths: Range
    transform: Callable[[float, torch.Generator], BaseWaveformTransform]
    acts_on: Literal["waveform", "features"] = "waveform"

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Changed waveforms ``[B, samples]``, computed on the CPU.

        Raises:
            UsageError: the width exceeds the range; a study file may contain such a width.
        """
        if width == 0:
            return batch
        if not 0 < width <= self.widths.high:
            raise UsageError(
                f"width {width:g} is too great for {self.name}: write at most "
                f"{self.widths.high:g} in [search.widths] of the study file",
                augmentation=self.name,
                width=width,
                highest=self.widths.high,
            )
        samples = batch.shape[1]
        changed = [
            fitted(self.transform(width, generator)(clip, SAMPLE_RATE), samples)
            for clip in batch.detach().to("cpu", torch.float32).contiguous().numpy()
        ]
        return torch.from_numpy(np.stack(changed)).to(batch)


@hookimpl
def register_augmentations(register: Callable[[Augmentation], None]) -> None:
    """Register all six augmentations; the paper uses none of them."""
    register(VoiceChange("pitch-shift", Range(0.0, 4.0, initial=0.0), pitch_shift))
    register(VoiceChange("time-stretch", Range(0.0, 0.3, initial=0.0), time_stretch))
    register(VoiceChange("low-pass", Range(0.0, 0.8, initial=0.0), low_pass))
    register(VoiceChange("high-pass", Range(0.0, 0.1, initial=0.0), high_pass))
    register(VoiceChange("equaliser", Range(0.0, 12.0, initial=0.0), equaliser))
    register(VoiceChange("distortion", Range(0.0, 0.7, initial=0.0), distortion))
