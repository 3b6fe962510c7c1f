"""What a search gained over its own first trial, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.protocols import EXAM
from serbench.results.database import Database
from serbench.results.datasets import Datasets
from serbench.results.schema import EntryRow, TrialRow
from serbench.results.studies import read_prediction

RESAMPLES = 10_000

Said = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]
"""Rows of the manifest ``[n]``, ascending, and logits ``[n, n_classes]``."""


@dataclass(frozen=True)
class Gain:
    """The winning trial against the first, on the clips of all folds taken together.

    Attributes:
        winner: number of the winning trial.
        first_uar: UAR of the first trial, which is the paper's setting.
        winner_uar: UAR of the winning trial.
        difference: winner's minus first's.
        low: lower end of its 95 % interval.
        high: upper end.
        speakers: how many were resampled.
    """

    winner: int
    first_uar: float
    winner_uar: float
    difference: float
    low: float
    high: float
    speakers: int

    @property
    def sentence(self) -> str:
        """For people, in points of UA."""
        if self.winner == 0:
            return "the search found nothing better than its first trial, the paper's setting"
        return (
            f"the winner gained {100 * self.difference:+.1f} UA over the first trial, "
            f"the paper's setting ({100 * self.first_uar:.1f} to {100 * self.winner_uar:.1f}; 95 % "
            f"interval {100 * self.low:+.1f} to {100 * self.high:+.1f}, bootstrap over "
            f"{self.speakers} speakers; the winner was chosen by these folds, which flatters it)"
        )


def gain_of(database: Database, entry: int) -> Gain | None:
    """The gain of the study that produced an entry, or None where it tried one setting only."""
    with database.session() as session:
        row = session.get_one(EntryRow, entry)
        if row.study.plan["trials"] == 1:
            return None
        first, winner = (
            next(trial for trial in row.study.trials if trial.number == number)
            for number in (0, row.trial)
        )
        dataset = row.study.dataset
        manifest = Datasets(database).manifest(dataset.name, dataset.hash)
        return gain(manifest, _said(first), _said(winner), winner.number)


def _said(trial: TrialRow) -> Said:
    """What the networks of a trial said about the clips of all its folds, in their order."""
    folds = [read_prediction(fold.prediction) for fold in trial.folds if fold.name != EXAM]
    rows = np.concatenate([rows for rows, _ in folds])
    logits = np.concatenate([logits for _, logits in folds])
    order = np.argsort(rows)
    return rows[order], logits[order]


def gain(manifest: Manifest, first: Said, winner: Said, number: int) -> Gain:
    """Compare two trials of a study by a paired bootstrap over speakers (percentile interval).

    A speaker's clips stand or fall together (clusters as units: Efron and Tibshirani 1993).

    Args:
        manifest: whose rows the predictions are about.
        first: rows and logits of the first trial.
        winner: of the winning trial, on the same rows in the same order.
        number: of the winning trial.

    Raises:
        ValueError: the two were not tested on the same clips.
    """
    rows = first[0]
    if not np.array_equal(rows, winner[0]):
        raise ValueError("the two trials were not tested on the same clips")
    names, speaker = np.unique(
        [manifest.utterances[row].speaker for row in rows], return_inverse=True
    )
    emotion = manifest.targets[rows]
    shape = (len(names), len(manifest.emotions))
    clips = _counts(speaker, emotion, np.ones(len(rows)), shape)
    first_right, won_right = (
        _counts(speaker, emotion, (logits.argmax(axis=1) == emotion).astype(float), shape)
        for _, logits in (first, winner)
    )
    everyone = np.ones((1, len(names)))
    random = np.random.default_rng(0)
    equal = np.full(len(names), 1 / len(names))
    draws = random.multinomial(len(names), equal, size=RESAMPLES).astype(float)
    resampled = _uars(draws, won_right, clips) - _uars(draws, first_right, clips)
    first_uar = float(_uars(everyone, first_right, clips)[0])
    winner_uar = float(_uars(everyone, won_right, clips)[0])
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Gain(
        number, first_uar, winner_uar, winner_uar - first_uar, float(low), float(high), len(names)
    )


def _counts(
    speaker: npt.NDArray[np.int64],
    emotion: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    shape: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Sum of ``weights`` for each speaker and emotion, ``[speakers, emotions]``."""
    counts = np.zeros(shape)
    np.add.at(counts, (speaker, emotion), weights)
    return counts


def _uars(
    draws: npt.NDArray[np.float64],
    right: npt.NDArray[np.float64],
    clips: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """UAR of each draw ``[draws, speakers]``, over the emotions that occur in it."""
    heard = draws @ clips
    with np.errstate(invalid="ignore"):
        recalls = (draws @ right) / heard
    uars: npt.NDArray[np.float64] = np.nanmean(recalls, axis=1)
    return uars
