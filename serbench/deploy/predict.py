"""Predict the emotions of recordings of any length, with calibrated probabilities."""

from __future__ import annotations

import os.path
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from serbench.data.audio import MEAN, channel_index, read_audio
from serbench.data.clips import (
    Waveform,
    fitted,
    resampled_length,
    standardise,
    whole_at_rate,
)
from serbench.data.folders import list_files
from serbench.data.formats import is_recording_name, unread_name
from serbench.deploy.answering import Answerer, Prediction, Probabilities
from serbench.deploy.speech import SpeechDetector, with_speech
from serbench.deploy.windows import Window, hop_in_samples, window_starts
from serbench.errors import AudioError

BATCH = 16
"""Windows that are answered together, 1.5 to 2 times as fast on one thread as one by one."""

LONGEST = 1 << 29
"""Samples of all channels together of the longest recording: 3 hours of one channel at 48 kHz."""

SHORTEST = 0.025
"""Seconds of the shortest recording that is answered, the usual length of a frame of speech."""


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
    """One file and the prediction for it.

    Attributes:
        path: the file.
        seconds: its length.
        overall: the emotion of the whole file. If it is longer than a window, its probabilities are
            the means over all windows with speech.
        windows: all windows in order; empty if the file is not longer than a window.
        remarks: unusual properties of the file, a clause for each.
    """

    path: Path
    seconds: float
    overall: Prediction
    windows: tuple[Window, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Windowing:
    """How recordings become windows, and which answers count.

    Attributes:
        hop: seconds from the start of a window to that of the next one; by default half a window.
        detector: finds speech in recordings longer than a window; None to answer silence too.
        channel: the channel used of several: ``mean``, ``left``, ``right``, or a number.
        reject_below: least confidence of an answer that is not rejected.
    """

    hop: float | None = None
    detector: SpeechDetector | None = None
    channel: str = MEAN
    reject_below: float = 0.0


HALF_OVERLAPPING = Windowing()


@dataclass
class _Opened:
    """A recording, and the probabilities of its windows as they are computed.

    Attributes:
        path: the file.
        seconds: its length.
        remarks: its unusual properties.
        clips: each window to be answered as a clip, with its samples that are not padding.
        spans: start and end of each window in seconds.
        spoken: the places of the windows to be answered.
        found: the probabilities of these, in order.
    """

    path: Path
    seconds: float
    remarks: tuple[str, ...]
    clips: Iterator[tuple[Waveform, int]]
    spans: list[tuple[float, float]]
    spoken: list[int]
    found: list[Probabilities] = field(default_factory=list)


def predict_files(
    answerer: Answerer,
    paths: Sequence[Path],
    windowing: Windowing = HALF_OVERLAPPING,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[FilePrediction | AudioError]:
    """Prepare each file like the training clips and predict its emotion.

    A file that is longer than a clip is resampled as a whole; each window of it is then prepared
    like the clip of a recording that consists of this window. Windows of several files are answered
    together, which can change the last digits of a probability.

    Args:
        answerer: the trained network.
        paths: files; `recordings_in` gives those of folders.
        windowing: hop, detection of speech, channel and rejection.
        progress: called between the batches with the windows done and the windows known so far.

    Yields:
        for each path its prediction, or the reason why the file cannot be used.

    Raises:
        UsageError: there is no such channel in any recording, or the hop is not possible.
    """
    channel_index(windowing.channel)
    hop_in_samples(windowing.hop, answerer.clip_format)
    waiting: deque[_Opened | AudioError] = deque()
    batch: list[tuple[_Opened, Waveform, int]] = []
    done = known = 0
    for place, path in enumerate(paths):
        try:
            opened = _open(path, answerer, windowing)
        except AudioError as error:
            waiting.append(error)
            continue
        waiting.append(opened)
        known += len(opened.spoken)
        for clip, length in opened.clips:
            batch.append((opened, clip, length))
            if len(batch) < BATCH:
                continue
            _answer(answerer, batch)
            done += len(batch)
            batch.clear()
            if progress is not None:
                progress(done, max(known + len(paths) - place - 1, done + 1))
        yield from _finished(waiting, answerer, windowing.reject_below)
    if batch:
        _answer(answerer, batch)
    yield from _finished(waiting, answerer, windowing.reject_below)


def _open(path: Path, answerer: Answerer, windowing: Windowing) -> _Opened:
    """Read a file and divide it into windows.

    Raises:
        AudioError: it cannot be used, is too short, or has no speech.
    """
    audio = read_audio(path, windowing.channel, LONGEST)
    clip_format, rate = answerer.clip_format, audio.sample_rate
    frames = len(audio.waveform)
    seconds = frames / rate
    if seconds < SHORTEST:
        detail = f"{1000 * seconds:.1f} ms, {frames} sample{'s' * (frames != 1)}"
        advice = f"at least {1000 * SHORTEST:.0f} ms are needed"
        raise AudioError(path, "too short for a prediction", advice, detail, "short")
    remarks, mono = tuple(remark.text for remark in audio.remarks), audio.mono
    del audio  # of a long recording, all channels at its own rate take gigabytes
    samples = resampled_length(frames, rate, clip_format.sample_rate)
    if samples <= clip_format.samples:
        clip = standardise(mono, rate, clip_format), clip_format.sounding(frames, rate)
        return _Opened(path, seconds, remarks, iter([clip]), [(0.0, seconds)], [0])
    starts = np.array(
        window_starts(samples, clip_format.samples, hop_in_samples(windowing.hop, clip_format))
    )
    spans = np.stack([starts, starts + clip_format.samples], axis=1) / clip_format.sample_rate
    places = np.arange(len(starts))
    if windowing.detector is not None:
        speech = windowing.detector.speech(mono, rate)
        places = np.flatnonzero(with_speech(speech, spans[:, 0], spans[:, 1]))
        if not len(places):
            advice = "answer silence too with --keep-silence"
            name = windowing.detector.name
            raise AudioError(path, "no speech was found", advice, name, "silence")
    sound = whole_at_rate(mono, rate, clip_format.sample_rate)
    clips = (
        (fitted(sound[start : start + clip_format.samples], clip_format), clip_format.samples)
        for start in starts[places].tolist()
    )
    times = [(start, end) for start, end in spans.tolist()]
    return _Opened(path, seconds, remarks, clips, times, places.tolist())


def _answer(answerer: Answerer, batch: Sequence[tuple[_Opened, Waveform, int]]) -> None:
    clips = np.stack([clip for _, clip, _ in batch])
    lengths = np.array([length for _, _, length in batch], np.int64)
    shares = answerer.probabilities(clips, lengths)
    for (opened, _, _), row in zip(batch, shares, strict=True):
        opened.found.append(row)


def _finished(
    waiting: deque[_Opened | AudioError], answerer: Answerer, reject_below: float
) -> Iterator[FilePrediction | AudioError]:
    """The results of the first files, up to one with windows that are not answered yet."""
    while waiting:
        first = waiting[0]
        if isinstance(first, _Opened) and len(first.found) < len(first.spoken):
            return
        waiting.popleft()
        if isinstance(first, AudioError):
            yield first
        else:
            yield _prediction(first, answerer.emotions, reject_below)


def _prediction(
    opened: _Opened, emotions: tuple[str, ...], reject_below: float
) -> FilePrediction | AudioError:
    if not np.isfinite(opened.found).all():
        return AudioError(opened.path, "the logits of the network for this file are NaN")
    alone = len(opened.spans) == 1
    shares = opened.found[0] if alone else np.mean(opened.found, axis=0)
    overall = Prediction.of(emotions, shares, reject_below)
    answers = {
        place: Prediction.of(emotions, row, reject_below)
        for place, row in zip(opened.spoken, opened.found, strict=True)
    }
    windows = tuple(
        Window(start, end, answers.get(place)) for place, (start, end) in enumerate(opened.spans)
    )
    return FilePrediction(
        opened.path, opened.seconds, overall, () if alone else windows, opened.remarks
    )
