"""Train and test one configuration on one fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from serbench.data.seeds import derive_seed
from serbench.errors import PluginError
from serbench.execute.executor import Channel, JobContext
from serbench.execute.job import Job, LossReference, Outcome
from serbench.model.backbone import NO_WEIGHTS
from serbench.model.batches import Regime, select_augmentations
from serbench.model.environment import this_environment
from serbench.model.network import EmotionNetwork, Freezing
from serbench.model.recipe import Configuration, Recipe
from serbench.model.training import EpochReport, Watch, pick_device, predict, train
from serbench.model.weights import require_finite
from serbench.plugins import Plugins
from serbench.score.confusion import confusion_of, score_counts

TRAINED = ("backbone.", "head.")
"""Prefixes of the trained parts of a network; the front end has no parameters."""


def build_network(
    recipe: Recipe,
    plugins: Plugins,
    n_classes: int,
    weights_files: Mapping[str, str] | None = None,
    head_parameters: Mapping[str, float] | None = None,
    seed: int | None = None,
) -> tuple[EmotionNetwork, str]:
    """A network in the state in which every fold starts.

    Args:
        recipe: names of its parts.
        plugins: plugins with the parts that the recipe names.
        n_classes: number of emotions.
        weights_files: identity of a weights file → its path on this machine.
        head_parameters: searched parameters of the head.
        seed: seed of its random weights; None uses torch's global generator without seeding it.

    Returns:
        the network, and the identity of the weights it starts from.

    Raises:
        PluginError: the head cannot be trained together with a backbone.
        SerbenchError: a name is unknown, or weights are not available.
    """
    backbone = plugins.backbones.get(recipe.backbone)
    weights = (weights_files or {}).get(recipe.weights, recipe.weights)
    if seed is not None:
        torch.manual_seed(derive_seed(seed, "initialisation"))
    built = backbone.build(weights, n_classes)
    require_finite(built.module.state_dict(), f"{recipe.backbone} with weights {recipe.weights}")
    front_end = plugins.front_ends.get(recipe.front_end)
    images = front_end.build(recipe.clip_format, backbone.input_spec())
    head = plugins.heads.get(recipe.head)
    module = head.module(built.width, n_classes, built.head, head_parameters or {})
    if module is None:
        raise PluginError(
            f"head '{head.name}' is fitted on frozen features, not trained with a backbone: "
            "choose another with --head",
            head=head.name,
        )
    return EmotionNetwork(images, built.module, module, backbone), built.weights


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
    material, recipe = context.material(job.material), job.recipe
    manifest = material.manifest
    job.compute.use()
    with torch.random.fork_rng():
        network, weights = build_network(
            recipe,
            context.plugins,
            len(manifest.emotions),
            material.weights_files,
            job.configuration.head,
            job.seed,
        )
        job.compute.arrange_filters(network.to(pick_device()))
        freezing = frozen(recipe, context.plugins, network, job.configuration.freeze_depth)
        training = train(
            network,
            freezing,
            material.clips,
            manifest.targets,
            job.train,
            job.validation,
            regime_of(recipe, context.plugins, job.configuration, job.seed),
            _FoldWatch(channel, job.reference),
            job.compute,
        )
    logits = predict(network, material.clips, job.test, recipe.batch_size)
    confusion = confusion_of(logits, manifest.targets[job.test])
    stages = context.plugins.backbones.get(recipe.backbone).stages(network.backbone)
    everything_frozen = 0 < len(stages) == job.configuration.freeze_depth
    partial = everything_frozen and weights != NO_WEIGHTS and not job.whole
    return Outcome(
        trial=job.trial,
        fold=job.fold,
        rows=job.test,
        logits=logits,
        uar=score_counts(confusion, "uar"),
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
        state=state_of(network, freezing if partial else None),
        partial=partial,
    )


def frozen(recipe: Recipe, plugins: Plugins, network: EmotionNetwork, depth: int) -> Freezing:
    """The first ``depth`` stages of a network's backbone, frozen."""
    stages = plugins.backbones.get(recipe.backbone).stages(network.backbone)
    return Freezing(network.backbone, stages, depth)


def regime_of(recipe: Recipe, plugins: Plugins, configuration: Configuration, seed: int) -> Regime:
    """The training options of a configuration."""
    augmentations = [plugins.augmentations.get(name) for name in recipe.augmentations]
    return Regime(
        scheduler=plugins.schedulers.get(recipe.schedule),
        objective=(plugins.objectives.get(recipe.objective), configuration.objective),
        learning_rate=configuration.learning_rate,
        augmentations=select_augmentations(augmentations, configuration.widths),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=seed,
    )


def state_of(
    network: EmotionNetwork, freezing: Freezing | None = None
) -> dict[str, npt.NDArray[np.generic]]:
    """A network's arrays by name, on the CPU, without those of the front end.

    Args:
        network: the trained network.
        freezing: frozen modules are left out; None includes all modules.
    """
    left_out = () if freezing is None else tuple(f"backbone.{name}" for name in freezing.kept)
    return {
        name: tensor.detach().cpu().contiguous().numpy()
        for name, tensor in network.state_dict().items()
        if name.startswith(TRAINED) and not name.startswith(left_out or ("\0",))
    }
