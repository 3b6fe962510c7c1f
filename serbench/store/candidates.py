"""What ``serbench search`` records of its candidates besides their studies."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.failures import again_on_conflict
from serbench.store.schema import CandidateRow


class CandidateRecords:
    """The time spent on each candidate and the latency of its untrained network.

    Args:
        database: the database with the studies.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def seconds(self, plan: StudyPlan) -> float:
        """Time that the trials of a candidate have taken, with all preparations."""
        with self._database.session() as session:
            found = _find(session, plan)
            return 0.0 if found is None else found.seconds

    @again_on_conflict
    def add_seconds(self, plan: StudyPlan, seconds: float) -> None:
        """Add to the time of a candidate."""
        with self._database.session() as session:
            row = _row(session, plan)
            row.seconds = (row.seconds or 0.0) + seconds

    def latency(self, plan: StudyPlan, machine: str) -> float | None:
        """The 90th percentile of its latency in milliseconds, or None if it was not measured.

        Args:
            plan: plan of the candidate.
            machine: fingerprint of the machine.
        """
        with self._database.session() as session:
            found = _find(session, plan)
            return None if found is None else found.latencies.get(machine)

    @again_on_conflict
    def save_latency(self, plan: StudyPlan, machine: str, p90: float) -> None:
        """Record a latency, so that a search that continues has the same candidates."""
        with self._database.session() as session:
            row = _row(session, plan)
            row.latencies = {**(row.latencies or {}), machine: p90}


def _find(session: Session, plan: StudyPlan) -> CandidateRow | None:
    return session.scalar(select(CandidateRow).where(CandidateRow.key == plan.key))


def _row(session: Session, plan: StudyPlan) -> CandidateRow:
    found = _find(session, plan)
    if found is None:
        found = CandidateRow(key=plan.key, seconds=0.0, latencies={})
        session.add(found)
    return found
