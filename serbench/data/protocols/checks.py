"""What no split may do: test on what it trained on, or search on what it tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.protocols.names import Protocol
from serbench.data.protocols.parts import Fold, OuterFold
from serbench.errors import DatasetError, LeakError


def check_outer_fold(manifest: Manifest, protocol: Protocol, part: OuterFold) -> None:
    """Refuse a outer fold that leaks anywhere, or cannot be scored.

    Raises:
        LeakError: as ``check_fold``, of the holdout and of every fold; or a fold that holds a row
            from outside the dev part.
        DatasetError: as ``check_fold``.
    """
    for fold in (part.holdout, *part.folds):
        check_fold(manifest, protocol, fold)
    for fold in part.folds:
        beyond = np.setdiff1d(np.concatenate([fold.train, fold.test]), part.holdout.train)
        if len(beyond):
            raise LeakError(
                f"{protocol.name} on dataset '{manifest.name}' leaks: row {beyond[0]} is in the "
                "search, and not in what the holdout leaves to it; use a split that keeps them apart"
            )


def check_fold(manifest: Manifest, protocol: Protocol, fold: Fold) -> None:
    """Refuse a fold that tests on what it trained on, or cannot be scored.

    Raises:
        LeakError: a speaker or identical audio on both sides of a speaker-disjoint protocol, or
            the same row on both sides of any.
        DatasetError: nothing to test, or an emotion that is tested but never trained.
    """
    sides: list[tuple[str, npt.NDArray[np.generic]]] = [("row", np.arange(len(manifest)))]
    if protocol.speaker_disjoint:
        sides += [("speaker", manifest.speakers), ("audio", manifest.audio_hashes)]
    for what, values in sides:
        both = np.intersect1d(values[fold.train], values[fold.test])
        if len(both):
            raise LeakError(
                f"{protocol.name} on dataset '{manifest.name}' leaks: {what} {both[0]} "
                f"is in training and in testing; {_advice(protocol)}"
            )
    if len(fold.test) == 0:
        raise DatasetError(
            f"{protocol.name} leaves a fold of dataset '{manifest.name}' without clips: "
            "ask for fewer folds"
        )
    untrained = set(manifest.targets.tolist()) - set(manifest.targets[fold.train].tolist())
    if untrained:
        lone = ", ".join(manifest.emotions[code] for code in sorted(untrained))
        raise DatasetError(
            f"{protocol.name} on dataset '{manifest.name}' leaves a fold without training clips "
            f"of {lone}: too few speakers express it; scan with --emotions to leave it out"
        )


def _advice(protocol: Protocol) -> str:
    if protocol.file is not None and protocol.speaker_disjoint:
        return "mend the file, or own to it with random-folds:FILE"
    return "use a split that keeps them apart"
