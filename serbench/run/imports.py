"""Predictions from outside: a system that cannot run here, ranked by what it said."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT, Protocol, Rows, Split, protocol_id
from serbench.errors import DatasetError
from serbench.run.prediction_files import Brought, read_predictions
from serbench.score.metrics import score
from serbench.score.standing import standing
from serbench.store.database import Database
from serbench.store.datasets import find_dataset
from serbench.store.entries import Entries
from serbench.store.latency import LatencyFacts
from serbench.store.machines import Machine
from serbench.store.predictions import read_folds, read_holdouts, write_prediction
from serbench.store.schema import EntryRow, FoldRow, StudyRow, TrialRow, now

IMPORTED = "imported"
ELSEWHERE = "measured elsewhere"


def import_predictions(
    database: Database,
    path: Path,
    name: str,
    manifest: Manifest,
    protocol: Protocol,
    split: Split,
    machine: str | None = None,
) -> int:
    """Rank a system by its predictions for the holdout, and for the folds where the file has them.

    Args:
        database: where the entry goes; the dataset is there.
        path: a table as ``read_predictions`` takes it.
        name: of the system.
        manifest: the dataset.
        protocol: that the predictions were made under.
        split: of the dataset by that protocol.
        machine: what the file's latencies were measured on.

    Returns:
        the number of the entry; of an earlier one, where the same file was imported before.

    Raises:
        DatasetError: a clip of the holdout is missing, a clip is unknown or foreign to its fold.
        UsageError: the file is not such a table.
    """
    brought = read_predictions(path, manifest)
    parts = _parts(brought, manifest, protocol, split, path)
    content = "\n".join((name, manifest.hash, protocol.name, brought.digest))
    key = hashlib.sha256(content.encode()).hexdigest()[:16]
    with database.session() as session:
        known = session.query(EntryRow).join(StudyRow).filter(StudyRow.key == key).one_or_none()
        if known is not None:
            return known.id
        dataset = find_dataset(session, manifest.name, manifest.hash).id
        studies = [
            _study(key, outer, name, protocol, dataset, brought, manifest, tested)
            for outer, tested in enumerate(parts)
        ]
        session.add_all(studies)
        session.flush()
        number = _rank(session, studies[0], manifest, protocol)
    if brought.latencies is not None:
        where = Machine(f"{machine or name} ({ELSEWHERE})", 0, "")
        Entries(database).save_latency(number, where, _latency(brought, parts))
    return number


def _parts(
    brought: Brought, manifest: Manifest, protocol: Protocol, split: Split, path: Path
) -> list[Mapping[str, Rows]]:
    """Name of the fold → rows tested, for each outer fold; checked against the file."""
    given = {name: set(brought.rows[brought.folds == name].tolist()) for name in set(brought.folds)}
    holdouts = [part.holdout.test for part in split.outer_folds]
    wanted: dict[str, set[int]] = {HOLDOUT: {int(row) for rows in holdouts for row in rows}}
    folds: dict[str, Rows] = {}
    if len(split.outer_folds) == 1 and set(given) != {HOLDOUT}:
        folds = {str(number): fold.test for number, fold in enumerate(split.folds)}
        wanted |= {name: set(rows.tolist()) for name, rows in folds.items()}
    for name in sorted(given.keys() | wanted.keys()):
        shown = name if name == HOLDOUT else f"fold {int(name) + 1}"
        missing = wanted.get(name, set()) - given.get(name, set())
        foreign = given.get(name, set()) - wanted.get(name, set())
        for rows, said in ((missing, "misses"), (foreign, "has")):
            if rows:
                first = manifest.utterances[min(rows)].path
                more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
                raise DatasetError(
                    f"{path} {said} {first}{more} in {shown} of {protocol.name}: give exactly the "
                    f"clips that `serbench protocol clips {protocol.name} --dataset "
                    f"{manifest.name}` names"
                )
    return [
        {**(folds if number == 0 else {}), HOLDOUT: rows} for number, rows in enumerate(holdouts)
    ]


def _study(
    key: str,
    outer: int,
    name: str,
    protocol: Protocol,
    dataset: int,
    brought: Brought,
    manifest: Manifest,
    tested: Mapping[str, Rows],
) -> StudyRow:
    folds = [_fold(fold, rows, brought, manifest) for fold, rows in tested.items()]
    uars = [fold.uar for fold in folds if fold.name != HOLDOUT]
    trial = TrialRow(number=0, parameters={}, state="complete", folds=folds)
    trial.mean_uar = float(np.mean(uars)) if uars else None
    return StudyRow(
        key=f"{key}-{outer}" if outer else key,
        family=key,
        outer_fold=outer,
        dataset_id=dataset,
        backbone=name,
        front_end="",
        schedule="",
        protocol=protocol.name,
        plan={},
        compute_settings={},
        machine={},
        versions={"file": brought.digest},
        finished=now(),
        trials=[trial],
    )


def _fold(name: str, rows: Rows, brought: Brought, manifest: Manifest) -> FoldRow:
    logits = brought.logits_of(rows)
    scores = score(logits, manifest.targets[rows])
    return FoldRow(
        name=name,
        uar=scores.uar,
        accuracy=scores.accuracy,
        macro_f1=scores.macro_f1,
        epochs=0,
        best_epoch=0,
        seconds=0.0,
        seed=0,
        weights=IMPORTED,
        prediction=write_prediction(rows, logits),
    )


def _rank(session: Session, study: StudyRow, manifest: Manifest, protocol: Protocol) -> int:
    # Read in the session that wrote it: of so much, SQLite may show others nothing until its end.
    found = standing(manifest, read_holdouts(session, study), read_folds(session, study))
    entry = EntryRow(
        study_id=study.id,
        protocol_id=protocol_id(manifest, protocol),
        trial=0,
        weights=IMPORTED,
        **found.as_dict(),
    )
    session.add(entry)
    session.flush()
    return entry.id


def _latency(brought: Brought, parts: Sequence[Mapping[str, Rows]]) -> LatencyFacts:
    """Percentiles over the holdout's clips."""
    assert brought.latencies is not None
    holdout = np.isin(brought.rows, np.concatenate([part[HOLDOUT] for part in parts]))
    times = brought.latencies[holdout]
    p50, p90, p99 = (float(value) for value in np.percentile(times, [50, 90, 99]))
    return LatencyFacts(IMPORTED, 1, len(times), p50, p90, p99, None, None, None, None)
