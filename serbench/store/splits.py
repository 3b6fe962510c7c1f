"""The splits of protocols, stored with all rows so that a library upgrade cannot change them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.data.protocols import (
    HOLDOUT,
    Fold,
    OuterFold,
    Protocol,
    Split,
    fold_hash,
    protocol_id,
    split_dataset,
)
from serbench.store.database import Database
from serbench.store.datasets import find_dataset
from serbench.store.failures import again_on_conflict
from serbench.store.predictions import rows_from, rows_to
from serbench.store.schema_data import ProtocolRow, SplitRow


@dataclass(frozen=True)
class StoredProtocol:
    """A stored protocol on a dataset.

    Attributes:
        id: id of its row.
        name: name on the command line.
        identifier: its name and a hash of the rows of its splits.
        split: all its outer folds.
    """

    id: int
    name: str
    identifier: str
    split: Split


class Splits:
    """The protocols of one database, on its datasets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @again_on_conflict
    def of(self, manifest: Manifest, protocol: Protocol) -> StoredProtocol:
        """The stored splits of a dataset; new ones are made and stored where there are none.

        Raises:
            SerbenchError: as in ``split_dataset``, where nothing is stored yet.
        """
        with self._database.session() as session:
            dataset = find_dataset(session, manifest.name, manifest.hash).id
            row = _find(session, dataset, protocol.name)
            if row is not None:
                return stored_protocol(row)
        split = split_dataset(manifest, protocol)
        with self._database.session() as session:
            row = _find(session, dataset, protocol.name)
            if row is None:
                row = ProtocolRow(
                    dataset_id=dataset,
                    name=protocol.name,
                    identifier=protocol_id(manifest, protocol, split),
                    evidence=split.evidence,
                    splits=_rows(split),
                )
                session.add(row)
                session.flush()
            return stored_protocol(row)


def _find(session: Session, dataset: int, name: str) -> ProtocolRow | None:
    query = select(ProtocolRow).where(ProtocolRow.dataset_id == dataset, ProtocolRow.name == name)
    return session.scalar(query)


def _rows(split: Split) -> list[SplitRow]:
    return [
        SplitRow(
            outer_fold=number,
            fold=name,
            train=rows_to(fold.train),
            test=rows_to(fold.test),
            hash=fold_hash(fold),
        )
        for number, outer in enumerate(split.outer_folds)
        for name, fold in [(HOLDOUT, outer.holdout)]
        + [(str(place), fold) for place, fold in enumerate(outer.folds)]
    ]


def stored_protocol(row: ProtocolRow) -> StoredProtocol:
    """A protocol read from its row."""
    ordered = sorted(row.splits, key=lambda split: split.outer_fold)
    outer_folds = []
    for _, parts in groupby(ordered, key=lambda split: split.outer_fold):
        folds = {part.fold: Fold(rows_from(part.train), rows_from(part.test)) for part in parts}
        holdout = folds.pop(HOLDOUT)
        outer_folds.append(
            OuterFold(holdout, tuple(folds[name] for name in sorted(folds, key=int)))
        )
    return StoredProtocol(row.id, row.name, row.identifier, Split(tuple(outer_folds)))


def split_row(session: Session, protocol: int, outer_fold: int, fold: int | str) -> SplitRow:
    """The row of one split."""
    query = select(SplitRow).where(
        SplitRow.protocol_id == protocol,
        SplitRow.outer_fold == outer_fold,
        SplitRow.fold == str(fold),
    )
    return session.scalars(query).one()
