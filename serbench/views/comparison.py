"""Two entries, and whether one can be said to be better."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.errors import UsageError
from serbench.score.comparison import (
    FEWEST_SPEAKERS,
    Difference,
    TTest,
    corrected_t_test,
    paired_difference,
    smallest_difference,
)
from serbench.score.metrics import score
from serbench.score.tally import METRICS, Metric, Tally
from serbench.store.database import Database
from serbench.store.entry_rows import manifest_of, scored_entry
from serbench.store.predictions import Said, read_folds, read_holdouts
from serbench.store.schema import EntryRow


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
        folds: the corrected t-test of UAR over folds tested by both, or None.
        fold_count: how many folds that were.
        tuned_on_folds: True where both winners were chosen by those folds, which flatters both.
    """

    first: int
    second: int
    protocol_id: str
    scores: dict[Metric, tuple[float, float]]
    differences: dict[Metric, Difference]
    smallest: float | None
    folds: TTest | None
    fold_count: int
    tuned_on_folds: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain data; a t beyond all bounds, where all folds differ by the same, is None."""
        plain = asdict(self)
        if self.folds is not None and not np.isfinite(self.folds.t):
            plain["folds"]["t"] = None
        return plain


def compare_entries(database: Database, first: int, second: int) -> Comparison:
    """Compare two entries on what both were tested on.

    The t-test is over the outer folds' holdouts where the protocol has several, else over the folds that
    the winners were chosen by.

    Raises:
        UsageError: no such entry, one of an older serbench, or two that were scored by different
            protocols.
    """
    with database.session() as session:
        one, other = scored_entry(session, first), scored_entry(session, second)
        if one.protocol_id != other.protocol_id:
            raise UsageError(
                f"entry {first} was scored by {one.protocol_id} on {one.study.dataset.name}, entry "
                f"{second} by {other.protocol_id} on {other.study.dataset.name}: numbers of two "
                "protocols are not compared; study both by the same one"
            )
        tallies = Tally.from_bytes(one.tally), Tally.from_bytes(other.tally)
        differences = {metric: paired_difference(*tallies, metric) for metric in METRICS}
        error, speakers = differences["uar"].standard_error, differences["uar"].effective
        outer_folds = len(read_holdouts(session, one.study)) > 1
        manifest = manifest_of(database, one.study)
        folds = [_tested(session, entry, outer_folds) for entry in (one, other)]
        return Comparison(
            first=first,
            second=second,
            protocol_id=one.protocol_id,
            scores={metric: (getattr(one, metric), getattr(other, metric)) for metric in METRICS},
            differences=differences,
            smallest=None
            if error is None or speakers < FEWEST_SPEAKERS
            else smallest_difference(error, speakers),
            folds=_t_test(manifest, *folds),
            fold_count=len(folds[0]),
            tuned_on_folds=not outer_folds,
        )


def _tested(session: Session, entry: EntryRow, outer_folds: bool) -> list[Said]:
    if outer_folds:
        return read_holdouts(session, entry.study)
    [folds] = read_folds(session, entry.study)
    return folds


def _t_test(manifest: Manifest, first: list[Said], second: list[Said]) -> TTest | None:
    """The test over folds that hold the same clips for both; None where they do not."""
    pairs = list(zip((s.by_row() for s in first), (s.by_row() for s in second), strict=False))
    alike = all(np.array_equal(one.rows, other.rows) for one, other in pairs)
    if len(first) != len(second) or len(first) < 2 or not alike:
        return None
    differences = [_uar(manifest, one) - _uar(manifest, other) for one, other in pairs]
    clips = sum(len(one.rows) for one, _ in pairs)
    n_test = clips / len(pairs)
    return corrected_t_test(differences, clips - n_test, n_test)


def _uar(manifest: Manifest, said: Said) -> float:
    return score(said.logits, manifest.targets[said.rows]).uar
