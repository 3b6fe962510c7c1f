"""Train and test one configuration on one fold."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from serbench.data.seeds import derive_seed
from serbench.execute.executor import Channel, JobContext
from serbench.execute.features import FrozenPart
from serbench.execute.job import Job, LossReference, Material, Outcome
from serbench.execute.networks import build_network, frozen, regime_of, start_of, state_of
from serbench.model.backbone import NO_WEIGHTS
from serbench.model.batches import Inputs
from serbench.model.compute import ComputeSettings
from serbench.model.environment import this_environment
from serbench.model.head import HeadContext, arrays_of
from serbench.model.network import EmotionNetwork, Freezing, HeadOnFeatures
from serbench.model.readout import ReadOut
from serbench.model.recipe import Recipe
from serbench.model.training import EpochReport, Training, Watch, pick_device, predict, train
from serbench.model.weights import BACKBONE
from serbench.plugins import Plugins
from serbench.score.confusion import confusion_of


class _FoldWatch(Watch):
    """Sends epochs, stops a cancelled training, and prunes one that falls behind."""

    def __init__(self, channel: Channel, reference: LossReference | None) -> None:
        self._channel = channel
        self._reference = reference

    def step(self, loss: float) -> None:
        self._channel.check()
        super().step(loss)

    def epoch(self, report: EpochReport) -> None:
        self._channel.send(report)

    def behind(self, reports: Sequence[EpochReport]) -> bool:
        return self._reference is not None and self._reference.is_behind(reports)


def run_fold(job: Job, context: JobContext, channel: Channel) -> Outcome:
    """Train a configuration on the job's training rows and score it on its test rows.

    The test rows are read only after training has ended, also if it was pruned. Every random
    number comes from the job's seed, so that folds do not influence one another.

    Raises:
        Cancelled: the outcome is no longer needed.
        DivergedError: a loss or a logit is NaN or infinite.
    """
    job.compute.use()
    with torch.random.fork_rng():
        if context.plugins.heads.get(job.recipe.head).is_fitted:
            return _fit_head(job, context, channel)
        if features_suffice(job, context.plugins):
            return _train_head(job, context, channel)
        return _train_network(job, context, channel)


def features_suffice(job: Job, plugins: Plugins) -> bool:
    """Whether nothing below the head changes in a training, so that features are computed once."""
    augmented = any(width > 0 for width in job.configuration.widths.values())
    mixed = plugins.objectives.get(job.recipe.objective).acts_on is not None
    return job.frozen and (job.recipe.views > 0 or not augmented) and not mixed


def _train_network(job: Job, context: JobContext, channel: Channel) -> Outcome:
    material, recipe = context.material(job.material), job.recipe
    network, weights = build_network(
        recipe,
        context.plugins,
        len(material.manifest.emotions),
        material.weights_files,
        job.configuration.head,
        job.seed,
    )
    job.compute.arrange_filters(network.to(pick_device()))
    freezing = frozen(recipe, context.plugins, network, job.configuration.freeze_depth)
    training = _trained(job, context, channel, network, freezing, material.clips)
    logits = _tested(network, material.clips, job, recipe.batch_size)
    partial = job.frozen and weights != NO_WEIGHTS and not job.whole
    state = state_of(network, freezing if partial else None)
    return _outcome(job, material, weights, logits, training, state, partial)


def _train_head(job: Job, context: JobContext, channel: Channel) -> Outcome:
    """Train the head of a frozen backbone on features that are computed once."""
    material, recipe = context.material(job.material), job.recipe
    part = context.frozen.part(recipe, material)
    readout = ReadOut.parse(recipe.readout, part.reader.taps)
    features = context.frozen.viewed(
        recipe, job.configuration.widths, material, readout, job.taps, channel.quiet
    )
    width = readout.width(part.widths)
    torch.manual_seed(derive_seed(job.seed, "head"))
    head = context.plugins.heads.get(recipe.head).module(
        width,
        len(material.manifest.emotions),
        start_of(part.head, width),
        job.configuration.head,
    )
    network = HeadOnFeatures(head, part.reader, readout).to(pick_device())
    # The features are already those of augmented clips.
    on_views = replace(
        job, train=features.with_views(job.train), recipe=replace(recipe, augmentations=())
    )
    still = Freezing(nn.Identity(), (), 0)
    training = _trained(on_views, context, channel, network, still, features)
    logits = _tested(network, features, job, recipe.batch_size)
    return _of_frozen(job, material, part, readout, logits, training, state_of(network))


def _fit_head(job: Job, context: JobContext, channel: Channel) -> Outcome:
    """Fit a head on the features of all training speakers, which are computed once."""
    material, recipe = context.material(job.material), job.recipe
    part = context.frozen.part(recipe, material)
    readout = ReadOut.parse(recipe.readout, part.reader.taps)
    features = context.frozen.viewed(
        recipe, job.configuration.widths, material, readout, job.taps, channel.quiet
    )
    channel.check()
    started = time.perf_counter()
    manifest = material.manifest
    rows = np.sort(np.concatenate([job.train, job.validation]))
    speakers = np.unique([manifest.utterances[row].speaker for row in rows], return_inverse=True)
    copies = len(features.each)
    how = HeadContext(
        n_classes=len(manifest.emotions),
        speakers=np.tile(speakers[1], copies),
        seed=derive_seed(job.seed, "head"),
        parameters=job.configuration.head,
        copies=copies,
    )
    # A fit has small matrices: more threads are slower, above all where other processes run.
    with threadpool_limits(1):
        head = context.plugins.heads.get(recipe.head).fit(
            features.batch(features.with_views(rows)), np.tile(manifest.targets[rows], copies), how
        )
    network = HeadOnFeatures(head, part.reader, readout)
    logits = _tested(network, features, job, len(job.test))
    training = Training(0, 0, (), (), time.perf_counter() - started)
    return _of_frozen(job, material, part, readout, logits, training, state_of(network))


def _of_frozen(
    job: Job,
    material: Material,
    part: FrozenPart,
    readout: ReadOut,
    logits: npt.NDArray[np.float32] | None,
    training: Training,
    state: dict[str, npt.NDArray[np.generic]],
) -> Outcome:
    """The outcome of a head on a frozen backbone, with the backbone where it is asked for."""
    if job.whole:
        cut = part.reader.cut(copy.deepcopy(part.module), readout.taps)
        state |= {f"{BACKBONE}{name}": array for name, array in arrays_of(cut).items()}
    partial = part.weights != NO_WEIGHTS and not job.whole
    return _outcome(job, material, part.weights, logits, training, state, partial)


def _trained(
    job: Job,
    context: JobContext,
    channel: Channel,
    network: EmotionNetwork,
    freezing: Freezing,
    inputs: Inputs,
) -> Training:
    manifest = context.material(job.material).manifest
    return train(
        network,
        freezing,
        inputs,
        np.tile(manifest.targets, 1 + job.recipe.views),
        job.train,
        job.validation,
        regime_of(job.recipe, context.plugins, job.configuration, job.seed),
        _FoldWatch(channel, job.reference),
        job.compute,
        job.exactly,
    )


def _tested(
    network: EmotionNetwork, inputs: Inputs, job: Job, batch_size: int
) -> npt.NDArray[np.float32] | None:
    """The logits of the test rows; None if the job has none."""
    return predict(network, inputs, job.test, batch_size) if len(job.test) else None


def _outcome(
    job: Job,
    material: Material,
    weights: str,
    logits: npt.NDArray[np.float32] | None,
    training: Training,
    state: Mapping[str, npt.NDArray[np.generic]],
    partial: bool,
) -> Outcome:
    n_classes = len(material.manifest.emotions)
    if logits is None:
        logits = np.zeros((0, n_classes), dtype=np.float32)
        confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    else:
        confusion = confusion_of(logits, material.manifest.targets[job.test])
    return Outcome(
        trial=job.trial,
        fold=job.fold,
        rows=job.test,
        logits=logits,
        confusion=confusion,
        epochs=training.epochs,
        best_epoch=training.best_epoch,
        seconds=training.seconds,
        seed=job.seed,
        weights=weights,
        environment=this_environment(),
        curve=training.curve,
        losses=training.losses,
        pruned=training.pruned,
        state=state,
        partial=partial,
    )


@dataclass(frozen=True)
class FeatureJob:
    """The features of all clips at some taps, computed before the first training.

    Attributes:
        material: key of the shared material.
        recipe: front end, backbone, weights, views and initial read-out.
        taps: taps that the configurations of the study use.
        compute: compute settings.
        widths: augmentation → its width in the views.
    """

    material: str
    recipe: Recipe
    taps: tuple[str, ...]
    compute: ComputeSettings
    widths: Mapping[str, float] = field(default_factory=dict)


def compute_features(job: FeatureJob, context: JobContext, channel: Channel) -> None:
    """Compute the features that a study needs, so that its trainings find them in the cache.

    Raises:
        DivergedError: a feature is NaN or infinite.
        StorageError: the cache cannot be written to.
    """
    job.compute.use()
    if context.frozen.cache.limit == 0:
        return  # nothing is kept, so that each training computes its own
    material = context.material(job.material)
    part = context.frozen.part(job.recipe, material)
    readout = ReadOut.parse(job.recipe.readout, part.reader.taps)
    context.frozen.viewed(job.recipe, job.widths, material, readout, job.taps, channel)
