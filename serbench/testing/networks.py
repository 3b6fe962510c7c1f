"""Networks and images for the checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from serbench.model.backbone import NO_WEIGHTS, Backbone, Built, Features
from serbench.model.network import EmotionNetwork, Freezing
from serbench.model.readout import ReadOut

N_CLASSES = 6

BACKBONE = "backbone."


def build(
    backbone: Backbone, n_classes: int | None = N_CLASSES, weights: str = NO_WEIGHTS, seed: int = 0
) -> Built:
    """A network with fixed random numbers; torch's global generator is left unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return backbone.build(weights, n_classes)


def classifier(
    backbone: Backbone, n_classes: int = N_CLASSES, weights: str = NO_WEIGHTS, seed: int = 0
) -> EmotionNetwork:
    """Backbone, initial read-out and a linear layer: images ``[B, C, F, T]`` → logits.

    There is no front end, and the backbone ends with the last tap of the read-out.
    """
    built = build(backbone, n_classes, weights, seed)
    readout = initial_readout(backbone)
    width = readout.width(built.widths)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(width, n_classes)
    if built.head is not None:
        head.load_state_dict(dict(built.head))
    module = backbone.cut(built.module, readout.taps)
    return EmotionNetwork(nn.Identity(), module, head, backbone, readout, width)


def initial_readout(backbone: Backbone) -> ReadOut:
    """The read-out of the first trial of a search."""
    return ReadOut.parse(backbone.readouts[0], backbone.taps)


def images_for(backbone: Backbone, n_clips: int) -> Tensor:
    """Random images ``[B, C, F, T]`` of its input size, in the memory format of front ends."""
    spec = backbone.input_spec()
    shape = (n_clips, spec.channels, spec.height, spec.width)
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return images.contiguous(memory_format=torch.channels_last)


def logits_of(network: EmotionNetwork, images: Tensor) -> Tensor:
    """The logits of a network for ``images`` in evaluation mode."""
    network.eval()
    with torch.inference_mode():
        logits: Tensor = network(images)
    return logits


def taps_of(
    backbone: Backbone, module: nn.Module, images: Tensor, taps: Sequence[str]
) -> Mapping[str, Tensor]:
    """The output of a backbone at some taps in evaluation mode."""
    module.eval()
    with torch.inference_mode():
        return backbone.features(module, images, None, taps).taps


def vectors_of(backbone: Backbone, module: nn.Module, images: Tensor) -> Tensor:
    """Vectors ``[B, D]`` of the initial read-out in evaluation mode, its taps side by side."""
    readout = initial_readout(backbone)
    features = Features(taps_of(backbone, module, images, readout.taps))
    with torch.inference_mode():
        return readout.pooled(features)[0].flatten(1)


def freeze(backbone: Backbone, network: EmotionNetwork, depth: int) -> set[str]:
    """Freeze ``depth`` stages and set training mode; returns the names of frozen parameters."""
    stages = backbone.stages(network.backbone)
    Freezing(network.backbone, stages, depth).train(network)
    return {BACKBONE + name for stage in stages[:depth] for name in stage}


def depths_of(backbone: Backbone, module: nn.Module) -> list[int]:
    """The freeze depths 0, half of the stages, and all stages."""
    count = len(backbone.stages(module))
    return sorted({0, count // 2, count})
