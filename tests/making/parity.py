"""Networks with random weights for tests of their export."""

import torch

from serbench.data.clips import ClipFormat
from serbench.deploy.network import untrained_network
from serbench.model.deployable import Deployable
from serbench.model.recipe import Recipe
from serbench.plugins import Plugins


def deployable(backbone, front_end=None, readout=None, rate=None, seconds=2.618, head=None):
    """A network of installed parts, in evaluation mode.

    Args:
        backbone: its name.
        front_end: by default the one that the backbone is used with.
        readout: by default the first of the backbone.
        rate: by default that of the front end, or 16,000 Hz.
        seconds: length of a clip.
        head: by default that of the backbone.
    """
    plugins = Plugins()
    chosen = plugins.backbones.get(backbone)
    first = plugins.front_ends.get(front_end or chosen.front_end)
    padding = "zeros" if chosen.takes_lengths else "reflect"
    clip_format = ClipFormat(rate or first.sample_rate or 16_000, seconds, "rms", padding)
    recipe = Recipe(
        backbone=backbone,
        front_end=first.name,
        schedule="half-cycle",
        head=head or chosen.head,
        objective="cross-entropy",
        readout=readout or chosen.readouts[0],
        weights="none",
        clip_format=clip_format,
        augmentations=(),
        epochs=1,
        batch_size=8,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = untrained_network(recipe, plugins, 6)
    return Deployable(network, clip_format, temperature=1.3)
