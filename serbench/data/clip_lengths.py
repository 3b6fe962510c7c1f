"""The length of the clips of a dataset, and the effect of each length on the recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

PAPERS_SECONDS = 2.618
"""The clip length of Berhoff and Lu, the mean of their four corpora."""

FEWEST_TENTHS, MOST_TENTHS = 3, 100
"""Bounds of the default length, in tenths of a second."""


class Timed(Protocol):
    """A recording with a duration."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""

    @property
    def frames(self) -> int:
        """Its samples."""


def default_seconds(recordings: Sequence[Timed]) -> float:
    """The shortest length that cuts at most one recording in ten, but at most 10 s.

    It is rounded up to a tenth of a second, and is at least 0.3 s.
    """
    tenths = sorted(_tenths(each) for each in recordings)
    ninth_in_ten = tenths[-(-9 * len(tenths) // 10) - 1]
    return min(max(ninth_in_ten, FEWEST_TENTHS), MOST_TENTHS) / 10


@dataclass(frozen=True)
class LengthEffect:
    """The effect of one clip length on the recordings of a dataset.

    Attributes:
        seconds: the length.
        meaning: description of the length.
        cut: number of recordings that are longer.
        lost: share of all sound that is beyond the end of the clips.
        padded: number of recordings that are shorter.
        added: share of padding in all clips together.
    """

    seconds: float
    meaning: str
    cut: int
    lost: float
    padded: int
    added: float


def length_effect(recordings: Sequence[Timed], seconds: float, meaning: str = "") -> LengthEffect:
    """The effect of clips of ``seconds`` on the recordings."""
    durations = [each.frames / each.sample_rate for each in recordings]
    kept = sum(min(duration, seconds) for duration in durations)
    return LengthEffect(
        seconds=seconds,
        meaning=meaning,
        cut=sum(duration > seconds for duration in durations),
        lost=1 - kept / sum(durations),
        padded=sum(duration < seconds for duration in durations),
        added=1 - kept / (seconds * len(durations)),
    )


def length_effects(recordings: Sequence[Timed]) -> list[LengthEffect]:
    """The effects of the paper's length, the default, its upper bound and the longest recording."""
    listed = {
        PAPERS_SECONDS: "paper",
        MOST_TENTHS / 10: "longest default",
        max(_tenths(each) for each in recordings) / 10: "longest recording",
        default_seconds(recordings): "default",
    }
    return [length_effect(recordings, seconds, listed[seconds]) for seconds in sorted(listed)]


def _tenths(recording: Timed) -> int:
    """Its duration in tenths of a second, rounded up exactly."""
    return -(-10 * recording.frames // recording.sample_rate)
