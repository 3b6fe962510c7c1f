"""What is trained: a front end and a backbone as one network, some of its stages held still."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


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
