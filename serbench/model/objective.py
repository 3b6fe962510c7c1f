"""Objectives: what a network is trained to make small."""

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
        """A batch to learn from and its targets, mixed or as they are.

        Args:
            batch: waveforms ``[B, samples]`` or feature images ``[B, C, F, T]``.
            targets: emotion codes ``[B]``.
            generator: source of every random number; it lives on the CPU.

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
    """What an objective plugin registers."""

    @property
    def name(self) -> str:
        """As typed on the command line."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """Parameters of its own that a study searches, by name."""

    @property
    def acts_on(self) -> Literal["waveform", "features"]:
        """Whether ``mix`` takes waveforms or feature images."""

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
            teacher_logits: of a teacher on the training clips ``[n, n_classes]``, or None.
        """
