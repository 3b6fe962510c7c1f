"""Tables of predictions that are imported, and what an import came to."""

import numpy as np
from making.entries import predictions_like

from serbench.data.protocols import parse_protocol, split_dataset
from serbench.store.prediction_files import write_predictions
from serbench.store.schema import (
    ScoreRow,
    SystemRow,
)

ONE_HOLDOUT = "speaker-2:holdout"
NO_HOLDOUT = "speaker-2"

EVIDENCE = ("holdout", "nested", "corrected_cv")


def scores(database, entry, evidence=(*EVIDENCE, "cv")):
    """(metric, evidence) → (value, low, high) of an entry."""
    with database.session() as session:
        found = session.query(ScoreRow).filter_by(system_id=system_of(session, entry).id)
        return {
            (row.metric, row.evidence): (row.value, row.low, row.high)
            for row in found
            if row.evidence in evidence
        }


def holdout_of(manifest, protocol):
    outer_folds = split_dataset(manifest, parse_protocol(protocol)).outer_folds
    return np.concatenate([part.holdout.test for part in outer_folds])


def written(manifest, *parts):
    """A file of random logits for (fold, rows)."""
    return write_predictions(
        manifest, [(fold, predictions_like(manifest, rows, 1, 0)) for fold, rows in parts]
    )


def lines_of(manifest, protocol):
    return written(manifest, ("holdout", holdout_of(manifest, protocol))).splitlines()


def system_of(session, entry):
    [system] = session.query(SystemRow).filter_by(number=entry)
    return system
