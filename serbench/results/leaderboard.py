"""The leaderboard: what can be compared, ranked, and its Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from serbench.results.database import Database
from serbench.results.schema import DatasetRow, EntryRow, LatencyRow, MachineRow, StudyRow

if TYPE_CHECKING:
    import pandas

SPEAKER_DEPENDENT = "random"
"""Protocols of this rule hear the same people in training and in testing."""


@dataclass(frozen=True)
class Row:
    """One entry as the leaderboard shows it.

    Attributes:
        entry: its number.
        rank: place by exam UAR among the entries it may be compared with, from 1.
        on_front: True where no comparable entry is both as good and as fast, and better in one.
        backbone: name.
        front_end: name.
        schedule: name.
        weights: identity of what it started from.
        dataset: name.
        dataset_hash: hash of the dataset's content.
        synthetic: True where the dataset was spoken by a program.
        protocol: name.
        speaker_dependent: True where the protocol tests on people heard in training.
        uar: unweighted average recall on the exam.
        accuracy: on the exam.
        macro_f1: on the exam.
        cv_uar_mean: mean over the folds of the winning trial.
        cv_uar_sd: standard deviation over those folds.
        latency_ms_p50: median time for one answer, front end and network.
        latency_ms_p90: its 90th percentile.
        latency_ms_p99: its 99th percentile.
        front_end_ms_p50: median of the front end alone.
        network_ms_p50: median of the network alone.
        runtime: how the network was run.
        threads: that the runtime might use.
        machine: processor and cores.
        params: parameters of the network.
        macs: multiply-accumulates for one clip.
    """

    entry: int
    rank: int
    on_front: bool
    backbone: str
    front_end: str
    schedule: str
    weights: str
    dataset: str
    dataset_hash: str
    synthetic: bool
    protocol: str
    speaker_dependent: bool
    uar: float
    accuracy: float
    macro_f1: float
    cv_uar_mean: float
    cv_uar_sd: float
    latency_ms_p50: float
    latency_ms_p90: float
    latency_ms_p99: float
    front_end_ms_p50: float
    network_ms_p50: float
    runtime: str
    threads: int
    machine: str
    params: int
    macs: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data, the row of ``--format json``."""
        return asdict(self)


@dataclass(frozen=True)
class Ranking:
    """Entries that may be compared: one dataset, protocol, machine, runtime, thread count."""

    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """What all rows have in common."""
        first = self.rows[0]
        threads = f"{first.threads} thread" + ("s" if first.threads > 1 else "")
        return (
            f"{first.dataset}{' (synthetic speech)' if first.synthetic else ''}"
            f" [{first.dataset_hash[:8]}] · {first.protocol}"
            f"{' (speaker-dependent)' if first.speaker_dependent else ''}"
            f" · {first.machine} · {first.runtime}, {threads}"
        )


def read_rankings(
    database: Database, dataset: str | None = None, threads: int | None = 1
) -> list[Ranking]:
    """All rankings, each over entries that may be compared.

    Args:
        database: where the entries are.
        dataset: only entries on the dataset of this name.
        threads: only latencies at this thread count; None for all.
    """
    query = (
        select(EntryRow, StudyRow, DatasetRow.name, DatasetRow.hash, DatasetRow.synthetic)
        .add_columns(LatencyRow, MachineRow)
        .join(StudyRow, StudyRow.id == EntryRow.study_id)
        .join(DatasetRow, DatasetRow.id == StudyRow.dataset_id)
        .join(LatencyRow, LatencyRow.entry_id == EntryRow.id)
        .join(MachineRow, MachineRow.id == LatencyRow.machine_id)
        .order_by(EntryRow.id)
    )
    if dataset is not None:
        query = query.where(DatasetRow.name == dataset)
    if threads is not None:
        query = query.where(LatencyRow.threads == threads)
    with database.session() as session:
        rows = [_row(*columns) for columns in session.execute(query)]
    return rank(rows)


def _row(
    entry: EntryRow,
    study: StudyRow,
    dataset: str,
    dataset_hash: str,
    synthetic: bool,
    latency: LatencyRow,
    machine: MachineRow,
) -> Row:
    return Row(
        entry=entry.id,
        rank=0,
        on_front=False,
        backbone=study.backbone,
        front_end=study.front_end,
        schedule=study.schedule,
        weights=entry.weights,
        dataset=dataset,
        dataset_hash=dataset_hash,
        synthetic=synthetic,
        protocol=study.protocol,
        speaker_dependent=study.protocol.startswith(SPEAKER_DEPENDENT),
        uar=entry.uar,
        accuracy=entry.accuracy,
        macro_f1=entry.macro_f1,
        cv_uar_mean=entry.cv_uar_mean,
        cv_uar_sd=entry.cv_uar_sd,
        latency_ms_p50=latency.p50,
        latency_ms_p90=latency.p90,
        latency_ms_p99=latency.p99,
        front_end_ms_p50=latency.front_end_p50,
        network_ms_p50=latency.network_p50,
        runtime=latency.runtime,
        threads=latency.threads,
        machine=f"{machine.cpu}, {machine.cores} cores, {machine.system}",
        params=entry.params,
        macs=entry.macs,
    )


def rank(rows: Iterable[Row]) -> list[Ranking]:
    """Rank rows among those they may be compared with, best exam UAR first.

    Entries never share a ranking across datasets' contents, protocols, machines, runtimes or
    thread counts. Equal UARs are ordered by latency.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        alike = (row.dataset_hash, row.protocol, row.machine, row.runtime, row.threads)
        groups.setdefault(alike, []).append(row)
    rankings = []
    for group in groups.values():
        ordered = sorted(group, key=lambda row: (-row.uar, row.latency_ms_p90, row.entry))
        rankings.append(
            Ranking(
                tuple(
                    replace(row, rank=place, on_front=not _dominated(row, group))
                    for place, row in enumerate(ordered, start=1)
                )
            )
        )
    return rankings


def _dominated(row: Row, group: Sequence[Row]) -> bool:
    """True where another entry is no worse in both UAR and latency, and better in one."""
    return any(
        other.uar >= row.uar
        and other.latency_ms_p90 <= row.latency_ms_p90
        and (other.uar > row.uar or other.latency_ms_p90 < row.latency_ms_p90)
        for other in group
    )


def to_frame(rankings: Sequence[Ranking]) -> pandas.DataFrame:
    """All rows of all rankings as a pandas table, for notebooks and ``--format csv``."""
    import pandas

    rows = [row.as_dict() for ranking in rankings for row in ranking.rows]
    return pandas.DataFrame(rows, columns=[field.name for field in fields(Row)])
