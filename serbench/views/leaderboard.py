"""The leaderboard: what can be compared, ranked, and its Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping, select

from serbench.data.protocols import is_speaker_dependent, without_folder
from serbench.score.tally import Tally
from serbench.store.database import Database
from serbench.store.schema import DatasetRow, EntryRow, LatencyRow, MachineRow, StudyRow
from serbench.views.front import Candidate, verdicts
from serbench.views.row import FLAT_COLUMNS, WITH_INTERVAL, Row, trained_with

if TYPE_CHECKING:
    import pandas

ENTRY_COLUMNS = (
    EntryRow.id.label("entry"),
    *(StudyRow.backbone, StudyRow.front_end, StudyRow.schedule, StudyRow.compute_settings),
    *(EntryRow.weights, EntryRow.params, EntryRow.macs),
    *(DatasetRow.name.label("dataset"), DatasetRow.hash.label("dataset_hash")),
    *(DatasetRow.synthetic, StudyRow.protocol, EntryRow.protocol_id),
    *(EntryRow.uar, EntryRow.accuracy, EntryRow.macro_f1, EntryRow.ece),
    *(EntryRow.cv_uar_mean, EntryRow.cv_uar_sd, EntryRow.intervals, EntryRow.tally),
)
"""All that a ranking reads of an entry, by the names of a row: no plan, no trial, no logits."""

LATENCY_COLUMNS = (
    *(LatencyRow.entry_id, LatencyRow.runtime, LatencyRow.threads),
    LatencyRow.p50.label("latency_ms_p50"),
    LatencyRow.p90.label("latency_ms_p90"),
    LatencyRow.p99.label("latency_ms_p99"),
    LatencyRow.front_end_p50.label("front_end_ms_p50"),
    LatencyRow.network_p50.label("network_ms_p50"),
    *(MachineRow.cpu, MachineRow.cores, MachineRow.system),
)
"""Likewise of a latency."""

NOT_MEASURED: dict[str, Any] = {
    "latency_ms_p50": None,
    "latency_ms_p90": None,
    "latency_ms_p99": None,
    "front_end_ms_p50": None,
    "network_ms_p50": None,
    "runtime": "",
    "threads": 0,
    "machine": "no latency",
}
"""The latency of an entry that nobody measured anywhere."""


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
        select(*ENTRY_COLUMNS)
        .join(StudyRow, StudyRow.id == EntryRow.study_id)
        .join(DatasetRow, DatasetRow.id == StudyRow.dataset_id)
        .where(EntryRow.protocol_id != "")
        .order_by(EntryRow.id)
    )
    if dataset is not None:
        entries = entries.where(DatasetRow.name == dataset)
    measured = select(*LATENCY_COLUMNS).join(MachineRow).order_by(LatencyRow.id)
    if threads is not None:
        measured = measured.where(LatencyRow.threads == threads)
    with database.session() as session:
        latencies: dict[int, list[dict[str, Any]]] = {}
        for found in session.execute(measured).mappings():
            latencies.setdefault(found["entry_id"], []).append(_latency(found))
        ever = set(session.scalars(select(LatencyRow.entry_id).distinct()))
        rows = [
            Row(**facts, **latency)
            for facts in map(_facts, session.execute(entries).mappings())
            for latency in latencies.get(
                facts["entry"], [] if facts["entry"] in ever else [NOT_MEASURED]
            )
        ]
    return rank(rows)


def unscored_entries(database: Database) -> list[int]:
    """Entries that an older serbench recorded, without what a ranking needs."""
    with database.session() as session:
        query = select(EntryRow.id).where(EntryRow.protocol_id == "").order_by(EntryRow.id)
        return list(session.scalars(query))


def _latency(found: RowMapping) -> dict[str, Any]:
    """What a row says of a latency, from ``LATENCY_COLUMNS``."""
    facts = dict(found)
    del facts["entry_id"]
    place = place_of(*(facts.pop(name) for name in ("cpu", "cores", "system")))
    return {**facts, "machine": place}


def place_of(cpu: str, cores: int, system: str) -> str:
    """A machine for people; of one that was never here no more is known than its name."""
    if not cores:
        return cpu
    return f"{cpu}, {'1 core' if cores == 1 else f'{cores} cores'}, {system}"


def _facts(found: RowMapping) -> dict[str, Any]:
    """What a row says of an entry wherever it is measured, from ``ENTRY_COLUMNS``."""
    facts = dict(found)
    tally, intervals = Tally.from_bytes(facts.pop("tally")), facts.pop("intervals")
    imported = not facts["front_end"]
    return {
        **facts,
        "rank": 0,
        "front": "",
        "compute_settings": "" if imported else trained_with(facts["compute_settings"]),
        "protocol": without_folder(facts["protocol"]),
        "speaker_dependent": is_speaker_dependent(facts["protocol"]),
        "speakers": len(tally.speakers),
        **{f"{score}_ci": _ends(intervals.get(score)) for score in WITH_INTERVAL},
        "tally": tally,
    }


def _ends(interval: list[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (interval[0], interval[1])


def rank(rows: Iterable[Row]) -> list[Ranking]:
    """Rank rows among those they may be compared with, best holdout UAR first.

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
    from serbench.score.intervals import clip_intervals

    return Ranking(
        tuple(
            replace(row, uar_clip_ci=None if found is None else found.uar)
            for row in ranking.rows
            for found in [clip_intervals(row.tally)]
        )
    )


def to_frame(rankings: Sequence[Ranking]) -> pandas.DataFrame:
    """All rows of all rankings as a pandas table, for notebooks."""
    import pandas

    return pandas.DataFrame(flat_rows(rankings), columns=list(FLAT_COLUMNS))


def flat_rows(rankings: Sequence[Ranking]) -> list[dict[str, Any]]:
    """All rows of all rankings as the lines of a table, each with ``FLAT_COLUMNS``."""
    return [row.as_flat_dict() for ranking in rankings for row in ranking.rows]
