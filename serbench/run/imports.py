"""Import of predictions: a system that was trained elsewhere is ranked by its logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from sqlalchemy import select

from serbench.data.manifest import Manifest
from serbench.data.names import check_name
from serbench.data.protocols import HOLDOUT, Protocol, Rows
from serbench.errors import DatasetError
from serbench.model.machine import Machine
from serbench.score.confusion import uar_of
from serbench.score.metric import Metric
from serbench.store.database import Database
from serbench.store.failures import again_on_conflict
from serbench.store.looks import count_look
from serbench.store.machines import LatencyFacts, LatencyKind, add_latency
from serbench.store.prediction_files import PredictionTable, read_predictions
from serbench.store.prediction_kinds import Kind
from serbench.store.predictions import IMPORTED
from serbench.store.schema import PredictionRow, SystemRow
from serbench.store.scores import score_system
from serbench.store.splits import Splits, StoredProtocol, split_row
from serbench.store.systems import give_number

ELSEWHERE = "measured elsewhere"


def import_predictions(
    database: Database,
    path: Path,
    name: str,
    manifest: Manifest,
    protocol: Protocol,
    metrics: Sequence[Metric],
    machine: str | None = None,
    kind: Kind | None = None,
) -> int:
    """Rank a system by its predictions for the tests of a protocol.

    These are the clips of the holdout, or, if nothing is set aside, of all folds. A file for a
    holdout may have the folds too.

    Args:
        database: the database with the dataset, which receives the entry.
        path: a table in the format of ``read_predictions``.
        name: name of the system.
        manifest: the dataset.
        protocol: protocol of the predictions.
        metrics: metrics of the scores.
        machine: machine on which the file's latencies were measured.
        kind: whether the numbers are logits or probabilities; None to derive it from the numbers.

    Returns:
        the number of the entry; if the same file was imported before, that of the earlier entry.

    Raises:
        DatasetError: a tested clip is missing, or a clip is unknown or not in its fold.
        UsageError: the file is not such a table.
    """
    check_name("system", name)
    if machine is not None:
        check_name("machine", machine)
    table = read_predictions(path, manifest, kind)
    stored = Splits(database).of(manifest, protocol)
    parts = Matching(path, manifest, stored).parts(table)
    return _rank(database, table, name, manifest, stored, parts, metrics, machine)


@again_on_conflict
def _rank(
    database: Database,
    table: PredictionTable,
    name: str,
    manifest: Manifest,
    stored: StoredProtocol,
    parts: Sequence[Mapping[str, Rows]],
    metrics: Sequence[Metric],
    machine: str | None,
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
                logits, split = table.logits_of(rows), split_row(session, stored.id, outer, fold)
                session.add(
                    PredictionRow(
                        system_id=system.id,
                        runtime=IMPORTED,
                        split_id=split.id,
                        logits=logits.astype("<f4").tobytes(),
                    )
                )
                if fold == HOLDOUT:
                    uar = uar_of(logits, manifest.targets[rows])
                    count_look(session, system, split, None, uar)
        session.flush()
        score_system(session, manifest, system, metrics)
        if table.latencies is not None:
            where = Machine(f"{machine or name} ({ELSEWHERE})", 0, "")
            add_latency(session, system, where, _latency(table, parts))
        return give_number(session, system)


def _system(digest: str, name: str, protocol: StoredProtocol, manifest: Manifest) -> SystemRow:
    return SystemRow(
        name=name,
        weights=IMPORTED,
        emotions=list(manifest.emotions),
        protocol_id=protocol.id,
        imported=digest,
    )


@dataclass(frozen=True)
class Part:
    """Clips that a protocol tests together.

    Attributes:
        outer_fold: number of the outer fold, from 0; None for all holdouts together.
        fold: number of the fold from 0, or ``holdout``.
        rows: test rows, ``[n]``.
        shown: its name in messages.
    """

    outer_fold: int | None
    fold: str
    rows: Rows
    shown: str

    @cached_property
    def clips(self) -> frozenset[int]:
        """The same as a set."""
        return frozenset(self.rows.tolist())


class Matching:
    """Finds the fold of a protocol for each fold label of a file by the clips of the label.

    Users number folds from 0, from 1, or name them, so only the clips identify a fold. A label
    without exactly the clips of one part of the protocol is refused.

    Args:
        path: path of the file, for errors.
        manifest: the dataset.
        protocol: the protocol with its splits. With several outer folds, a file can only have the
            holdouts, since the inner folds test a clip more than once.
    """

    def __init__(self, path: Path, manifest: Manifest, protocol: StoredProtocol) -> None:
        self._path, self._manifest, self._protocol = path, manifest, protocol
        outer_folds = protocol.split.outer_folds
        several = len(outer_folds) > 1
        self._holdouts = [
            Part(
                number, HOLDOUT, outer.holdout.test, f"holdout {number + 1}" if several else HOLDOUT
            )
            for number, outer in enumerate(outer_folds)
            if len(outer.holdout.test)
        ]
        self._folds = [
            Part(0, str(number), fold.test, f"fold {number + 1}")
            for number, fold in enumerate(() if several else protocol.split.folds)
        ]

    def parts(self, table: PredictionTable) -> list[dict[str, Rows]]:
        """For each outer fold, name of the fold → rows in the file.

        Raises:
            DatasetError: a clip of the holdout or of a fold is missing, or a clip is not in the
                fold of its label.
        """
        found = [self._part(table, label) for label in dict.fromkeys(table.folds.tolist())]
        given = {(part.outer_fold, part.fold) for part in found}
        everywhere = (None, HOLDOUT) in given
        wanted = [] if everywhere else self._tests
        if any(part.fold != HOLDOUT for part in found):
            wanted = [*wanted, *self._folds]
        for part in wanted:
            if (part.outer_fold, part.fold) not in given:
                raise self._error("lacks", part.clips, part, part.shown)
        parts = [{HOLDOUT: holdout.rows} for holdout in self._holdouts] or [{}]
        folds = self._folds if everywhere and not self._holdouts else found
        parts[0] |= {part.fold: part.rows for part in folds if part.fold != HOLDOUT}
        return parts

    @property
    def _tests(self) -> list[Part]:
        """The parts that the scores come from: all holdouts, or all folds if there are none."""
        return self._holdouts or self._folds

    def _part(self, table: PredictionTable, label: str) -> Part:
        """The part of the protocol with the clips of a label."""
        given = frozenset(table.rows[table.folds == label].tolist())
        where = HOLDOUT
        if label == HOLDOUT:
            rows = np.concatenate([part.rows for part in self._tests])
            closest = Part(None, HOLDOUT, rows, HOLDOUT)
        else:
            candidates = [*self._holdouts, *self._folds]
            closest = max(candidates, key=lambda part: _overlap(part.clips, given))
            where = f"fold '{label}', which is most similar to {closest.shown}"
        for clips, problem in ((given - closest.clips, "has"), (closest.clips - given, "lacks")):
            if clips:
                raise self._error(problem, clips, closest, where, label)
        return closest

    def _error(
        self, problem: str, clips: frozenset[int], part: Part, where: str, label: str | None = None
    ) -> DatasetError:
        protocol, dataset = self._protocol.name, self._manifest.name
        first = self._manifest.utterances[min(clips)].path
        more = f" and {len(clips) - 1} more" if len(clips) > 1 else ""
        return DatasetError(
            f"{self._path} {problem} {first}{more} in {where} of {protocol}: give exactly the "
            f"clips that `serbench protocol clips {protocol} --dataset {dataset}` lists",
            path=self._path,
            problem=problem,
            clip=first,
            count=len(clips),
            fold=part.fold,
            label=label,
            protocol=protocol,
        )


def _overlap(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of all their clips that two parts have in common."""
    return len(one & other) / len(one | other)


def _latency(table: PredictionTable, parts: Sequence[Mapping[str, Rows]]) -> LatencyFacts:
    """Percentiles over the tested clips."""
    assert table.latencies is not None
    rows = [part.get(HOLDOUT, np.concatenate(list(part.values()))) for part in parts]
    tested = np.isin(table.rows, np.concatenate(rows))
    times = table.latencies[tested]
    p50, p90, p99 = (float(value) for value in np.percentile(times, [50, 90, 99]))
    kind = LatencyKind(IMPORTED, "", 1, None, {})
    return LatencyFacts(kind, len(times), p50, p90, p99)
