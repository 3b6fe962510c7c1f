"""Backbones: feature image → logits, in stages that can be frozen from the input on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from serbench.model.weights import file_identity, load_matching, read_weights

if TYPE_CHECKING:
    from torch import nn

    from serbench.model.frontend import InputSpec

DEFAULT_WEIGHTS = "default"
"""What asks for a backbone's own pretrained weights."""

NO_WEIGHTS = "none"
"""What asks for random weights, and the identity of a network that started from them."""


@dataclass(frozen=True)
class BuiltBackbone:
    """A network ready to learn.

    Attributes:
        module: feature image → logits ``[B, n_classes]``.
        weights: identity of what it starts from: ``none`` or source and name.
    """

    module: nn.Module
    weights: str


class Backbone(Protocol):
    """What a backbone plugin registers."""

    @property
    def name(self) -> str:
        """As typed on the command line."""

    @property
    def front_end(self) -> str:
        """The front end it is used with unless the user names another."""

    def input_spec(self) -> InputSpec:
        """What the front end has to deliver."""

    def build(self, n_classes: int, weights: str) -> BuiltBackbone:
        """A network with a fresh last layer of ``n_classes`` outputs.

        Args:
            n_classes: number of emotions.
            weights: ``default`` (the backbone's own pretrained weights, where it has any),
                ``none``, or the path of a file.

        Raises:
            WeightsError: the weights cannot be had or do not fit; never a silent random start.
        """

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """Names of the parameters of each stage, from the input on, without the last layer."""

    def initial_freeze_depth(self, module: nn.Module) -> int:
        """How many stages the paper froze."""


def continued(module: nn.Module, weights: str, heads: tuple[str, ...]) -> BuiltBackbone:
    """A network as it is, or with the weights of a file: for who has none of its own to offer.

    Args:
        module: a fresh network.
        weights: ``none`` or ``default``, which is the same here, or the path of a file.
        heads: prefixes of the last layer's parameter names, such as ``head.``.

    Raises:
        WeightsError: the file cannot be read or does not fit.
    """
    if weights in (DEFAULT_WEIGHTS, NO_WEIGHTS):
        return BuiltBackbone(module, NO_WEIGHTS)
    load_matching(module, read_weights(weights), heads, weights)
    return BuiltBackbone(module, file_identity(weights))


def stages_of(module: nn.Module, children: Sequence[Sequence[str]]) -> list[list[str]]:
    """The parameters of each stage, given the paths of the modules that it is made of.

    ``stages_of(module, [["conv1", "bn1"], ["layer1"]])`` are two stages.
    """
    names = [name for name, _ in module.named_parameters()]
    return [
        [name for name in names if name.startswith(tuple(f"{child}." for child in stage))]
        for stage in children
    ]
