"""The content of a database as pandas DataFrames, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serbench.store.database import Database
from serbench.views import frames
from serbench.views.ranking import rankings

if TYPE_CHECKING:
    import pandas


class Results:
    """The content of a database as pandas DataFrames; ``serbench.open`` returns it.

    Each method reads the database again. A missing number is NaN, a missing text ``<NA>``. Columns
    have the same types in a table without rows. ``describe(METHOD)`` explains the columns.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        _ = database.engine

    def leaderboard(
        self, dataset: str | None = None, protocol: str | None = None, threads: int | None = 1
    ) -> pandas.DataFrame:
        """A row for each entry in each ranking, best UA first.

        Entries may only be compared within one ``ranking``.

        Args:
            dataset: only entries on the dataset of this name.
            protocol: only entries of this protocol, by name or identifier.
            threads: only latencies at this thread count; None for all.
        """
        return frames.ranking_frame(rankings(self._database, dataset, threads, protocol))

    def scores(self) -> pandas.DataFrame:
        """A row for each metric of each entry and evidence, with its 95 % interval."""
        return frames.score_frame(self._database)

    def studies(self) -> pandas.DataFrame:
        """A row for each study, oldest first."""
        return frames.study_frame(self._database)

    def trials(self, study: int | None = None) -> pandas.DataFrame:
        """A row for each trial, with a column for each searched parameter.

        Args:
            study: only trials of this study.

        Raises:
            UsageError: no such study.
        """
        return frames.trial_frame(self._database, study)

    def folds(self, study: int | None = None) -> pandas.DataFrame:
        """A row for each training: of each trial on each fold, and the last one of the winner.

        Arguments and errors are those of ``trials``.
        """
        return frames.fold_frame(self._database, study)

    def curves(self, study: int | None = None) -> pandas.DataFrame:
        """A row for each epoch of each training: UA and loss on the validation clips.

        Arguments and errors are those of ``trials``.
        """
        return frames.curve_frame(self._database, study)

    def predictions(self, entry: int) -> pandas.DataFrame:
        """A row for each clip that an entry was tested on, with a probability for each emotion.

        Rows with ``fold`` equal to ``holdout`` come from the entry's own network; the others come
        from the networks of the folds by which its configuration was selected.

        Args:
            entry: its number.

        Raises:
            UsageError: no such entry.
        """
        return frames.prediction_frame(self._database, entry)

    def calibration(self) -> pandas.DataFrame:
        """A row for each entry: its temperature, and its scores before and after calibration."""
        return frames.calibration_frame(self._database)

    def rejection(self, entry: int) -> pandas.DataFrame:
        """A row for each confidence of a tested clip: the scores if less certain are rejected."""
        return frames.rejection_frame(self._database, entry)

    def seeds(self) -> pandas.DataFrame:
        """A row for each entry and each seed of its winner, as ``study run --seeds`` trains it.

        An entry whose winner was not trained again has one row; imports have none.
        """
        return frames.seed_frame(self._database)

    def latencies(self) -> pandas.DataFrame:
        """A row for each measured latency: entry, machine, runtime, threads, milliseconds."""
        return frames.latency_frame(self._database)

    def datasets(self) -> pandas.DataFrame:
        """A row for each dataset, as it was last scanned."""
        return frames.dataset_frame(self._database)
