"""Windows of one length over a recording, and the segments of equal emotion that they give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from serbench.data.clips import ClipFormat
from serbench.deploy.answering import Prediction
from serbench.errors import UsageError


@dataclass(frozen=True)
class Window:
    """A part of a recording and its answer.

    Attributes:
        start: of the part, in seconds from the beginning of the recording.
        end: of the part.
        answer: its emotion; None where the part has no speech.
    """

    start: float
    end: float
    answer: Prediction | None


@dataclass(frozen=True)
class Segment:
    """A part of a recording with one emotion; segments do not overlap.

    Attributes:
        start: of the part, in seconds from the beginning of the recording.
        end: of the part.
        emotion: that of all its windows.
        confidence: mean over its windows.
    """

    start: float
    end: float
    emotion: str
    confidence: float


def hop_in_samples(hop: float | None, clip_format: ClipFormat) -> int:
    """The distance between the starts of two windows; by default half a window.

    Args:
        hop: in seconds, or None.
        clip_format: its length is that of a window.

    Raises:
        UsageError: the hop is not positive, or longer than a window, so that parts of a recording
            would be in none.
    """
    if hop is None:
        return max(clip_format.samples // 2, 1)
    if not 0 < hop <= clip_format.seconds:  # also false for NaN
        raise UsageError(
            f"a hop of {hop:g} s is not possible: --hop takes seconds above 0 and up to "
            f"{clip_format.seconds:g}, the length of a window of this entry",
            hop=hop,
            seconds=clip_format.seconds,
        )
    return min(max(round(hop * clip_format.sample_rate), 1), clip_format.samples)


def window_starts(samples: int, window: int, hop: int) -> range | list[int]:
    """First sample of each window over a recording; every sample of it is in at least one.

    The windows are ``hop`` samples apart, but the last one, which ends where the recording ends. A
    recording that is not longer than a window has one.

    Args:
        samples: of the recording.
        window: samples of a window.
        hop: samples from the start of a window to that of the next one, at most ``window``.
    """
    if samples <= window:
        return range(1)
    return [*range(0, samples - window, hop), samples - window]


def segments_of(windows: Sequence[Window]) -> Iterator[Segment]:
    """Windows next to each other with one emotion as one segment, in order.

    Two overlapping windows are divided in the middle of their overlap. Windows without speech and
    rejected ones are in no segment.

    Args:
        windows: all windows of a recording, in order.
    """
    ends = [(before.end + after.start) / 2 for before, after in pairwise(windows)]
    starts = [windows[0].start, *ends]
    parts = list(zip(starts, [*ends, windows[-1].end], windows, strict=True))
    for emotion, group in groupby(parts, lambda part: part[2].answer and part[2].answer.emotion):
        if emotion is None:
            continue
        run = list(group)
        confidences = [window.answer.confidence for _, _, window in run if window.answer]
        yield Segment(run[0][0], run[-1][1], emotion, sum(confidences) / len(confidences))
