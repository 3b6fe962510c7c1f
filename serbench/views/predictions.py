"""The predictions of an entry, clip by clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT
from serbench.score.metric import CORRECTED
from serbench.store.database import Database
from serbench.store.predictions import Predictions, fold_predictions, scored_predictions
from serbench.store.systems import find_system, manifest_of


@dataclass(frozen=True)
class ClipPrediction:
    """The prediction of an entry for one clip.

    Attributes:
        outer_fold: number of the outer fold of the protocol, from 1.
        fold: ``holdout``, or the number of a fold by which the winner was selected, from 1.
        path: path of the recording.
        corpus: corpus of the recording.
        speaker: speaker of the recording.
        true: emotion of the recording's label.
        predicted: the most probable emotion.
        probabilities: emotion → probability, in label-set order.
    """

    outer_fold: int
    fold: str
    path: str
    corpus: str
    speaker: str
    true: str
    predicted: str
    probabilities: dict[str, float]


def clip_predictions(database: Database, number: int) -> list[ClipPrediction]:
    """The predictions of an entry: on each holdout, if any, then on the folds that selected it.

    The clips of a fold are predicted by the network that was not trained on that fold, which is
    another network than the one that was tested on the holdout.

    Args:
        database: the database with the entry.
        number: its number.

    Raises:
        UsageError: there is no such entry.
    """
    with database.session() as session:
        system = find_system(session, number)
        manifest = manifest_of(database, system.protocol)
        emotions = tuple(system.emotions)
        tests: list[tuple[int, str, Predictions]] = [
            (outer, HOLDOUT, found)
            for outer, found in enumerate(scored_predictions(session, system), start=1)
            if system.protocol.evidence != CORRECTED
        ]
        tests += [
            (outer, str(fold + 1), found)
            for outer, folds in enumerate(fold_predictions(session, system), start=1)
            for fold, found in folds.items()
        ]
    return [
        clip
        for outer, fold, found in tests
        for clip in _clips(manifest, outer, fold, emotions, found)
    ]


def _clips(
    manifest: Manifest, outer: int, fold: str, emotions: tuple[str, ...], found: Predictions
) -> Iterator[ClipPrediction]:
    for row, shares in zip(found.rows, softmax(found.logits.astype(np.float64), 1), strict=True):
        utterance = manifest.utterances[row]
        yield ClipPrediction(
            outer_fold=outer,
            fold=fold,
            path=utterance.path,
            corpus=utterance.corpus,
            speaker=utterance.speaker,
            true=utterance.emotion,
            predicted=emotions[int(shares.argmax())],
            probabilities=dict(zip(emotions, map(float, shares), strict=True)),
        )
