"""Train the winner of an entry again with further seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from serbench.execute.executor import Executor
from serbench.run.listener import Listener
from serbench.search.repetition import repeat_trainings
from serbench.search.study import Search
from serbench.store.database import Database
from serbench.store.repetitions import SECOND, due_repetitions, record_repetition


def repeat_winner(
    entry: int,
    seeds: int,
    searches: Callable[[], Sequence[Search]],
    database: Database,
    executor: Executor,
    listener: Listener,
) -> None:
    """Run what is missing of the trainings with further seeds, and record each of them.

    Args:
        entry: number of the entry.
        seeds: number of seeds, with that of the entry.
        searches: makes the searches of all outer folds; only called if a training is missing.
        database: the database with the entry.
        executor: runs the trainings.
        listener: receives the events.
    """
    prepared: Sequence[Search] | None = None
    while due := due_repetitions(database, entry, seeds):
        if prepared is None:
            prepared = searches()
            listener.repeating(entry, len(due), seeds)
        # Only the second seed shows whether the training has random numbers.
        now = [each for each in due if each.number == SECOND] or due
        for repeated in repeat_trainings(prepared, now, executor, listener.epoch):
            record_repetition(database, repeated)
            listener.repeated(*repeated)
