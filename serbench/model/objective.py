"""Objectives: the loss that training minimises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol

from serbench.model.ranges import Range

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class PreparedObjective(Protocol):
    """An objective for one training."""

    def mix(
        self, batch: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """The training batch and its targets, mixed or unchanged.

        Args:
            batch: waveforms ``[B, samples]`` or feature images ``[B, C, F, T]``.
            targets: emotion codes ``[B]``.
            generator: source of every random number, on the CPU.

        Returns:
            the batch, and codes ``[B]`` or shares of each emotion ``[B, n_classes]``.
        """

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            logits: float32 ``[B, n_classes]``.
            targets: as ``mix`` returned them.
        """


class Objective(Protocol):
    """The interface of an objective plugin."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """Ranges of the parameters that a study searches, by name."""

    @property
    def acts_on(self) -> Literal["waveform", "features"] | None:
        """Whether ``mix`` takes waveforms or feature images; None where it changes nothing."""

    def prepare(
        self,
        targets: Tensor,
        n_classes: int,
        parameters: Mapping[str, float],
        teacher_logits: Tensor | None = None,
    ) -> PreparedObjective:
        """The objective for one training.

        Args:
            targets: emotion codes of the training clips ``[n]``, for weights of classes.
            n_classes: number of emotions.
            parameters: name of a searched parameter → value.
            teacher_logits: logits of a teacher for the training clips ``[n, n_classes]``, or None.
        """
