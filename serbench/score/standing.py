"""How well an entry did: everything a ranking shows of it, computed from logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from serbench.data.manifest import Manifest
from serbench.score.calibration import expected_calibration_error
from serbench.score.intervals import Intervals, speaker_intervals
from serbench.score.metrics import score
from serbench.score.tally import METRICS, Tally, tally
from serbench.store.predictions import Said, joined

TUNING = "cv_uar"
"""The score that winners are chosen by, among the intervals."""


@dataclass(frozen=True)
class Standing:
    """Scores on the holdout, how sure they are, and what the search had promised.

    Attributes:
        uar: unweighted average recall over all outer folds' holdouts together.
        accuracy: share of clips recognised.
        macro_f1: unweighted mean of the emotions' F1.
        ece: expected calibration error.
        intervals: metric → its 95 % interval ``[low, high]`` over speakers, where one can be
            given; ``cv_uar`` is of the folds' clips taken together.
        tally: speaker × emotion × answer, as bytes.
        cv_uar_mean: mean UAR over the folds the winners were chosen by, or None without any.
        cv_uar_sd: standard deviation over those folds.
    """

    uar: float
    accuracy: float
    macro_f1: float
    ece: float
    intervals: dict[str, Any]
    tally: bytes
    cv_uar_mean: float | None
    cv_uar_sd: float | None

    def as_dict(self) -> dict[str, Any]:
        """Under the names of the entry's columns."""
        return asdict(self)


def standing(
    manifest: Manifest, holdouts: Sequence[Said], folds: Sequence[Sequence[Said]]
) -> Standing:
    """Compute an entry's standing.

    Args:
        manifest: whose rows were tested.
        holdouts: what was said in each outer fold's holdout.
        folds: what was said in each fold of each outer fold's winner.
    """
    holdout = joined(holdouts)
    targets = manifest.targets[holdout.rows]
    scores = score(holdout.logits, targets)
    counted = tally_of(manifest, holdout)
    uars = [
        score(fold.logits, manifest.targets[fold.rows]).uar for outer in folds for fold in outer
    ]
    return Standing(
        uar=scores.uar,
        accuracy=scores.accuracy,
        macro_f1=scores.macro_f1,
        ece=expected_calibration_error(holdout.logits, targets),
        intervals=plain(speaker_intervals(counted)) | _tuning_interval(manifest, folds),
        tally=counted.to_bytes(),
        cv_uar_mean=float(np.mean(uars)) if uars else None,
        cv_uar_sd=float(np.std(uars, ddof=1)) if len(uars) > 1 else None,
    )


def _tuning_interval(manifest: Manifest, folds: Sequence[Sequence[Said]]) -> dict[str, list[float]]:
    """The interval of UAR over the folds' clips taken together, as plain data."""
    said = [fold for outer in folds for fold in outer]
    found = speaker_intervals(tally_of(manifest, joined(said))) if said else None
    return {} if found is None else {TUNING: list(found.uar)}


def tally_of(manifest: Manifest, said: Said) -> Tally:
    """Count what was said, by speaker."""
    return tally(said.logits, manifest.targets[said.rows], manifest.speakers[said.rows].tolist())


def plain(intervals: Intervals | None) -> dict[str, list[float]]:
    """Intervals as plain data: metric → ``[low, high]``."""
    if intervals is None:
        return {}
    return {metric: list(getattr(intervals, metric)) for metric in METRICS}
