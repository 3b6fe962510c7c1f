"""The scores of a system: each metric with its interval, from logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from serbench.score.confusion import tally
from serbench.score.intervals import interval_of
from serbench.score.metric import Logits, Metric, Score, Speakers, Targets
from serbench.score.resampling import draws, score_of

Tested = tuple[Logits, Targets, Speakers]
"""Logits ``[n, C]``, emotion codes ``[n]`` and speakers ``[n]`` of the same clips."""


def score_holdout(
    metrics: Sequence[Metric], logits: Logits, targets: Targets, speakers: Speakers
) -> dict[str, Score]:
    """Every metric of a test, with its 95 % interval over speakers.

    Args:
        metrics: the metrics to compute.
        logits: ``[n, C]``.
        targets: emotion codes ``[n]``.
        speakers: ``[n]``.

    Returns:
        name of the metric → its score.

    Raises:
        PluginError: a metric is NaN or infinite, on the clips or on a draw of speakers.
        ValueError: there is nothing to score.
    """
    drawn = draws(tally(logits, targets, speakers).clips)
    found = {}
    for metric in metrics:
        value = score_of(metric, logits, targets)
        interval = interval_of(metric, logits, targets, speakers, value, drawn)
        found[metric.name] = Score(value, *(interval or (None, None)))
    return found


def score_folds(metrics: Sequence[Metric], folds: Sequence[Tested]) -> dict[str, Score]:
    """Every metric over the folds by which a winner was chosen.

    Args:
        metrics: the metrics to compute.
        folds: the folds of all outer folds, at least one.

    Returns:
        name of the metric → its mean over the folds, and the standard deviation over them where
        there are several. There is no interval over speakers, because a fold of one or two speakers
        cannot be resampled; `score_pooled` gives one for the score of the pooled clips.

    Raises:
        PluginError: a metric is NaN or infinite on a fold.
        ValueError: there is no fold, or a fold has nothing to score.
    """
    if not folds:
        raise ValueError("no folds to score")
    found = {}
    for metric in metrics:
        values = [score_of(metric, *fold[:2]) for fold in folds]
        found[metric.name] = Score(
            value=float(np.mean(values)),
            spread=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        )
    return found


def score_pooled(metrics: Sequence[Metric], folds: Sequence[Tested]) -> dict[str, Score]:
    """Every metric of the pooled clips of several folds, with its 95 % interval.

    Args:
        metrics: the metrics to compute.
        folds: at least one; a speaker may be in several.

    Raises:
        PluginError: a metric is NaN or infinite, on the clips or on a draw of speakers.
        ValueError: there is no fold, or nothing to score.
    """
    if not folds:
        raise ValueError("no folds to score")
    logits, targets, speakers = (np.concatenate(parts) for parts in zip(*folds, strict=True))
    return score_holdout(metrics, logits, targets, speakers)
