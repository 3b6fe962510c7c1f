"""The outer folds of a protocol on a dataset, all of them checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.protocols.audit import check_outer_fold
from serbench.data.protocols.files import folds_of
from serbench.data.protocols.names import CORPUS, Protocol
from serbench.data.protocols.published import PUBLISHED, published_holdouts
from serbench.data.protocols.units import (
    HOLDOUT,
    Fold,
    OuterFold,
    Rows,
    Split,
    divided,
    linked_speakers,
    one_in,
)
from serbench.errors import DatasetError

HOLDOUT_SHARE = 5
"""One speaker in five is set aside for a holdout."""

FEWEST_CORPORA = 3
"""Fewest corpora for ``corpus``: one for the holdout and two for the folds of the search."""


def split_dataset(manifest: Manifest, protocol: Protocol) -> Split:
    """Separate the holdouts, split the remaining rows into folds, and check for leaks.

    Raises:
        UsageError: a folds file cannot be read.
        DatasetError: there is only one emotion; there are fewer speakers (or corpora, or clips)
            than folds or outer folds; the speakers are not those of the protocol; or a fold has no
            training clips of an emotion.
        LeakError: a speaker or identical audio is in both training and test of a
            speaker-independent protocol.
    """
    if len(manifest.emotions) < 2:
        raise DatasetError(
            f"dataset '{manifest.name}' has only one emotion "
            f"({', '.join(manifest.emotions) or 'none'}), and a classifier needs two: scan again "
            "with more --emotions"
        )
    split = Split(tuple(outer_folds_of(manifest, protocol)))
    for part in split.outer_folds:
        check_outer_fold(manifest, protocol, part)
    return split


def outer_folds_of(manifest: Manifest, protocol: Protocol) -> Iterator[OuterFold]:
    """The outer folds of a protocol, not checked for leaks; ``split_dataset`` checks them.

    Raises:
        UsageError: a folds file cannot be read.
        DatasetError: the dataset is too small, or does not belong to the protocol.
    """
    if protocol.file is not None:
        return _outer_folds_from_file(manifest, protocol)
    if protocol.rule in PUBLISHED:
        return _published_outer_folds(manifest, protocol)
    if protocol.rule == CORPUS:
        return _outer_folds_by_corpus(manifest, protocol)
    return _outer_folds_by_rule(manifest, protocol)


def _outer_folds_by_rule(manifest: Manifest, protocol: Protocol) -> Iterator[OuterFold]:
    everyone: Rows = np.arange(len(manifest))
    units = linked_speakers(manifest) if protocol.speaker_disjoint else everyone
    strata = manifest.corpora if protocol.speaker_disjoint else manifest.targets
    for chosen in _holdouts(manifest, protocol, units, strata):
        holdout = np.isin(units, chosen)
        dev: Rows = everyone[~holdout]
        folds = rule_folds(manifest, protocol, units, dev)
        yield OuterFold(Fold(dev, everyone[holdout]), folds)


def _outer_folds_by_corpus(manifest: Manifest, protocol: Protocol) -> Iterator[OuterFold]:
    """Test each corpus in turn, or the named one; each other corpus is a fold of the search.

    The search and the holdout then measure the same: the recognition of a corpus without training
    clips.
    """
    names, groups = np.unique(manifest.corpora, return_inverse=True)
    if len(names) < FEWEST_CORPORA:
        raise DatasetError(
            f"protocol '{protocol.name}' needs {FEWEST_CORPORA} corpora, one for the holdout and "
            f"two for the folds of the search, and dataset '{manifest.name}' has {len(names)}: "
            "scan more corpora or use --protocol speaker-5",
            protocol=protocol.name,
            dataset=manifest.name,
            corpora=tuple(names.tolist()),
        )
    tested = names.tolist() if protocol.corpus is None else [protocol.corpus]
    if tested[0] not in names:
        raise DatasetError(
            f"dataset '{manifest.name}' has no corpus '{tested[0]}': choose from "
            f"{', '.join(names)}",
            protocol=protocol.name,
            dataset=manifest.name,
            corpora=tuple(names.tolist()),
        )
    for name in tested:
        holdout = _one_against_the_rest(groups, names.tolist().index(name))
        yield OuterFold(holdout, each_in_turn(groups, holdout.train))


def _holdouts(
    manifest: Manifest, protocol: Protocol, units: Rows, strata: npt.NDArray[np.generic]
) -> list[Rows]:
    """The units of each outer fold's holdout, which is empty if nothing is set aside."""
    if protocol.nested is None and not protocol.holdout:
        return [units[:0]]
    if protocol.nested is None:
        return [one_in(HOLDOUT_SHARE, units, strata, protocol.seed)]
    count = len(set(units.tolist()))
    if count < protocol.nested:
        what = "speakers" if protocol.speaker_disjoint else "clips"
        raise DatasetError(
            f"dataset '{manifest.name}' has {_counted(count, what)}, fewer than the "
            f"{protocol.nested} outer folds of {protocol.name}: use fewer outer folds or add {what}"
        )
    return divided(protocol.nested, units, strata, protocol.seed)


