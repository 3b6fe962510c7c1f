"""Who decides when to stop a training."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.protocols.names import Protocol
from serbench.data.protocols.parts import Fold, Rows
from serbench.data.protocols.speakers import linked_speakers, one_in
from serbench.data.seeds import derive_seed

VALIDATION_SHARE = 7
"""One training speaker in seven decides when to stop."""


def validation_part(manifest: Manifest, protocol: Protocol, train: Rows, seed: int) -> Fold:
    """Part the training rows: who is learnt from, and who decides when to stop.

    Whole speakers are held out where the protocol keeps speakers apart and there are at least
    three of them; otherwise clips are, evenly over the emotions. Nobody is held out who alone
    expresses an emotion: it could not be learnt.

    Returns:
        a fold whose ``test`` is the validation part.
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
    """Mark the rows of every ``VALIDATION_SHARE``-th unit, but of none that alone has an emotion.

    Where all the drawn ones do, another takes their place; nothing is marked where all units do.
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
