"""Jobs and their outcomes: plain data that names no path."""

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
from serbench.score.confusion import score_counts

BEHIND = 1.5
"""A training is pruned once its validation loss is worse by this many standard errors.

This is the standard error of its own loss. The same clips are difficult for all configurations, so
that the difference of two losses has a smaller error than either loss: of trainings that differ
only in their seed, about 3 % are pruned by this rule (measured by ``benchmarks/pruning.py``).
"""

GRACE = 0.4
"""No training is pruned before this share of the number of epochs of the best configuration."""

FIRST_EPOCHS = 5
"""No training is pruned before this epoch: the first losses show how fast a training learns, not
how low its loss will become."""


@dataclass(frozen=True)
class LossReference:
    """The losses with which the validation loss of a trial's first fold is compared.

    Only the first fold is compared: every further fold would increase the share of good
    configurations that are pruned, and pruning saves most in the first fold.

    Attributes:
        losses: validation loss of the best configuration so far in each epoch on the same fold.
    """

    losses: tuple[float, ...]

    def is_behind(self, reports: Sequence[EpochReport]) -> bool:
        """Whether a training is clearly worse, given all its epochs so far.

        The lowest losses are compared. They predict the results of other folds better than UAR,
        which changes with a few clips near the decision boundary.
        """
        grace = max(FIRST_EPOCHS, math.ceil(GRACE * len(self.losses)))
        if len(reports) < grace or not self.losses:
            return False
        validated = [report.validation for report in reports if report.validation is not None]
        best = min(validated, key=lambda validation: validation.loss)
        behind = best.loss - min(self.losses[: len(reports)])
        return behind > BEHIND * best.error


@dataclass(frozen=True)
class Material:
    """Data that many jobs share; the executor brings it to workers, and no job contains it.

    Attributes:
        manifest: the dataset.
        clips: all clips of the dataset.
        weights_files: identity of a weights file → its path, the same on every machine.
        threads: number of threads with which features of frozen backbones are computed, so that
            their last digits do not depend on the job that computes them; None for those of the
            job.
    """

    manifest: Manifest
    clips: Clips
    weights_files: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None

    @property
    def key(self) -> str:
        """Identifies the content by dataset, clip format and weights files."""
        content = [self.manifest.hash, asdict(self.clips.format), sorted(self.weights_files)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Job:
    """One training and the test of the trained network.

    Attributes:
        material: key of the shared material.
        recipe: parts of the network and options of its training.
        configuration: configuration to train.
        trial: number of the trial, for the record.
        fold: number of the fold, or ``holdout``, for the record.
        train: training rows ``[n]``.
        validation: rows of the validation speakers, for early stopping ``[n]``; none of them is in
            ``train``; empty with ``exactly``.
        test: rows to predict ``[n]``; empty where nothing is set aside for a test.
        seed: seed of this training.
        compute: compute settings.
        reference: losses with which the validation loss is compared, or None.
        whole: True where the outcome must contain the whole network, including frozen parts.
        frozen: True where the configuration freezes the whole backbone.
        taps: taps that the configurations of the study use; their features are computed together.
        exactly: number of epochs of a training without early stopping; None for early stopping.
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
    reference: LossReference | None = None
    whole: bool = False
    frozen: bool = False
    taps: tuple[str, ...] = ()
    exactly: int | None = None


@dataclass(frozen=True)
class Outcome:
    """The result of one job.

    Attributes:
        trial: number of the trial.
        fold: number of the fold, or ``holdout``.
        rows: rows of the manifest that were tested, ``[n]``.
        logits: float32 ``[n, n_classes]``.
        confusion: counts ``[true, predicted]``.
        epochs: number of epochs that were run; 0 for a fitted head.
        best_epoch: number of the epoch whose weights were kept, from 1; 0 for a fitted head.
        seconds: training time.
        seed: seed of this training.
        weights: identity of the weights from which it started.
        environment: machine, device and library versions of the training.
        curve: validation UAR of each epoch.
        losses: validation loss of each epoch.
        pruned: True where the training was stopped because it fell behind.
        state: the trained network's arrays by name, on the CPU; empty where the outcome was read
            from the database.
        partial: True where ``state`` leaves out the frozen parts, which equal those in ``weights``.
    """

    trial: int
    fold: int | str
    rows: Rows
    logits: npt.NDArray[np.float32]
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

    @property
    def uar(self) -> float:
        """Unweighted average recall of the test rows.

        Raises:
            ValueError: there are no test rows.
        """
        return score_counts(self.confusion, "uar")
