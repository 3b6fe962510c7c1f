"""UA against the number of training speakers, on the same test clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serbench.score.comparison import Bootstrap, Difference
from serbench.score.confusion import Tally, score_counts
from serbench.score.intervals import Interval, tally_interval
from serbench.score.resampling import draws


@dataclass(frozen=True)
class Point:
    """One configuration, trained on so many speakers.

    Attributes:
        speakers: number of training speakers of a fold, a mean over the folds.
        uar: UA on the clips of all folds together.
        interval: its 95 % interval over the tested speakers, or None.
        gain: this UA minus that of the point before, which has fewer speakers; None of the first.
    """

    speakers: float
    uar: float
    interval: Interval | None
    gain: Difference | None


def learning_curve(tested: Sequence[tuple[float, Tally]]) -> tuple[Point, ...]:
    """The points of a learning curve.

    Args:
        tested: number of training speakers and predictions, ascending; all of the same clips.

    Raises:
        ValueError: the test clips differ.
    """
    if not tested:
        return ()
    first = tested[0][1]
    shared, drawn = Bootstrap(first), draws(first.clips)
    scores = shared.of_all([counted for _, counted in tested])
    return tuple(
        Point(
            speakers,
            score_counts(counted.confusion, "uar"),
            tally_interval(counted, "uar", drawn),
            None if place == 0 else scores[place].minus(scores[place - 1]),
        )
        for place, (speakers, counted) in enumerate(tested)
    )
