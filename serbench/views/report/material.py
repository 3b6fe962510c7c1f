"""What a report is made of: a dataset, a protocol, and every entry there is on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from serbench.data.clips import ClipFormat
from serbench.data.manifest import Manifest
from serbench.data.protocols import parse_protocol
from serbench.errors import UsageError
from serbench.score.metrics import Scores, score
from serbench.store.database import Database
from serbench.store.datasets import Datasets, find_dataset
from serbench.store.predictions import Said, joined, read_folds, read_holdouts
from serbench.store.schema import DatasetRow, EntryRow, StudyRow

RUN_A_STUDY = "serbench study run --backbone homebrew"


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one answer, waveform to logits, batch 1.

    Attributes:
        machine: processor, cores and system.
        cores: of that machine.
        runtime: how the network was run.
        threads: that it might use.
        runs: measured.
        p50: median.
        p90: 90th percentile.
    """

    machine: str
    cores: int
    runtime: str
    threads: int
    runs: int
    p50: float
    p90: float


@dataclass(frozen=True)
class Entry:
    """A leaderboard entry with its scores, computed from what was stored of its logits.

    Attributes:
        number: of the entry.
        backbone: name.
        front_end: name.
        schedule: name.
        weights: identity of what it started from.
        seed: of its study.
        clip_format: of its clips.
        holdout: scores on the holdout.
        folds: scores on each fold of the winning trial.
        latencies: every measurement.
    """

    number: int
    backbone: str
    front_end: str
    schedule: str
    weights: str
    seed: int
    clip_format: ClipFormat
    holdout: Scores
    folds: tuple[Scores, ...]
    latencies: tuple[Latency, ...]


@dataclass(frozen=True)
class Material:
    """A dataset, the protocol's name, and the entries on them in the order of the report."""

    manifest: Manifest
    protocol: str
    entries: tuple[Entry, ...]

    @property
    def tested_on(self) -> str:
        """Whose clips the holdout holds, in words."""
        if parse_protocol(self.protocol).speaker_disjoint:
            return "speakers that no search ever heard"
        return "unheard clips of **the same people that were trained on** (speaker-dependent)"


def read_material(
    database: Database,
    dataset: str | None = None,
    protocol: str | None = None,
    backbones: Sequence[str] = (),
    schedules: Sequence[str] = (),
) -> Material:
    """The entries on one dataset under one protocol.

    Args:
        database: where they are.
        dataset: its name; by default the only one with entries. Of a dataset that was scanned
            again with other recordings, the latest content that has entries.
        protocol: by default the one with most entries.
        backbones: names that come first, in this order; a timm tag behind a dot does not count.
        schedules: likewise.

    Raises:
        UsageError: no entries, or several datasets and none named.
    """
    with database.session() as session:
        row = _choose_dataset(session, dataset)
        protocol = _choose_protocol(session, row, protocol)
        manifest = Datasets(database).manifest(row.name, row.hash)
        query = (
            select(EntryRow)
            .join(StudyRow, StudyRow.id == EntryRow.study_id)
            .where(StudyRow.dataset_id == row.id, StudyRow.protocol == protocol)
            .where(EntryRow.artifact.is_not(None))
        )
        entries = [_entry(session, found, manifest.targets) for found in session.scalars(query)]

    def place(entry: Entry) -> tuple[object, ...]:
        return (
            _place(entry.backbone.partition(".")[0], backbones),
            entry.backbone,
            entry.front_end,
            entry.weights,
            _place(entry.schedule, schedules),
            entry.schedule,
            entry.seed,
            entry.number,
        )

    return Material(manifest, protocol, tuple(sorted(entries, key=place)))


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def _studied() -> Select[int]:
    """Datasets with entries that ran here; predictions from outside have no recipe to report."""
    return select(StudyRow.dataset_id).join(EntryRow).where(EntryRow.artifact.is_not(None))


def _choose_dataset(session: Session, name: str | None) -> DatasetRow:
    query = (
        select(DatasetRow)
        .where(DatasetRow.id.in_(_studied()))
        .order_by(DatasetRow.scanned.desc(), DatasetRow.id.desc())
    )
    if name is not None:
        find_dataset(session, name)  # an unknown name is an error
        query = query.where(DatasetRow.name == name)
    found = list(session.scalars(query))
    names = sorted({row.name for row in found})
    if not found:
        on = f" --dataset {name}" if name is not None else ""
        raise UsageError(f"no entries{on and f' on {name}'} yet: run `{RUN_A_STUDY}{on}` first")
    if len(names) > 1:
        raise UsageError(f"which dataset? --dataset takes one of {', '.join(names)}")
    return found[0]


def _choose_protocol(session: Session, dataset: DatasetRow, text: str | None) -> str:
    query = (
        select(StudyRow.protocol)
        .join(EntryRow)
        .where(StudyRow.dataset_id == dataset.id, EntryRow.artifact.is_not(None))
    )
    counts = Counter(session.scalars(query))
    if text is None:
        return min(counts, key=lambda name: (-counts[name], name))
    name = parse_protocol(text).name
    if name not in counts:
        raise UsageError(
            f"no entries under {name} on {dataset.name}, but under {', '.join(sorted(counts))}: "
            f"run `{RUN_A_STUDY} --dataset {dataset.name} --protocol {name}` first"
        )
    return name


def _entry(session: Session, row: EntryRow, targets: npt.NDArray[np.int64]) -> Entry:
    def scored(said: Said) -> Scores:
        return score(said.logits, targets[said.rows])

    return Entry(
        number=row.id,
        backbone=row.study.backbone,
        front_end=row.study.front_end,
        schedule=row.study.schedule,
        weights=row.weights,
        seed=row.study.plan["seed"],
        clip_format=ClipFormat(**row.study.plan["clip_format"]),
        holdout=scored(joined(read_holdouts(session, row.study))),
        folds=tuple(scored(fold) for outer in read_folds(session, row.study) for fold in outer),
        latencies=tuple(
            Latency(
                f"{found.machine.cpu}, {found.machine.cores} cores, {found.machine.system}",
                found.machine.cores,
                found.runtime,
                found.threads,
                found.runs,
                found.p50,
                found.p90,
            )
            for found in row.latencies
        ),
    )
