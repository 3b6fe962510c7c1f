"""Train and test one configuration on one fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serbench.data.clips import Clips
from serbench.data.manifest import Manifest
from serbench.data.protocols import Fold, OuterFold, Protocol, Rows, validation_part
from serbench.data.seeds import derive_seed
from serbench.execute.executor import SILENT, Line
from serbench.model.augment import Augmentation
from serbench.model.backbone import Backbone
from serbench.model.batches import Regime, select_augmentations
from serbench.model.compute import ComputeSettings
from serbench.model.frontend import FrontEnd
from serbench.model.network import EmotionNetwork, Freezing
from serbench.model.schedule import Scheduler
from serbench.model.training import EpochReport, Watch, pick_device, predict, train
from serbench.score.metrics import Scores, score
from serbench.search.plan import BY_TRIAL, StudyPlan
from serbench.search.pruning import Bar
from serbench.search.space import Configuration


@dataclass(frozen=True)
class Bench:
    """A plan with everything it names at hand; it can be sent to another process.

    ``split`` is the outer fold of the protocol that the plan is about, one of ``outer folds``. ``compute_settings``
    is how its networks are trained; ``prefetch``, whether batches are prepared ahead, changes
    nothing but the time it takes.
    """

    plan: StudyPlan
    manifest: Manifest
    clips: Clips
    protocol: Protocol
    split: OuterFold
    backbone: Backbone
    front_end: FrontEnd
    scheduler: Scheduler
    augmentations: Sequence[Augmentation]
    outer_folds: int = 1
    compute_settings: ComputeSettings = field(default_factory=ComputeSettings.present)
    prefetch: bool = False


@dataclass(frozen=True)
class FoldOutcome:
    """What came of one training: what the network said about each clip it had never heard.

    Attributes:
        trial: number of the trial.
        fold: number of the fold, or ``holdout``.
        rows: rows of the manifest that were tested, ``[n]``.
        logits: float32 ``[n, n_classes]``.
        scores: computed from the logits.
        epochs: epochs run.
        best_epoch: the one whose weights were kept, from 1.
        seconds: training time.
        seed: of this training.
        weights: identity of the weights it started from.
        curve: validation UAR of each epoch; empty where an older serbench trained.
        losses: validation loss of each epoch; empty where an older serbench trained.
        pruned: True where the training was ended as hopeless.
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
    curve: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    pruned: bool = False


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


class _Told(Watch):
    """Passes on what it hears, stops where nobody waits, gives up what falls behind a bar."""

    def __init__(self, line: Line, bar: Bar | None) -> None:
        self._line = line
        self._bar = bar

    def step(self, loss: float) -> None:
        self._line.check()

    def epoch(self, report: EpochReport) -> None:
        self._line.tell(report)

    def hopeless(self, reports: Sequence[EpochReport]) -> bool:
        return self._bar is not None and self._bar.missed(reports)


def run_fold(
    bench: Bench,
    trial: int,
    configuration: Configuration,
    number: int | str,
    fold: Fold,
    bar: Bar | None = None,
    line: Line = SILENT,
) -> Trained:
    """Train ``configuration`` on the fold's training rows and score it on its test rows.

    The test rows are first touched when training is over, also when it was pruned. Every random
    number comes from (study seed, trial, fold), so that no other fold changes this one.

    Args:
        bench: the plan and what it names.
        trial: number of the trial.
        configuration: to train with.
        number: of the fold, or ``holdout``.
        fold: its rows.
        bar: what its validation loss has to keep up with.
        line: where each epoch is told; a cancelled one ends the training.

    Raises:
        Cancelled: nobody waits for the outcome any more.
    """
    seed = derive_seed(bench.plan.root_seed, trial, number)
    validation_seed = _validation_seed(bench, trial, number)
    bench.compute_settings.use()
    with torch.random.fork_rng():
        network, weights = build_network(bench, seed)
        bench.compute_settings.arrange_filters(network.to(pick_device()))
        part = validation_part(bench.manifest, bench.protocol, fold.train, validation_seed)
        targets = bench.manifest.targets
        training = train(
            network,
            frozen(bench, network, configuration),
            bench.clips,
            targets,
            part,
            regime_of(bench, configuration, seed),
            _Told(line, bar),
            bench.compute_settings,
            bench.prefetch,
        )
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
        curve=training.curve,
        losses=training.losses,
        pruned=training.pruned,
    )
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in network.backbone.state_dict().items()
    }
    return Trained(outcome, state)


def _validation_seed(bench: Bench, trial: int, number: int | str) -> int:
    """What decides who is held out of the training part, to say when to stop."""
    if bench.plan.validation == BY_TRIAL:
        return derive_seed(bench.plan.root_seed, trial, number)
    return derive_seed(bench.plan.root_seed, "validation", number)


def frozen(bench: Bench, network: EmotionNetwork, configuration: Configuration) -> Freezing:
    """The stages of a network that a configuration holds still."""
    stages = bench.backbone.stages(network.backbone)
    return Freezing(network.backbone, stages, configuration.freeze_depth)


def regime_of(bench: Bench, configuration: Configuration, seed: int) -> Regime:
    """How a configuration trains."""
    return Regime(
        scheduler=bench.scheduler,
        learning_rate=configuration.learning_rate,
        augmentations=select_augmentations(bench.augmentations, configuration.widths),
        epochs=bench.plan.epochs,
        batch_size=bench.plan.batch_size,
        seed=seed,
    )
