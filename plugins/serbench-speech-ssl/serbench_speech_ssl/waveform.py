"""A front end that does not change the waveform."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from serbench.data.clips import ClipFormat
from serbench.errors import UsageError
from serbench.model.frontend import FrontEndModule, InputSpec

SAMPLE_RATE = 16000
"""Hz: the rate on which every encoder was trained."""

INPUT = InputSpec(channels=1, height=1, width=3 * SAMPLE_RATE, mean=(0.0,), std=(1.0,))
"""Clips of 3 s; clips of any length are accepted."""


class _Unchanged(FrontEndModule):
    def forward(self, waveform: Tensor) -> Tensor:
        """``[B, samples]`` → ``[B, 1, 1, samples]``."""
        return waveform[:, None, None, :]


@dataclass(frozen=True)
class Waveform:
    """The waveform as an image of one row, neither resized nor normalised."""

    name: str = "waveform"
    sample_rate: int | None = SAMPLE_RATE

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for clips of any length.

        Raises:
            UsageError: the backbone requires an image, not a waveform.
        """
        if (spec.channels, spec.height) != (1, 1):
            raise UsageError(
                f"front end {self.name} is for backbones that take waveforms, such as "
                "wav2vec2_base: leave out --front-end",
                front_end=self.name,
            )
        return _Unchanged()
