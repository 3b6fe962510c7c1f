"""What is trained: front end, backbone and head as one network, some of its stages frozen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from torch import Tensor, nn


class Freezing:
    """The first ``depth`` stages of a backbone, frozen.

    Their parameters need no gradient, so no graph is built through them, and modules that
    consist of nothing else stay in evaluation mode: their batch norms keep their statistics.
    ``names`` are the frozen parameters, ``kept`` prefixes of the modules that stay as they were.
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
        """Training mode for what learns, evaluation mode for what is frozen."""
        network.train()
        for part in self._still:
            part.eval()


class EmotionNetwork(nn.Module):
    """Front end, backbone and head: waveform ``[B, samples]`` → logits ``[B, n_classes]``.

    The front end has nothing to learn, and is in evaluation mode in training too.
    """

    def __init__(self, front_end: nn.Module, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.front_end = front_end
        self.backbone = backbone
        self.head = head

    def train(self, mode: bool = True) -> Self:
        """Training or evaluation mode for what learns."""
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
