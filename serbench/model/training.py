"""The training loop: one network, one fold."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from serbench.data.clips import Clips
from serbench.data.protocols import Fold, Rows
from serbench.model.batches import Regime, ahead, batches, prepare_images
from serbench.model.compute import ComputeSettings
from serbench.model.network import EmotionNetwork, Freezing
from serbench.score.metrics import score

PATIENCE = 5
"""Epochs without progress before training stops (the paper's)."""

PATIENT_STEPS = 150
"""Training never stops before so many steps without progress.

The paper's five epochs are 1,400 steps. On a few hundred clips they would be a few dozen, too few
for batch norm's running statistics to arrive at anything that could be validated.
"""


@dataclass(frozen=True)
class EpochReport:
    """One epoch, as it ended: on the training and on the validation part.

    Attributes:
        epoch: its number, from 1.
        epochs: that the training may take.
        loss: mean cross-entropy of the training batches.
        validation_loss: mean cross-entropy of the validation clips.
        validation_error: standard error of that mean.
        validation_uar: share of each emotion's validation clips that were recognised, averaged.
    """

    epoch: int
    epochs: int
    loss: float
    validation_loss: float
    validation_error: float
    validation_uar: float


@dataclass(frozen=True)
class Training:
    """How a training went.

    Attributes:
        best_epoch: the one whose weights were kept, counted from 1; 0 where none was any good.
        curve: validation UAR of each epoch.
        losses: validation loss of each epoch.
        seconds: it took.
        pruned: True where whoever watched saw no hope.
    """

    best_epoch: int
    curve: tuple[float, ...]
    losses: tuple[float, ...]
    seconds: float
    pruned: bool = False

    @property
    def epochs(self) -> int:
        """How many were run."""
        return len(self.curve)


class Watch:
    """Hears of a training as it goes on; this one says nothing and lets it go on."""

    def step(self, loss: float) -> None:
        """A batch was learnt from."""

    def epoch(self, report: EpochReport) -> None:
        """An epoch ended."""

    def hopeless(self, reports: Sequence[EpochReport]) -> bool:
        """Whether to give up, seeing all epochs so far."""
        return False


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
    watch: Watch | None = None,
    compute_settings: ComputeSettings | None = None,
    prefetch: bool = False,
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
        watch: hears of every step and epoch, and may give the training up.
        compute settings: how to compute; this process's in full precision by default.
        prefetch: whether the next batch is prepared while one trains; changes no result.
    """
    watch, compute_settings = watch or Watch(), compute_settings or ComputeSettings.present()
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
    best_epoch, best_state = 0, copy.deepcopy(network.state_dict())
    reports: list[EpochReport] = []
    pruned = False

    for epoch in range(1, regime.epochs + 1):
        freezing.train()
        losses = []
        order = torch.randperm(len(part.train), generator=generator).numpy()
        prepared = (
            (
                prepare_images(network, clips, rows, regime, generator, compute_settings),
                targets[rows],
            )
            for rows in batches(part.train[order], regime.batch_size)
        )
        for image, codes in ahead(prepared) if prefetch else prepared:
            with compute_settings.autocast(device):
                logits = network.backbone(image)  # [B, n_classes]
            loss = F.cross_entropy(logits.float(), torch.from_numpy(codes).to(device))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            watch.step(losses[-1])

        heard = predict(network, clips, part.test, regime.batch_size, compute_settings)
        report = _report(epoch, regime.epochs, losses, heard, targets[part.test])
        reports.append(report)
        watch.epoch(report)
        if not np.isfinite(report.loss + report.validation_loss):
            break  # diverged: what was best so far is all there will be
        merit = (report.validation_uar, -report.validation_loss)
        if best is None or merit > best:
            best, best_epoch, best_state = merit, epoch, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= patience:
            break
        if pruned := watch.hopeless(reports):
            break

    network.load_state_dict(best_state)
    curve = tuple(report.validation_uar for report in reports)
    validation_losses = tuple(report.validation_loss for report in reports)
    seconds = time.perf_counter() - started
    return Training(best_epoch, curve, validation_losses, seconds, pruned)


def predict(
    network: EmotionNetwork,
    clips: Clips,
    rows: Rows,
    batch_size: int,
    compute_settings: ComputeSettings | None = None,
) -> npt.NDArray[np.float32]:
    """Logits ``[len(rows), n_classes]``, in the order of ``rows``.

    Args:
        network: in whatever mode; it is put into evaluation mode.
        clips: all clips of the dataset.
        rows: to listen to.
        batch_size: clips at a time.
        compute settings: how to compute; in full precision by default, as networks are shipped.
    """
    device = next(network.parameters()).device
    compute_settings = compute_settings or ComputeSettings.present()
    network.eval()
    heard = []
    with torch.inference_mode():
        for some in np.split(rows, range(batch_size, len(rows), batch_size)):
            image = network.front_end(torch.from_numpy(clips.batch(some)).to(device))
            with compute_settings.autocast(device):
                heard.append(network.backbone(compute_settings.arrange(image)).float().cpu())
    return torch.cat(heard).numpy()


def _report(
    epoch: int,
    epochs: int,
    losses: Sequence[float],
    logits: npt.NDArray[np.float32],
    targets: npt.NDArray[np.int64],
) -> EpochReport:
    heard = torch.from_numpy(logits), torch.from_numpy(targets)
    entropies = F.cross_entropy(*heard, reduction="none")  # [N]
    return EpochReport(
        epoch=epoch,
        epochs=epochs,
        loss=float(np.mean(losses)),
        validation_loss=float(entropies.mean()),
        validation_error=float(entropies.std(correction=0)) / math.sqrt(len(targets)),
        validation_uar=score(logits, targets).uar,
    )
