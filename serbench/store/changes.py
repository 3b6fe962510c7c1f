"""Whether the content of a database has changed, for those who show it while studies run."""

from __future__ import annotations

import hashlib

from sqlalchemy import func, select

from serbench.store.base import Base
from serbench.store.database import Database
from serbench.store.schema import ProgressRow, ScoreRow, StudyRow, TrialRow
from serbench.store.schema_data import DatasetRow
from serbench.store.schema_machines import LatencyRow

CHANGED_IN_PLACE = (
    func.sum(ScoreRow.value),
    func.sum(LatencyRow.p90),
    func.sum(ProgressRow.epoch),
    func.sum(TrialRow.mean_uar),
    func.count(StudyRow.finished),
    func.max(DatasetRow.scan),
)
"""What shows a change of rows that were there before."""


def content_mark(database: Database) -> str:
    """A text that changes with the content: rows of all tables, scores, latencies, epochs.

    The locks of running studies, which are renewed all the time, do not change it.
    """
    tables = Base.metadata.sorted_tables
    counted = [select(func.count()).select_from(table).scalar_subquery() for table in tables]
    summed = [select(each).scalar_subquery() for each in CHANGED_IN_PLACE]
    with database.session() as session:
        row = session.execute(select(*counted, *summed)).one()
    return hashlib.sha256(repr(tuple(row)).encode()).hexdigest()[:16]
