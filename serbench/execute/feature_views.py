"""Features of all clips and of augmented views of them, and what makes the views."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serbench.data.protocols import Rows
from serbench.data.seeds import derive_seed
from serbench.execute.feature_cache import Array
from serbench.model.augment import Augmentation
from serbench.model.backbone import Features as OfBackbone
from serbench.model.batches import augment


@dataclass(frozen=True, eq=False)
class Features:
    """The inputs of heads for all clips, like clips for whole networks.

    Attributes:
        parts: an array for each tap ``[N, D]`` or ``[N, T, D]``.
        lengths: number of frames of each clip that are not padding ``[N]``.
    """

    parts: Sequence[Array]
    lengths: npt.NDArray[np.int64]

    def batch(self, rows: Rows) -> Array:
        """The taps side by side ``[len(rows), ΣD]`` or ``[len(rows), T, ΣD]``."""
        return np.concatenate([part[rows] for part in self.parts], axis=-1)


@dataclass(frozen=True, eq=False)
class ViewedFeatures:
    """The inputs of heads for all clips and for each augmented view of them.

    The rows are those of the clean clips, then those of the first view, and so on, so that the rows
    of a dataset are the clean clips.

    Attributes:
        each: the features of the clean clips, then those of each view.
    """

    each: Sequence[Features]

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of frames of each row that are not padding."""
        return np.concatenate([features.lengths for features in self.each])

    def batch(self, rows: Rows) -> Array:
        """The taps side by side ``[len(rows), ΣD]`` or ``[len(rows), T, ΣD]``."""
        views, clips = np.divmod(rows, len(self.each[0].lengths))
        first, *others = np.unique(views) if len(rows) else [0]
        if not others:
            return self.each[first].batch(clips)
        parts = {view: self.each[view].batch(clips[views == view]) for view in (first, *others)}
        found = np.empty((len(rows), *parts[first].shape[1:]), parts[first].dtype)
        for view, part in parts.items():
            found[views == view] = part
        return found

    def with_views(self, rows: Rows) -> Rows:
        """The rows of some clips, then those of their views ``[len(rows) · len(each)]``."""
        clips = len(self.each[0].lengths)
        return np.concatenate([rows + view * clips for view in range(len(self.each))])


@dataclass(frozen=True)
class View:
    """A view of all clips, in which each clip is augmented once.

    The random numbers of a clip depend only on its samples and on the number of the view.

    Attributes:
        number: from 1.
        widths: augmentations with their widths, in the order of their application.
    """

    number: int
    widths: Sequence[tuple[Augmentation, float]]

    def generators(self, waveforms: npt.NDArray[np.float32]) -> list[torch.Generator]:
        """The source of random numbers of each clip ``[B, samples]``."""
        digests = (hashlib.sha256(waveform.tobytes()).hexdigest() for waveform in waveforms)
        return [
            torch.Generator().manual_seed(derive_seed("view", self.number, digest))
            for digest in digests
        ]

    def augmented(
        self,
        batch: Tensor,
        lengths: Tensor | None,
        acts_on: str,
        generators: Sequence[torch.Generator],
    ) -> tuple[Tensor, Tensor | None]:
        """The batch ``[B, …]`` and its lengths ``[B]``, each clip augmented by itself."""
        each = [
            augment(
                batch[row : row + 1],
                acts_on,
                self.widths,
                generator,
                None if lengths is None else lengths[row : row + 1],
            )
            for row, generator in enumerate(generators)
        ]
        found = torch.cat([clip for clip, _ in each])
        kept = [length for _, length in each if length is not None]
        return found, torch.cat(kept) if kept else None

    def of_frames(self, features: OfBackbone, generators: Sequence[torch.Generator]) -> OfBackbone:
        """The output of a backbone, of which frames are augmented; vectors stay as they are."""
        states = [generator.get_state() for generator in generators]
        taps, lengths = dict(features.taps), features.lengths
        for tap, frames in features.taps.items():
            if frames.dim() < 3:
                continue
            kept = features.lengths
            if kept is None:
                kept = torch.full((len(frames),), frames.shape[1], device=frames.device)
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)  # the same window for all taps
            taps[tap], lengths = self.augmented(frames, kept, "frames", generators)
        return OfBackbone(taps, lengths)


CLEAN = View(0, ())
"""The clips themselves."""
