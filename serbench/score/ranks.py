"""Winners tested on the same speakers: differences, ranks, and the score of the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from serbench.score.comparison import Bootstrapped, Difference
from serbench.score.confusion import CountMetric, Tally
from serbench.score.intervals import CONFIDENCE, ROUNDING
from serbench.score.metric import Floats
from serbench.score.resampling import RESAMPLES
from serbench.score.selection import Corrected, Draws, Selection, from_draws

MANY = 250
"""Of more entries than this, the standard errors of differences are estimated from fewer draws.

For 1,000 entries 800 draws are left, and their relative error is 2.5 %.
"""

SAME = 1e-15
"""Smaller variances of a difference are rounding errors."""


@dataclass(frozen=True)
class Rank:
    """Where an entry stands among others.

    Attributes:
        best: probability that it is the best: the share of draws of speakers in which it has the
            highest score; draws with several highest scores are shared between them.
        first: the best rank it may have, at a level of 95 %; 1 is the best of all.
        last: the worst rank it may have.
    """

    best: float
    first: int
    last: int


def ranks(entries: Sequence[Bootstrapped]) -> list[Rank]:
    """Ranks of entries by a score of which more is better.

    The interval of a rank is counted from comparisons with all other entries at once: the entry is
    below those that are certainly better and above those that are certainly worse (Mogstad, Romano,
    Shaikh and Wilhelm 2024, "Inference for ranks with applications to mobility across
    neighbourhoods and academic achievement across countries", Review of Economic Studies 91). The
    comparisons are those of `Bootstrapped.minus`, corrected by Bonferroni for the number of other
    entries. The simultaneous level of `shared_level` would be little different here, but takes
    hours for a thousand entries.

    Args:
        entries: entries on the same draws, such as `Corrected.bootstrapped`.

    Returns:
        The rank of each entry, in the order of ``entries``. Without draws every rank is possible,
        and every entry is equally probably the best.
    """
    count = len(entries)
    drawn = [each.resampled for each in entries if each.resampled is not None]
    if count < 2 or len(drawn) < count:
        return [Rank(1 / count, 1, count) for _ in entries]
    best = _shares_of_best(drawn)
    scores = np.array([each.score for each in entries])
    lead = scores[:, None] - scores
    some = np.stack([each[:: 1 + count // MANY] for each in drawn])
    apart = np.abs(lead) > _half_widths(some, lead, entries[0].effective)
    better, worse = (apart & (lead < 0)).sum(axis=1), (apart & (lead > 0)).sum(axis=1)
    return [
        Rank(float(share), 1 + int(above), count - int(below))
        for share, above, below in zip(best, better, worse, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class AllDifferences:
    """The differences of all pairs of entries, each by itself, as `Bootstrapped.minus` computes it.

    Attributes:
        difference: score of the entry of the row minus that of the column ``[n, n]``.
        low: lower end of its 95 % interval ``[n, n]``.
        high: upper end of its 95 % interval ``[n, n]``.
        p: two-sided p-value, not corrected for the number of pairs ``[n, n]``.
    """

    difference: Floats
    low: Floats
    high: Floats
    p: Floats


def all_differences(entries: Sequence[Bootstrapped]) -> AllDifferences | None:
    """Compare each entry with each other one by products of matrices.

    Args:
        entries: entries on the same draws.

    Returns:
        None without draws.
    """
    drawn = [each.resampled for each in entries if each.resampled is not None]
    if not drawn or len(drawn) < len(entries) or entries[0].effective <= 1:
        return None
    effective = entries[0].effective
    scores = np.array([each.score for each in entries])
    lead = scores[:, None] - scores
    variances = _variances(np.stack(drawn), effective)
    alike = variances < SAME
    errors = np.sqrt(np.where(alike, 1, variances))
    half = stdtrit(effective - 1, (1 + CONFIDENCE) / 2) * errors
    others = 1 - (1 - CONFIDENCE) ** (1 / effective)  # as in `alike_interval`
    return AllDifferences(
        lead,
        np.where(alike, lead - others * (lead + 1), np.maximum(lead - half, -1)),
        np.where(alike, lead + others * (1 - lead), np.minimum(lead + half, 1)),
        np.where(
            alike,
            (1 + np.abs(lead)) ** -effective,
            2 * stdtr(effective - 1, -np.abs(lead) / errors),
        ),
    )


def _variances(table: Floats, effective: float) -> Floats:
    """The squared standard error of each difference between two entries ``[n, n]``.

    Args:
        table: scores on each draw ``[n, resamples]``.
        effective: number of effective speakers.
    """
    centred = table - table.mean(axis=1, keepdims=True)
    shared = centred @ centred.T / table.shape[1]
    own = shared.diagonal()
    found: Floats = np.maximum(own[:, None] + own - 2 * shared, 0) * effective / (effective - 1)
    return found


def _shares_of_best(drawn: Sequence[Floats]) -> list[float]:
    """The share of the draws in which each entry has the highest score.

    A table of all scores is not made: for a thousand entries it would be larger than the caches of
    a processor. Few entries have the highest score of a draw. The sum over the draws of an entry
    does not depend on the order of the entries.

    Args:
        drawn: scores of each entry on each draw ``[resamples]``.
    """
    highest = drawn[0].copy()
    for scores in drawn[1:]:
        np.maximum(highest, scores, out=highest)
    highest -= ROUNDING
    reached = [np.flatnonzero(scores >= highest) for scores in drawn]
    several = np.bincount(np.concatenate(reached), minlength=len(highest))
    return [float((1 / several[draws]).sum()) / len(highest) for draws in reached]


def _half_widths(table: Floats, lead: Floats, effective: float) -> Floats:
    """Half the width of the interval of each difference between two entries ``[n, n]``.

    Args:
        table: scores on each draw ``[n, resamples]``.
        lead: difference of the scores of two entries ``[n, n]``.
        effective: number of effective speakers.
    """
    variances = _variances(table, effective)
    level = (1 - CONFIDENCE) / (len(table) - 1)
    wide: Floats = -stdtrit(effective - 1, level / 2) * np.sqrt(variances)
    # Where the difference is the same on all draws, the interval is that of `alike_interval`.
    alike = variances < SAME
    wide[alike] = np.where((1 + np.abs(lead[alike])) ** -effective < level, 0.0, np.inf)
    return wide


def difference(
    first: tuple[Sequence[Tally], int],
    second: tuple[Sequence[Tally], int],
    metric: CountMetric = "uar",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Difference:
    """Difference of two winners over the same speakers, corrected for the selection of both.

    Args:
        first: the trials of a study and the index of its winner.
        second: the same of the winner whose score is subtracted.
        metric: the metric to compute.
        seed: seed of the draws.
        resamples: number of draws.

    Raises:
        ValueError: the trials differ in their speakers or clips.
    """
    over = Draws(first[0][0], seed, resamples)
    one, other = (over.select(*each).score(metric).bootstrapped for each in (first, second))
    return one.minus(other)


def best_of_all(selections: Sequence[Selection], metric: CountMetric = "uar") -> Corrected:
    """The score of the best of several winners, corrected for both choices.

    The best is the winner with the highest corrected UA. In each draw every study chooses its
    winner, and the best of these is chosen, by their UA minus the selection bias of the study.

    Args:
        selections: at least one, over the same draws.
        metric: the metric to compute.
    """
    by_uar = [each.score("uar") for each in selections]
    best = int(np.argmax([each.value for each in by_uar]))
    scores = by_uar if metric == "uar" else [each.score(metric) for each in selections]
    top = scores[best]
    highest = [each.highest for each in selections if each.highest is not None]
    insides = [each.inside for each in scores if each.inside is not None]
    outsides = [each.outside for each in scores if each.outside is not None]
    if not highest:
        return top
    biases = np.array([each.selection_bias for each in by_uar])
    chosen = (np.stack(highest, axis=1) - biases).argmax(axis=1)
    rows = np.arange(len(chosen))
    inside, outside = (np.stack(each, axis=1)[rows, chosen] for each in (insides, outsides))
    certain = float(((chosen == best) & selections[best].winner_chosen).mean())
    value = float(outside.mean())
    return from_draws(top.naive, value, selections[best].over, inside, outside, certain, True)
