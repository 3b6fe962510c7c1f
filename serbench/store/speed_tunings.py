"""Calibrations, kept so that the same backbone is not measured twice on one machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import select

from serbench.run.speed_tuning import Calibration, Way, Wishes
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.machines import this_machine, versions
from serbench.store.schema import CalibrationRow, StudyRow


class Calibrations:
    """The calibrations of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, subject: dict[str, Any]) -> Way | None:
        """The way of training that was found best for a subject, or None."""
        with self._database.session() as session:
            query = select(CalibrationRow).where(CalibrationRow.key == _key(subject))
            row = session.scalar(query)
            return None if row is None else Way.from_dict(row.found["way"])

    def save(self, subject: dict[str, Any], found: Calibration) -> None:
        """Keep a calibration; an earlier one stays on record for the studies it belongs to."""
        key = _key(subject)
        with self._database.session() as session:
            earlier = session.scalar(select(CalibrationRow).where(CalibrationRow.key == key))
            if earlier is not None:
                earlier.key = f"{key}-{earlier.id}"
                session.flush()
            session.add(CalibrationRow(key=key, subject=subject, found=found.as_dict()))

    def belongs_to(self, plan: StudyPlan, subject: dict[str, Any]) -> None:
        """Note which calibration a study trains by, where there was one."""
        with self._database.session() as session:
            study = session.scalars(select(StudyRow).where(StudyRow.key == plan.key)).one()
            study.calibration = session.scalar(
                select(CalibrationRow).where(CalibrationRow.key == _key(subject))
            )


def subject_of(plan: StudyPlan, wishes: Wishes, threads: int) -> dict[str, Any]:
    """What a calibration is about: machine, versions, and what decides how much a step takes.

    Args:
        plan: of the study.
        wishes: what the user has chosen.
        threads: that there are to be shared out.
    """
    machine = this_machine()
    return {
        "machine": machine.fingerprint,
        "cpu": machine.name,
        "threads": threads,
        "torch": versions().get("torch"),
        "backbone": plan.backbone,
        "front_end": plan.front_end,
        "weights": plan.weights,
        "batch_size": plan.batch_size,
        "samples": plan.clip_format.samples,
        "wishes": vars(wishes),
    }


def _key(subject: dict[str, Any]) -> str:
    text = json.dumps(subject, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
