"""Two entries, and whether their scores can be distinguished."""

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
from serbench.store.predictions import Predictions, fold_predictions, holdout_predictions
from serbench.store.schema import SystemRow
from serbench.store.systems import find_system, manifest_of
from serbench.views.reading import entry_view


@dataclass(frozen=True)
class Comparison:
    """The first entry against the second, under one protocol.

    Attributes:
        first: number of the entry.
        second: number of the other.
        protocol_id: of both.
        scores: metric → score of the first and of the second on the holdout.
        differences: metric → first minus second, with its interval over speakers.
        smallest: the smallest true difference in UAR that these speakers would show four times in
            five, or None.
        folds: the corrected t-test of UAR over folds that tested both, or None.
        fold_count: how many folds that were.
        tuned_on_folds: True where both winners were chosen by those folds, which is optimistic.
        notes: what a reader of the comparison must know of an entry, a sentence each.
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
        """Plain data; a t beyond all bounds, where all folds differ by the same, is None."""
        plain = asdict(self)
        if self.folds is not None and not np.isfinite(self.folds.t):
            plain["folds"]["t"] = None
        return plain


def compare_entries(database: Database, first: int, second: int) -> Comparison:
    """Compare two entries on the holdout that both were tested on.

    The t-test is over the holdouts of the outer folds where the protocol has several, else over
    the folds that the winners were chosen by.

    Raises:
        UsageError: no such entry, or two that were scored by different protocols.
    """
    one, other = (entry_view(database, number) for number in (first, second))
    if one.protocol_id != other.protocol_id:
        raise UsageError(
            f"entry {first} was scored by {one.protocol_id} on {one.dataset}, entry {second} by "
            f"{other.protocol_id} on {other.dataset}: scores of two protocols are not compared; "
            "study both by the same one",
            protocols=(one.protocol_id, other.protocol_id),
        )
    differences = {
        metric: tally_difference(one.tally, other.tally, metric) for metric in COUNT_METRICS
    }
    error, speakers = differences["uar"].standard_error, differences["uar"].effective
    with database.session() as session:
        systems = [find_system(session, number) for number in (first, second)]
        several = len(holdout_predictions(session, systems[0])) > 1
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
        return dict(enumerate(holdout_predictions(session, system)))
    [folds] = fold_predictions(session, system)
    return folds


def _t_test(
    manifest: Manifest, first: dict[int, Predictions], second: dict[int, Predictions]
) -> TTest | None:
    """The test over folds that hold the same clips for both; None where they do not."""
    if first.keys() != second.keys() or len(first) < 2:
        return None
    differences = [_uar(manifest, first[fold]) - _uar(manifest, second[fold]) for fold in first]
    clips = sum(len(each.rows) for each in first.values())
    n_test = clips / len(first)
    return corrected_t_test(differences, clips - n_test, n_test)


def _uar(manifest: Manifest, found: Predictions) -> float:
    return uar_of(found.logits, manifest.targets[found.rows])
