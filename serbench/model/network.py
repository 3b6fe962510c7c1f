"""The network that is trained: front end, backbone with frozen stages, read-out and head."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Self

import torch
from torch import Tensor, nn

from serbench.model.backbone import POOLED, PooledBackbone, Reader
from serbench.model.frontend import FrontEndModule
from serbench.model.readout import ReadOut

WHOLE = ReadOut((POOLED,))
"""The read-out of a backbone with a single vector."""


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


class TapWeights(nn.Module):
    """The sum of several taps with learnt weights, a softmax of one parameter for each tap."""

    def __init__(self, taps: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(taps))

    def forward(self, features: Tensor) -> Tensor:
        """Taps side by side ``[..., taps · D]`` → their weighted sum ``[..., D]``."""
        parts = features.reshape(*features.shape[:-1], len(self.scores), -1)
        return torch.einsum("...td,t->...d", parts, self.scores.softmax(dim=0))


class EmotionNetwork(nn.Module):
    """Front end, backbone, read-out and head: waveform ``[B, samples]`` → logits.

    The front end has no parameters and is always in evaluation mode.

    Args:
        front_end: waveforms → feature images.
        backbone: feature images → features; the network that ``reader`` has built.
        head: what the read-out gives → logits ``[B, n_classes]``.
        reader: the plugin that has built the backbone; by default one with a single vector.
        readout: the taps that the head receives, and how they are pooled; by default that vector.
        width: size of the vectors or frames that the head receives; 0 where it is not needed.
    """

    def __init__(
        self,
        front_end: nn.Module,
        backbone: nn.Module,
        head: nn.Module,
        reader: Reader | None = None,
        readout: ReadOut = WHOLE,
        width: int = 0,
    ) -> None:
        super().__init__()
        self.front_end = front_end
        self.backbone = backbone
        self.weighting = TapWeights(len(readout.taps)) if readout.weighted else nn.Identity()
        self.head = head
        self.reader: Reader = PooledBackbone() if reader is None else reader
        self.readout = readout
        self.width = width

    @property
    def takes_lengths(self) -> bool:
        """Whether it can leave out padding."""
        return self.reader.takes_lengths

    @property
    def device(self) -> torch.device:
        """Where its parameters and buffers are."""
        tensors = chain(self.backbone.parameters(), self.head.parameters(), self.head.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode of all parts but the front end."""
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

    def features(
        self, image: Tensor, columns: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The pooled taps of feature images, side by side.

        Args:
            image: of each clip ``[B, C, F, T]``.
            columns: of each image that are not padding ``[B]``; of no effect where the backbone
                cannot leave it out.

        Returns:
            vectors ``[B, D]`` or frames ``[B, T, D]``, and the number of frames of each clip that
            are not padding ``[B]``, or None.
        """
        known = columns if self.takes_lengths else None
        return self.readout.pooled(
            self.reader.features(self.backbone, image, known, self.readout.taps)
        )

    def decide(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits ``[B, n_classes]``, given what ``features`` returns."""
        weighted = self.weighting(features)
        logits: Tensor = (
            self.head(weighted) if weighted.dim() == 2 else self.head(weighted, lengths)
        )
        return logits

    def classify(self, image: Tensor, columns: Tensor | None = None) -> Tensor:
        """Logits ``[B, n_classes]`` of feature images, given as for ``features``."""
        return self.decide(*self.features(image, columns))

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits of each clip, given its samples that are not padding ``[B]``, or None for all."""
        return self.classify(*self.images(waveform, lengths))


class HeadOnFeatures(EmotionNetwork):
    """The trained part of a network whose backbone is frozen, on features computed before.

    Its inputs are features instead of waveforms: vectors ``[B, D]`` or frames ``[B, T, D]``.
    """

    def __init__(self, head: nn.Module, reader: Reader, readout: ReadOut) -> None:
        super().__init__(nn.Identity(), nn.Identity(), head, reader, readout)

    @property
    def takes_lengths(self) -> bool:
        """Whether its inputs are frames, of which some may be padding."""
        return not self.readout.pooling and self.reader.takes_lengths

    def images(
        self, waveform: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The same features and lengths."""
        return waveform, lengths

    def features(
        self, image: Tensor, columns: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The same features and lengths."""
        return image, columns
