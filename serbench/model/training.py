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

from serbench.data.protocols import Rows
from serbench.data.seeds import derive_seed
from serbench.errors import DivergedError
from serbench.model.backpropagation import Backpropagation
from serbench.model.batches import Inputs, Regime, ahead, batches, prepare_batch
from serbench.model.compute import ComputeSettings
from serbench.model.network import EmotionNetwork, Freezing
from serbench.score.confusion import uar_of

PATIENCE = 5
"""Epochs without progress before training stops (the paper's)."""

PATIENT_STEPS = 150
"""Early stopping waits for at least so many steps without progress.

Five epochs are 1,400 steps in the paper, but only a few dozen on a few hundred clips, which is too
few for the running statistics of batch norms to converge.
"""


@dataclass(frozen=True)
class Validation:
    """The results of one epoch on the validation clips.

    Attributes:
        loss: mean cross-entropy.
        error: standard error of that mean.
        uar: unweighted average recall.
    """

    loss: float
    error: float
    uar: float


@dataclass(frozen=True)
class EpochReport:
    """The results of one epoch.

    Attributes:
        epoch: its number, from 1.
        epochs: largest number of epochs of the training.
        loss: mean loss of the training batches.
        validation: results on the validation clips; None in a training without early stopping.
    """

    epoch: int
    epochs: int
    loss: float
    validation: Validation | None


@dataclass(frozen=True)
class Training:
    """The record of a training.

    Attributes:
        epochs: number of trained epochs.
        best_epoch: the epoch with the final weights, counted from 1.
        curve: validation UAR of each epoch; empty without early stopping.
        losses: validation loss of each epoch; empty without early stopping.
        seconds: its duration.
        pruned: True if it was stopped because it fell behind.
    """

    epochs: int
    best_epoch: int
    curve: tuple[float, ...]
    losses: tuple[float, ...]
    seconds: float
    pruned: bool = False


class Watch:
    """Observes a training and may stop it; this class never stops it."""

    def step(self, loss: float) -> None:
        """A training step on a batch is finished.

        Raises:
            DivergedError: the loss is NaN or infinite.
        """
        if not math.isfinite(loss):
            raise DivergedError(f"the training loss became {loss}", loss=loss)

    def epoch(self, report: EpochReport) -> None:
        """An epoch is finished."""

    def behind(self, reports: Sequence[EpochReport]) -> bool:
        """Whether to stop the training, given all epochs so far."""
        return False


