"""The network that is trained: front end, backbone with frozen stages, and head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from torch import Tensor, nn

from serbench.model.backbone import POOLED, Backbone
from serbench.model.frontend import FrontEndModule


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

    Args:
        front_end: waveforms → feature images.
        backbone: feature images → pooled vectors.
        head: pooled vectors → logits.
        reader: the plugin that made the backbone, where that can leave out padding; else None.
    """

    def __init__(
        self,
        front_end: nn.Module,
        backbone: nn.Module,
        head: nn.Module,
        reader: Backbone | None = None,
    ) -> None:
        super().__init__()
        self.front_end = front_end
        self.backbone = backbone
        self.head = head
        self.reader = reader if reader is not None and reader.takes_lengths else None

    @property
    def takes_lengths(self) -> bool:
        """Whether it can leave out padding."""
        return self.reader is not None

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode of backbone and head."""
        super().train(mode)
        self.front_end.eval()
        return self

    def images(
        self, waveform: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Feature images ``[B, C, F, T]``, and how many columns of each are not padding ``[B]``.

        Args:
            waveform: ``[B, samples]``.
            lengths: samples of each clip that are not padding ``[B]``, or None for all.
        """
        image: Tensor = self.front_end(waveform)
        if lengths is None or not isinstance(self.front_end, FrontEndModule):
            return image, None
        return image, self.front_end.columns(lengths, waveform.shape[1], image.shape[-1])

    def classify(self, image: Tensor, columns: Tensor | None = None) -> Tensor:
        """Logits ``[B, n_classes]`` of feature images ``[B, C, F, T]``.

        Args:
            image: of each clip.
            columns: of each image that are not padding ``[B]``; of no effect where the backbone
                cannot leave it out.
        """
        if columns is None or self.reader is None:
            features: Tensor = self.backbone(image)
        else:
            features = self.reader.features(self.backbone, image, columns, [POOLED]).taps[POOLED]
        logits: Tensor = self.head(features)
        return logits

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits of each clip, given its samples that are not padding ``[B]``, or None for all."""
        return self.classify(*self.images(waveform, lengths))
