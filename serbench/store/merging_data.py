"""The rows that studies of a merged database refer to: datasets, splits, machines, tunings."""

from __future__ import annotations

import hashlib
import json
from typing import TypeVar

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from serbench.errors import UsageError
from serbench.store.base import Base
from serbench.store.schema_data import DatasetRow, ProtocolRow, SplitRow
from serbench.store.schema_machines import MachineRow, SpeedTuningRow

Row = TypeVar("Row", bound=Base)

ID = "id"


def copied(row: Row, **changes: object) -> Row:
    """A new row with the values of another one, except its id.

    Args:
        row: the other one, of any database.
        changes: values that differ.
    """
    names = [column.key for column in inspect(type(row)).column_attrs if column.key != ID]
    return type(row)(**{name: getattr(row, name) for name in names} | changes)


class DataMerger:
    """Finds or adds the rows here that correspond to rows of another database.

    Args:
        source: session of the other database.
        target: session of this database.
    """

    def __init__(self, source: Session, target: Session) -> None:
        self._source, self._target = source, target
        self._protocols: dict[int, int] = {}
        self._splits: dict[int, int] = {}

    def datasets(self) -> list[DatasetRow]:
        """The datasets of the other database: the versions of each name from new to old."""
        query = select(DatasetRow).order_by(DatasetRow.name, DatasetRow.scan.desc())
        return list(self._source.scalars(query))

    def dataset(self, dataset: DatasetRow) -> bool:
        """Add a dataset unless it is here; the current version of a name here remains current."""
        if self._dataset(dataset) is not None:
            return False
        named = select(func.min(DatasetRow.scan)).where(DatasetRow.name == dataset.name)
        oldest = self._target.scalar(named)
        highest = self._target.scalar(select(func.max(DatasetRow.scan))) or 0
        row = copied(dataset, scan=highest + 1 if oldest is None else oldest - 1)
        self._target.add(row)
        self._target.flush()
        row.utterances.extend(copied(each, dataset_id=row.id) for each in dataset.utterances)
        self._target.flush()
        return True

    def _dataset(self, dataset: DatasetRow) -> int | None:
        same = select(DatasetRow.id).filter_by(name=dataset.name, hash=dataset.hash)
        return self._target.scalar(same)

    def protocol(self, protocol: ProtocolRow) -> int:
        """Id of a protocol here; it is added with its splits where there is none.

        Raises:
            UsageError: the protocol has other splits here.
        """
        if protocol.id in self._protocols:
            return self._protocols[protocol.id]
        dataset = self._dataset(protocol.dataset)
        assert dataset is not None  # datasets are added first
        query = select(ProtocolRow).filter_by(dataset_id=dataset, name=protocol.name)
        row = self._target.scalar(query)
        if row is None:
            row = copied(protocol, dataset_id=dataset)
            row.splits = [copied(split) for split in protocol.splits]
            self._target.add(row)
            self._target.flush()
        elif row.identifier != protocol.identifier:
            raise UsageError(
                f"protocol {protocol.name} of dataset '{protocol.dataset.name}' has other splits "
                f"in the other database ({protocol.identifier}, here {row.identifier}), so that "
                "their scores cannot be in one ranking: rename the dataset there with `serbench "
                "corpus rename`, and merge again",
                protocol=protocol.name,
                dataset=protocol.dataset.name,
            )
        self._protocols[protocol.id] = row.id
        return row.id

    def split(self, split: SplitRow) -> int:
        """Id of a split here; it is added where there is none."""
        if split.id not in self._splits:
            protocol = self.protocol(split.protocol)
            place = {"outer_fold": split.outer_fold, "fold": split.fold}
            query = select(SplitRow).filter_by(protocol_id=protocol, **place)
            row = self._target.scalar(query)
            if row is None:
                row = copied(split, protocol_id=protocol)
                self._target.add(row)
                self._target.flush()
            self._splits[split.id] = row.id
        return self._splits[split.id]

    def split_of(self, number: int) -> SplitRow:
        """A split of the other database."""
        return self._source.get_one(SplitRow, number)

    def machine(self, machine: MachineRow) -> int:
        """Id of a machine here; it is added where there is none."""
        query = select(MachineRow).filter_by(fingerprint=machine.fingerprint)
        row = self._target.scalar(query)
        if row is None:
            row = copied(machine)
            self._target.add(row)
            self._target.flush()
        return row.id

    def speed_tuning(self, tuning: SpeedTuningRow | None) -> int | None:
        """Id of a speed tuning here; one of the same subject here stays the one that is used."""
        if tuning is None:
            return None
        content = json.dumps([tuning.subject, tuning.found], sort_keys=True)
        subject = tuning.key.partition("-")[0]
        own = f"{subject}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
        for key in (tuning.key, subject, own):
            row = self._target.scalar(select(SpeedTuningRow).filter_by(key=key))
            if row is not None and (row.subject, row.found) == (tuning.subject, tuning.found):
                return row.id
        free = self._target.scalar(select(SpeedTuningRow.id).filter_by(key=subject)) is None
        row = copied(tuning, key=subject if free else own)
        self._target.add(row)
        self._target.flush()
        return row.id
