"""Winners tested on the same speakers: differences, ranks, and the score of the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from serbench.score.comparison import Bootstrapped, Difference
from serbench.score.confusion import CountMetric, Tally
from serbench.score.intervals import CONFIDENCE, ROUNDING, standard_error
from serbench.score.metric import Floats
from serbench.score.resampling import RESAMPLES
from serbench.score.selection import Corrected, Draws, Selection, from_draws


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
    neighbourhoods and academic achievement across countries", Review of Economic Studies 91).

    Args:
        entries: entries on the same draws, such as `Corrected.bootstrapped`, at least one.

    Returns:
        The rank of each entry, in the order of ``entries``. Without draws every rank is possible,
        and every entry is equally probably the best.
    """
    scores = [each.resampled for each in entries]
    drawn = [each for each in scores if each is not None]
    if len(drawn) < len(entries):
        return [Rank(1 / len(entries), 1, len(entries)) for _ in entries]
    table = np.stack(drawn, axis=1)
    highest = table >= table.max(axis=1, keepdims=True) - ROUNDING
    best = (highest / highest.sum(axis=1, keepdims=True)).mean(axis=0)
    found = []
    for number, entry in enumerate(entries):
        others = [each for each in range(len(entries)) if each != number]
        leads = np.array([entry.score - entries[each].score for each in others])
        apart = table[:, [number]] - table[:, others]
        wide = _half_widths(apart, entry.effective)
        better, worse = int((leads < -wide).sum()), int((leads > wide).sum())
        found.append(Rank(float(best[number]), 1 + better, len(entries) - worse))
    return found


def _half_widths(differences: Floats, effective: float) -> Floats:
    """Half the width of simultaneous 95 % intervals of several differences.

    The quantile of the greatest of all deviations over the draws, in standard errors, gives the
    level at which each single interval is computed by Student's t.

    Args:
        differences: differences on each draw ``[resamples, m]``.
        effective: number of effective speakers.
    """
    errors = np.array([standard_error(each, effective) for each in differences.T])
    moving = errors > 0
    wide = np.zeros(len(errors))
    if moving.any():
        centred = differences[:, moving] - differences[:, moving].mean(axis=0)
        greatest = (np.abs(centred) / centred.std(axis=0)).max(axis=1)
        level = 2 * ndtr(-np.quantile(greatest, CONFIDENCE))
        wide[moving] = -stdtrit(effective - 1, level / 2) * errors[moving]
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
