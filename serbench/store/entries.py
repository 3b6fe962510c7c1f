"""Whole entries: connections with other entries and with studies, renaming, deletion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import or_, select

from serbench.data.names import check_name
from serbench.errors import UsageError
from serbench.store.database import Database
from serbench.store.schema import ArtifactRow, StudyRow, SystemRow
from serbench.store.studies import delete_with_studies
from serbench.store.systems import find_system


@dataclass(frozen=True)
class Dependents:
    """The studies of an entry, and the entries whose training began from its weights."""

    studies: tuple[int, ...]
    entries: tuple[int, ...]


def dependents_of(database: Database, number: int) -> Dependents:
    """The studies of an entry, and the entries whose training began from its weights.

    Raises:
        UsageError: there is no such entry.
    """
    with database.session() as session:
        system = find_system(session, number)
        own = select(ArtifactRow.id).where(ArtifactRow.system_id == system.id)
        # Between two entries there may be a file without a head, written for other emotions.
        between = select(ArtifactRow.id).where(
            ArtifactRow.parent_id.in_(own), ArtifactRow.system_id.is_(None)
        )
        studies = select(StudyRow.id).where(StudyRow.system_id == system.id).order_by(StudyRow.id)
        entries = (
            select(SystemRow.number)
            .join(ArtifactRow, ArtifactRow.system_id == SystemRow.id)
            .where(
                or_(ArtifactRow.parent_id.in_(own), ArtifactRow.parent_id.in_(between)),
                SystemRow.number.is_not(None),
                SystemRow.deleted.is_(None),
            )
            .distinct()
            .order_by(SystemRow.number)
        )
        return Dependents(
            tuple(session.scalars(studies)),
            tuple(found for found in session.scalars(entries) if found is not None),
        )


def rename_entry(database: Database, number: int, name: str) -> str:
    """Give an imported system another name.

    Returns:
        its earlier name.

    Raises:
        UsageError: there is no such entry, it was trained here, or the name is not allowed.
    """
    check_name("name", name)
    with database.session() as session:
        system = find_system(session, number)
        if system.imported is None:
            raise UsageError(
                f"entry {number} was trained with serbench and is named after its backbone, "
                f"{system.name}: give the number of an imported entry, since only these can be "
                "renamed",
                number=number,
            )
        before, system.name = system.name, name
        return before


def delete_entry(database: Database, number: int, artifacts: Path) -> None:
    """Delete an entry with its studies, predictions, scores and weights files.

    The training speakers of its networks stay recorded in the rows of its artifacts, which are the
    parents of artifacts that were trained from them. The number is not used again.

    Args:
        database: the database with the entry.
        number: its number.
        artifacts: folder of the weights files.

    Raises:
        UsageError: there is no such entry.
    """
    with database.session() as session:
        delete_with_studies(session, find_system(session, number), artifacts)


def entry_names(database: Database) -> dict[int, str]:
    """Number of each entry → its name."""
    query = (
        select(SystemRow.number, SystemRow.name)
        .where(SystemRow.number.is_not(None), SystemRow.deleted.is_(None))
        .order_by(SystemRow.number)
    )
    with database.session() as session:
        found = session.execute(query).all()
    return {number: name for number, name in found if number is not None}
