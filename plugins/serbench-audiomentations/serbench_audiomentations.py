"""Changes of the voice and of the microphone, computed by ``audiomentations`` (MIT licence).

Its transforms would draw from the global random numbers of Python and NumPy. Here they never
draw: each number comes from the generator of the training, is set as a parameter of the transform
and frozen, which is audiomentations' own way of applying one transform again. So nothing global is
used or disturbed, and folds may train in threads.
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
"""Hz: the rate that every transform is told, for none is told that of the clips.

The highest band of the equaliser, 9.5 kHz, lies below half of it.
"""

NYQUIST = SAMPLE_RATE / 2

MARGIN = 0.001
"""Share of the spectrum that a cut-off keeps from both ends, where no filter can be designed."""

ROLL_OFF = 24
"""Decibels per octave beyond a cut-off: Butterworth filters of order 4."""

TransformT = TypeVar("TransformT", bound=BaseWaveformTransform)


def between(low: float, high: float, generator: torch.Generator) -> float:
    """A number from ``low`` to ``high``, all equally likely."""
    return low + (high - low) * torch.rand((), generator=generator).item()


def frozen(transform: TransformT, **parameters: float) -> TransformT:
    """``transform``, always applied, with these parameters instead of random ones."""
    transform.parameters = {"should_apply": True, **parameters}
    transform.freeze_parameters()
    return transform


def pitch_shift(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """Higher or lower by up to ``width`` semitones, at the same tempo."""
    semitones = between(-width, width, generator)
    return frozen(audiomentations.PitchShift(), num_semitones=semitones)


def time_stretch(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """Faster or slower by up to ``width`` of the tempo, at the same pitch.

    Below half the tempo the stretcher would add random numbers of its own, which nobody can seed:
    ``width`` must stay under 0.5.
    """
    stretch = audiomentations.TimeStretch(leave_length_unchanged=False)
    return frozen(stretch, rate=between(1 - width, 1 + width, generator))


def low_pass(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """Without up to ``width`` of the spectrum, from the top."""
    cut_off = (1 - MARGIN - between(0, width, generator)) * NYQUIST
    return frozen(audiomentations.LowPassFilter(), cutoff_freq=cut_off, rolloff=ROLL_OFF)


def high_pass(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """Without up to ``width`` of the spectrum, from the bottom."""
    cut_off = (MARGIN + between(0, width, generator)) * NYQUIST
    return frozen(audiomentations.HighPassFilter(), cutoff_freq=cut_off, rolloff=ROLL_OFF)


def equaliser(width: float, generator: torch.Generator) -> BaseWaveformTransform:
    """Seven bands, each raised or lowered by up to ``width`` decibels.

    Where the bands lie and how wide they are is drawn too, within audiomentations' bounds.
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
    """Overdriven by up to ``width``: that share of the samples lies in the bend of a tanh."""
    amount = between(0, width, generator)
    return frozen(audiomentations.TanhDistortion(), distortion_amount=amount)


def fitted(waveform: npt.NDArray[np.float32], samples: int) -> npt.NDArray[np.float32]:
    """Cut to ``[samples]``, or continued by its reflection as recordings are."""
    missing = samples - len(waveform)
    return np.pad(waveform, (0, missing), mode="reflect") if missing > 0 else waveform[:samples]


@dataclass(frozen=True)
class VoiceChange:
    """An augmentation that gives each clip a transform of its own.

    Attributes:
        name: as it stands in results and study files.
        widths: between which bounds to search.
        transform: width and generator → a transform that leaves nothing more to chance.
    """

    name: str
    widths: Range
    transform: Callable[[float, torch.Generator], BaseWaveformTransform]
    acts_on: Literal["waveform", "features"] = "waveform"

    def apply(self, batch: Tensor, width: float, generator: torch.Generator) -> Tensor:
        """Changed waveforms ``[B, samples]``, computed on the CPU.

        Raises:
            UsageError: a width beyond the widest, which a study file may ask for.
        """
        if width == 0:
            return batch
        if not 0 < width <= self.widths.high:
            raise UsageError(
                f"{self.name} has no width {width:g}: "
                f"let [search.widths] of the study file end at {self.widths.high:g}",
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
    """Register all six; the paper did without."""
    register(VoiceChange("pitch-shift", Range(0.0, 4.0, initial=0.0), pitch_shift))
    register(VoiceChange("time-stretch", Range(0.0, 0.3, initial=0.0), time_stretch))
    register(VoiceChange("low-pass", Range(0.0, 0.8, initial=0.0), low_pass))
    register(VoiceChange("high-pass", Range(0.0, 0.1, initial=0.0), high_pass))
    register(VoiceChange("equaliser", Range(0.0, 12.0, initial=0.0), equaliser))
    register(VoiceChange("distortion", Range(0.0, 0.7, initial=0.0), distortion))
