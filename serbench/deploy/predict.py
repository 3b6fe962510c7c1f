"""Predict the emotions of files with a trained entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from serbench.data.audio import read_audio
from serbench.data.clips import ClipFormat, standardise
from serbench.errors import AudioError
from serbench.model.network import EmotionNetwork


@dataclass(frozen=True)
class FilePrediction:
    """One file and what the network predicts for it.

    Attributes:
        path: the file.
        seconds: its length; what lies beyond the clip length is not used.
        probabilities: emotion → probability, in label-set order.
        remarks: what is unusual about the file, a clause for each.
    """

    path: Path
    seconds: float
    probabilities: dict[str, float]
    remarks: tuple[str, ...] = ()

    @property
    def emotion(self) -> str:
        """The most probable emotion."""
        return max(self.probabilities, key=self.probabilities.__getitem__)


def predict_files(
    network: EmotionNetwork,
    clip_format: ClipFormat,
    emotions: Sequence[str],
    paths: Sequence[Path],
) -> Iterator[FilePrediction | AudioError]:
    """Prepare each file as the training clips were and classify it.

    Yields:
        for each path what is predicted, or why the file cannot be used.
    """
    for path in paths:
        try:
            audio = read_audio(path)
        except AudioError as error:
            yield error
            continue
        clip = standardise(audio.mono, audio.sample_rate, clip_format)
        length = torch.tensor([clip_format.sounding(len(audio.waveform), audio.sample_rate)])
        with torch.inference_mode():
            logits = network(torch.from_numpy(clip)[None], length)[0]
        if not logits.isfinite().all():
            yield AudioError(path, "the network's answer to it is not a number")
            continue
        probabilities = torch.softmax(logits, dim=0).tolist()
        yield FilePrediction(
            path,
            len(audio.waveform) / audio.sample_rate,
            dict(zip(emotions, probabilities, strict=True)),
            tuple(remark.text for remark in audio.remarks),
        )
