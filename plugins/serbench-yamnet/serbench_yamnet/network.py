"""YAMNet's network for clips of any length, and batch norms that were folded into convolutions."""

from __future__ import annotations

from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from serbench_yamnet.front_end import PATCH_FRAMES, SILENCE

PATCH_HOP = 48
"""Frames from one patch to the next; patches overlap by half, as in YAMNet."""

HEAD = "network.classifier."
"""Prefix of the last layer's parameters."""


class FoldedBatchNorm(BatchNormAct2d):  # type: ignore[misc]  # timm has no types
    """A batch norm that estimates the statistics which an exported network does not contain.

    An exported network has each batch norm only as a scale and a shift, folded into the convolution
    before it. For evaluation this is sufficient: ``folded`` is true, with mean 0 and variance 1. In
    training mode it would be wrong, because a batch would be normalised by its own statistics.
    Therefore mean m and variance v of the first batch in training mode are stored, and weight and
    bias are changed to scale·√(v + ε) and shift + scale·m. The function in evaluation mode does not
    change; in training mode it is the same for that batch and similar for others.

    One forward pass is enough for all layers, because each is measured on the output of measured
    layers. A frozen layer, which is in evaluation mode, stays folded. A network with random weights
    is not folded and not measured.
    """

    folded: Tensor

    def __init__(self, channels: int, **options: Any) -> None:
        super().__init__(channels, **options)
        self.register_buffer("folded", torch.tensor(False))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise and activate maps ``[B, C, H, W]``."""
        if self.training and self.folded:
            self._unfold(x.detach())
        activated: Tensor = super().forward(x)
        return activated

    @torch.no_grad()
    def _unfold(self, x: Tensor) -> None:
        variance, mean = torch.var_mean(x, dim=(0, 2, 3))
        scale = self.weight / torch.sqrt(self.running_var + self.eps)
        shift = self.bias - scale * self.running_mean
        self.weight.copy_(scale * torch.sqrt(variance + self.eps))
        self.bias.copy_(shift + scale * mean)
        self.running_mean.copy_(mean)
        self.running_var.copy_(variance)
        self.folded.fill_(False)


def _batch_norm(channels: int, **options: Any) -> FoldedBatchNorm:
    """The batch norm for timm, which requires a function here, not a class."""
    return FoldedBatchNorm(channels, act_layer=nn.ReLU6, **options)


def patch_starts(frames: int) -> list[int]:
    """The first frame of each patch: every 48 frames, and the last one that the frames hold."""
    last = max(frames - PATCH_FRAMES, 0)
    return [*range(0, last, PATCH_HOP), last]


def split_patches(image: Tensor) -> Tensor:
    """Cut images ``[B, 1, F, T]`` into patches ``[B, P, 1, 96, F]``, time before frequency.

    A patch starts every 48 frames; if frames remain, one more patch ends with the last frame.
    Silence is appended to an image of fewer than 96 frames.
    """
    starts = patch_starts(image.shape[-1])
    missing = PATCH_FRAMES - image.shape[-1]
    if missing > 0:
        image = F.pad(image, (0, missing), value=SILENCE)
    patches = [image[..., start : start + PATCH_FRAMES] for start in starts]
    return torch.stack(patches, dim=1).transpose(-1, -2)


class Yamnet(nn.Module):
    """Feature image ``[B, 1, 64, T]`` → embedding ``[B, 1024]``.

    MobileNet v1 computes an embedding of every patch, and a clip's embedding is their mean. Because
    the layer after it is linear, the mean of the patches' logits would be the same.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.network = timm.create_model(
            "mobilenetv1_100",
            in_chans=1,
            num_classes=n_classes,
            pad_type="same",
            norm_layer=_batch_norm,
        )

    def forward(self, image: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The embedding of each clip.

        Args:
            image: ``[B, 1, 64, T]``.
            lengths: frames of each clip that are not padding ``[B]``, or None for all. Silence
                takes the place of padding, and only patches count of which more than half is
                sound, or the first.
        """
        if lengths is None:
            patches = split_patches(image)  # [B, P, 1, 96, 64]
            by_clip: Tensor = self._embed(patches.flatten(0, 1)).unflatten(0, patches.shape[:2])  # type: ignore[no-untyped-call]
            return by_clip.mean(dim=1)
        frames = torch.arange(image.shape[-1], device=image.device)
        padding = (frames >= lengths.unsqueeze(1))[:, None, None]  # [B, 1, 1, T]
        patches = split_patches(image.masked_fill(padding, SILENCE))
        starts = torch.tensor(patch_starts(image.shape[-1]), device=image.device)
        counted = (starts == 0) | (starts < lengths.unsqueeze(1) - PATCH_HOP)  # [B, P]
        if torch.compiler.is_exporting():  # a graph has the same patches for every clip
            every: Tensor = self._embed(patches.flatten(0, 1)).unflatten(0, counted.shape)  # type: ignore[no-untyped-call]
            shares = counted / counted.sum(dim=1, keepdim=True)
            return (every * shares.unsqueeze(2)).sum(dim=1)
        embeddings = self._embed(patches[counted])
        sums = embeddings.new_zeros(len(image), embeddings.shape[1])
        sums = sums.index_add(0, counted.nonzero()[:, 0], embeddings)
        return sums / counted.sum(dim=1, keepdim=True)

    def _embed(self, patches: Tensor) -> Tensor:
        """``[n, 1, 96, 64]`` → ``[n, 1024]``."""
        maps = self.network.forward_features(patches)  # [n, 1024, 3, 2]
        embeddings: Tensor = self.network.forward_head(maps, pre_logits=True)
        return embeddings
