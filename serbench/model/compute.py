"""Compute settings, which determine the speed of training and the last digits of logits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

FP32, BF16 = "fp32", "bf16"
PRECISIONS = (FP32, BF16)

CHANNELS_LAST, CONTIGUOUS = "channels-last", "contiguous"
MEMORY_FORMATS = (CHANNELS_LAST, CONTIGUOUS)


@dataclass(frozen=True)
class ComputeSettings:
    """Compute settings of trainings; with the same seed they give the same logits on one machine.

    Threads, precision and memory format change the last digits of logits. The number of parallel
    trainings and prefetching change only the time.

    Attributes:
        threads: number of threads of one operation; rounding of sums depends on it.
        precision: ``fp32``, or ``bf16`` for matrix products and convolutions in training; weights
            and predictions are always fp32.
        memory_format: memory format of images and filters, ``channels-last`` or ``contiguous``.
        parallel: number of trainings that run at the same time.
        prefetch: whether the next batch is prepared during a training step.
    """

    threads: int
    precision: str = FP32
    memory_format: str = CHANNELS_LAST
    parallel: int = 1
    prefetch: bool = False

    @classmethod
    def present(cls) -> ComputeSettings:
        """The present settings of this process, with precision fp32."""
        return cls(torch.get_num_threads())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ComputeSettings:
        """The settings from the result of ``as_dict``."""
        return cls(**data)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        return asdict(self)

    @property
    def numeric(self) -> tuple[int, str, str]:
        """The settings that change logits: threads, precision, memory format."""
        return self.threads, self.precision, self.memory_format

    @property
    def text(self) -> str:
        """Text for users, such as ``fp32, channels-last, 2 threads``."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.precision}, {self.memory_format}, {threads}"

    def use(self) -> None:
        """Set the number of threads of this process.

        On a GPU this also selects deterministic operations, without which the same seed gives
        different logits each time; PyTorch warns of operations without a deterministic form.
        """
        torch.set_num_threads(self.threads)
        if torch.cuda.is_available():
            # cuBLAS reads it at its first use; see "Reproducibility" in PyTorch's notes.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.backends.cudnn.benchmark = False

    @property
    def _order(self) -> torch.memory_format:
        last = self.memory_format == CHANNELS_LAST
        return torch.channels_last if last else torch.contiguous_format

    def arrange(self, image: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` in this memory format; tensors with other axes are unchanged."""
        return image.contiguous(memory_format=self._order) if image.dim() == 4 else image

    def arrange_filters(self, network: nn.Module) -> None:
        """Convert a network's filters to this memory format, in place."""
        network.to(memory_format=self._order)

    def autocast(self, device: torch.device) -> torch.autocast:
        """The autocast context for training steps."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == BF16)
