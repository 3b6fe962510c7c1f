"""Comparison of two entries by paired statistical tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.errors import UsageError
from serbench.score.comparison import (
    Difference,
    TTest,
    corrected_t_test,
    smallest_difference,
    tally_difference,
)
from serbench.score.confusion import COUNT_METRICS, CountMetric, uar_of
from serbench.score.intervals import FEWEST_SPEAKERS
from serbench.store.database import Database
from serbench.store.predictions import Predictions, fold_predictions, scored_predictions
from serbench.store.schema import SystemRow
from serbench.store.systems import find_system, manifest_of
from serbench.views.reading import entry_view


@dataclass(frozen=True)
class Comparison:
    """The first entry against the second, under one protocol.

    Attributes:
        first: number of the first entry.
        second: number of the second entry.
        protocol_id: identifier of the protocol of both.
        scores: metric → score of the first and of the second on the holdout.
        differences: metric → first minus second, with its confidence interval over speakers.
        smallest: the smallest difference in UAR that this number of speakers detects with a power
            of 80 %, or None.
        folds: the corrected t-test of UAR over folds with tests of both entries, or None.
        fold_count: number of these folds.
        tuned_on_folds: True if both winners were selected by those folds, which is optimistic.
        notes: a sentence for each property of an entry that limits the comparison.
    """

    first: int
    second: int
    protocol_id: str
    scores: dict[CountMetric, tuple[float, float]]
    differences: dict[CountMetric, Difference]
    smallest: float | None
    folds: TTest | None
    fold_count: int
    tuned_on_folds: bool
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data; an infinite t, where all folds have the same difference, is None."""
        plain = asdict(self)
        if self.folds is not None and not np.isfinite(self.folds.t):
            plain["folds"]["t"] = None
        return plain


def compare_entries(database: Database, first: int, second: int) -> Comparison:
    """Compare two entries on the holdout that both were tested on.

    The t-test is over the holdouts of the outer folds if the protocol has several, otherwise over
    the folds by which the winners were selected.

    Raises:
        UsageError: there is no such entry, or the two were scored by different protocols.
    """
    one, other = (entry_view(database, number) for number in (first, second))
    if one.protocol_id != other.protocol_id:
        raise UsageError(
            f"entry {first} was scored by protocol {one.protocol_id} on {one.dataset}, and entry "
            f"{second} by {other.protocol_id} on {other.dataset}, so they cannot be compared: "
            "choose two entries of the same protocol from `serbench leaderboard`",
            protocols=(one.protocol_id, other.protocol_id),
        )
    differences = {
        metric: tally_difference(one.tally, other.tally, metric) for metric in COUNT_METRICS
    }
    error, speakers = differences["uar"].standard_error, differences["uar"].effective
    with database.session() as session:
        systems = [find_system(session, number) for number in (first, second)]
        several = len(scored_predictions(session, systems[0])) > 1
        manifest = manifest_of(database, systems[0].protocol)
        tested = [_tested(session, system, several) for system in systems]
    return Comparison(
        first=first,
        second=second,
        protocol_id=one.protocol_id,
        scores={
            metric: (one.scores[metric].value, other.scores[metric].value)
            for metric in COUNT_METRICS
        },
        differences=differences,
        smallest=None
        if error is None or speakers < FEWEST_SPEAKERS
        else smallest_difference(error, speakers),
        folds=_t_test(manifest, *tested),
        fold_count=len(tested[0]),
        tuned_on_folds=not several,
        notes=tuple(f"entry {each.entry}: {each.note}" for each in (one, other) if each.note),
    )


def _tested(session: Session, system: SystemRow, several: bool) -> dict[int, Predictions]:
    if several:
        return dict(enumerate(scored_predictions(session, system)))
    [folds] = fold_predictions(session, system)
    return folds


def _t_test(
    manifest: Manifest, first: dict[int, Predictions], second: dict[int, Predictions]
) -> TTest | None:
    """The test over folds with the same clips for both; None if the clips differ."""
    if first.keys() != second.keys() or len(first) < 2:
        return None
    differences = [_uar(manifest, first[fold]) - _uar(manifest, second[fold]) for fold in first]
    clips = sum(len(each.rows) for each in first.values())
    n_test = clips / len(first)
    return corrected_t_test(differences, clips - n_test, n_test)


def _uar(manifest: Manifest, found: Predictions) -> float:
    return uar_of(found.logits, manifest.targets[found.rows])
