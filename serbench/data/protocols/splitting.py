"""From a protocol and a dataset to its outer folds, each of them checked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.protocols.checks import check_outer_fold
from serbench.data.protocols.folding import at_most_five, each_in_turn, rule_folds
from serbench.data.protocols.folds_matching import folds_of
from serbench.data.protocols.names import Protocol
from serbench.data.protocols.parts import HOLDOUT, Fold, OuterFold, Rows, Split
from serbench.data.protocols.published import PUBLISHED, published_holdouts
from serbench.data.protocols.speakers import dealt, linked_speakers, one_in
from serbench.errors import DatasetError

HOLDOUT_SHARE = 5
"""One speaker in five is set aside for the holdout."""


def split_dataset(manifest: Manifest, protocol: Protocol) -> Split:
    """Set the holdouts aside, fold the rest of each, and check that nothing leaks.

    Raises:
        UsageError: a file of folds that cannot be read.
        DatasetError: one emotion only; fewer speakers (or corpora, or clips) than folds or
            outer folds; other people than the protocol names; a fold that would train without one of
            the emotions.
        LeakError: a speaker or identical audio on both sides of a speaker-disjoint split.
    """
    if len(manifest.emotions) < 2:
        raise DatasetError(
            f"dataset '{manifest.name}' has one emotion only "
            f"({', '.join(manifest.emotions) or 'none'}): a classifier needs at least two"
        )
    split = Split(tuple(outer_folds_of(manifest, protocol)))
    for part in split.outer_folds:
        check_outer_fold(manifest, protocol, part)
    return split


def outer_folds_of(manifest: Manifest, protocol: Protocol) -> Iterator[OuterFold]:
    """The outer folds as the protocol wants them, leaks and all; ``split_dataset`` checks them.

    Raises:
        UsageError: a file of folds that cannot be read.
        DatasetError: the dataset is too small, or not the one the protocol is about.
    """
    if protocol.file is not None:
        return _outer_folds_from_file(manifest, protocol)
    if protocol.rule in PUBLISHED:
        return _published_outer_folds(manifest, protocol)
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


def _holdouts(
    manifest: Manifest, protocol: Protocol, units: Rows, strata: npt.NDArray[np.generic]
) -> list[Rows]:
    """The units of each outer fold's holdout."""
    if protocol.nested is None:
        return [one_in(HOLDOUT_SHARE, units, strata, protocol.seed)]
    count = len(set(units.tolist()))
    if count < protocol.nested:
        what = "speakers" if protocol.speaker_disjoint else "clips"
        raise DatasetError(
            f"dataset '{manifest.name}' has {count} {what}, fewer than the {protocol.nested} "
            f"outer folds of {protocol.name}: ask for fewer outer folds or add {what}"
        )
    return dealt(protocol.nested, units, strata, protocol.seed)


def _published_outer_folds(manifest: Manifest, protocol: Protocol) -> Iterator[OuterFold]:
    """Fold whole groups for the search: who is published together stays together."""
    groups = published_holdouts(manifest, protocol.rule)
    for number in range(len(PUBLISHED[protocol.rule].holdouts)):
        holdout = _one_against_the_rest(groups, number)
        yield OuterFold(holdout, at_most_five(manifest, protocol, groups, holdout.train))


def _outer_folds_from_file(manifest: Manifest, protocol: Protocol) -> Iterator[OuterFold]:
    """Inspect each fold in turn, or ``holdout`` alone; the others are the search's own folds.

    Where there is but one other, the search folds that.
    """
    assert protocol.file is not None
    folds = folds_of(manifest, protocol.file)
    names = sorted(set(folds.tolist()), key=lambda name: (len(name), name))
    if len(names) < 2:
        raise DatasetError(
            f"{protocol.file.path} has one fold only ({names[0]}): nothing is left to train on"
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
