"""The size of a network, independent of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from serbench.model.network import EmotionNetwork


@dataclass(frozen=True)
class Complexity:
    """Numbers of parameters, and of multiply-accumulates for one feature image."""

    params: int
    macs: int


def measure_complexity(network: EmotionNetwork, waveform: Tensor) -> Complexity:
    """Count parameters and the multiply-accumulates of convolutions and matrix products.

    The front end is not counted; a multiply-accumulate is two of PyTorch's floating-point
    operations.

    Args:
        network: waveforms ``[B, samples]`` → logits.
        waveform: of one clip, ``[1, samples]``.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    network.eval()
    with torch.no_grad():
        image = network.front_end(waveform)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:  # in inference mode the counter fails on weight norm
        network.classify(image)
    learning = (*network.backbone.parameters(), *network.weighting.parameters())
    # The arrays of a head that is fitted are buffers.
    head = (*network.head.parameters(), *network.head.buffers())
    params = sum(tensor.numel() for tensor in (*learning, *head))
    return Complexity(params, counter.get_total_flops() // 2)
