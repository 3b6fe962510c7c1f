"""Units that stay together in a split, and how to draw some of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.protocols.parts import Rows


def linked_speakers(manifest: Manifest) -> Rows:
    """A group number for each utterance, ``[N]``; speakers who share identical audio share it."""
    # Slow to import, and not needed where protocols are only named.
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
    """Every ``share``-th unit of a shuffled order in which the strata stand one after another.

    Systematic sampling, so that each corpus (or emotion) gives its part.

    Args:
        share: one unit in so many is drawn, at least one.
        units: the unit of each row, ``[n]``.
        strata: the stratum of each row, ``[n]``; of a unit the first row's counts.
        seed: decides the order.

    Returns:
        the units drawn.
    """
    members, order = _systematic(units, strata, seed)
    chosen = order[share // 2 :: share]
    if len(chosen) == 0:
        chosen = order[-1:]
    return np.asarray(members[chosen], dtype=np.int64)


def dealt(hands: int, units: Rows, strata: npt.NDArray[np.generic], seed: int) -> list[Rows]:
    """All units, dealt out in the order of ``one_in``; the first hand is what that would draw.

    Args:
        hands: how many, at most the number of units.
        units: the unit of each row, ``[n]``.
        strata: the stratum of each row, ``[n]``.
        seed: decides the order.

    Returns:
        the units of each hand.
    """
    members, order = _systematic(units, strata, seed)
    starts = [(hands // 2 + hand) % hands for hand in range(hands)]
    return [np.asarray(members[order[start::hands]], dtype=np.int64) for start in starts]


def _systematic(
    units: Rows, strata: npt.NDArray[np.generic], seed: int
) -> tuple[Rows, npt.NDArray[np.intp]]:
    members, first = np.unique(units, return_index=True)
    shuffled = np.random.default_rng(seed).permutation(len(members))
    return members, shuffled[np.argsort(strata[first][shuffled], kind="stable")]
