"""Front ends: waveform → feature image, fitted to the input of a backbone."""

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
    """The input of a backbone.

    Attributes:
        channels: number of equal channels.
        height: number of rows, the frequency axis.
        width: number of columns, the time axis.
        mean: mean of each channel, for images with values between 0 and 1.
        std: standard deviation of each channel.
    """

    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class FrontEndModule(nn.Module):
    """A front end built for one clip format and one backbone.

    ``forward`` takes waveforms ``[B, samples]`` and returns feature images ``[B, C, F, T]``. It has
    no trainable parameters. ``notes`` are sentences for the user about limits of the fit.

    ``outside`` is empty where ``forward`` consists of operations of PyTorch that can be exported,
    as most do. Otherwise it is a sentence that describes the image, which the caller of an exported
    network has to compute.
    """

    notes: Sequence[str] = ()
    outside: str = ""

    def columns(self, lengths: Tensor, samples: int, width: int) -> Tensor:
        """Number of columns of each image that are not padding, ``[B]``.

        It is the same share as in the clip, rounded up, which is correct for resized images; a
        front end with another rule overrides this method. It has to divide by ``//``, because
        PyTorch exports ``div`` with a rounding mode as a division of 32-bit floats.

        Args:
            lengths: number of samples of each clip that are not padding ``[B]``.
            samples: number of samples of each clip.
            width: number of columns of each image.
        """
        return (lengths * width + samples - 1) // samples


class FrontEnd(Protocol):
    """A front end, as a plugin registers it."""

    @property
    def name(self) -> str:
        """Its name on the command line."""

    @property
    def sample_rate(self) -> int | None:
        """The sample rate in Hz that it requires, or None if it accepts any rate."""

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for clips of this format and a backbone with this input.

        Raises:
            UsageError: it does not support this backbone.
        """


def fitted_hop(samples: int, n_fft: int, frames: int) -> int:
    """The hop length in samples that gives ``frames`` columns, or slightly more.

    The paper's equation ``ceil((samples − n_fft) / (frames − 1)) + 3`` is adjusted until the number
    of frames of a centred transform, ``1 + samples // hop``, is correct. If no hop length gives
    exactly this number, the next larger number is used, and the image is resized.
    """
    hop = max(1, math.ceil((samples - n_fft) / max(1, frames - 1)) + 3)
    while 1 + samples // hop > frames:
        hop += 1
    while hop > 1 and 1 + samples // hop < frames:
        hop -= 1
    return hop


def fit_image(features: Tensor, spec: InputSpec) -> Tensor:
    """Convert features ``[B, F, T]`` with values of about 0 to 1 to the input of a backbone.

    It resizes only axes of another size, repeats the channel and applies the backbone's own mean
    and standard deviation.

    Returns:
        ``[B, channels, height, width]`` in channels-last memory order, which is faster for
        convolutions on CPUs.
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
