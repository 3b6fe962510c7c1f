"""The base class of all tables, and the types of their columns."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Dialect, Double, TypeDecorator
from sqlalchemy.orm import DeclarativeBase


class FiniteFloat(TypeDecorator[float]):
    """A finite number; NaN and infinity are refused, because they are errors of serbench."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Return the number unchanged.

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
    """The present time in UTC, without a time zone, as SQLite stores it."""
    return datetime.now(UTC).replace(tzinfo=None)