def _published_outer_folds(manifest: Manifest, protocol: Protocol) -> Iterator[OuterFold]:
    """The folds of the search consist of whole published groups."""
    groups = published_holdouts(manifest, protocol.rule)
    for number in range(len(PUBLISHED[protocol.rule].holdouts)):
        holdout = _one_against_the_rest(groups, number)
        yield OuterFold(holdout, at_most_five(manifest, protocol, groups, holdout.train))


def _outer_folds_from_file(manifest: Manifest, protocol: Protocol) -> Iterator[OuterFold]:
    """Test each fold in turn, or only ``holdout``; the other folds are the folds of the search.

    If there is only one other fold, it is divided into the folds of the search.
    """
    assert protocol.file is not None
    folds = folds_of(manifest, protocol.file)
    names = sorted(set(folds.tolist()), key=lambda name: (len(name), name))
    if len(names) < 2:
        raise DatasetError(
            f"{protocol.file.path} has only one fold ({names[0]}), which leaves no clips for "
            "training: write at least two folds"
        )
    groups = np.array([names.index(fold) for fold in folds.tolist()], dtype=np.int64)
    apart = protocol.speaker_disjoint
    units = linked_speakers(manifest) if apart else np.arange(len(manifest))
    for number in [names.index(HOLDOUT)] if HOLDOUT in names else range(len(names)):
        holdout = _one_against_the_rest(groups, number)
        if len(names) > 2:
            yield OuterFold(holdout, each_in_turn(groups, holdout.train))
        else:
            yield OuterFold(holdout, at_most_five(manifest, protocol, units, holdout.train))


def _one_against_the_rest(groups: Rows, number: int) -> Fold:
    return Fold(np.flatnonzero(groups != number), np.flatnonzero(groups == number))


MOST = 5
"""Number of folds of the search if the protocol does not define it."""


def rule_folds(manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows) -> tuple[Fold, ...]:
    """The dev part, split into folds by the rule.

    Args:
        manifest: the dataset.
        protocol: one of the rules.
        units: number of the unit (speaker or clip) of each utterance, ``[N]``; units are not split.
        dev: the rows to split.

    Raises:
        DatasetError: there are fewer speakers or clips than folds.
    """
    _check_enough(manifest, protocol, units, dev)
    if protocol.rule == "loso":
        return each_in_turn(units, dev)
    assert protocol.k is not None
    _check_rarest(manifest, protocol, dev, protocol.k)
    return _stratified(manifest, protocol, units, dev, protocol.k)


def each_in_turn(units: Rows, dev: Rows) -> tuple[Fold, ...]:
    """A fold for each unit of the dev part.

    Args:
        units: number of the unit of each utterance, ``[N]``.
        dev: the rows to split.
    """
    groups = units[dev]
    return tuple(Fold(dev[groups != unit], dev[groups == unit]) for unit in np.unique(groups))


def at_most_five(
    manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows
) -> tuple[Fold, ...]:
    """The dev part in five folds of whole units, or in one fold for each unit if there are fewer.

    Args:
        manifest: the dataset.
        protocol: protocol of the dev part.
        units: number of the unit of each utterance, ``[N]``.
        dev: the rows to split.

    Raises:
        DatasetError: there is only one unit, or an emotion has fewer clips than folds.
    """
    count = len(set(units[dev].tolist()))
    if count < 2:
        what = "speakers" if protocol.speaker_disjoint else "clips"
        raise DatasetError(
            f"protocol {protocol.name} leaves {_counted(count, what)} of dataset "
            f"'{manifest.name}' for the folds of the search, which need two: add {what}"
        )
    if count <= MOST:
        return each_in_turn(units, dev)
    _check_rarest(manifest, protocol, dev, MOST)
    return _stratified(manifest, protocol, units, dev, MOST)


def _stratified(
    manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows, k: int
) -> tuple[Fold, ...]:
    # The import takes a second, and a leaderboard, which only names protocols, does not need it.
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
    fewest = int(counts.min())
    if fewest < k:
        fewer = ""
        if fewest > 1 and protocol.k is not None:
            fewer = f"use {replace(protocol, k=fewest).name}, or "
        raise DatasetError(
            f"emotion '{rarest}' of dataset '{manifest.name}' has {_counted(fewest, 'clips')} for "
            f"the search, fewer than the {k} folds of {protocol.name}: {fewer}scan again with "
            "--emotions to leave it out",
            emotion=rarest,
            clips=fewest,
            folds=k,
        )


def _counted(number: int, what: str) -> str:
    """A number of speakers or clips."""
    return f"{number} {what.removesuffix('s') if number == 1 else what}"


def _check_enough(manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows) -> None:
    what = "speakers" if protocol.speaker_disjoint else "clips"
    total, left = len(set(units.tolist())), len(set(units[dev].tolist()))
    if left < (protocol.k or 2):
        raise DatasetError(
            f"dataset '{manifest.name}' has {_counted(total, what)}, "
            + (f"{left} of them outside of the holdout, " if left < total else "")
            + f"fewer than the {protocol.k or 2} folds of {protocol.name}: "
            + (f"use {replace(protocol, k=left).name} or " if left > 1 else "")
            + f"add {what}"
        )
