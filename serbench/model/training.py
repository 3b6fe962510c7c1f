"""The training loop: one network, one fold."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from serbench.data.clips import Clips
from serbench.data.protocols import Fold, Rows
from serbench.model.augment import Augmentation
from serbench.model.backbone import EmotionNetwork, Freezing
from serbench.model.metrics import score
from serbench.model.schedule import Scheduler

PATIENCE = 5
"""Epochs without progress before training stops (the paper's)."""

PATIENT_STEPS = 150
"""Training never stops before so many steps without progress.

The paper's five epochs are 1,400 steps. On a few hundred clips they would be a few dozen, too few
for batch norm's running statistics to arrive at anything that could be validated.
"""


@dataclass(frozen=True)
class EpochReport:
    """One epoch, as it ended: on the training and on the validation part."""

    epoch: int
    epochs: int
    loss: float
    validation_loss: float
    validation_uar: float


@dataclass(frozen=True)
class Training:
    """How a training went: epochs run, the best one (counted from 1), seconds."""

    epochs: int
    best_epoch: int
    seconds: float


@dataclass(frozen=True)
class Regime:
    """How to train, everything but the network and the data.

    Attributes:
        scheduler: optimiser and course of the learning rate.
        learning_rate: the highest of the course.
        augmentations: with their widths; those of width 0 are off.
        epochs: at most this many.
        batch_size: clips a step.
        seed: of shuffling, augmentation and dropout.
    """

    scheduler: Scheduler
    learning_rate: float
    augmentations: Sequence[tuple[Augmentation, float]]
    epochs: int
    batch_size: int
    seed: int


def pick_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    network: EmotionNetwork,
    freezing: Freezing,
    clips: Clips,
    targets: npt.NDArray[np.int64],
    part: Fold,
    regime: Regime,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> Training:
    """Train ``network`` in place and leave it with the weights of its best epoch.

    The best epoch has the highest validation UAR, and of equals the lowest validation loss.

    Args:
        network: on the device it is to be trained on.
        freezing: which of its stages learn.
        clips: all clips of the dataset.
        targets: emotion codes of all clips, ``[N]``.
        part: rows to learn from (``train``) and rows that decide when to stop (``test``).
        regime: how to train.
        on_epoch: called after each epoch.
    """
    started = time.perf_counter()
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(regime.seed)
    torch.manual_seed(regime.seed)  # dropout and stochastic depth draw from torch's own
    steps = sum(1 for _ in batches(part.train, regime.batch_size))
    patience = max(PATIENCE, math.ceil(PATIENT_STEPS / steps))
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer, schedule = regime.scheduler.build(
        learning, regime.learning_rate, regime.epochs * steps
    )
    best: tuple[float, float] | None = None
    best_epoch, best_state, epoch = 0, copy.deepcopy(network.state_dict()), 0

    for epoch in range(1, regime.epochs + 1):
        freezing.train()
        losses = []
        order = torch.randperm(len(part.train), generator=generator).numpy()
        for rows in batches(part.train[order], regime.batch_size):
            waveform = torch.from_numpy(clips.batch(rows)).to(device)  # [B, samples]
            waveform = augment(waveform, "waveform", regime.augmentations, generator)
            with torch.no_grad():
                image = network.front_end(waveform)  # [B, C, F, T]
            image = augment(image, "features", regime.augmentations, generator)
            logits = network.backbone(image)  # [B, n_classes]
            loss = F.cross_entropy(logits, torch.from_numpy(targets[rows]).to(device))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())

        heard = predict(network, clips, part.test, regime.batch_size)
        report = _report(epoch, regime.epochs, losses, heard, targets[part.test])
        on_epoch(report)
        if not np.isfinite(report.loss + report.validation_loss):
            break  # diverged: what was best so far is all there will be
        merit = (report.validation_uar, -report.validation_loss)
        if best is None or merit > best:
            best, best_epoch, best_state = merit, epoch, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= patience:
            break

    network.load_state_dict(best_state)
    return Training(epoch, best_epoch, time.perf_counter() - started)


def predict(
    network: EmotionNetwork, clips: Clips, rows: Rows, batch_size: int
) -> npt.NDArray[np.float32]:
    """Logits ``[len(rows), n_classes]``, in the order of ``rows``."""
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        heard = [
            network(torch.from_numpy(clips.batch(some)).to(device)).float().cpu()
            for some in np.split(rows, range(batch_size, len(rows), batch_size))
        ]
    return torch.cat(heard).numpy()


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


def _report(
    epoch: int,
    epochs: int,
    losses: Sequence[float],
    logits: npt.NDArray[np.float32],
    targets: npt.NDArray[np.int64],
) -> EpochReport:
    validation_loss = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(targets))
    return EpochReport(
        epoch=epoch,
        epochs=epochs,
        loss=float(np.mean(losses)),
        validation_loss=float(validation_loss),
        validation_uar=score(logits, targets).uar,
    )


def select_augmentations(
    known: Sequence[Augmentation], widths: Mapping[str, float]
) -> list[tuple[Augmentation, float]]:
    """Pair each augmentation with its width, 0 where none is given."""
    return [(augmentation, widths.get(augmentation.name, 0.0)) for augmentation in known]
