"""Networks and images for the checks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from serbench.model.backbone import NO_WEIGHTS, Backbone, Built
from serbench.model.network import EmotionNetwork, Freezing

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
    """Backbone and a linear layer: images ``[B, C, F, T]`` → logits; there is no front end."""
    built = build(backbone, n_classes, weights, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(built.widths["pooled"], n_classes)
    if built.head is not None:
        head.load_state_dict(dict(built.head))
    return EmotionNetwork(nn.Identity(), built.module, head)


def images_for(backbone: Backbone, n_clips: int) -> Tensor:
    """Random images ``[B, C, F, T]`` of its input size, in the memory format of front ends."""
    spec = backbone.input_spec()
    shape = (n_clips, spec.channels, spec.height, spec.width)
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return images.contiguous(memory_format=torch.channels_last)


def answers_of(module: nn.Module, images: Tensor) -> Tensor:
    """The output of a network for ``images`` in evaluation mode."""
    module.eval()
    with torch.inference_mode():
        answers: Tensor = module(images)
    return answers


def freeze(backbone: Backbone, network: EmotionNetwork, depth: int) -> set[str]:
    """Freeze ``depth`` stages and set training mode; returns the names of frozen parameters."""
    stages = backbone.stages(network.backbone)
    Freezing(network.backbone, stages, depth).train(network)
    return {BACKBONE + name for stage in stages[:depth] for name in stage}


def depths_of(backbone: Backbone, module: nn.Module) -> list[int]:
    """The freeze depths 0, half of the stages, and all stages."""
    count = len(backbone.stages(module))
    return sorted({0, count // 2, count})
