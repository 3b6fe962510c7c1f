"""Networks outside of training: untrained ones for measurements, trained ones for predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from serbench.errors import WeightsError
from serbench.execute.networks import TRAINED, build_network
from serbench.model.backbone import NO_WEIGHTS
from serbench.model.network import EmotionNetwork
from serbench.model.recipe import Recipe
from serbench.model.weights import HEAD
from serbench.plugins import Plugins


def untrained_network(recipe: Recipe, plugins: Plugins, n_classes: int) -> EmotionNetwork:
    """A network with random weights in evaluation mode, waveform ``[B, samples]`` → logits."""
    with torch.random.fork_rng():
        network, _ = build_network(replace(recipe, weights=NO_WEIGHTS), plugins, n_classes)
    network.eval()
    # Networks are trained in this memory order, and front ends return images in it.
    return network.to(memory_format=torch.channels_last)


def trained_network(
    recipe: Recipe,
    plugins: Plugins,
    n_classes: int,
    arrays: Mapping[str, npt.NDArray[np.generic]],
) -> EmotionNetwork:
    """A trained network in evaluation mode, waveform ``[B, samples]`` → logits.

    Args:
        recipe: the components of the network.
        plugins: plugins with the names of the recipe.
        n_classes: number of emotions.
        arrays: arrays of the whole network, ``backbone.*``, ``weighting.*`` and ``head.*``.

    Raises:
        WeightsError: the arrays do not fit the network.
    """
    network = untrained_network(recipe, plugins, n_classes)
    own = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name.startswith(TRAINED) and not name.startswith(HEAD)
    }
    head = {
        name.removeprefix(HEAD): array for name, array in arrays.items() if name.startswith(HEAD)
    }
    rest = {name: array for name, array in arrays.items() if not name.startswith(HEAD)}
    wrong = {
        name
        for name in own.keys() | rest.keys()
        if name not in own or name not in rest or tuple(own[name].shape) != rest[name].shape
    }
    try:
        network.head = plugins.heads.get(recipe.head).restored(network.width, n_classes, head)
    except WeightsError as error:
        tensors = error.facts["tensors"]
        assert isinstance(tensors, tuple)
        wrong |= {f"{HEAD}{name}" for name in tensors}
    if wrong:
        raise WeightsError(
            f"the weights do not fit the network of {recipe.backbone} ({len(wrong)} arrays differ, "
            f"such as {min(wrong)}): run its study again",
            backbone=recipe.backbone,
            arrays=tuple(sorted(wrong)),
        )
    state = {name: torch.from_numpy(np.array(array)) for name, array in rest.items()}
    network.load_state_dict(state, strict=False)
    return network.eval()
