"""The rows of entries, and the dataset that one was studied on."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.errors import UsageError
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.schema import EntryRow, StudyRow


def manifest_of(database: Database, study: StudyRow) -> Manifest:
    """The dataset that was studied, as it was then."""
    return Datasets(database).manifest(study.dataset.name, study.dataset.hash)


def find_entry(session: Session, number: int) -> EntryRow:
    """The row of an entry.

    Raises:
        UsageError: no such entry.
    """
    row = session.get(EntryRow, number)
    if row is None:
        known = ", ".join(str(other) for other in session.scalars(select(EntryRow.id)))
        raise UsageError(
            f"no entry {number}: "
            + (f"there are {known}" if known else "run `serbench study run` first")
        )
    return row


def scored_entry(session: Session, number: int) -> EntryRow:
    """The row of an entry that has all its scores.

    Raises:
        UsageError: no such entry, or one that an older serbench recorded.
    """
    row = find_entry(session, number)
    if not row.protocol_id:
        raise UsageError(
            f"entry {number} was scored by an older serbench: run `serbench leaderboard rescore`"
        )
    return row
