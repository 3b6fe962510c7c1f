"""The gradients of a batch, computed in parts where the memory of the device does not suffice."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from serbench.errors import DeviceMemoryError
from serbench.model.batches import Batch
from serbench.model.network import EmotionNetwork
from serbench.notices import notice

Classify = Callable[[Tensor, Tensor | None], Tensor]
"""Images and the columns that are not padding → logits ``[B, n_classes]`` in float32."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits and targets → a scalar."""


class Backpropagation:
    """Computes the loss of batches and adds its gradients to the parameters.

    If the device has too little memory for a batch, its logits are computed first, part by part and
    without gradients; then each part is computed again, and the gradient of the loss with respect
    to its logits is propagated (Gao and others 2021, arXiv 2101.06983). For any loss this is the
    gradient of the whole batch, except for rounding, if no layer uses statistics of the batch.
    Later batches have the same number of parts.

    Args:
        network: the network, for its layers and its device.
        classify: computes logits.
        loss: computes the loss of a batch.
    """

    def __init__(self, network: EmotionNetwork, classify: Classify, loss: Loss) -> None:
        self._network, self._classify, self._loss = network, classify, loss
        self._parts = 1

    def __call__(self, batch: Batch) -> Tensor:
        """The loss of a batch; the parameters have had no gradients before.

        Raises:
            DeviceMemoryError: there is too little memory for one clip, or for the batch where
                layers use its statistics.
        """
        while True:
            try:
                return self._whole(batch) if self._parts == 1 else self._in_parts(batch)
            except torch.OutOfMemoryError as error:
                self._split(len(batch.images), error)

    def _split(self, clips: int, error: torch.OutOfMemoryError) -> None:
        """Prepare another attempt with smaller parts."""
        for parameter in self._network.parameters():
            parameter.grad = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        normed = any(
            each.training and getattr(each, "running_mean", None) is not None
            for each in self._network.modules()
        )
        if normed or self._parts >= clips:
            reason = "its batch norms need whole batches" if normed else "one clip is too large"
            raise DeviceMemoryError(
                f"the memory of the device does not suffice for batches of {clips} clips, and "
                f"{reason}: give a smaller --batch-size, --precision bf16 or fewer --jobs",
                clips=clips,
            ) from error
        self._parts = min(2 * self._parts, clips)
        notice(
            f"the memory of the device does not suffice for batches of {clips} clips: their "
            f"gradients are computed in {self._parts} parts"
        )

    def _whole(self, batch: Batch) -> Tensor:
        loss = self._loss(self._classify(batch.images, batch.columns), batch.targets)
        torch.autograd.backward(loss)
        return loss

    def _in_parts(self, batch: Batch) -> Tensor:
        images = batch.images.tensor_split(self._parts)
        columns = (
            [None] * len(images)
            if batch.columns is None
            else batch.columns.tensor_split(self._parts)
        )
        states, found = [], []
        with torch.no_grad():
            for image, column in zip(images, columns, strict=True):
                states.append(self._random_state())
                found.append(self._classify(image, column))
        after = self._random_state()
        logits = torch.cat(found).requires_grad_()
        loss = self._loss(logits, batch.targets)
        [gradient] = torch.autograd.grad(loss, logits)
        parts = torch.split(gradient, [len(each) for each in images])
        for image, column, part, state in zip(images, columns, parts, states, strict=True):
            self._restore(state)  # the same dropout as before
            torch.autograd.backward(self._classify(image, column), part)
        self._restore(after)
        return loss.detach()

    def _random_state(self) -> tuple[Tensor, Tensor | None]:
        device = self._network.device
        of_device = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return torch.get_rng_state(), of_device

    def _restore(self, state: tuple[Tensor, Tensor | None]) -> None:
        of_processor, of_device = state
        torch.set_rng_state(of_processor)
        if of_device is not None:
            torch.cuda.set_rng_state(of_device, self._network.device)
