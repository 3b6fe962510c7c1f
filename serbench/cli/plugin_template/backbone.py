"""Backbone ``$name``: two convolutions, to be replaced by your own network."""

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


@dataclass(frozen=True)
class TwoConvolutions(PooledBackbone):
    """Two convolutions and average pooling."""

    name: str = "$name"
    front_end: str = "mel"
    published_on: ClassVar[tuple[str, ...]] = ()  # its default weights are random
    published_under: ClassVar[Licence] = NOTHING

    def input_spec(self) -> InputSpec:
        """One channel of 64×64, with a mean near 0."""
        return InputSpec(channels=1, height=64, width=64, mean=(0.5,), std=(0.25,))

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """A fresh network, or one that continues from a file."""
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["first"] = nn.Sequential(nn.Conv2d(1, 16, 3, 2), nn.ReLU(), nn.BatchNorm2d(16))
        layers["second"] = nn.Sequential(nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.BatchNorm2d(32))
        layers["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return continued(nn.Sequential(layers), weights, width=32, n_classes=n_classes)

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """One for each convolution and its batch norm."""
        return stages_of(module, [["first"], ["second"]])


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register ``$name``."""
    register(TwoConvolutions())
