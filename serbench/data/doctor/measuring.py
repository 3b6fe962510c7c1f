"""Each recording measured once: its levels, its container and its fingerprint."""

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
"""Loudness is measured over so long."""

FLAT = 4
"""So many samples in a row at the very same extreme are no peak but a ceiling."""

CHANGED = "not the audio that was scanned"


@dataclass(frozen=True)
class Sound:
    """What was measured in one recording; of several channels the worst that is not silent.

    Attributes:
        loudest: level of the loudest frame of the channels' mean without its offset, in dB below
            full scale.
        peak: largest magnitude, full scale 1.
        clipped: fraction of the samples that lie on a flat top.
        offset: magnitude of the mean.
        rms: root of the mean square, offset included.
        container: what libsndfile calls the file's format.
        fingerprint: ``[D]``.
        remarks: what is unusual about it, though it can be used.
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
    """An utterance of the dataset with its sound, or with why it can no longer be measured."""

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
    if len(starts) > 1:  # the rest of a frame would make one sample of noise loud
        power = power[:-1]
    return float(10 * np.log10(power.max() + 1e-20))


def _flat_part(channel: npt.NDArray[np.float32]) -> float:
    """Fraction of the samples in runs of at least ``FLAT`` at the highest or the lowest value."""
    at_limit = (channel == channel.max()) | (channel == channel.min())
    edges = np.flatnonzero(np.diff(np.concatenate(([0], at_limit.astype(np.int8), [0]))))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= FLAT].sum() / len(channel))
