"""Predict the emotions of files with a trained entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from serbench.data.audio import read_audio
from serbench.data.clips import ClipFormat, standardise
from serbench.model.network import EmotionNetwork


@dataclass(frozen=True)
class FilePrediction:
    """One file and what the network predicts for it.

    Attributes:
        path: the file.
        seconds: its length; what lies beyond the clip length is not used.
        probabilities: emotion → probability, in label-set order.
    """

    path: Path
    seconds: float
    probabilities: dict[str, float]

    @property
    def emotion(self) -> str:
        """The most probable emotion."""
        return max(self.probabilities, key=self.probabilities.__getitem__)


def predict_files(
    network: EmotionNetwork,
    clip_format: ClipFormat,
    emotions: Sequence[str],
    paths: Sequence[Path],
) -> Iterator[FilePrediction]:
    """Prepare each file as the training clips were and classify it.

    Raises:
        AudioError: a file cannot be used; those before it have been yielded.
    """
    for path in paths:
        audio = read_audio(path)
        clip = standardise(audio.mono, audio.sample_rate, clip_format)
        with torch.inference_mode():
            logits = network(torch.from_numpy(clip)[None])[0]
        probabilities = torch.softmax(logits, dim=0).tolist()
        yield FilePrediction(
            path,
            len(audio.waveform) / audio.sample_rate,
            dict(zip(emotions, probabilities, strict=True)),
        )
