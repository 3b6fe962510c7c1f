"""Acoustic fingerprints of recordings, to find near-identical copies with different samples."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import soxr

from serbench.data.audio import Audio, read_audio
from serbench.data.manifest import Manifest

SAMPLE_RATE = 8000
"""In Hz. Frequencies above 4 kHz are not used, since codecs and resamplers remove them first."""

N_FFT = 1024
"""128 ms, long enough to resolve the harmonics of a voice."""

HOP_LENGTH = 128
BANDS = 64
HIGHEST = 3600.0
"""The highest band's upper edge, in Hz."""

SEGMENTS = 32
SEGMENT_SECONDS = 0.08

RANGE = 30.0
"""In dB below the loudest band; quieter bands count as silent, so that noise is ignored."""

STEADY = 10.0
"""Change of all bands over all segments, in dB; speech has some hundreds, a test tone has none."""

THRESHOLD = 0.96
"""Smallest similarity of two near-identical recordings.

Measured on RAVDESS, TESS and CREMA-D: copies at another gain or rate keep 1.00, as MP3 or Vorbis of
low quality 0.97, without the first 50 ms 0.97, as 8-bit PCM 0.97 where the peak is above −20 dBFS
(below, 8 bits represent a voice poorly). The 479 pairs in which one of 16 actors of RAVDESS speaks
a sentence twice with one emotion have at most 0.91. Among all 5.6 million pairs, the most similar
ones that are no copies are sad recordings of "say the word …" in TESS, with the same carrier
phrase: 0.95.
"""

TRANSFORMED = 4096
"""Frames of one recording transformed at a time: 65 seconds."""

BLOCK = 1024
"""Recordings compared at a time."""


def fingerprints(
    manifest: Manifest, progress: Callable[[int, int], None] = lambda done, total: None
) -> npt.NDArray[np.float32]:
    """The fingerprint of every recording, in the manifest's order.

    Args:
        manifest: the dataset with the recordings.
        progress: called with recordings done and recordings in all.

    Returns:
        float32 ``[N, BANDS * SEGMENTS]``, each row of length 1.

    Raises:
        AudioError: a recording has become unusable.
    """
    found = np.empty((len(manifest), BANDS * SEGMENTS), dtype=np.float32)

    def fingerprint_row(row: int) -> None:
        found[row] = fingerprint(
            read_audio(manifest.utterances[row].path, manifest.utterances[row].channel)
        )

    # Decoding and transforming release the interpreter's lock, so threads use every core.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(fingerprint_row, range(len(manifest))), start=1):
            progress(done, len(manifest))
    return found


def fingerprint(audio: Audio) -> npt.NDArray[np.float32]:
    """Log-mel energies around the middle of the sound in one recording.

    The middle is the mean time, weighted by the level of each frame above ``RANGE``; silence before
    and after does not change it, and a trimmed start changes it little. The time around it is
    divided into overlapping triangles, the mean of each band is subtracted, and the result is
    scaled to length 1.

    Args:
        audio: the decoded recording.

    Returns:
        float32 ``[BANDS * SEGMENTS]``; all zeros if there is no sound below 4 kHz or no change over
        time. Zeros are similar to no fingerprint, not even to themselves.
    """
    waveform = soxr.resample(audio.mono, audio.sample_rate, SAMPLE_RATE, quality="HQ")
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(waveform, N_FFT), N_FFT)
    window = np.hanning(N_FFT).astype(np.float32)
    starts = range(0, len(frames), HOP_LENGTH * TRANSFORMED)  # an hour at once would fill memory
    blocks = (frames[start : start + HOP_LENGTH * TRANSFORMED : HOP_LENGTH] for start in starts)
    power = np.concatenate(
        [np.abs(scipy.fft.rfft(block * window)) ** 2 @ _mel_bands() for block in blocks]
    )
    if (loudest := float(power.max())) == 0:
        return np.zeros(BANDS * SEGMENTS, dtype=np.float32)
    energies = np.maximum(10 * np.log10(power / loudest + 1e-12) + RANGE, 0)
    times = np.arange(len(energies)) * (HOP_LENGTH / SAMPLE_RATE)
    middle = np.average(times, weights=energies.sum(axis=1))
    edges = middle + (np.arange(SEGMENTS + 2) - (SEGMENTS + 1) / 2) * SEGMENT_SECONDS
    picture = _triangles(edges, times).T @ energies
    picture -= picture.mean(axis=0)
    length = float(np.linalg.norm(picture))
    if length < STEADY:
        return np.zeros(BANDS * SEGMENTS, dtype=np.float32)
    unit: npt.NDArray[np.float32] = (picture / length).astype(np.float32).ravel()
    return unit


def near_identical(
    fingerprints: npt.NDArray[np.float32], threshold: float = THRESHOLD
) -> list[tuple[int, int, float]]:
    """All pairs of recordings with similar fingerprints.

    Args:
        fingerprints: ``[N, D]``, rows of length 1.
        threshold: the smallest cosine similarity.

    Returns:
        ``(i, j, similarity)`` with ``i < j``, by ascending ``i``, then ``j``.
    """
    pairs = []
    for start in range(0, len(fingerprints), BLOCK):
        rows = fingerprints[start : start + BLOCK]
        for other in range(start, len(fingerprints), BLOCK):
            similarity = rows @ fingerprints[other : other + BLOCK].T
            for i, j in np.argwhere(similarity >= threshold).tolist():
                if start + i < other + j:
                    pairs.append((start + i, other + j, float(similarity[i, j])))
    return sorted(pairs)


@cache
def _mel_bands() -> npt.NDArray[np.float32]:
    """Triangles with equal spacing on the mel scale up to half the rate, ``[bins, BANDS]``."""
    bins = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    low, high = _mel(np.array([100.0, HIGHEST]))
    return _triangles(np.linspace(low, high, BANDS + 2), _mel(bins)).astype(np.float32)


def _mel(frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mel scale of O'Shaughnessy, *Speech Communication*, 1987."""
    return 2595 * np.log10(1 + frequency / 700)


def _triangles(
    edges: npt.NDArray[np.floating[Any]], positions: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.float64]:
    """Weight of each position under each triangle of three successive edges, ``[P, E - 2]``."""
    low, mid, high = edges[:-2], edges[1:-1], edges[2:]
    at = positions[:, None]
    rising, falling = (at - low) / (mid - low), (high - at) / (high - mid)
    weights: npt.NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None)
    return weights
