"""Backbones: feature image → logits, in stages that can be frozen from the input on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from serbench.model.frontend import InputSpec
from serbench.model.weights import file_identity, load_matching, read_weights

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

    def paper_freeze_depth(self, module: nn.Module) -> int:
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


class Freezing:
    """The first ``depth`` stages of a network, held still.

    Their parameters need no gradient, so no graph is built through them, and modules that
    consist of nothing else stay in evaluation mode: their batch norms keep their statistics.
    """

    def __init__(self, module: nn.Module, stages: Sequence[Sequence[str]], depth: int) -> None:
        frozen = {name for stage in stages[:depth] for name in stage}
        self._module = module
        self._still: list[nn.Module] = []
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(name not in frozen)
        for name, part in module.named_modules():
            own = [f"{name}.{suffix}" if name else suffix for suffix, _ in part.named_parameters()]
            if own and frozen.issuperset(own):
                self._still.append(part)

    def train(self) -> None:
        """Training mode for what learns, evaluation mode for what is frozen."""
        self._module.train()
        for part in self._still:
            part.eval()


class EmotionNetwork(nn.Module):
    """Front end and backbone as one: waveform ``[B, samples]`` → logits ``[B, n_classes]``."""

    def __init__(self, front_end: nn.Module, backbone: nn.Module) -> None:
        super().__init__()
        self.front_end = front_end
        self.backbone = backbone

    def forward(self, waveform: Tensor) -> Tensor:
        """Logits of each clip."""
        logits: Tensor = self.backbone(self.front_end(waveform))
        return logits
