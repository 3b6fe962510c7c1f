"""Prepare the clips of a dataset once for all studies, on all cores."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import filelock
import numpy as np
import numpy.typing as npt

from serbench.data.audio import MEAN, SCALED, Audio, read_audio
from serbench.data.clip_files import ClipFiles, checksum
from serbench.data.clips import (
    ClipFormat,
    Clips,
    StoredArray,
    Waveform,
    frames_needed,
    standardise_all,
)
from serbench.data.manifest import Manifest, Utterance
from serbench.errors import DatasetError, StorageError
from serbench.notices import notice

LAYOUT = 3
"""Version of the preparation; it is increased when the same recordings give other clips."""

TOGETHER = 8
"""Number of recordings resampled together; with more, the data no longer fit the CPU caches."""

CHUNK = 64
"""Number of clips between two checkpoints: at most so many are prepared again after a crash."""


def prepare_clips(
    manifest: Manifest,
    folder: Path,
    clip_format: ClipFormat,
    progress: Callable[[int, int], None] = lambda done, total: None,
    workers: int | None = None,
) -> Clips:
    """The clips of ``manifest``, which are prepared once and later only checked and mapped.

    If two processes call it at once, the second waits for the first. After an interruption, the
    next call prepares the missing clips. Damaged clips are prepared again, with a notice.

    Args:
        manifest: the dataset, with its utterances in the order of the clips.
        folder: folder of prepared clips, shared by all datasets.
        clip_format: rate, length, level and padding.
        progress: called with clips done and clips in all.
        workers: number of threads; by default the number of cores.

    Raises:
        AudioError: a recording has become unusable.
        DatasetError: a recording has changed since the scan.
        StorageError: the disk is full or not writable.
    """
    place = folder / _content_key(manifest, clip_format)
    files = ClipFiles(place, len(manifest), clip_format.samples)
    try:
        place.mkdir(parents=True, exist_ok=True)
        if not _usable(files, files.intact()):
            with filelock.FileLock(place / "lock"):
                good = files.intact()
                if not _usable(files, good):  # else another process has prepared them
                    if files.complete.exists():
                        damaged = int((~good).sum())
                        notice(
                            f"{place}: {damaged} of {len(good)} prepared clips are missing or "
                            "damaged and are prepared again"
                        )
                    _build(manifest, files, good, clip_format, progress, workers or os.cpu_count())
        stored = StoredArray(str(files.waveforms), (len(manifest), clip_format.samples))
        peaks = np.fromfile(files.peaks, dtype=np.float32)
        lengths = _lengths(manifest, clip_format)
        return Clips(clip_format, stored.map(), peaks, lengths, place.name)
    except OSError as error:
        raise _storage_error(error, place, len(manifest) * clip_format.samples * 2) from error


def _usable(files: ClipFiles, good: npt.NDArray[np.bool_]) -> bool:
    return bool(good.all()) and files.complete.exists() and files.sized()


def _content_key(manifest: Manifest, clip_format: ClipFormat) -> str:
    what = (LAYOUT, clip_format.sample_rate, clip_format.samples)
    how = (clip_format.level, clip_format.padding)
    digest = hashlib.sha256(" ".join(map(str, (*what, *how))).encode())
    for utterance in manifest.utterances:
        digest.update(utterance.audio_hash.encode())
        if utterance.channel != MEAN:
            digest.update(f" {utterance.channel}".encode())
    return digest.hexdigest()[:24]


def _lengths(manifest: Manifest, clip_format: ClipFormat) -> npt.NDArray[np.int64]:
    """Samples of each clip that are not padding, ``[N]``."""
    found = (clip_format.sounding(u.frames, u.sample_rate) for u in manifest.utterances)
    return np.fromiter(found, np.int64, len(manifest))


def _build(
    manifest: Manifest,
    files: ClipFiles,
    good: npt.NDArray[np.bool_],
    clip_format: ClipFormat,
    progress: Callable[[int, int], None],
    workers: int | None,
) -> None:
    total, size = len(manifest), files.clip_bytes
    peaks, checks = files.reserve()

    scaled: list[str] = []

    def prepare(rows: Sequence[int]) -> list[tuple[int, np.float32, npt.NDArray[np.int16]]]:
        clips = _prepared([manifest.utterances[row] for row in rows], clip_format, scaled)
        return [(row, *_scaled(clip)) for row, clip in zip(rows, clips, strict=True)]

    missing = np.flatnonzero(~good).tolist()
    chunks = [list(_runs(chunk, TOGETHER)) for chunk in _runs(missing, CHUNK)]
    finished = total - len(missing)
    # Decoding and resampling release the interpreter's lock, so threads use every core.
    pool = ThreadPoolExecutor(workers)
    try:
        with files.waveforms.open("r+b") as file:
            coming = pool.map(prepare, chunks[0] if chunks else ())
            for later in [*chunks[1:], []]:
                present, coming = coming, pool.map(prepare, later)
                sums = {}
                for row, peak, waveform in chain.from_iterable(present):
                    file.seek(row * size)
                    file.write(waveform.data)
                    peaks[row] = peak
                    sums[row] = checksum(peak, waveform.data)
                    progress(finished := finished + 1, total)
                file.flush()
                os.fsync(file.fileno())
                peaks.flush()
                checks[list(sums)] = list(sums.values())
    finally:
        pool.shutdown(cancel_futures=True)
    if scaled:
        done = f"recordings of {manifest.name} for which this was done: {len(scaled):,}"
        notice(f"{min(scaled)}: {SCALED}; {done}")
    audio = _audio_key(manifest.audio_hashes)
    known = {"layout": LAYOUT, "dataset": manifest.name, "clips": total, "audio": audio}
    facts = {**known, **asdict(clip_format)}
    draft = files.complete.with_suffix(".part")
    draft.write_text(json.dumps(facts))
    draft.replace(files.complete)


def _audio_key(audio_hashes: Iterable[str]) -> str:
    """A key of the recordings of clips, whatever the clip format."""
    return hashlib.sha256(" ".join(audio_hashes).encode()).hexdigest()[:24]


def forget_clips(folder: Path, audio_hashes: Iterable[str]) -> int:
    """Delete the prepared clips of a dataset in all formats; they can be made again.

    Args:
        folder: folder of prepared clips.
        audio_hashes: hashes of the dataset's utterances, in its order.

    Returns:
        number of freed bytes.
    """
    key, freed = _audio_key(audio_hashes), 0
    for facts in folder.glob("*/clips.json"):
        try:
            if json.loads(facts.read_text()).get("audio") != key:
                continue
        except (OSError, ValueError):
            continue  # not readable, so their dataset is unknown
        freed += sum(path.stat().st_size for path in facts.parent.iterdir())
        shutil.rmtree(facts.parent, ignore_errors=True)
    return freed


def _runs(rows: Sequence[int], length: int) -> Iterator[Sequence[int]]:
    return (rows[start : start + length] for start in range(0, len(rows), length))


def _prepared(
    utterances: Sequence[Utterance], clip_format: ClipFormat, scaled: list[str]
) -> list[Waveform]:
    """The clip of each utterance; recordings of one rate are resampled together.

    Paths of recordings that had to be brought to another scale are added to ``scaled``.
    """
    waveforms_used: dict[int, dict[int, Waveform]] = defaultdict(dict)
    for place, utterance in enumerate(utterances):
        audio = _read(utterance)
        if audio.scaled:
            scaled.append(utterance.path)
        # A copy, so that only the beginning of a long recording stays in memory.
        beginning = audio.mono[: frames_needed(audio.sample_rate, clip_format)].copy()
        waveforms_used[audio.sample_rate][place] = beginning
    clips: dict[int, Waveform] = {}
    for rate, waveforms in waveforms_used.items():
        made = standardise_all(list(waveforms.values()), rate, clip_format)
        clips |= zip(waveforms, made, strict=True)
    return [clips[place] for place in range(len(utterances))]


def _read(utterance: Utterance) -> Audio:
    audio = read_audio(utterance.path, utterance.channel)
    if audio.content_hash != utterance.audio_hash:
        raise DatasetError(
            f"{utterance.path} has changed since the scan: scan its folder again with "
            "`serbench corpus scan`"
        )
    return audio


def _scaled(clip: Waveform) -> tuple[np.float32, npt.NDArray[np.int16]]:
    """The peak of a clip, and the clip scaled so that the peak is at full scale."""
    peak = max(clip.max(), -clip.min())
    if peak > 0:  # otherwise all sound comes after the end of the clip
        clip = np.rint(clip * (32767 / peak))
    return peak, clip.astype(np.int16)


def _storage_error(error: OSError, place: Path, needed: int) -> StorageError:
    if error.errno == errno.ENOSPC:
        problem = f"the disk is full: preparing the clips needs {needed / 1e6:,.0f} MB"
    else:
        problem = f"this folder cannot be written ({error.strerror})"
    return StorageError(
        f"{place}: {problem}; free some space, or set SERBENCH_CACHE to another folder"
    )
