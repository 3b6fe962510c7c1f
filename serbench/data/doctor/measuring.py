"""One measurement of each recording: its levels, its container and its fingerprint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serbench.data.audio import FAINT, Audio, Remark, read_audio
from serbench.data.fingerprint import fingerprint
from serbench.data.manifest import Manifest, Utterance
from serbench.errors import AudioError

FRAME_SECONDS = 0.05
"""Length of the frames in which levels are measured."""

FLAT = 4
"""At least so many successive samples at the same extreme value count as clipped."""

CHANGED = "audio that has changed since the scan"


@dataclass(frozen=True)
class Sound:
    """The measurements of one recording; with several channels, of the worst non-silent channel.

    Attributes:
        loudest: level of the loudest frame of the channels' mean without its offset, in dB of full
            scale.
        peak: largest magnitude, full scale 1.
        clipped: fraction of clipped samples.
        offset: magnitude of the mean.
        rms: root mean square, including the offset.
        container: libsndfile's name of the file's format.
        fingerprint: ``[D]``.
        remarks: its unusual properties.
    """

    loudest: float
    peak: float
    clipped: float
    offset: float
    rms: float
    container: str
    fingerprint: npt.NDArray[np.float32]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class MeasuredRecording:
    """An utterance of the dataset with its measurements, or with the reason for their absence."""

    utterance: Utterance
    sound: Sound | None
    problem: str = ""
    kind: str = "unusable"


def measure_all(
    manifest: Manifest, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[MeasuredRecording]:
    """Measure every recording, in the manifest's order.

    Args:
        manifest: the dataset.
        progress: called with recordings done and recordings in all.
    """
    # Decoding and transforming release the interpreter's lock, so threads use every core.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, measured in enumerate(pool.map(_measure, manifest.utterances), start=1):
            progress(done, len(manifest))
            yield measured


def measure(audio: Audio) -> Sound:
    """Measure one recording.

    Args:
        audio: decoded, ``[frames, channels]``.
    """
    waveform, mono = audio.waveform, audio.mono
    mean = waveform.mean(axis=0, dtype=np.float64)
    swings = waveform.max(axis=0) - waveform.min(axis=0)
    sounding = waveform[:, swings >= FAINT * swings.max()]
    return Sound(
        loudest=_loudest(mono - np.float32(mono.mean(dtype=np.float64)), audio.sample_rate),
        peak=float(np.abs(waveform).max()),
        clipped=max(_flat_part(channel) for channel in sounding.T),
        offset=float(np.abs(mean).max()),
        rms=float(np.sqrt(np.mean(waveform**2, axis=0, dtype=np.float64)).max()),
        container=audio.container,
        fingerprint=fingerprint(audio),
        remarks=audio.remarks,
    )


def _measure(utterance: Utterance) -> MeasuredRecording:
    try:
        audio = read_audio(utterance.path, utterance.channel)
    except AudioError as error:
        return MeasuredRecording(utterance, None, error.reason, error.kind)
    if audio.content_hash != utterance.audio_hash:
        return MeasuredRecording(utterance, None, CHANGED)
    return MeasuredRecording(utterance, measure(audio))


def _loudest(waveform: npt.NDArray[np.float32], sample_rate: int) -> float:
    length = max(1, round(FRAME_SECONDS * sample_rate))
    starts = np.arange(0, len(waveform), length)
    sizes = np.diff(np.append(starts, len(waveform)))
    power = np.add.reduceat(waveform.astype(np.float64) ** 2, starts) / sizes
    if len(starts) > 1:  # a short last frame would overrate single samples
        power = power[:-1]
    return float(10 * np.log10(power.max() + 1e-20))


def _flat_part(channel: npt.NDArray[np.float32]) -> float:
    """Fraction of the samples in runs of at least ``FLAT`` at the highest or the lowest value."""
    at_limit = (channel == channel.max()) | (channel == channel.min())
    edges = np.flatnonzero(np.diff(np.concatenate(([0], at_limit.astype(np.int8), [0]))))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= FLAT].sum() / len(channel))
