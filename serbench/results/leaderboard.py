"""The leaderboard: what can be compared, ranked, and its Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from serbench.data.protocols import is_speaker_dependent, without_folder
from serbench.results.database import Database
from serbench.results.front import Candidate, verdicts
from serbench.results.row import COLUMNS, Row
from serbench.results.schema import DatasetRow, EntryRow, LatencyRow, MachineRow, StudyRow
from serbench.results.standing import TUNING
from serbench.results.statistics.tally import METRICS, Tally

if TYPE_CHECKING:
    import pandas

WITH_INTERVAL = (*METRICS, TUNING)
"""Scores that have an interval."""

NOWHERE = "no latency"
"""The machine of entries that nobody measured anywhere."""


@dataclass(frozen=True)
class Ranking:
    """Entries that may be compared: one protocol, machine, runtime, thread count."""

    rows: tuple[Row, ...]

    def is_of(self, protocol: str) -> bool:
        """True for the protocol's name, in full or without a file's folder, or its identifier."""
        first = self.rows[0]
        return protocol in (first.protocol, first.protocol_id, first.protocol_id.partition("#")[0])

    @property
    def title(self) -> str:
        """What all rows have in common."""
        first = self.rows[0]
        threads = f"{first.threads} thread" + ("s" if first.threads > 1 else "")
        where = f"{first.machine} · {first.runtime}, {threads}" if first.runtime else first.machine
        return (
            f"{first.dataset}{' (synthetic speech)' if first.synthetic else ''}"
            f" [{first.dataset_hash[:8]}] · {first.protocol_id}"
            f"{' (speaker-dependent)' if first.speaker_dependent else ''} · {where}"
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
    entries = (
        select(EntryRow, StudyRow, DatasetRow)
        .join(StudyRow, StudyRow.id == EntryRow.study_id)
        .join(DatasetRow, DatasetRow.id == StudyRow.dataset_id)
        .where(EntryRow.protocol_id != "")
        .order_by(EntryRow.id)
    )
    if dataset is not None:
        entries = entries.where(DatasetRow.name == dataset)
    measured = select(LatencyRow, MachineRow).join(MachineRow).order_by(LatencyRow.id)
    if threads is not None:
        measured = measured.where(LatencyRow.threads == threads)
    with database.session() as session:
        latencies: dict[int, list[dict[str, Any]]] = {}
        for latency, machine in session.execute(measured):
            latencies.setdefault(latency.entry_id, []).append(_latency(latency, machine))
        ever = set(session.scalars(select(LatencyRow.entry_id)))
        rows = [
            replace(_row(*columns), **latency)
            for columns in session.execute(entries)
            for latency in latencies.get(columns[0].id, [] if columns[0].id in ever else [{}])
        ]
    return rank(rows)


def unscored_entries(database: Database) -> list[int]:
    """Entries that an older serbench recorded, without what a ranking needs."""
    with database.session() as session:
        query = select(EntryRow.id).where(EntryRow.protocol_id == "").order_by(EntryRow.id)
        return list(session.scalars(query))


def _ends(interval: list[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (interval[0], interval[1])


def _latency(latency: LatencyRow, machine: MachineRow) -> dict[str, Any]:
    return {
        "latency_ms_p50": latency.p50,
        "latency_ms_p90": latency.p90,
        "latency_ms_p99": latency.p99,
        "front_end_ms_p50": latency.front_end_p50,
        "network_ms_p50": latency.network_p50,
        "runtime": latency.runtime,
        "threads": latency.threads,
        "machine": place_of(machine),
    }


def place_of(machine: MachineRow) -> str:
    """A machine for people; of one that was never here no more is known than its name."""
    if not machine.cores:
        return machine.cpu
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    return f"{machine.cpu}, {cores}, {machine.system}"


def _row(entry: EntryRow, study: StudyRow, dataset: DatasetRow) -> Row:
    tally = Tally.from_bytes(entry.tally)
    intervals = {f"{score}_ci": _ends(entry.intervals.get(score)) for score in WITH_INTERVAL}
    return Row(
        entry=entry.id,
        rank=0,
        front="",
        backbone=study.backbone,
        front_end=study.front_end,
        schedule=study.schedule,
        weights=entry.weights,
        dataset=dataset.name,
        dataset_hash=dataset.hash,
        synthetic=dataset.synthetic,
        protocol=without_folder(study.protocol),
        protocol_id=entry.protocol_id,
        speaker_dependent=is_speaker_dependent(study.protocol),
        speakers=len(tally.speakers),
        uar=entry.uar,
        accuracy=entry.accuracy,
        macro_f1=entry.macro_f1,
        ece=entry.ece,
        cv_uar_mean=entry.cv_uar_mean,
        cv_uar_sd=entry.cv_uar_sd,
        latency_ms_p50=None,
        latency_ms_p90=None,
        latency_ms_p99=None,
        front_end_ms_p50=None,
        network_ms_p50=None,
        runtime="",
        threads=0,
        machine=NOWHERE,
        params=entry.params,
        macs=entry.macs,
        tally=tally,
        **intervals,
    )


def rank(rows: Iterable[Row]) -> list[Ranking]:
    """Rank rows among those they may be compared with, best exam UAR first.

    Entries never share a ranking across protocols (and so datasets), machines, runtimes or thread
    counts; one that was never measured joins every ranking of its protocol. Equal UARs are
    ordered by latency.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    unmeasured: dict[str, list[Row]] = {}
    for row in rows:
        if row.latency_ms_p90 is None:
            unmeasured.setdefault(row.protocol_id, []).append(row)
        else:
            alike = (row.protocol_id, row.machine, row.runtime, row.threads)
            groups.setdefault(alike, []).append(row)
    for protocol_id, lonely in unmeasured.items():
        places = [group for group in groups.values() if group[0].protocol_id == protocol_id]
        for group in places:
            group += lonely
        if not places:
            groups[protocol_id,] = lonely
    return [Ranking(_placed(group)) for group in groups.values()]


def _placed(group: Sequence[Row]) -> tuple[Row, ...]:
    ordered = sorted(
        group, key=lambda row: (-row.uar, row.latency_ms_p90 or float("inf"), row.entry)
    )
    front = verdicts(
        [Candidate(row.uar, row.latency_ms_p50, row.latency_ms_p90, row.tally) for row in ordered]
    )
    return tuple(
        replace(row, rank=place, front=verdict)
        for place, (row, verdict) in enumerate(zip(ordered, front, strict=True), start=1)
    )


def with_clip_intervals(ranking: Ranking) -> Ranking:
    """The same with the interval that takes all clips for independent, beside the right one."""
    from serbench.results.statistics.intervals import clip_intervals

    return Ranking(
        tuple(
            replace(row, uar_clip_ci=None if found is None else found.uar)
            for row in ranking.rows
            for found in [clip_intervals(row.tally)]
        )
    )


def to_frame(rankings: Sequence[Ranking]) -> pandas.DataFrame:
    """All rows of all rankings as a pandas table, for notebooks and ``--format csv``.

    An interval takes two columns: ``uar_ci_low`` and ``uar_ci_high``.
    """
    import pandas

    frame = pandas.DataFrame(
        [row.as_dict() for ranking in rankings for row in ranking.rows], columns=list(COLUMNS)
    )
    for score in WITH_INTERVAL:
        ends = frame.pop(f"{score}_ci")
        for place, end in enumerate(("low", "high")):
            frame[f"{score}_ci_{end}"] = [ci if ci is None else ci[place] for ci in ends]
    return frame
