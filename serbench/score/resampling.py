"""Draws of whole speakers, and the scores of what was drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serbench.score.metric import Floats, Logits, Metric, Ratios, Speakers, Targets

RESAMPLES = 4000
"""The standard error is then known to about one part in ninety (√(2 · 4000))."""

RESCORED = 400
"""Draws on which a metric is scored anew from logits: its standard error is then known to about
one part in 28, and metrics that sort, as AUC does, still take less than a second."""

ROUNDS = 100
"""So many times the wanted number are drawn at most."""


def draws(
    clips: npt.NDArray[np.int64],
    seed: int = 0,
    resamples: int = RESAMPLES,
    copies: npt.NDArray[np.int64] | None = None,
) -> Floats | None:
    """Draw units with replacement, as many as there are, again and again.

    The label set is frozen: every emotion that was tested must be scored in every resample, so a
    draw without one of them is drawn again. The result depends on the arguments alone; systems
    tested on the same clips share it, and are compared by subtracting their resampled scores.

    Args:
        clips: ``[S, C]`` by unit (here the speaker: `Tally.clips`) and true emotion.
        seed: of the draws.
        resamples: how many to return.
        copies: how many equal units each row stands for ``[S]``; one each by default.

    Returns:
        How often each row was drawn ``[resamples, S]``; None where nothing can be learnt by
        drawing: there is one unit only, or not one draw in a hundred has every emotion.
    """
    copies = np.ones(len(clips), dtype=np.int64) if copies is None else copies
    units, occurring = int(copies.sum()), clips[:, clips.any(axis=0)]
    if units < 2:
        return None
    random = np.random.default_rng(seed)
    kept: list[Floats] = []
    for _ in range(ROUNDS):
        drawn = random.multinomial(units, copies / units, size=resamples).astype(np.float64)
        kept.append(drawn[(drawn @ occurring > 0).all(axis=1)])
        if sum(map(len, kept)) >= resamples:
            return np.concatenate(kept)[:resamples]
    return None


def effective_units(clips: npt.NDArray[np.int64]) -> float:
    """How many units of equal size would tell as much: (Σn)²/Σn² over their numbers of clips n.

    Student's t takes it for its degrees of freedom where clusters are of unequal sizes (Carter,
    Schnepel and Steigerwald 2017, "Asymptotic behavior of a t-test robust to cluster
    heterogeneity", Review of Economics and Statistics 99), there for clusters that are alike but
    for their size.

    Args:
        clips: ``[S, C]`` by unit and true emotion.
    """
    sizes = clips.sum(axis=1).astype(np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def resampled(ratios: Ratios, drawn: Floats) -> Floats:
    """A metric of each draw, from its ratios.

    Args:
        ratios: by unit ``[S, K]``.
        drawn: how often each unit was drawn ``[resamples, S]``, from `draws`.

    Returns:
        Scores ``[resamples]``.
    """
    scores: Floats = ((drawn @ ratios.numerators) / (drawn @ ratios.denominators)).mean(axis=1)
    return scores


def rescored(
    metric: Metric, logits: Logits, targets: Targets, speakers: Speakers, drawn: Floats
) -> Floats:
    """A metric of each draw, scored anew on the clips of the drawn speakers.

    Args:
        metric: which one.
        logits: ``[n, C]``.
        targets: ``[n]``.
        speakers: ``[n]``.
        drawn: how often each speaker was drawn ``[resamples, S]``, names ascending; the first
            ``RESCORED`` draws are used.

    Returns:
        Scores ``[min(resamples, RESCORED)]``.
    """
    _, speaker = np.unique(speakers, return_inverse=True)
    scores = []
    for counts in drawn[:RESCORED].astype(np.int64):
        clips = np.repeat(np.arange(len(targets)), counts[speaker])
        scores.append(metric.score(logits[clips], targets[clips]))
    return np.array(scores)


def resampled_scores(
    metric: Metric, logits: Logits, targets: Targets, speakers: Speakers, drawn: Floats
) -> Floats:
    """A metric of each draw: from its ratios where it has them, else scored anew."""
    ratios = metric.ratios(logits, targets, speakers)
    if ratios is None:
        return rescored(metric, logits, targets, speakers, drawn)
    return resampled(ratios, drawn)
