"""Detection of speech in a recording, so that no emotion is predicted for silence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soxr

from serbench.data.clips import Waveform

Span = tuple[float, float]
"""Start and end in seconds."""

LEAST_SPEECH = 0.25
"""Seconds of speech in a window that is answered; half of a window shorter than half a second."""

SILERO_RATE = 16_000

FRAME_SECONDS = 0.03
FAINTEST = -60.0
"""Level in dB of full scale below which a frame is silence."""

BELOW_LOUDEST = 30.0
"""A frame so many dB below the loudest one of the recording is silence."""


class SpeechDetector(Protocol):
    """A way to find speech.

    Attributes:
        name: of the method, for results.
        text: one sentence on the method for the user.
    """

    name: str
    text: str

    def speech(self, waveform: Waveform, sample_rate: int) -> list[Span]:
        """Parts with speech, in order, without overlap.

        Args:
            waveform: mono, ``[frames]``.
            sample_rate: in Hz.
        """


class SileroDetector:
    """The network of the package ``silero-vad``, run by ONNX Runtime from the file in the package.

    It needs neither a download nor torchaudio. Spans of speech are those of the package with its
    own thresholds: at least 0.25 s long, with gaps of at least 0.1 s between them.
    """

    name = "silero-vad"
    text = "speech was detected with silero-vad; parts without speech have no emotion"

    @cached_property
    def _model(self) -> Any:
        import torch

        threads = torch.get_num_threads()
        import silero_vad

        torch.set_num_threads(threads)  # silero-vad sets it to one when it is imported
        return silero_vad.load_silero_vad(sequence=True)

    def speech(self, waveform: Waveform, sample_rate: int) -> list[Span]:
        """Parts with speech; see `SpeechDetector`."""
        from silero_vad import get_speech_timestamps_sequence

        model = self._model
        sound = soxr.resample(waveform, sample_rate, SILERO_RATE, quality="HQ")
        found = get_speech_timestamps_sequence(sound, model, sampling_rate=SILERO_RATE)
        return [(span["start"] / SILERO_RATE, span["end"] / SILERO_RATE) for span in found]


class LevelDetector:
    """Frames of 30 ms whose level is high enough, where ``silero-vad`` is not installed.

    A frame counts as speech if its root mean square is above -60 dB of full scale and less than
    30 dB below that of the loudest frame. Noise and music at such a level count as speech too.
    """

    name = "level"
    text = (
        "parts below a level have no emotion; this takes loud noise for speech: to detect speech "
        "itself, type `pip install 'silero-vad[onnx-cpu]'`"
    )

    def speech(self, waveform: Waveform, sample_rate: int) -> list[Span]:
        """Parts that are loud enough; see `SpeechDetector`."""
        size = max(round(FRAME_SECONDS * sample_rate), 1)
        starts = np.arange(0, len(waveform), size)
        counts = np.diff(starts, append=len(waveform))
        powers = np.add.reduceat(np.square(waveform, dtype=np.float64), starts) / counts
        least = max(10 ** (FAINTEST / 10), float(powers.max()) * 10 ** (-BELOW_LOUDEST / 10))
        loud = np.concatenate([[False], powers > least, [False]])
        edges = np.flatnonzero(np.diff(loud.astype(np.int8))).reshape(-1, 2) * size
        return [
            (start / sample_rate, min(end, len(waveform)) / sample_rate)
            for start, end in edges.tolist()
        ]


def speech_detector() -> SpeechDetector:
    """The best detector of this installation."""
    installed = all(find_spec(package) for package in ("silero_vad", "onnxruntime"))
    return SileroDetector() if installed else LevelDetector()


def with_speech(
    spans: Sequence[Span], starts: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Which windows have enough speech for an answer ``[windows]``.

    Args:
        spans: the parts with speech, in order.
        starts: of the windows, in seconds ``[windows]``.
        ends: of the windows.
    """
    if not spans:
        return np.zeros(len(starts), bool)
    edges = np.array(spans).ravel()
    steps = np.diff(edges, prepend=edges[0])
    steps[::2] = 0  # from the end of one span to the start of the next one
    spoken = np.cumsum(steps)  # seconds of speech before each edge
    covered = np.interp(ends, edges, spoken) - np.interp(starts, edges, spoken)
    enough: npt.NDArray[np.bool_] = covered >= np.minimum(LEAST_SPEECH, (ends - starts) / 2)
    return enough
