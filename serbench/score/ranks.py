"""Ranks of several winners tested on the same speakers, and the score of the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from serbench.score.comparison import Bootstrapped
from serbench.score.confusion import CountMetric
from serbench.score.intervals import CONFIDENCE, ROUNDING, share_interval, standard_error
from serbench.score.metric import Floats
from serbench.score.selection import Corrected, Selection


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
    highest = [each.highest for each in selections]
    tables = [each.bootstrapped.resampled for each in scores]
    known = [each for each in highest if each is not None]
    drawn = [each for each in tables if each is not None]
    if len(known) < len(selections) or len(drawn) < len(selections):
        return top
    biases = np.array([each.selection_bias for each in by_uar])
    chosen = (np.stack(known, axis=1) - biases).argmax(axis=1)
    outside = np.stack(drawn, axis=1)[np.arange(len(chosen)), chosen]
    value = min(max(top.value + float((outside - drawn[best]).mean()), 0.0), 1.0)
    error = standard_error(outside, top.effective)
    return Corrected(
        top.naive,
        value,
        share_interval(value, error, top.effective - 1),
        error,
        top.effective,
        float(((chosen == best) & selections[best].winner_chosen).mean()),
        Bootstrapped(value, outside, len(selections[best].over.speakers), top.effective),
    )
