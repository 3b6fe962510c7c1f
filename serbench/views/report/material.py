"""The data of a report: a dataset, a protocol, and all entries on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from serbench.data.clips import ClipFormat
from serbench.data.manifest import Manifest
from serbench.score.confusion import Confusion, recalls, score_counts
from serbench.score.metric import Logits, Speakers, Targets
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.predictions import IMPORTED
from serbench.store.systems import Systems
from serbench.views.choosing import chosen_entries
from serbench.views.detail import EntryDetail, entry_detail
from serbench.views.entry import EntryView
from serbench.views.latencies import LatencyView


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of one test, computed from counts ``[true, predicted]``."""

    confusion: Confusion

    @cached_property
    def uar(self) -> float:
        """Unweighted average recall."""
        return score_counts(self.confusion, "uar")

    @cached_property
    def accuracy(self) -> float:
        """Share of clips that are predicted correctly."""
        return score_counts(self.confusion, "accuracy")

    @cached_property
    def recalls(self) -> tuple[float, ...]:
        """Recall of each emotion of the label set; NaN for emotions that do not occur."""
        return tuple(recalls(self.confusion).tolist())


@dataclass(frozen=True, eq=False)
class Entry:
    """A leaderboard entry in a report, with its detail view and the logits of its tested clips."""

    detail: EntryDetail
    logits: Logits = field(repr=False)
    targets: Targets = field(repr=False)
    speakers: Speakers = field(repr=False)

    @property
    def view(self) -> EntryView:
        """Scores and identity."""
        return self.detail.view

    @property
    def number(self) -> int:
        """Number of the entry."""
        return self.view.entry

    @property
    def backbone(self) -> str:
        """Name of the backbone."""
        return self.view.backbone

    @property
    def front_end(self) -> str:
        """Name of the front end."""
        return self.view.front_end

    @property
    def schedule(self) -> str:
        """Name of the schedule."""
        return self.view.schedule

    @property
    def trained_by(self) -> str:
        """Name of the schedule, or of a fitted head, which has none; ``imported`` for an import."""
        return self.schedule or self.view.head or IMPORTED

    @property
    def weights(self) -> str:
        """Identity of the weights from which training started."""
        return self.view.weights

    @property
    def seed(self) -> int | None:
        """Seed of its study; None for an import."""
        return self.view.seed

    @property
    def imported(self) -> bool:
        """Whether its predictions were imported, so that it has no front end and no training."""
        return self.detail.study is None

    @property
    def clip_format(self) -> ClipFormat | None:
        """Format of its clips; None for an import."""
        found = self.detail.plan.get("clip_format")
        return None if found is None else ClipFormat(**found)

    @cached_property
    def tested(self) -> Scores:
        """Scores on all tested clips."""
        return Scores(np.array(self.detail.confusion, dtype=np.int64))

    @cached_property
    def folds(self) -> tuple[Scores, ...]:
        """Scores on each fold of the winning trial."""
        return tuple(Scores(np.array(fold, dtype=np.int64)) for fold in self.detail.folds)

    @property
    def latencies(self) -> tuple[LatencyView, ...]:
        """All latencies that were measured."""
        return self.detail.latencies


@dataclass(frozen=True)
class Material:
    """A dataset, the name of a protocol, and the entries on them in the order of the report."""

    manifest: Manifest
    protocol: str
    entries: tuple[Entry, ...]

    @property
    def trained(self) -> Entry | None:
        """The first entry that was trained here; None if all were imported."""
        return next((entry for entry in self.entries if not entry.imported), None)

    @property
    def tested_on(self) -> str:
        """Description of the tested speakers."""
        if not self.entries[0].view.speaker_dependent:
            return "speakers who are not in any training or validation part"
        return "new clips of **the speakers of the training data** (speaker-dependent)"


def read_material(
    database: Database,
    dataset: str | None = None,
    protocol: str | None = None,
    backbones: Sequence[str] = (),
    schedules: Sequence[str] = (),
) -> Material:
    """The entries on one dataset under one protocol.

    Args:
        database: database of the entries.
        dataset: name of the dataset; by default the only one with entries. If it was scanned again
            with other recordings, the version of the newest entry is used.
        protocol: name of the protocol; by default the one with most entries.
        backbones: backbones that come first, in this order, without timm tags.
        schedules: schedules that come first, in this order.

    Raises:
        UsageError: no entries, or several datasets and none named.
    """
    chosen = chosen_entries(database, dataset, protocol)
    first = chosen[0]
    manifest = Datasets(database).manifest(first.dataset, first.dataset_hash)
    entries = [
        Entry(entry_detail(database, each.entry, manifest), *Systems(database).tested(each.entry))
        for each in chosen
    ]

    def place(entry: Entry) -> tuple[object, ...]:
        return (
            entry.imported,
            _place(entry.backbone.partition(".")[0], backbones),
            entry.backbone,
            entry.front_end,
            entry.weights,
            _place(entry.schedule, schedules),
            entry.schedule,
            entry.seed or 0,
            entry.number,
        )

    return Material(manifest, first.protocol, tuple(sorted(entries, key=place)))


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)
