"""Stored speed tunings, so that a backbone is not timed twice on one machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import select

from serbench.model.compute import ComputeSettings
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.failures import again_on_conflict
from serbench.store.schema import StudyRow
from serbench.store.schema_machines import SpeedTuningRow


class SpeedTunings:
    """The speed tunings of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, subject: dict[str, Any]) -> ComputeSettings | None:
        """The fastest compute settings for a subject, or None."""
        with self._database.session() as session:
            query = select(SpeedTuningRow).where(SpeedTuningRow.key == _key(subject))
            row = session.scalar(query)
            return None if row is None else ComputeSettings.from_dict(row.found["chosen"])

    @again_on_conflict
    def save(self, subject: dict[str, Any], found: dict[str, Any]) -> None:
        """Store a tuning; an earlier one is kept for the studies that used it.

        Args:
            subject: everything that the time of a training step depends on.
            found: plain data: ``chosen`` settings, and all that were ``tried``.
        """
        key = _key(subject)
        with self._database.session() as session:
            earlier = session.scalar(select(SpeedTuningRow).where(SpeedTuningRow.key == key))
            if earlier is not None:
                earlier.key = f"{key}-{earlier.id}"
                session.flush()
            session.add(SpeedTuningRow(key=key, subject=subject, found=found))

    def belongs_to(self, plan: StudyPlan, subject: dict[str, Any]) -> None:
        """Record which tuning a study uses, if there is one."""
        with self._database.session() as session:
            study = session.scalars(select(StudyRow).where(StudyRow.key == plan.key)).one()
            study.speed_tuning = session.scalar(
                select(SpeedTuningRow).where(SpeedTuningRow.key == _key(subject))
            )


def _key(subject: dict[str, Any]) -> str:
    text = json.dumps(subject, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
