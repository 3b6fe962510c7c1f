"""Predict the emotions of files with a trained entry, with calibrated probabilities."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from serbench.data.audio import MEAN, channel_index, read_audio
from serbench.data.clips import ClipFormat, standardise
from serbench.data.folders import list_files
from serbench.data.formats import is_recording_name, unread_name
from serbench.errors import AudioError
from serbench.model.network import EmotionNetwork


def recordings_in(paths: Sequence[Path]) -> tuple[list[Path], list[AudioError]]:
    """The files of ``paths``, with all recordings of each folder in its place.

    Returns:
        the files, in order; errors for folders without recordings, and for files in them that
        cannot be read.
    """
    found: list[Path] = []
    errors: list[AudioError] = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 (pathlib raises an error for some names)
            found.append(path)
            continue
        listing = list_files([path])
        errors += [AudioError(each, reason) for each, reason in listing.unread.items()]
        inside = [each for each in listing.files if is_recording_name(each) or unread_name(each)]
        if not inside:
            errors.append(AudioError(path, "a folder without recordings", "name another"))
        found += [path / each.relative_to(path.absolute()) for each in inside]
    return found, errors


@dataclass(frozen=True)
class FilePrediction:
    """One file and the prediction of the network for it.

    Attributes:
        path: the file.
        seconds: its length; sound beyond the clip length is not used.
        probabilities: emotion → calibrated probability, in label-set order.
        remarks: unusual properties of the file, a clause for each.
        rejected: whether the confidence is below the least one that was asked for.
    """

    path: Path
    seconds: float
    probabilities: dict[str, float]
    remarks: tuple[str, ...] = ()
    rejected: bool = False

    @property
    def emotion(self) -> str | None:
        """The most probable emotion; None where the prediction is rejected."""
        if self.rejected:
            return None
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of the most probable emotion, also where it is rejected."""
        return max(self.probabilities.values())


def predict_files(
    network: EmotionNetwork,
    clip_format: ClipFormat,
    emotions: Sequence[str],
    paths: Sequence[Path],
    channel: str = MEAN,
    temperature: float = 1.0,
    reject_below: float = 0.0,
) -> Iterator[FilePrediction | AudioError]:
    """Prepare each file like the training clips and classify it.

    Args:
        network: network of the entry.
        clip_format: format of the training clips.
        emotions: the label set.
        paths: files; `recordings_in` gives those of folders.
        channel: the channel used of several: ``mean``, ``left``, ``right``, or a number.
        temperature: divides the logits, so that the probabilities are calibrated.
        reject_below: least confidence of a prediction that is not rejected.

    Yields:
        for each path its prediction, or the reason why the file cannot be used.

    Raises:
        UsageError: there is no such channel in any recording.
    """
    channel_index(channel)
    for path in paths:
        try:
            audio = read_audio(path, channel)
        except AudioError as error:
            yield error
            continue
        clip = standardise(audio.mono, audio.sample_rate, clip_format)
        length = torch.tensor([clip_format.sounding(len(audio.waveform), audio.sample_rate)])
        with torch.inference_mode():
            logits = network(torch.from_numpy(clip)[None], length)[0]
        if not logits.isfinite().all():
            yield AudioError(path, "the logits of the network for this file are NaN")
            continue
        probabilities = torch.softmax(logits.double() / temperature, dim=0).tolist()
        yield FilePrediction(
            path,
            len(audio.waveform) / audio.sample_rate,
            dict(zip(emotions, probabilities, strict=True)),
            tuple(remark.text for remark in audio.remarks),
            rejected=max(probabilities) < reject_below,
        )
