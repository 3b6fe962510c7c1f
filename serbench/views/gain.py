"""The improvement by the search of a study, and whether the search was finished."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, contains_eager

from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT
from serbench.score.comparison import tally_difference
from serbench.score.confusion import Tally, score_counts, tally
from serbench.store.database import Database
from serbench.store.predictions import EAGER, Predictions, joined, read_prediction, winners
from serbench.store.schema import PredictionRow, SystemRow, TrialRow
from serbench.store.schema_data import SplitRow
from serbench.store.systems import find_system, first_study, manifest_of


@dataclass(frozen=True)
class Gain:
    """The difference between the winning and the first trial, on the clips of all folds together.

    Attributes:
        winner: number of the winning trial, from 1; with several outer folds, of the first one.
        first_uar: UAR of the first trial, which has the initial configuration.
        winner_uar: UAR of the winning trial.
        difference: UAR of the winner minus UAR of the first trial.
        low: lower end of its 95 % interval, or None if there is no interval.
        high: upper end of the interval.
        speakers: number of resampled speakers.
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
        """The gain as a sentence, in points of UA."""
        if self.difference == 0:
            return "no trial was better than the first trial, which has the initial values"
        interval = "no confidence interval can be estimated"
        if self.low is not None and self.high is not None:
            interval = (
                f"95 % CI {100 * self.low:+.1f} to {100 * self.high:+.1f}, bootstrap over "
                f"{self.speakers} speakers"
            )
        return (
            f"the search changed UA over the folds by {100 * self.difference:+.1f} points, from "
            f"{100 * self.first_uar:.1f} (first trial, with the initial values) to "
            f"{100 * self.winner_uar:.1f} (winner; {interval}; optimistic, since the winner was "
            "selected by these folds)"
        )


def budget_note(database: Database, number: int) -> str | None:
    """A sentence if the time limit ended the search of an entry before its last trial, or None.

    Raises:
        UsageError: there is no such entry.
    """
    with database.session() as session:
        system = _searched(session, number)
        if system is None:
            return None
        study = first_study(session, system)
        asked, tried = study.plan["trials"], len(study.trials)
    if tried >= asked:
        return None
    nothing = ", so nothing was searched and the winner has the initial values"
    return (
        f"the time limit was reached after {tried} of {asked} trials"
        f"{nothing if tried == 1 else ''}: run the same command with more --minutes to continue"
    )


def gain_of(database: Database, number: int, manifest: Manifest | None = None) -> Gain | None:
    """The gain by the search of an entry; None if only one configuration was tried.

    Args:
        database: the database with the entry.
        number: its number.
        manifest: of its dataset, if it was read already.

    Raises:
        UsageError: there is no such entry.
    """
    with database.session() as session:
        system = _searched(session, number)
        if system is None:
            return None
        best = winners(session, system)
        if all(len(trial.study.trials) == 1 for trial in best):
            return None
        firsts = [trial.study.trials[0] for trial in best]
        manifest = manifest or manifest_of(database, system.protocol)
        before, after = (
            _counted(manifest, joined(_predictions(session, trial) for trial in trials))
            for trials in (firsts, best)
        )
        return gain(before, after, best[0].number + 1)


def _searched(session: Session, number: int) -> SystemRow | None:
    """The row of an entry; None for an import, which has no search.

    Raises:
        UsageError: there is no such entry.
    """
    system = find_system(session, number)
    return None if system.imported is not None else system


def _predictions(session: Session, trial: TrialRow) -> Predictions:
    """The logits of a trial's networks on the clips of all its folds."""
    query = (
        select(PredictionRow)
        .join(SplitRow, and_(SplitRow.id == PredictionRow.split_id, SplitRow.fold != HOLDOUT))
        .where(PredictionRow.system_id == trial.system_id, PredictionRow.runtime == EAGER)
        .order_by(SplitRow.id)
        .options(contains_eager(PredictionRow.split))
    )
    return joined(read_prediction(each) for each in session.scalars(query))


def _counted(manifest: Manifest, found: Predictions) -> Tally:
    return tally(found.logits, manifest.targets[found.rows], manifest.speakers[found.rows])


def gain(first: Tally, winner: Tally, number: int) -> Gain:
    """Compare two trials of a study by a paired bootstrap over speakers.

    Args:
        first: predictions of the first trial.
        winner: predictions of the winning trial, of the same clips.
        number: of the winning trial.

    Raises:
        ValueError: the two trials were not tested on the same clips.
    """
    found = tally_difference(winner, first)
    low, high = found.interval or (None, None)
    return Gain(
        number,
        score_counts(first.confusion, "uar"),
        score_counts(winner.confusion, "uar"),
        found.difference,
        low,
        high,
        found.speakers,
    )
