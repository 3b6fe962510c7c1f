"""Front ends: waveform → feature image, made to measure for a backbone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from serbench.data.clips import ClipFormat


@dataclass(frozen=True)
class InputSpec:
    """What a backbone wants to see.

    Attributes:
        channels: number of equal channels.
        height: rows, the frequency axis.
        width: columns, the time axis.
        mean: per channel, of images with values between 0 and 1.
        std: per channel.
    """

    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class FrontEndModule(nn.Module):
    """A front end built for one clip format and one backbone.

    ``forward`` takes waveforms ``[B, samples]`` and returns feature images ``[B, C, F, T]``. It
    does not learn. ``notes`` are what a user should know about the fit, a sentence each.
    """

    notes: Sequence[str] = ()

    def columns(self, lengths: Tensor, samples: int, width: int) -> Tensor:
        """How many columns of each image are not padding, ``[B]``.

        The same share as of the clip, rounded up, which is right for images that are resized;
        a front end with another rule overrides this.

        Args:
            lengths: samples of each clip that are not padding ``[B]``.
            samples: in each clip.
            width: columns of each image.
        """
        return (lengths * width + samples - 1).div(samples, rounding_mode="floor")


class FrontEnd(Protocol):
    """What a front-end plugin registers."""

    @property
    def name(self) -> str:
        """As typed on the command line."""

    @property
    def sample_rate(self) -> int | None:
        """The rate in Hz that it requires, or None where it takes clips of any rate."""

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for clips of this format and a backbone with this input.

        Raises:
            UsageError: it is made for other backbones than this.
        """


def fitted_hop(samples: int, n_fft: int, frames: int) -> int:
    """The hop length in samples that gives ``frames`` columns, or just more.

    The paper's equation ``ceil((samples − n_fft) / (frames − 1)) + 3``, nudged until the frame
    count of a centred transform, ``1 + samples // hop``, is right. Where no hop gives exactly
    that many, the one that gives the fewest too many: the rest is left to the final resize.
    """
    hop = max(1, math.ceil((samples - n_fft) / max(1, frames - 1)) + 3)
    while 1 + samples // hop > frames:
        hop += 1
    while hop > 1 and 1 + samples // hop < frames:
        hop -= 1
    return hop


def fit_image(features: Tensor, spec: InputSpec) -> Tensor:
    """Bring features ``[B, F, T]`` with values about 0 to 1 to what a backbone wants to see.

    Resizes only what does not fit yet, repeats the channel and applies the backbone's own mean
    and standard deviation.

    Returns:
        ``[B, channels, height, width]`` in channels-last memory order, which convolutions on
        CPUs prefer.
    """
    image = features.unsqueeze(1)
    if image.shape[-2:] != (spec.height, spec.width):
        image = F.interpolate(
            image, size=(spec.height, spec.width), mode="bilinear", align_corners=False
        )
    mean = image.new_tensor(spec.mean).view(1, -1, 1, 1)
    std = image.new_tensor(spec.std).view(1, -1, 1, 1)
    normalised = (image.expand(-1, spec.channels, -1, -1) - mean) / std
    return normalised.contiguous(memory_format=torch.channels_last)
