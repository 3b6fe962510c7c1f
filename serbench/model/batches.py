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
) -> Tensor:
    """Apply the augmentations that act on this kind of batch and are not off."""
    for augmentation, width in augmentations:
        if augmentation.acts_on == acts_on and width > 0:
            batch = augmentation.apply(batch, width, generator)
    return batch


def prepare_images(
    network: EmotionNetwork,
    clips: Clips,
    rows: Rows,
    codes: Tensor,
    regime: Regime,
    objective: PreparedObjective,
    generator: torch.Generator,
    compute: ComputeSettings,
) -> tuple[Tensor, Tensor]:
    """Augmented feature images ``[B, C, F, T]`` of some clips and their targets, on the device.

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
    waveform = augment(waveform, "waveform", regime.augmentations, generator)
    if acts_on == "waveform":
        waveform, targets = objective.mix(waveform, targets, generator)
    with torch.no_grad():
        image = network.front_end(waveform)
    image = augment(image, "features", regime.augmentations, generator)
    if acts_on == "features":
        image, targets = objective.mix(image, targets, generator)
    return compute.arrange(image), targets


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
