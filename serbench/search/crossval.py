"""Train and test one setting on one fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serbench.data.clips import Clips
from serbench.data.manifest import Manifest
from serbench.data.protocols import Fold, Protocol, Round, Rows, validation_part
from serbench.data.seeds import derive_seed
from serbench.model.augment import Augmentation
from serbench.model.backbone import Backbone, EmotionNetwork, Freezing
from serbench.model.frontend import FrontEnd
from serbench.model.metrics import Scores, score
from serbench.model.schedule import Scheduler
from serbench.model.training import (
    EpochReport,
    Regime,
    pick_device,
    predict,
    select_augmentations,
    train,
)
from serbench.search.plan import StudyPlan
from serbench.search.space import Setting


@dataclass(frozen=True)
class Bench:
    """A plan with everything it names at hand.

    ``split`` is the round of the protocol that the plan is about, one of ``rounds``.
    """

    plan: StudyPlan
    manifest: Manifest
    clips: Clips
    protocol: Protocol
    split: Round
    backbone: Backbone
    front_end: FrontEnd
    scheduler: Scheduler
    augmentations: Sequence[Augmentation]
    rounds: int = 1


@dataclass(frozen=True)
class FoldOutcome:
    """What came of one training: what the network said about each clip it had never heard.

    Attributes:
        trial: number of the trial.
        fold: number of the fold, or ``exam``.
        rows: rows of the manifest that were tested, ``[n]``.
        logits: float32 ``[n, n_classes]``.
        scores: computed from the logits.
        epochs: epochs run.
        best_epoch: the one whose weights were kept, from 1.
        seconds: training time.
        seed: of this training.
        weights: identity of the weights it started from.
    """

    trial: int
    fold: int | str
    rows: Rows
    logits: npt.NDArray[np.float32]
    scores: Scores
    epochs: int
    best_epoch: int
    seconds: float
    seed: int
    weights: str


@dataclass(frozen=True)
class Trained:
    """A fold's outcome together with the network's weights, on the CPU."""

    outcome: FoldOutcome
    state: Mapping[str, Tensor]


def build_network(bench: Bench, seed: int) -> tuple[EmotionNetwork, str]:
    """A network as every fold starts it, and the identity of its weights."""
    torch.manual_seed(seed)
    built = bench.backbone.build(len(bench.manifest.emotions), bench.plan.weights)
    front_end = bench.front_end.build(bench.clips.format, bench.backbone.input_spec())
    return EmotionNetwork(front_end, built.module), built.weights


def run_fold(
    bench: Bench,
    trial: int,
    setting: Setting,
    number: int | str,
    fold: Fold,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> Trained:
    """Train ``setting`` on the fold's training rows and score it on its test rows.

    The test rows are first touched when training is over. Every random number comes from
    (study seed, trial, fold), so that no other fold changes this one.
    """
    seed = derive_seed(bench.plan.root_seed, trial, number)
    with torch.random.fork_rng():
        network, weights = build_network(bench, seed)
        network.to(pick_device()).to(memory_format=torch.channels_last)
        freezing = Freezing(
            network.backbone, bench.backbone.stages(network.backbone), setting.freeze_depth
        )
        regime = Regime(
            scheduler=bench.scheduler,
            learning_rate=setting.learning_rate,
            augmentations=select_augmentations(bench.augmentations, setting.widths),
            epochs=bench.plan.epochs,
            batch_size=bench.plan.batch_size,
            seed=seed,
        )
        part = validation_part(bench.manifest, bench.protocol, fold.train, seed)
        targets = bench.manifest.targets
        training = train(network, freezing, bench.clips, targets, part, regime, on_epoch)
    logits = predict(network, bench.clips, fold.test, bench.plan.batch_size)
    outcome = FoldOutcome(
        trial=trial,
        fold=number,
        rows=fold.test,
        logits=logits,
        scores=score(logits, targets[fold.test]),
        epochs=training.epochs,
        best_epoch=training.best_epoch,
        seconds=training.seconds,
        seed=seed,
        weights=weights,
    )
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in network.backbone.state_dict().items()
    }
    return Trained(outcome, state)
