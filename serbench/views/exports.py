"""What an entry said, for other programs."""

from __future__ import annotations

from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError
from serbench.run.prediction_files import write_predictions
from serbench.store.database import Database
from serbench.store.entry_rows import find_entry, manifest_of
from serbench.store.predictions import joined, read_folds, read_holdouts


def export_predictions(database: Database, number: int, folds: bool = False) -> str:
    """A table of an entry's logits, as ``import_predictions`` takes it.

    Args:
        database: where the entry is.
        number: its number.
        folds: whether to add what the winner said in the folds it was chosen by.

    Raises:
        UsageError: no such entry, or the folds of several outer folds, where a clip stands in many.
    """
    with database.session() as session:
        study = find_entry(session, number).study
        parts = [(HOLDOUT, joined(read_holdouts(session, study)))]
        outer_folds = read_folds(session, study)
        if folds and len(outer_folds) > 1:
            raise UsageError(
                f"entry {number} was chosen anew in {len(outer_folds)} outer folds, each with folds of its "
                "own: leave --folds away"
            )
        if folds:
            parts += [(str(place), said) for place, said in enumerate(outer_folds[0])]
        return write_predictions(manifest_of(database, study), parts)
