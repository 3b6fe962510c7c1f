"""What an entry said, for other programs."""

from __future__ import annotations

from serbench.data.protocols import EXAM
from serbench.errors import UsageError
from serbench.results.database import Database
from serbench.results.entry_rows import find_entry, manifest_of
from serbench.results.prediction_files import write_predictions
from serbench.results.predictions import joined, read_exams, read_folds


def export_predictions(database: Database, number: int, folds: bool = False) -> str:
    """A table of an entry's logits, as ``import_predictions`` takes it.

    Args:
        database: where the entry is.
        number: its number.
        folds: whether to add what the winner said in the folds it was chosen by.

    Raises:
        UsageError: no such entry, or the folds of several rounds, where a clip stands in many.
    """
    with database.session() as session:
        study = find_entry(session, number).study
        parts = [(EXAM, joined(read_exams(session, study)))]
        rounds = read_folds(session, study)
        if folds and len(rounds) > 1:
            raise UsageError(
                f"entry {number} was chosen anew in {len(rounds)} rounds, each with folds of its "
                "own: leave --folds away"
            )
        if folds:
            parts += [(str(place), said) for place, said in enumerate(rounds[0])]
        return write_predictions(manifest_of(database, study), parts)
