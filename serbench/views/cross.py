"""Entries tested on the datasets of each other: the cells of the matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.errors import DatasetError, UsageError
from serbench.score.metric import Metric, Score
from serbench.store.database import Database
from serbench.store.evaluations import Evaluations
from serbench.store.systems import Systems
from serbench.views.cross_plan import CrossPlan
from serbench.views.entry import EVIDENCE, RANKED_BY, EntryView
from serbench.views.evaluation import evaluation_view
from serbench.views.reading import entry_view

OTHER_DATASET = "other_dataset"
"""The evidence of a cell beside the diagonal: nothing was chosen by its clips."""

MOST = 0.5
"""An emotion that is predicted for a greater share of the clips may be a warning."""

EXCESS = 1.5
"""It is one if the emotion is predicted more than so many times as often as it occurs."""

FEW_CLIPS = 10
"""The recall of an emotion with fewer clips is named, since it counts as much as the others."""


@dataclass(frozen=True)
class CrossCell:
    """An entry tested on a dataset.

    Attributes:
        trained: name of the dataset on which the entry was trained.
        entry: number of the entry.
        backbone: name of its backbone.
        head: name of its head.
        readout: what the head receives of the backbone.
        tested: name of the dataset of the test.
        evidence: ``other_dataset``, or on its own dataset the evidence of the entry.
        uar: unweighted average recall over ``emotions``.
        uar_ci: its 95 % interval over speakers, or None.
        emotions: the common emotions, which the entry predicts and on which it is scored.
        clips: number of scored clips.
        speakers: number of their speakers.
        predicted: the emotion that is predicted most often.
        predicted_share: share of the clips for which it is predicted.
        true_share: share of the clips of this emotion.
        fewest: the emotion with the fewest clips.
        fewest_clips: number of these clips.
    """

    trained: str
    entry: int
    backbone: str
    head: str
    readout: str
    tested: str
    evidence: str
    uar: float
    uar_ci: tuple[float, float] | None
    emotions: tuple[str, ...]
    clips: int
    speakers: int
    predicted: str
    predicted_share: float
    true_share: float
    fewest: str
    fewest_clips: int

    @property
    def own(self) -> bool:
        """True on the diagonal."""
        return self.trained == self.tested

    @property
    def evidence_text(self) -> str:
        """The evidence as text, such as ``selection-corrected CV``."""
        return EVIDENCE.get(self.evidence, self.evidence.replace("_", " "))

    @property
    def one_sided(self) -> bool:
        """Whether one emotion is predicted for most clips, and far more often than it occurs."""
        return self.predicted_share > max(MOST, EXCESS * self.true_share)

    @property
    def warnings(self) -> list[str]:
        """A sentence for each property of this test that limits its result."""
        found = []
        if self.one_sided:
            found.append(
                f"entry {self.entry} gives one emotion to most recordings of {self.tested}: it "
                f"predicts {self.predicted} for {_percent(self.predicted_share)} of the clips, and "
                f"{_percent(self.true_share)} of them are {self.predicted}"
            )
        if self.fewest_clips < FEW_CLIPS:
            clips = "only 1 clip" if self.fewest_clips == 1 else f"only {self.fewest_clips} clips"
            found.append(
                f"entry {self.entry} on {self.tested}: UA includes the recall of {self.fewest}, "
                f"which has {clips}"
            )
        if self.uar_ci is None:
            found.append(
                f"entry {self.entry} on {self.tested}: UA has no interval, since there are too few "
                f"speakers ({self.speakers})"
            )
        return found

    def as_dict(self) -> dict[str, Any]:
        """Plain data of one cell."""
        return {**vars(self), "one_sided": self.one_sided}

    def as_flat_dict(self) -> dict[str, Any]:
        """Plain data of one value each, the line of ``--format csv``."""
        flat = self.as_dict()
        flat["uar_ci_low"], flat["uar_ci_high"] = flat.pop("uar_ci") or (None, None)
        return {**flat, "emotions": " ".join(self.emotions)}


@dataclass(frozen=True)
class CrossView:
    """The matrix: the cells of each row, in the order of ``datasets``."""

    datasets: tuple[str, ...]
    rows: tuple[tuple[CrossCell, ...], ...]

    @property
    def cells(self) -> list[CrossCell]:
        """All cells, row by row."""
        return [cell for row in self.rows for cell in row]

    @property
    def warnings(self) -> list[str]:
        """The warnings of all cells."""
        return [warning for cell in self.cells for warning in cell.warnings]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--format json``."""
        return {
            "datasets": self.datasets,
            "cells": [cell.as_dict() for cell in self.cells],
            "warnings": self.warnings,
        }


