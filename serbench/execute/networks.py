"""Networks at the beginning and at the end of a training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from serbench.data.seeds import derive_seed
from serbench.model.batches import Regime, select_augmentations
from serbench.model.network import EmotionNetwork, Freezing
from serbench.model.readout import ReadOut
from serbench.model.recipe import Configuration, Recipe
from serbench.model.weights import BACKBONE, require_finite
from serbench.plugins import Plugins

TRAINED = (BACKBONE, "weighting.", "head.")
"""Prefixes of the trained parts of a network; the front end has no parameters."""


def build_network(
    recipe: Recipe,
    plugins: Plugins,
    n_classes: int,
    weights_files: Mapping[str, str] | None = None,
    head_parameters: Mapping[str, float] | None = None,
    seed: int | None = None,
) -> tuple[EmotionNetwork, str]:
    """A network in the state in which every fold starts; a head that is fitted has random weights.

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
    readout = ReadOut.parse(recipe.readout, backbone.taps)
    if seed is not None:
        torch.manual_seed(derive_seed(seed, "head"))
    width = readout.width(built.widths)
    head = plugins.heads.get(recipe.head).module(
        width, n_classes, start_of(built.head, width), head_parameters or {}
    )
    module = backbone.cut(built.module, readout.taps)
    return EmotionNetwork(images, module, head, backbone, readout, width), built.weights


def start_of(layer: Mapping[str, Tensor] | None, width: int) -> Mapping[str, Tensor] | None:
    """The last layer of a network, where it fits the read-out."""
    return layer if layer is not None and layer["weight"].shape[1] == width else None


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
        weight_decay=configuration.weight_decay,
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
