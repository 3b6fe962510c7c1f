"""Rows, folds, and the units of a split (speakers or clips), with systematic sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.seeds import derive_seed

if TYPE_CHECKING:
    from serbench.data.protocols.names import Protocol

Rows = npt.NDArray[np.int64]

Evidence = Literal["corrected_cv", "nested", "holdout"]
"""Which clips the scores of an entry come from.

``corrected_cv``: all clips, each tested by a network of the winner that was not trained on its
speaker; the score is corrected for the selection of the winner on the same clips. ``nested``: the
holdouts of several outer folds, each with a search of its own. ``holdout``: one holdout.
"""

HOLDOUT = "holdout"
"""The name of the holdout among the folds, in seeds and records."""

LAST = "last"
"""The name that is shown for the last training where there is no holdout."""


def shown_fold(fold: int | str, tested: bool = True) -> int | str:
    """A fold as it is shown: its number from 1, ``holdout``, or ``last``.

    Args:
        fold: its number from 0, or ``holdout`` for the last training, as in seeds and records.
        tested: whether the last training is tested on a holdout; it is ``last`` if it is not.
    """
    if fold == HOLDOUT:
        return HOLDOUT if tested else LAST
    return int(fold) + 1


@dataclass(frozen=True)
class Fold:
    """Rows of the manifest to train on and to test on."""

    train: Rows
    test: Rows


@dataclass(frozen=True)
class OuterFold:
    """One search and one holdout, separated as recommended by Cawley and Talbot (2010).

    G. C. Cawley and N. L. C. Talbot, *On Over-fitting in Model Selection and Subsequent Selection
    Bias in Performance Evaluation*, Journal of Machine Learning Research 11, 2010.

    Attributes:
        holdout: its ``train`` is the dev part, which the search may use; its ``test`` is scored
            once, by the winner after training on the whole dev part. ``test`` is empty if nothing
            is set aside: the dev part is then the whole dataset.
        folds: the dev part in folds, for the search: each row is tested in at most one of them.
    """

    holdout: Fold
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class Split:
    """All outer folds of a protocol on a dataset: one, or several that test each speaker once."""

    outer_folds: tuple[OuterFold, ...]

    @property
    def evidence(self) -> Evidence:
        """Which clips test a winner: those of holdouts, or, if nothing is set aside, all."""
        if len(self.outer_folds) > 1:
            return "nested"
        return "holdout" if len(self.holdout.test) else "corrected_cv"

    @property
    def holdout(self) -> Fold:
        """The first outer fold's holdout."""
        return self.outer_folds[0].holdout

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The first outer fold's folds."""
        return self.outer_folds[0].folds

    @property
    def tested(self) -> Rows:
        """All rows that any fold or holdout tests, in order."""
        parts = [fold.test for outer in self.outer_folds for fold in (outer.holdout, *outer.folds)]
        return np.unique(np.concatenate(parts))


def linked_speakers(manifest: Manifest) -> Rows:
    """A group number for each utterance, ``[N]``; speakers with identical audio have the same."""
    # Slow to import, and not needed for the names of protocols.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, speaker = np.unique(manifest.speakers, return_inverse=True)
    _, audio = np.unique(manifest.audio_hashes, return_inverse=True)
    n_speakers = int(speaker.max()) + 1
    size = n_speakers + int(audio.max()) + 1
    links = coo_array((np.ones(len(manifest)), (speaker, n_speakers + audio)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    return np.asarray(component[speaker], dtype=np.int64)


def one_in(share: int, units: Rows, strata: npt.NDArray[np.generic], seed: int) -> Rows:
    """Every ``share``-th unit of a shuffled order that is sorted by stratum.

    This is systematic sampling, which draws from each corpus (or emotion) in proportion.

    Args:
        share: one unit in so many is drawn, at least one.
        units: the unit of each row, ``[n]``.
        strata: the stratum of each row, ``[n]``; a unit has the stratum of its first row.
        seed: seed of the order.

    Returns:
        the units drawn.
    """
    members, order = _systematic(units, strata, seed)
    chosen = order[share // 2 :: share]
    if len(chosen) == 0:
        chosen = order[-1:]
    return np.asarray(members[chosen], dtype=np.int64)


def divided(parts: int, units: Rows, strata: npt.NDArray[np.generic], seed: int) -> list[Rows]:
    """All units, divided into parts in the order of ``one_in``; it would draw the first part.

    Args:
        parts: number of parts, at most the number of units.
        units: the unit of each row, ``[n]``.
        strata: the stratum of each row, ``[n]``.
        seed: seed of the order.

    Returns:
        the units of each part.
    """
    members, order = _systematic(units, strata, seed)
    starts = [(parts // 2 + part) % parts for part in range(parts)]
    return [np.asarray(members[order[start::parts]], dtype=np.int64) for start in starts]


def _systematic(
    units: Rows, strata: npt.NDArray[np.generic], seed: int
) -> tuple[Rows, npt.NDArray[np.intp]]:
    members, first = np.unique(units, return_index=True)
    shuffled = np.random.default_rng(seed).permutation(len(members))
    return members, shuffled[np.argsort(strata[first][shuffled], kind="stable")]


VALIDATION_SHARE = 7
"""One training speaker in seven is a validation speaker, for early stopping."""


def validation_part(manifest: Manifest, protocol: Protocol, train: Rows, seed: int) -> Fold:
    """Split the training rows into a training part and a validation part for early stopping.

    Whole speakers are validation speakers if the protocol is speaker-independent and there are at
    least three of them; otherwise validation clips are drawn, evenly over the emotions. The only
    speaker of an emotion stays in training.

    Returns:
        a fold with the validation part as ``test``.
    """
    targets = manifest.targets[train]
    speakers = linked_speakers(manifest)[train]
    clips: Rows = np.arange(len(train))
    held_out = np.zeros(len(train), dtype=bool)
    if protocol.speaker_disjoint and len(set(speakers.tolist())) > 2:
        held_out = _spare_units(speakers, manifest.corpora[train], targets, seed)
    if not held_out.any():
        held_out = _spare_units(clips, targets, targets, seed)
    if not held_out.any():
        held_out = clips == derive_seed(seed) % len(train)
    return Fold(train[~held_out], train[held_out])


def _spare_units(
    units: Rows, strata: npt.NDArray[np.generic], targets: Rows, seed: int
) -> npt.NDArray[np.bool_]:
    """Mark the rows of every ``VALIDATION_SHARE``-th unit, except the only unit of an emotion.

    If all drawn units are such units, another unit is drawn; if all units are, none is marked.
    """
    emotions = set(targets.tolist())
    drawn = one_in(VALIDATION_SHARE, units, strata, seed)
    others = np.random.default_rng(seed).permutation(np.setdiff1d(units, drawn))
    held_out = np.zeros(len(units), dtype=bool)
    for place, unit in enumerate((*drawn, *others)):
        if place >= len(drawn) and held_out.any():
            break
        extended = held_out | (units == unit)
        if set(targets[~extended].tolist()) == emotions:
            held_out = extended
    return held_out
