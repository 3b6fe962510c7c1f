"""The network that is trained: front end, backbone with frozen stages, and head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from torch import Tensor, nn


class Freezing:
    """The first ``depth`` stages of a backbone, frozen.

    Their parameters require no gradient, so that no graph is built for them. Modules whose
    parameters are all frozen stay in evaluation mode, so that the statistics of their batch norms
    do not change. ``names`` are the names of the frozen parameters, ``kept`` the prefixes of
    unchanged modules.
    """

    def __init__(self, module: nn.Module, stages: Sequence[Sequence[str]], depth: int) -> None:
        self.names = frozenset(name for stage in stages[:depth] for name in stage)
        self.kept: list[str] = []
        self._still: list[nn.Module] = []
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(name not in self.names)
        for name, part in module.named_modules():
            own = [f"{name}.{suffix}" if name else suffix for suffix, _ in part.named_parameters()]
            if own and self.names.issuperset(own):
                self._still.append(part)
                self.kept.append(f"{name}." if name else "")

    def train(self, network: nn.Module) -> None:
        """Set training mode for trainable modules and evaluation mode for frozen ones."""
        network.train()
        for part in self._still:
            part.eval()


class EmotionNetwork(nn.Module):
    """Front end, backbone and head: waveform ``[B, samples]`` → logits ``[B, n_classes]``.

    The front end has no parameters and is always in evaluation mode.
    """

    def __init__(self, front_end: nn.Module, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.front_end = front_end
        self.backbone = backbone
        self.head = head

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode of backbone and head."""
        super().train(mode)
        self.front_end.eval()
        return self

    def classify(self, image: Tensor) -> Tensor:
        """Logits ``[B, n_classes]`` of feature images ``[B, C, F, T]``."""
        logits: Tensor = self.head(self.backbone(image))
        return logits

    def forward(self, waveform: Tensor) -> Tensor:
        """Logits of each clip."""
        return self.classify(self.front_end(waveform))
