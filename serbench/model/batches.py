"""Batches of augmented feature images for training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serbench.data.protocols import Rows
from serbench.model.augment import Augmentation
from serbench.model.compute import ComputeSettings
from serbench.model.network import EmotionNetwork
from serbench.model.objective import Objective, PreparedObjective
from serbench.model.schedule import Scheduler

Item = TypeVar("Item")


class Inputs(Protocol):
    """The inputs of a network for all clips: clips, or features that were computed before."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Samples or frames of each clip that are not padding ``[N]``."""

    def batch(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Waveforms ``[len(rows), samples]``, vectors ``[len(rows), D]``, or frames."""


@dataclass(frozen=True)
class Regime:
    """The settings of a training, without the network and the data.

    Attributes:
        scheduler: optimiser and schedule of the learning rate.
        objective: the minimised objective, with its parameters.
        learning_rate: the highest learning rate of the schedule.
        weight_decay: weight decay of the optimiser.
        augmentations: augmentations with their widths; those of width 0 are off.
        epochs: largest number of epochs.
        batch_size: number of clips in a step.
        seed: seed of shuffling, augmentation and dropout.
    """

    scheduler: Scheduler
    objective: tuple[Objective, Mapping[str, float]]
    learning_rate: float
    weight_decay: float
    augmentations: Sequence[tuple[Augmentation, float]]
    epochs: int
    batch_size: int
    seed: int


def batches(rows: Rows, batch_size: int) -> Iterator[Rows]:
    """``rows`` in batches; a last batch of one clip is joined to the one before it.

    Batch norm cannot be trained on one clip.
    """
    starts = list(range(0, len(rows), batch_size))
    if len(starts) > 1 and len(rows) - starts[-1] == 1:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        yield rows[start:end]


def augment(
    batch: Tensor,
    acts_on: str,
    augmentations: Sequence[tuple[Augmentation, float]],
    generator: torch.Generator,
    lengths: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Apply the augmentations that act on this kind of batch and are not off.

    Zeros that an augmentation appends to a waveform or to frames with a length are padding.

    Args:
        batch: waveforms ``[B, samples]``, feature images ``[B, C, F, T]`` or frames ``[B, T, D]``.
        acts_on: ``waveform``, ``features`` or ``frames``.
        augmentations: augmentations with their widths.
        generator: source of all random numbers.
        lengths: number of positions in time that are not padding ``[B]``: the padding of each clip
            is then unchanged. None to augment the whole clips.

    Returns:
        the batch, and its lengths.
    """
    for augmentation, width in augmentations:
        if augmentation.acts_on != acts_on or width <= 0:
            continue
        if lengths is None:
            batch = augmentation.apply(batch, width, generator)
            continue
        batch, lengths = batch.clone(), lengths.clone()
        for row, length in enumerate(lengths.tolist()):
            clip = batch[row : row + 1]
            before = clip[:, :length] if acts_on == "frames" else clip[..., :length]
            after = augmentation.apply(before, width, generator)
            if acts_on != "features":
                lengths[row] -= max(0, _zeros_at_end(after[0]) - _zeros_at_end(before[0]))
            before.copy_(after)
    return batch, lengths


def _zeros_at_end(clip: Tensor) -> int:
    """Number of samples or frames after the last one that is not 0; 0 for digital silence."""
    sounding = clip.view(len(clip), -1).any(dim=1).nonzero()
    return len(clip) - 1 - int(sounding[-1]) if len(sounding) else 0


@dataclass(frozen=True)
class Batch:
    """The input of one training step, on the device.

    Attributes:
        images: ``[B, C, F, T]``.
        columns: number of columns of each image that are not padding ``[B]``, or None for all.
        targets: emotion codes ``[B]``, or shares of each emotion ``[B, n_classes]``.
    """

    images: Tensor
    columns: Tensor | None
    targets: Tensor


def prepare_batch(
    network: EmotionNetwork,
    clips: Inputs,
    rows: Rows,
    codes: Tensor,
    regime: Regime,
    objective: PreparedObjective,
    generator: torch.Generator,
    compute: ComputeSettings,
) -> Batch:
    """Augmented feature images of some clips, and their targets.

    Args:
        network: the network with the front end of the images.
        clips: all clips of the dataset.
        rows: rows of the batch, ``[B]``.
        codes: their emotion codes ``[B]``.
        regime: augmentations and objective.
        objective: the prepared objective, which may mix clips.
        generator: source of all random numbers.
        compute: order of the images in memory.
    """
    acts_on = regime.objective[0].acts_on
    device = network.device
    targets = codes.to(device)
    waveform = torch.from_numpy(clips.batch(rows)).to(device)  # [B, samples]
    lengths = torch.from_numpy(clips.lengths[rows]).to(device) if network.takes_lengths else None
    waveform, lengths = augment(waveform, "waveform", regime.augmentations, generator, lengths)
    if acts_on == "waveform":
        mixed, targets = objective.mix(waveform, targets, generator)
        lengths, waveform = _after_mixing(lengths, waveform, mixed), mixed
    with torch.no_grad():
        image, columns = network.images(waveform, lengths)
    image, columns = augment(image, "features", regime.augmentations, generator, columns)
    if acts_on == "features":
        mixed, targets = objective.mix(image, targets, generator)
        columns, image = _after_mixing(columns, image, mixed), mixed
    return Batch(compute.arrange(image), columns, targets)


def _after_mixing(lengths: Tensor | None, before: Tensor, mixed: Tensor) -> Tensor | None:
    """The columns that are not padding; None for mixed clips, whose lengths are not known."""
    if lengths is None or mixed is before:
        return lengths
    return lengths.max().expand_as(lengths)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made by another thread while the previous item is used."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


def select_augmentations(
    known: Sequence[Augmentation], widths: Mapping[str, float]
) -> list[tuple[Augmentation, float]]:
    """Pair each augmentation with its width, or with 0 if no width is given."""
    return [(augmentation, widths.get(augmentation.name, 0.0)) for augmentation in known]
