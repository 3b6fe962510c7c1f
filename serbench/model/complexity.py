"""How large a network is, whatever machine it runs on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from serbench.model.frontend import InputSpec


@dataclass(frozen=True)
class Complexity:
    """Parameters, and multiply-accumulates for one feature image."""

    params: int
    macs: int


def measure_complexity(backbone: nn.Module, spec: InputSpec) -> Complexity:
    """Count parameters and the multiply-accumulates of convolutions and matrix products.

    The front end is not counted; a multiply-accumulate is two of PyTorch's floating-point
    operations.
    """
    backbone.eval()
    image = torch.zeros(1, spec.channels, spec.height, spec.width)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:  # in inference mode the counter trips over weight norm
        backbone(image)
    params = sum(parameter.numel() for parameter in backbone.parameters())
    return Complexity(params, counter.get_total_flops() // 2)
