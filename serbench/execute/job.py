"""What an executor is given and what it gives back: plain data that names no path."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from serbench.data.clips import Clips
from serbench.data.manifest import Manifest
from serbench.data.protocols import Rows
from serbench.model.compute import ComputeSettings
from serbench.model.environment import Environment
from serbench.model.recipe import Configuration, Recipe
from serbench.model.training import EpochReport

BEHIND = 1.5
"""A training is pruned once its validation loss lies so many standard errors behind.

The error is that of its own loss. Configurations find the same clips difficult, so that their
difference is better known than either: of trainings that differ by their seed alone, about 3 % are
ever so far behind (``benchmarks/pruning.py`` measures it).
"""

GRACE = 0.4
"""No training is judged before this share of the epochs that the best configuration took."""

FIRST_EPOCHS = 5
"""Nor before so many epochs: the first losses tell which training learns fast, not which learns
well."""


@dataclass(frozen=True)
class Bar:
    """What the validation loss of a trial's first fold is compared with.

    Only that of the first fold: each fold would add to the share of good configurations that are
    pruned, and the first is where pruning saves most.

    Attributes:
        losses: validation loss of each epoch that the best configuration so far had on the same
            fold.
    """

    losses: tuple[float, ...]

    def missed(self, reports: Sequence[EpochReport]) -> bool:
        """Whether a training lies clearly behind, given all its epochs so far.

        Lowest losses are compared: they tell more of the other folds than UARs, which a few clips
        near the border turn over.
        """
        grace = max(FIRST_EPOCHS, math.ceil(GRACE * len(self.losses)))
        if len(reports) < grace or not self.losses:
            return False
        best = min(reports, key=lambda report: report.validation_loss)
        behind = best.validation_loss - min(self.losses[: len(reports)])
        return behind > BEHIND * best.validation_error


@dataclass(frozen=True)
class Material:
    """What many jobs share: it reaches workers through the executor, never inside a job.

    Attributes:
        manifest: the dataset.
        clips: all its clips.
        weights_files: identity of a weights file → its path on this machine.
    """

    manifest: Manifest
    clips: Clips
    weights_files: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Identifies the content: dataset, clip format, weights files."""
        content = [self.manifest.hash, asdict(self.clips.format), sorted(self.weights_files)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Job:
    """One training and its test.

    Attributes:
        material: key of the shared material.
        recipe: what the network is made of and how it is trained.
        configuration: to train with.
        trial: number of the trial, for the record.
        fold: number of the fold, or ``holdout``, for the record.
        train: rows to learn from, ``[n]``.
        validation: rows that decide when to stop, ``[n]``; none of them is in ``train``.
        test: rows to answer, ``[n]``.
        seed: of this training.
        compute: how to compute.
        bar: what the validation loss is compared with, or None.
        whole: True where the outcome's state has to hold the whole network, frozen parts too.
    """

    material: str
    recipe: Recipe
    configuration: Configuration
    trial: int
    fold: int | str
    train: Rows
    validation: Rows
    test: Rows
    seed: int
    compute: ComputeSettings
    bar: Bar | None = None
    whole: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of one job.

    Attributes:
        trial: number of the trial.
        fold: number of the fold, or ``holdout``.
        rows: rows of the manifest that were tested, ``[n]``.
        logits: float32 ``[n, n_classes]``.
        uar: unweighted average recall of the logits.
        confusion: counts ``[true, predicted]``.
        epochs: epochs run.
        best_epoch: the one whose weights were kept, from 1.
        seconds: training time.
        seed: of this training.
        weights: identity of the weights it started from.
        environment: where it was trained.
        curve: validation UAR of each epoch.
        losses: validation loss of each epoch.
        pruned: True where the training was ended because it fell behind.
        state: the trained network's arrays by name, on the CPU; empty where the outcome was read
            back from a record.
        partial: True where ``state`` leaves out what is frozen, hence as in ``weights``.
    """

    trial: int
    fold: int | str
    rows: Rows
    logits: npt.NDArray[np.float32]
    uar: float
    confusion: npt.NDArray[np.int64]
    epochs: int
    best_epoch: int
    seconds: float
    seed: int
    weights: str
    environment: Environment
    curve: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    pruned: bool = False
    state: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict, repr=False)
    partial: bool = False
