"""Whisper's log-mel images (Radford and others, ICML 2023)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from serbench import hookimpl
from serbench.builtin.mel import MelSpectrogram
from serbench.data.clips import ClipFormat
from serbench.errors import UsageError
from serbench.model.frontend import FrontEnd, FrontEndModule, InputSpec, fit_image

SAMPLE_RATE = 16000
WINDOW = 400
HOP = 160
BANDS = 80

MOST_COLUMNS = 3000
"""Columns of the longest image: 30 s."""

WHISPER_INPUT = InputSpec(1, BANDS, 3 * SAMPLE_RATE // HOP, mean=(0.3,), std=(0.4,))
"""Clips of 3 s; images of any width up to 30 s are accepted.

Mean and deviation convert an image of front end ``mel`` of speech to the range of Whisper's own
images: both end 80 dB below the maximum of the clip, which is 80 % of the range of ``mel``, and a
range of 2 here.
"""


class WhisperMel(FrontEndModule):
    """Waveforms ``[B, samples]`` at 16 kHz → log-mel images ``[B, 1, 80, samples // 160]``.

    For another backbone the image is adjusted to the size, mean and deviation of its input.
    """

    def __init__(self, spec: InputSpec) -> None:
        super().__init__()
        self.spec = spec
        self.mel = MelSpectrogram(SAMPLE_RATE, WINDOW, WINDOW, HOP, BANDS, scale="slaney")

    def forward(self, waveform: Tensor) -> Tensor:
        """Feature images; the last frame of the centred transform is left out, as published."""
        bels = self.mel(waveform)[..., :-1].clamp(min=1e-10).log10()
        bels = torch.maximum(bels, bels.amax(dim=(1, 2), keepdim=True) - 8)
        image: Tensor = (bels + 4) / 4
        if self.spec == WHISPER_INPUT:
            return image.unsqueeze(1)
        return fit_image(image * WHISPER_INPUT.std[0] + WHISPER_INPUT.mean[0], self.spec)

    def columns(self, lengths: Tensor, samples: int, width: int) -> Tensor:
        """The columns of an image of the clip alone, but one at least."""
        if self.spec != WHISPER_INPUT:
            return super().columns(lengths, samples, width)
        return (lengths // HOP).clamp(1, width)


@dataclass(frozen=True)
class WhisperMelFrontEnd:
    """Whisper's features: 25 ms windows every 10 ms, 80 mel bands, logarithms with a floor."""

    name: str = "whisper-mel"
    sample_rate: int | None = SAMPLE_RATE

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for clips of this format and a backbone with this input.

        Raises:
            UsageError: the clips are too long for Whisper.
        """
        if spec == WHISPER_INPUT and clip_format.samples // HOP > MOST_COLUMNS:
            raise UsageError(
                f"Whisper takes clips of at most 30 s, and these have {clip_format.seconds:g} s: "
                "give --seconds 30 or less",
                front_end=self.name,
                seconds=clip_format.seconds,
            )
        return WhisperMel(spec)


@hookimpl
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register ``whisper-mel``."""
    register(WhisperMelFrontEnd())
