"""The folds of the dev part, that the search judges settings by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from serbench.data.manifest import Manifest
from serbench.data.protocols.names import Protocol
from serbench.data.protocols.parts import Fold, Rows
from serbench.errors import DatasetError

MOST = 5
"""So many folds the search has where a protocol says nothing of them."""


def rule_folds(manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows) -> tuple[Fold, ...]:
    """The dev part, folded as the rule says.

    Args:
        manifest: the dataset.
        protocol: one of the rules.
        units: what stays together, for each utterance, ``[N]``.
        dev: the rows to fold.

    Raises:
        DatasetError: fewer speakers, corpora or clips than folds.
    """
    _check_enough(manifest, protocol, units, dev)
    if protocol.rule == "corpus":
        return each_in_turn(np.unique(manifest.corpora, return_inverse=True)[1], dev)
    if protocol.rule == "loso":
        return each_in_turn(units, dev)
    assert protocol.k is not None
    _check_rarest(manifest, protocol, dev, protocol.k)
    return _stratified(manifest, protocol, units, dev, protocol.k)


def each_in_turn(units: Rows, dev: Rows) -> tuple[Fold, ...]:
    """A fold for each unit of the dev part.

    Args:
        units: what stays together, for each utterance, ``[N]``.
        dev: the rows to fold.
    """
    groups = units[dev]
    return tuple(Fold(dev[groups != unit], dev[groups == unit]) for unit in np.unique(groups))


def at_most_five(
    manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows
) -> tuple[Fold, ...]:
    """The dev part in five folds of whole units, or in as many as there are units if fewer.

    Args:
        manifest: the dataset.
        protocol: whose dev part it is.
        units: what stays together, for each utterance, ``[N]``.
        dev: the rows to fold.

    Raises:
        DatasetError: one unit only, or an emotion with fewer clips than folds.
    """
    count = len(set(units[dev].tolist()))
    if count < 2:
        what = "speakers" if protocol.speaker_disjoint else "clips"
        raise DatasetError(
            f"{protocol.name} leaves the search {count} {what} of dataset '{manifest.name}', "
            f"and two are the least that can be folded: add {what}"
        )
    if count <= MOST:
        return each_in_turn(units, dev)
    _check_rarest(manifest, protocol, dev, MOST)
    return _stratified(manifest, protocol, units, dev, MOST)


def _stratified(
    manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows, k: int
) -> tuple[Fold, ...]:
    # It takes a second to import, and a leaderboard, which only names protocols, folds nothing.
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    targets = manifest.targets[dev]
    shuffled = {"n_splits": k, "shuffle": True, "random_state": protocol.seed}
    if protocol.speaker_disjoint:
        return _made(dev, StratifiedGroupKFold(**shuffled).split(dev, targets, units[dev]))
    return _made(dev, StratifiedKFold(**shuffled).split(dev, targets))


def _made(dev: Rows, parts: Iterable[tuple[Rows, Rows]]) -> tuple[Fold, ...]:
    return tuple(Fold(dev[train], dev[test]) for train, test in parts)


def _check_rarest(manifest: Manifest, protocol: Protocol, dev: Rows, k: int) -> None:
    codes, counts = np.unique(manifest.targets[dev], return_counts=True)
    rarest = manifest.emotions[codes[counts.argmin()]]
    if counts.min() < k:
        raise DatasetError(
            f"emotion '{rarest}' of dataset '{manifest.name}' has {counts.min()} clips without "
            f"the holdout, fewer than the {k} folds of {protocol.name}: ask for fewer folds "
            "or scan with --emotions to leave it out"
        )


def _check_enough(manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows) -> None:
    what = "speakers" if protocol.speaker_disjoint else "clips"
    total, left = len(set(units.tolist())), len(set(units[dev].tolist()))
    if protocol.rule == "corpus":
        corpora = len(set(manifest.corpora[dev].tolist()))
        if corpora < 2:
            raise DatasetError(
                f"protocol 'corpus' needs at least two corpora, dataset '{manifest.name}' has "
                f"{corpora}: scan more folders or use speaker-5"
            )
    elif left < (protocol.k or 2):
        raise DatasetError(
            f"dataset '{manifest.name}' has {total} {what}, {left} without the holdout, fewer than "
            f"the {protocol.k or 2} folds of {protocol.name}: "
            + (f"use {protocol.rule}-{left} or " if left > 1 else "")
            + f"add {what}"
        )