def cross_view(database: Database, plan: CrossPlan, metrics: Sequence[Metric]) -> CrossView:
    """The matrix of tests that were already made.

    Args:
        database: the database with the entries and their logits on the datasets.
        plan: rows and columns.
        metrics: the registered metrics; only UA is computed.

    Raises:
        UsageError: an entry was not tested on a dataset yet.
        DatasetError: a dataset has no clips to test an entry on.
    """
    ranked = [metric for metric in metrics if metric.name == RANKED_BY]
    return CrossView(
        plan.datasets,
        tuple(
            tuple(
                _own(database, entry)
                if entry.dataset == dataset
                else _other(database, entry, dataset, ranked)
                for dataset in plan.datasets
            )
            for entry in plan.entries
        ),
    )


def stored_cells(database: Database, metrics: Sequence[Metric]) -> list[CrossCell]:
    """The tests on other datasets that were made, each entry first on its own dataset.

    Tests of another scan of a dataset than the present one are left out.

    Args:
        database: the database with the entries and their logits on the datasets.
        metrics: the registered metrics; only UA is computed.
    """
    ranked = [metric for metric in metrics if metric.name == RANKED_BY]
    found: dict[int, list[CrossCell]] = {}
    for number, dataset in Evaluations(database).stored():
        try:
            entry = entry_view(database, number)
            cell = _other(database, entry, dataset, ranked)
        except (DatasetError, UsageError):
            continue
        found.setdefault(number, [_own(database, entry)]).append(cell)
    return [cell for cells in found.values() for cell in cells]


def _own(database: Database, entry: EntryView) -> CrossCell:
    emotions, score = Systems(database).record(entry.entry).emotions, entry.scores[RANKED_BY]
    return _cell(
        entry, entry.dataset, entry.evidence, score, emotions, entry.tally.confusion, entry.speakers
    )


def _other(
    database: Database, entry: EntryView, dataset: str, metrics: Sequence[Metric]
) -> CrossCell:
    found = evaluation_view(database, entry.entry, dataset, metrics)
    return _cell(
        entry,
        dataset,
        OTHER_DATASET,
        found.scores[RANKED_BY],
        found.emotions,
        found.confusion,
        found.speakers,
    )


def _cell(
    entry: EntryView,
    tested: str,
    evidence: str,
    score: Score,
    emotions: tuple[str, ...],
    confusion: npt.NDArray[np.int64],
    speakers: int,
) -> CrossCell:
    clips, true, predicted = int(confusion.sum()), confusion.sum(axis=1), confusion.sum(axis=0)
    most = int(predicted.argmax())
    fewest = min(np.flatnonzero(true).tolist(), key=lambda place: (true[place], place))
    return CrossCell(
        trained=entry.dataset,
        entry=entry.entry,
        backbone=entry.backbone,
        head=entry.head,
        readout=entry.readout,
        tested=tested,
        evidence=evidence,
        uar=score.value,
        uar_ci=score.interval,
        emotions=emotions,
        clips=clips,
        speakers=speakers,
        predicted=emotions[most],
        predicted_share=float(predicted[most] / clips),
        true_share=float(true[most] / clips),
        fewest=emotions[fewest],
        fewest_clips=int(true[fewest]),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
