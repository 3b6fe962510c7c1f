"""What a search gained over its own first trial, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT
from serbench.score.comparison import paired_difference
from serbench.score.standing import tally_of
from serbench.score.tally import uar
from serbench.store.database import Database
from serbench.store.entry_rows import find_entry, manifest_of
from serbench.store.predictions import Said, holdouts, joined, read_prediction
from serbench.store.schema import TrialRow


@dataclass(frozen=True)
class Gain:
    """The winning trial against the first, on the clips of all folds taken together.

    Attributes:
        winner: number of the winning trial; of several outer folds, the first's.
        first_uar: UAR of the first trial, which is the paper's configuration.
        winner_uar: UAR of the winning trial.
        difference: winner's minus first's.
        low: lower end of its 95 % interval, or None where none can be given.
        high: upper end.
        speakers: how many were resampled.
    """

    winner: int
    first_uar: float
    winner_uar: float
    difference: float
    low: float | None
    high: float | None
    speakers: int

    @property
    def sentence(self) -> str:
        """For people, in points of UA."""
        if self.difference == 0:
            return "the search found nothing better than its first trial, the paper's configuration"
        interval = "no interval can be given"
        if self.low is not None and self.high is not None:
            interval = (
                f"95 % interval {100 * self.low:+.1f} to {100 * self.high:+.1f}, bootstrap over "
                f"{self.speakers} speakers"
            )
        return (
            f"the winner gained {100 * self.difference:+.1f} UA over the first trial, "
            f"the paper's configuration ({100 * self.first_uar:.1f} to {100 * self.winner_uar:.1f}; "
            f"{interval}; the winner was chosen by these folds, which flatters it)"
        )


def gain_of(database: Database, entry: int) -> Gain | None:
    """The gain of the search that produced an entry, or None where one configuration was tried."""
    with database.session() as session:
        study = find_entry(session, entry).study
        if study.plan.get("trials", 1) == 1:
            return None
        winners = [
            session.get_one(TrialRow, holdout.trial_id) for holdout in holdouts(session, study)
        ]
        firsts = [_first(session, winner) for winner in winners]
        return gain(
            manifest_of(database, study),
            joined(_said(trial) for trial in firsts),
            joined(_said(trial) for trial in winners),
            winners[0].number,
        )


def _first(session: Session, winner: TrialRow) -> TrialRow:
    """The first trial of the study that a winner is of."""
    return session.query(TrialRow).filter_by(study_id=winner.study_id, number=0).one()


def _said(trial: TrialRow) -> Said:
    """What the networks of a trial said about the clips of all its folds."""
    return joined(read_prediction(fold.prediction) for fold in trial.folds if fold.name != HOLDOUT)


def gain(manifest: Manifest, first: Said, winner: Said, number: int) -> Gain:
    """Compare two trials of a study by a paired bootstrap over speakers.

    Args:
        manifest: whose rows the predictions are about.
        first: what the first trial said.
        winner: what the winning trial said, about the same rows.
        number: of the winning trial.

    Raises:
        ValueError: the two were not tested on the same clips.
    """
    before, after = tally_of(manifest, first), tally_of(manifest, winner)
    found = paired_difference(after, before)
    low, high = found.interval or (None, None)
    return Gain(
        number,
        float(uar(before.confusion)),
        float(uar(after.confusion)),
        found.difference,
        low,
        high,
        found.speakers,
    )
