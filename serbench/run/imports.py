"""Predictions from outside: a system that cannot run here, ranked by its logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import select

from serbench.data.manifest import Manifest
from serbench.data.names import check_name
from serbench.data.protocols import HOLDOUT, Protocol, Rows, Split
from serbench.errors import DatasetError
from serbench.score.metric import Metric
from serbench.store.database import Database, again_on_conflict
from serbench.store.machines import LatencyFacts, Machine
from serbench.store.prediction_files import PredictionTable, read_predictions
from serbench.store.predictions import IMPORTED
from serbench.store.schema import PredictionRow, SystemRow
from serbench.store.scores import score_system
from serbench.store.splits import Splits, StoredProtocol, split_row
from serbench.store.systems import Systems, give_number

ELSEWHERE = "measured elsewhere"


def import_predictions(
    database: Database,
    path: Path,
    name: str,
    manifest: Manifest,
    protocol: Protocol,
    metrics: Sequence[Metric],
    machine: str | None = None,
) -> int:
    """Rank a system by its predictions for the holdout, and for the folds where the file has them.

    Args:
        database: where the entry goes; the dataset is there.
        path: a table as ``read_predictions`` takes it.
        name: of the system.
        manifest: the dataset.
        protocol: that the predictions were made under.
        metrics: to score them with.
        machine: what the file's latencies were measured on.

    Returns:
        the number of the entry; of an earlier one, where the same file was imported before.

    Raises:
        DatasetError: a clip of the holdout is missing, a clip is unknown or foreign to its fold.
        UsageError: the file is not such a table.
    """
    check_name("system", name)
    if machine is not None:
        check_name("machine", machine)
    table = read_predictions(path, manifest)
    stored = Splits(database).of(manifest, protocol)
    parts = _parts(table, manifest, stored.name, stored.split, path)
    number = _rank(database, table, name, manifest, stored, parts, metrics)
    if table.latencies is not None:
        where = Machine(f"{machine or name} ({ELSEWHERE})", 0, "")
        Systems(database).save_latency(number, where, _latency(table, parts))
    return number


@again_on_conflict
def _rank(
    database: Database,
    table: PredictionTable,
    name: str,
    manifest: Manifest,
    stored: StoredProtocol,
    parts: Sequence[Mapping[str, Rows]],
    metrics: Sequence[Metric],
) -> int:
    with database.session() as session:
        same = {"imported": table.digest, "name": name, "protocol_id": stored.id, "deleted": None}
        known = session.scalar(select(SystemRow).filter_by(**same))
        if known is not None and known.number is not None:
            return known.number
        system = _system(table.digest, name, stored, manifest)
        session.add(system)
        session.flush()
        for outer, tested in enumerate(parts):
            for fold, rows in tested.items():
                session.add(
                    PredictionRow(
                        system_id=system.id,
                        runtime=IMPORTED,
                        split_id=split_row(session, stored.id, outer, fold).id,
                        logits=table.logits_of(rows).astype("<f4").tobytes(),
                    )
                )
        session.flush()
        score_system(session, manifest, system, metrics)
        return give_number(session, system)


def _system(digest: str, name: str, protocol: StoredProtocol, manifest: Manifest) -> SystemRow:
    return SystemRow(
        name=name,
        weights=IMPORTED,
        emotions=list(manifest.emotions),
        protocol_id=protocol.id,
        imported=digest,
    )


def _parts(
    table: PredictionTable, manifest: Manifest, protocol: str, split: Split, path: Path
) -> list[Mapping[str, Rows]]:
    """Name of the fold → rows tested, for each outer fold; checked against the file."""
    given = {name: set(table.rows[table.folds == name].tolist()) for name in set(table.folds)}
    holdouts = [outer.holdout.test for outer in split.outer_folds]
    wanted: dict[str, set[int]] = {HOLDOUT: {int(row) for rows in holdouts for row in rows}}
    folds: dict[str, Rows] = {}
    if len(split.outer_folds) == 1 and set(given) != {HOLDOUT}:
        folds = {str(number): fold.test for number, fold in enumerate(split.folds)}
        wanted |= {name: set(rows.tolist()) for name, rows in folds.items()}
    for name in sorted(given.keys() | wanted.keys()):
        shown = name if name == HOLDOUT else f"fold {int(name) + 1}"
        missing = wanted.get(name, set()) - given.get(name, set())
        foreign = given.get(name, set()) - wanted.get(name, set())
        for rows, problem in ((missing, "lacks"), (foreign, "has")):
            if rows:
                first = manifest.utterances[min(rows)].path
                more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
                raise DatasetError(
                    f"{path} {problem} {first}{more} in {shown} of {protocol}: give exactly the "
                    f"clips that `serbench protocol clips {protocol} --dataset {manifest.name}` "
                    "lists",
                    path=path,
                    problem=problem,
                    clip=first,
                    count=len(rows),
                    fold=name,
                    protocol=protocol,
                )
    return [
        {**(folds if number == 0 else {}), HOLDOUT: rows} for number, rows in enumerate(holdouts)
    ]


def _latency(table: PredictionTable, parts: Sequence[Mapping[str, Rows]]) -> LatencyFacts:
    """Percentiles over the clips of the holdout."""
    assert table.latencies is not None
    tested = np.isin(table.rows, np.concatenate([part[HOLDOUT] for part in parts]))
    times = table.latencies[tested]
    p50, p90, p99 = (float(value) for value in np.percentile(times, [50, 90, 99]))
    return LatencyFacts(IMPORTED, 1, len(times), p50, p90, p99, None, None, None, None)
