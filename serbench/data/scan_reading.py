"""The decoding of the recordings of a scan, in threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from serbench.data.audio import read_audio
from serbench.data.corpus import Corpus, Recording
from serbench.data.manifest import Utterance
from serbench.errors import AudioError

Progress = Callable[[int, int], None]
"""Called with the number done and the number in all."""

BATCH = 8
"""Recordings in one task of a thread: starting a task takes longer than noticing a missing file."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was found but not kept.

    Attributes:
        path: the file.
        reason: the reason, in a few words.
        defective: True if the file or its name has a defect, False if it is left out for another
            reason: another emotion, a song, a copy.
        detail: details of this file, such as the declared and the actual number of samples.
        kind: kind of the defect, as `AudioError.kind`; ``unknown-name`` if no corpus recognises it.
    """

    path: str
    reason: str
    defective: bool = False
    detail: str = ""
    kind: str = "unusable"


def read_all(
    wanted: Sequence[tuple[Corpus, Recording]],
    channel: str,
    scaled: list[Path],
    progress: Progress,
) -> Iterator[Utterance | Skipped]:
    """Decode recordings, each once; gives an utterance or the reason why there is none, in order.

    Args:
        wanted: the recordings with their corpora.
        channel: the channel used of several.
        scaled: receives the files with float samples on the scale of integers.
        progress: called after each recording.
    """
    batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
    # Decoding and hashing release the interpreter's lock, so threads use every core.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = pool.map(lambda batch: [_read(channel, scaled, *each) for each in batch], batches)
        for done, outcome in enumerate(chain.from_iterable(read), start=1):
            progress(done, len(wanted))
            yield outcome


def _read(
    channel: str, scaled: list[Path], corpus: Corpus, recording: Recording
) -> Utterance | Skipped:
    try:
        audio = read_audio(recording.path, channel)
    except AudioError as error:
        return Skipped(str(recording.path), error.reason, True, error.detail, error.kind)
    if audio.scaled:
        scaled.append(recording.path)
    assert recording.emotion is not None
    frames, channels = audio.waveform.shape
    return Utterance(
        path=str(recording.path),
        corpus=corpus.name,
        speaker=f"{corpus.name}/{recording.speaker}",
        emotion=recording.emotion,
        label=recording.label,
        audio_hash=audio.content_hash,
        sample_rate=audio.sample_rate,
        channels=channels,
        frames=frames,
        sex=recording.sex,
        sentence=recording.sentence,
        channel=channel,
    )
