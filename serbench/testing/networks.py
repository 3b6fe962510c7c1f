"""Networks to check, and images to show them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from serbench.model.backbone import NO_WEIGHTS, Backbone, BuiltBackbone
from serbench.model.network import Freezing

N_CLASSES = 6


def build(
    backbone: Backbone, n_classes: int = N_CLASSES, weights: str = NO_WEIGHTS, seed: int = 0
) -> BuiltBackbone:
    """A network whose random numbers are always the same; torch's own generator is as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return backbone.build(n_classes, weights)


def images_for(backbone: Backbone, n_clips: int) -> Tensor:
    """Random images ``[B, C, F, T]`` in the size it asks for and the order front ends deliver."""
    spec = backbone.input_spec()
    shape = (n_clips, spec.channels, spec.height, spec.width)
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return images.contiguous(memory_format=torch.channels_last)


def logits_of(module: nn.Module, images: Tensor) -> Tensor:
    """What a network in evaluation mode says to ``images``."""
    module.eval()
    with torch.inference_mode():
        logits: Tensor = module(images)
    return logits


def freeze(backbone: Backbone, module: nn.Module, depth: int) -> set[str]:
    """Freeze ``depth`` stages and go into training mode; gives the names of what is frozen."""
    stages = backbone.stages(module)
    Freezing(module, stages, depth).train()
    return {name for stage in stages[:depth] for name in stage}


def last_layer_of(backbone: Backbone, module: nn.Module) -> list[str]:
    """Names of the parameters that belong to no stage."""
    staged = {name for stage in backbone.stages(module) for name in stage}
    return [name for name, _ in module.named_parameters() if name not in staged]


def depths_of(backbone: Backbone, module: nn.Module) -> list[int]:
    """No stage frozen, half of them, and all."""
    count = len(backbone.stages(module))
    return sorted({0, count // 2, count})
