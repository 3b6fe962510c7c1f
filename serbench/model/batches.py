"""Batches of augmented feature images, from which a network learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from serbench.data.clips import Clips
from serbench.data.protocols import Rows
from serbench.model.augment import Augmentation
from serbench.model.compute import ComputeSettings
from serbench.model.network import EmotionNetwork
from serbench.model.objective import Objective, PreparedObjective
from serbench.model.schedule import Scheduler

Item = TypeVar("Item")


@dataclass(frozen=True)
class Regime:
    """How to train, everything but the network and the data.

    Attributes:
        scheduler: optimiser and schedule of the learning rate.
        objective: what is made small, with its parameters.
        learning_rate: the highest of the schedule.
        augmentations: with their widths; those of width 0 are off.
        epochs: at most this many.
        batch_size: clips a step.
        seed: of shuffling, augmentation and dropout.
    """

    scheduler: Scheduler
    objective: tuple[Objective, Mapping[str, float]]
    learning_rate: float
    augmentations: Sequence[tuple[Augmentation, float]]
    epochs: int
    batch_size: int
    seed: int


def batches(rows: Rows, batch_size: int) -> Iterator[Rows]:
    """``rows`` in batches; a last one of a single clip joins the one before it.

    Batch norm cannot train on one clip.
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
) -> Tensor:
    """Apply the augmentations that act on this kind of batch and are not off.

    Args:
        batch: waveforms ``[B, samples]`` or feature images ``[B, C, F, T]``.
        acts_on: which of the two.
        augmentations: with their widths.
        generator: source of every random number.
        lengths: places on the last axis that are not padding ``[B]``: the padding of each clip
            then stays where and what it is. None where all is to be augmented.
    """
    for augmentation, width in augmentations:
        if augmentation.acts_on != acts_on or width <= 0:
            continue
        if lengths is None:
            batch = augmentation.apply(batch, width, generator)
            continue
        batch = batch.clone()
        for clip, length in zip(batch, lengths.tolist(), strict=True):
            clip[..., :length] = augmentation.apply(clip[None, ..., :length], width, generator)[0]
    return batch


@dataclass(frozen=True)
class Batch:
    """What one training step takes, on the device.

    Attributes:
        images: ``[B, C, F, T]``.
        columns: of each image that are not padding ``[B]``, or None for all.
        targets: emotion codes ``[B]``, or shares of each emotion ``[B, n_classes]``.
    """

    images: Tensor
    columns: Tensor | None
    targets: Tensor


def prepare_batch(
    network: EmotionNetwork,
    clips: Clips,
    rows: Rows,
    codes: Tensor,
    regime: Regime,
    objective: PreparedObjective,
    generator: torch.Generator,
    compute: ComputeSettings,
) -> Batch:
    """Augmented feature images of some clips, and their targets.

    Args:
        network: whose front end makes the images.
        clips: all clips of the dataset.
        rows: of the batch, ``[B]``.
        codes: their emotion codes ``[B]``.
        regime: augmentations and objective.
        objective: the same, prepared; it may mix clips.
        generator: source of every random number.
        compute: order of the images in memory.
    """
    acts_on = regime.objective[0].acts_on
    device = next(network.parameters()).device
    targets = codes.to(device)
    waveform = torch.from_numpy(clips.batch(rows)).to(device)  # [B, samples]
    lengths = torch.from_numpy(clips.lengths[rows]).to(device) if network.takes_lengths else None
    waveform = augment(waveform, "waveform", regime.augmentations, generator, lengths)
    if acts_on == "waveform":
        mixed, targets = objective.mix(waveform, targets, generator)
        lengths, waveform = _after_mixing(lengths, waveform, mixed), mixed
    with torch.no_grad():
        image, columns = network.images(waveform, lengths)
    image = augment(image, "features", regime.augmentations, generator, columns)
    if acts_on == "features":
        mixed, targets = objective.mix(image, targets, generator)
        columns, image = _after_mixing(columns, image, mixed), mixed
    return Batch(compute.arrange(image), columns, targets)


def _after_mixing(lengths: Tensor | None, before: Tensor, mixed: Tensor) -> Tensor | None:
    """What is not padding in a batch that was mixed: nobody tells which clips a mixture is of."""
    if lengths is None or mixed is before:
        return lengths
    return lengths.max().expand_as(lengths)


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made by another thread while the one before it is used."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, items, None)
        while (item := following.result()) is not None:
            following = thread.submit(next, items, None)
            yield item


def select_augmentations(
    known: Sequence[Augmentation], widths: Mapping[str, float]
) -> list[tuple[Augmentation, float]]:
    """Pair each augmentation with its width, 0 where none is given."""
    return [(augmentation, widths.get(augmentation.name, 0.0)) for augmentation in known]
