"""How long the clips of a dataset should be, and what a length cuts and pads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

PAPERS_SECONDS = 2.618
"""The length that Berhoff and Lu used, the mean of their four corpora."""

FEWEST_TENTHS, MOST_TENTHS = 3, 100
"""Bounds of the default length, in tenths of a second."""


class Timed(Protocol):
    """A recording, as far as its duration goes."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""

    @property
    def frames(self) -> int:
        """Its samples."""


def default_seconds(recordings: Sequence[Timed]) -> float:
    """The shortest length that holds nine recordings in ten whole, but at most 10 s.

    Rounded up to a tenth of a second, and never less than 0.3 s.
    """
    tenths = sorted(_tenths(each) for each in recordings)
    ninth_in_ten = tenths[-(-9 * len(tenths) // 10) - 1]
    return min(max(ninth_in_ten, FEWEST_TENTHS), MOST_TENTHS) / 10


@dataclass(frozen=True)
class LengthEffect:
    """What clips of one length would do to the recordings of a dataset.

    Attributes:
        seconds: the length.
        meaning: why it is listed.
        cut: recordings that are longer.
        lost: share of all sound that lies beyond the end of the clips.
        padded: recordings that are shorter.
        added: share of padding in all clips together.
    """

    seconds: float
    meaning: str
    cut: int
    lost: float
    padded: int
    added: float


def length_effect(recordings: Sequence[Timed], seconds: float, meaning: str = "") -> LengthEffect:
    """What clips of ``seconds`` would do to the recordings."""
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
    """What the paper's length, the default, its upper bound and the longest recording would do."""
    listed = {
        PAPERS_SECONDS: "the paper's",
        MOST_TENTHS / 10: "the longest default",
        max(_tenths(each) for each in recordings) / 10: "holds all",
        default_seconds(recordings): "the default",
    }
    return [length_effect(recordings, seconds, listed[seconds]) for seconds in sorted(listed)]


def _tenths(recording: Timed) -> int:
    """Its duration in tenths of a second, rounded up without a float's error."""
    return -(-10 * recording.frames // recording.sample_rate)
