"""What all tables have in common: how columns are declared, and what they refuse."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Dialect, Double, TypeDecorator
from sqlalchemy.orm import DeclarativeBase


class FiniteFloat(TypeDecorator[float]):
    """A number; NaN and infinity are errors of serbench, and never reach the database."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """The number as it is.

        Raises:
            ValueError: it is NaN or infinite.
        """
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{value} is not a number that can be recorded")
        return value


class Base(DeclarativeBase):
    """All tables of serbench."""

    type_annotation_map = {dict[str, Any]: JSON, float: FiniteFloat}  # noqa: RUF012


def now() -> datetime:
    """The present, in UTC without a zone, as SQLite keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)
