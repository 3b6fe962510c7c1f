"""95 % intervals over speakers of how well confidence and accuracy agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from serbench.score.calibration import BINS, log_losses, reliability
from serbench.score.intervals import (
    FEWEST_SPEAKERS,
    Interval,
    half_width,
    share_interval,
    standard_error,
)
from serbench.score.metric import Logits, Speakers, Targets
from serbench.score.resampling import draws, effective_units


@dataclass(frozen=True)
class AgreementIntervals:
    """The intervals of a reliability table; each is None where none can be computed.

    Attributes:
        ece: of the expected calibration error.
        log_loss: of the mean negative logarithm of the probability of the true emotion.
        accuracy: of the share of correct predictions in each bin with at least one clip.
    """

    ece: Interval | None
    log_loss: Interval | None
    accuracy: tuple[Interval | None, ...]


def agreement_intervals(
    logits: Logits, targets: Targets, speakers: Speakers, bins: int = BINS
) -> AgreementIntervals:
    """Draw speakers with all their clips; the bins of clips stay the same.

    Args:
        logits: ``[n, C]``, before the softmax.
        targets: index ``[n]`` of the true emotion.
        speakers: name of each clip's speaker ``[n]``.
        bins: number of bins of equal width.

    Raises:
        ValueError: there is nothing to score (`require_scorable`).
    """
    table = reliability(logits, targets, bins)
    names, speaker = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    confidence = softmax(logits.astype(np.float64), axis=1).max(axis=1)
    bin_of = np.searchsorted(table.edges[:-1], confidence, side="left") - 1
    right = logits.argmax(axis=1) == targets
    clips = np.zeros((len(names), logits.shape[1]), dtype=np.int64)
    np.add.at(clips, (speaker, targets), 1)
    counts, correct = (np.zeros((len(names), bins)) for _ in range(2))
    np.add.at(counts, (speaker, bin_of), 1)
    np.add.at(correct, (speaker, bin_of), right)
    confident = np.zeros_like(counts)
    np.add.at(confident, (speaker, bin_of), confidence)
    losses = np.bincount(speaker, weights=log_losses(logits, targets), minlength=len(names))
    ece = log_loss = None
    drawn, units = draws(clips), effective_units(clips)
    if drawn is not None:
        total = drawn @ clips.sum(axis=1)
        error = standard_error(np.abs(drawn @ (correct - confident)).sum(axis=1) / total, units)
        ece = share_interval(table.error, error, units - 1)
        if np.isfinite(losses).all() and units >= FEWEST_SPEAKERS:
            mean = float(losses.sum() / clips.sum())
            half = half_width(standard_error(drawn @ losses / total, units), units - 1)
            log_loss = Interval(mean - half, mean + half) if half else None
    accuracy = []
    for place in np.flatnonzero(table.count):
        of_bin = counts[:, [place]].astype(np.int64)
        drawn, units = draws(of_bin), effective_units(of_bin)
        interval = None
        if drawn is not None:
            shares = (drawn @ correct[:, place]) / (drawn @ counts[:, place])
            error = standard_error(shares, units)
            interval = share_interval(float(table.accuracy[place]), error, units - 1)
        accuracy.append(interval)
    return AgreementIntervals(ece, log_loss, tuple(accuracy))