def pick_device() -> torch.device:
    """The GPU if there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    network: EmotionNetwork,
    freezing: Freezing,
    clips: Inputs,
    targets: npt.NDArray[np.int64],
    train_rows: Rows,
    validation_rows: Rows,
    regime: Regime,
    watch: Watch | None = None,
    compute: ComputeSettings | None = None,
    exactly: int | None = None,
) -> Training:
    """Train ``network`` in place; it then has the weights of its best epoch.

    The best epoch has the highest validation UAR; if several have it, the lowest validation loss.
    Without early stopping it is the last epoch.

    Args:
        network: the network, on the device of the training.
        freezing: its frozen stages.
        clips: clips, or features, of the whole dataset.
        targets: emotion codes of all clips, ``[N]``.
        train_rows: training rows, ``[n]``.
        validation_rows: validation rows, for early stopping, ``[n]``; not used with ``exactly``.
        regime: the settings of the training.
        watch: observes every step and epoch, and may stop the training.
        compute: compute settings; by default the threads of this process in full precision.
        exactly: number of epochs of a training without early stopping; its schedule is that of a
            training of ``regime.epochs``. None for early stopping.

    Raises:
        DivergedError: a loss, or a logit of the validation rows, is NaN or infinite.
        DeviceMemoryError: the GPU has too little memory, see `Backpropagation`.
    """
    watch, compute = watch or Watch(), compute or ComputeSettings.present()
    started = time.perf_counter()
    device = network.device
    # Each use has its own seed: with one seed for all, the order of the clips would come from the
    # same random numbers as the masks of dropout.
    shuffling = torch.Generator().manual_seed(derive_seed(regime.seed, "shuffling"))
    augmenting = torch.Generator().manual_seed(derive_seed(regime.seed, "augmentation"))
    torch.manual_seed(derive_seed(regime.seed, "dropout"))  # and stochastic depth

    def classify(image: torch.Tensor, columns: torch.Tensor | None) -> torch.Tensor:
        with compute.autocast(device):
            return network.classify(image, columns).float()

    steps = sum(1 for _ in batches(train_rows, regime.batch_size))
    patience = max(PATIENCE, math.ceil(PATIENT_STEPS / steps))
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer, schedule = regime.scheduler.build(
        learning, regime.learning_rate, regime.epochs * steps, regime.weight_decay
    )
    objective, parameters = regime.objective
    codes = torch.from_numpy(targets)
    prepared = objective.prepare(codes[train_rows], int(targets.max()) + 1, parameters)
    backpropagate = Backpropagation(network, classify, prepared.loss)
    best: tuple[float, float] | None = None
    best_epoch, best_state = 0, copy.deepcopy(network.state_dict())
    reports: list[EpochReport] = []
    pruned = False

    last = regime.epochs if exactly is None else exactly
    for epoch in range(1, last + 1):
        freezing.train(network)
        losses = []
        order = torch.randperm(len(train_rows), generator=shuffling).numpy()
        coming = (
            prepare_batch(network, clips, rows, codes[rows], regime, prepared, augmenting, compute)
            for rows in batches(train_rows[order], regime.batch_size)
        )
        for batch in ahead(coming) if compute.prefetch else coming:
            optimizer.zero_grad(set_to_none=True)
            loss = backpropagate(batch)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            watch.step(losses[-1])

        if exactly is not None:
            reports.append(EpochReport(epoch, last, float(np.mean(losses)), None))
            watch.epoch(reports[-1])
            continue
        answers = predict(network, clips, validation_rows, regime.batch_size, compute)
        found = _validated(answers, targets[validation_rows])
        reports.append(EpochReport(epoch, last, float(np.mean(losses)), found))
        watch.epoch(reports[-1])
        merit = (found.uar, -found.loss)
        if best is None or merit > best:
            best, best_epoch, best_state = merit, epoch, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= patience:
            break
        if pruned := watch.behind(reports):
            break

    if exactly is None:
        network.load_state_dict(best_state)
    validated = [report.validation for report in reports if report.validation is not None]
    return Training(
        epochs=len(reports),
        best_epoch=best_epoch if exactly is None else exactly,
        curve=tuple(each.uar for each in validated),
        losses=tuple(each.loss for each in validated),
        seconds=time.perf_counter() - started,
        pruned=pruned,
    )


def predict(
    network: EmotionNetwork,
    clips: Inputs,
    rows: Rows,
    batch_size: int,
    compute: ComputeSettings | None = None,
) -> npt.NDArray[np.float32]:
    """Logits ``[len(rows), n_classes]``, in the order of ``rows``.

    Args:
        network: the network, which is set to evaluation mode.
        clips: all clips of the dataset.
        rows: rows to classify.
        batch_size: number of clips in a batch.
        compute: compute settings; by default in full precision, as in deployment.

    Raises:
        DivergedError: a logit is NaN or infinite.
    """
    device = network.device
    compute = compute or ComputeSettings.present()
    network.eval()
    answers = []
    with torch.inference_mode():
        for some in np.split(rows, range(batch_size, len(rows), batch_size)):
            waveform = torch.from_numpy(clips.batch(some)).to(device)
            lengths = torch.from_numpy(clips.lengths[some]).to(device)
            image, columns = network.images(waveform, lengths if network.takes_lengths else None)
            with compute.autocast(device):
                answers.append(network.classify(compute.arrange(image), columns).float().cpu())
    logits = torch.cat(answers).numpy()
    wrong = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(wrong):
        raise DivergedError(
            f"the logits of {len(wrong)} of {len(rows)} clips are NaN or infinite",
            rows=tuple(int(row) for row in rows[wrong]),
        )
    return logits


def _validated(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]) -> Validation:
    entropies = F.cross_entropy(
        torch.from_numpy(logits), torch.from_numpy(targets), reduction="none"
    )  # [N]
    return Validation(
        loss=float(entropies.mean()),
        error=float(entropies.std(correction=0)) / math.sqrt(len(targets)),
        uar=uar_of(logits, targets),
    )
