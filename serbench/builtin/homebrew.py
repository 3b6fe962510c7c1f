"""The paper's small network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from serbench import hookimpl
from serbench.data.licence import NOTHING, Licence
from serbench.model.backbone import Backbone, Built, PooledBackbone, continued, stages_of
from serbench.model.frontend import InputSpec

MAPS = (8, 16, 32, 64)


def _block(maps_in: int, maps_out: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(maps_in, maps_out, kernel, stride=2, padding=kernel // 2)
    nn.init.kaiming_normal_(convolution.weight, a=0.1)
    nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    return nn.Sequential(convolution, nn.ReLU(), nn.BatchNorm2d(maps_out))


@dataclass(frozen=True)
class Homebrew(PooledBackbone):
    """Four convolution blocks and adaptive average pooling."""

    name: str = "homebrew"
    front_end: str = "mel"
    published_on: ClassVar[tuple[str, ...]] = ()  # its default weights are random
    published_under: ClassVar[Licence] = NOTHING

    def input_spec(self) -> InputSpec:
        """One channel of 128×128; there are no pretrained weights, hence no statistics to match."""
        return InputSpec(channels=1, height=128, width=128, mean=(0.5,), std=(0.25,))

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """A network with random weights, or with the weights of a file."""
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        maps_in = 1
        for number, maps_out in enumerate(MAPS):
            blocks[f"block{number}"] = _block(maps_in, maps_out, kernel=5 if number == 0 else 3)
            maps_in = maps_out
        blocks["pool"] = nn.AdaptiveAvgPool2d(1)
        blocks["flatten"] = nn.Flatten()
        return continued(nn.Sequential(blocks), weights, maps_in, n_classes=n_classes)

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """The four blocks."""
        return stages_of(module, [[f"block{number}"] for number in range(len(MAPS))])


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register ``homebrew``."""
    register(Homebrew())
