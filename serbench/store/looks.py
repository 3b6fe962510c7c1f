"""The number of tests on each holdout, which includes tests of deleted networks."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.store.schema import LookRow, SystemRow
from serbench.store.schema_data import SplitRow


@dataclass(frozen=True)
class Look:
    """A test of one network on a holdout.

    Attributes:
        trial: number of the winner at that time, from 0; None for an import.
        outer_fold: number of the outer fold, from 0.
        uar: unweighted average recall on that holdout.
        looked: time of the test, in ISO 8601.
    """

    trial: int | None
    outer_fold: int
    uar: float
    looked: str


@dataclass(frozen=True)
class LookCounts:
    """How often networks were tested on a holdout; the largest number over the outer folds.

    Attributes:
        own: number of tests by the study of one system.
        total: number of tests by all studies and imports on the same clips of the same dataset,
            including deleted ones.
    """

    own: int
    total: int


NEVER = LookCounts(0, 0)


def count_look(
    session: Session, system: SystemRow, split: SplitRow, trial: int | None, uar: float
) -> None:
    """Count a test on a holdout; a lost network that is trained and tested again counts once.

    Args:
        session: session of the database.
        system: the tested system.
        split: the holdout.
        trial: number of the network's trial; None for an import.
        uar: UAR of the test.
    """
    same = {"system_id": system.id, "split_id": split.id, "trial": trial}
    if session.scalar(select(LookRow).filter_by(**same)) is None:
        content = split.protocol.dataset.hash.encode() + split.test
        clips = hashlib.sha256(content).hexdigest()[:16]
        session.add(LookRow(**same, clips=clips, uar=uar))


def looks_of(session: Session, system: SystemRow) -> list[Look]:
    """All tests of a system on its holdouts, oldest first."""
    query = (
        select(LookRow, SplitRow.outer_fold)
        .join(SplitRow, SplitRow.id == LookRow.split_id)
        .where(LookRow.system_id == system.id)
        .order_by(LookRow.id)
    )
    return [
        Look(row.trial, outer_fold, row.uar, row.looked.isoformat(timespec="seconds"))
        for row, outer_fold in session.execute(query)
    ]


def count_looks(session: Session) -> dict[int, LookCounts]:
    """Id of each system that was tested on a holdout → number of its tests.

    Two holdouts are the same if they have the same clips of datasets with the same content; the
    names of protocols and datasets do not count.
    """
    own: Counter[tuple[int, int]] = Counter()
    total: Counter[str] = Counter()
    holdouts = {}
    query = select(LookRow.system_id, LookRow.split_id, LookRow.clips)
    for system, split, clips in session.execute(query):
        own[system, split] += 1
        total[clips] += 1
        holdouts[system, split] = clips
    found: dict[int, LookCounts] = {}
    for (system, split), count in own.items():
        before = found.get(system, LookCounts(0, 0))
        most = max(before.total, total[holdouts[system, split]])
        found[system] = LookCounts(max(before.own, count), most)
    return found
