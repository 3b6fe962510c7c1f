"""Mean ranks of systems over test speakers, and which of them differ: the critical difference.

Source: Demšar 2006, "Statistical comparisons of classifiers over multiple data sets", Journal of
Machine Learning Research 7, where the blocks are data sets; here they are test speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import friedmanchisquare, rankdata, studentized_range, wilcoxon

from serbench.score.comparison import holm
from serbench.score.confusion import Tally
from serbench.score.metric import Floats

PostHoc = Literal["nemenyi", "wilcoxon"]

LEVEL = 0.05

FEWEST = 3
"""Friedman's test compares at least three systems."""

DIGITS = 9
"""Scores that agree to so many decimal places are ties, whatever the order of their sums."""


@dataclass(frozen=True)
class MeanRanks:
    """Systems ordered by their mean rank over speakers.

    Attributes:
        order: places of the systems in the given order, best mean rank first.
        ranks: mean rank of each system, in the same order; 1 is the best rank, and equal scores
            share the mean of their ranks.
        blocks: number of speakers.
        chi2: Friedman's statistic, corrected for ties.
        p: its p-value, for the hypothesis that all systems are equal.
        test: the comparison of pairs, ``nemenyi`` or ``wilcoxon``.
        critical: the critical difference of mean ranks; None for ``wilcoxon``, and where Friedman's
            test finds no difference.
        cliques: first and last place in ``order`` of each largest run of two or more systems in
            which no pair differs.
    """

    order: tuple[int, ...]
    ranks: tuple[float, ...]
    blocks: int
    chi2: float
    p: float
    test: PostHoc
    critical: float | None
    cliques: tuple[tuple[int, int], ...]


def speaker_scores(tallies: Sequence[Tally]) -> Floats:
    """UA of each system on the clips of each speaker ``[S, systems]``.

    The UA of a speaker is the mean recall over the emotions that occur among the clips of this
    speaker.

    Raises:
        ValueError: the systems were not tested on the same speakers.
    """
    if len({counted.speakers for counted in tallies}) != 1:
        raise ValueError("only systems tested on the same speakers have ranks over speakers")
    columns = []
    for counted in tallies:
        right = counted.counts.diagonal(axis1=1, axis2=2)
        clips = counted.clips
        recalls = np.divide(right, clips, out=np.zeros(clips.shape), where=clips > 0)
        columns.append(recalls.sum(axis=1) / (clips > 0).sum(axis=1))
    return np.stack(columns, axis=1)


def mean_ranks(scores: Floats, test: PostHoc = "nemenyi") -> MeanRanks:
    """Rank systems on each speaker, and compare their mean ranks.

    If Friedman's test finds no difference at the 5 % level, no pair is compared, and all systems
    are one clique. Otherwise pairs are compared by the test of Nemenyi, in which two systems differ
    if their mean ranks are at least the critical difference apart, or by Wilcoxon's signed-rank
    tests with p-values corrected by Holm's method (Benavoli, Corani and Mangili 2016, "Should we
    really use post-hoc tests based on mean-ranks?", Journal of Machine Learning Research 17: the
    verdict of the latter on a pair depends less on which other systems are compared).

    Args:
        scores: a score of which more is better ``[S, systems]``, of each speaker.
        test: the comparison of pairs.

    Raises:
        ValueError: there are fewer than three systems or fewer than two speakers.
    """
    blocks, systems = scores.shape
    if systems < FEWEST or blocks < 2:
        raise ValueError(f"{systems} systems and {blocks} speakers: mean ranks need three and two")
    rounded = np.round(scores, DIGITS)
    mean = rankdata(-rounded, axis=1).mean(axis=0)
    order = sorted(range(systems), key=lambda place: (mean[place], place))
    ranks = mean[order]
    chi2, p = 0.0, 1.0
    if (rounded != rounded[:, :1]).any():  # otherwise the statistic is not defined
        chi2, p = (float(each) for each in friedmanchisquare(*rounded.T))
    critical = None
    differ = np.zeros((systems, systems), dtype=bool)
    if p < LEVEL and test == "nemenyi":
        critical = critical_difference(systems, blocks)
        differ = np.abs(ranks[:, None] - ranks) >= critical
    elif p < LEVEL:
        differ = _signed_ranks(rounded[:, order])
    return MeanRanks(
        order=tuple(order),
        ranks=tuple(map(float, ranks)),
        blocks=blocks,
        chi2=chi2,
        p=p,
        test=test,
        critical=critical,
        cliques=tuple(_cliques(differ)),
    )


def critical_difference(systems: int, blocks: int) -> float:
    """The difference of mean ranks from which two systems differ at the 5 % level (Nemenyi).

    It is q·√(k(k+1)/6N) for k systems and N blocks, where q is the 95 % quantile of the Studentized
    range for infinitely many degrees of freedom, divided by √2.
    """
    quantile = float(studentized_range.ppf(1 - LEVEL, systems, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(systems * (systems + 1) / (6 * blocks)))


def _signed_ranks(scores: Floats) -> npt.NDArray[np.bool_]:
    """Which pairs differ by Wilcoxon's signed-rank test with Holm's correction ``[k, k]``."""
    pairs = list(combinations(range(scores.shape[1]), 2))
    found = []
    for one, other in pairs:
        apart = scores[:, one] - scores[:, other]
        found.append(float(wilcoxon(apart).pvalue) if apart.any() else 1.0)
    differ = np.zeros((scores.shape[1], scores.shape[1]), dtype=bool)
    for (one, other), p in zip(pairs, holm(found), strict=True):
        differ[one, other] = differ[other, one] = p is not None and p < LEVEL
    return differ


def _cliques(differ: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The largest runs of two or more systems, in their order, in which no pair differs."""
    runs: list[tuple[int, int]] = []
    for first in range(len(differ)):
        last = first
        while last + 1 < len(differ) and not differ[first : last + 1, last + 1].any():
            last += 1
        if last > first and (not runs or last > runs[-1][1]):
            runs.append((first, last))
    return runs
