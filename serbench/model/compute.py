"""Compute settings: what decides the last bit of a logit beside the seed, and how fast it comes."""

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
    """How trainings compute: the same seed and settings give the same logits on one machine.

    Threads, precision and memory format decide the last digits of a logit. Parallel trainings and
    prefetching change nothing but the time.

    Attributes:
        threads: that share one operation; sums differ a little with other numbers of them.
        precision: ``fp32``, or ``bf16`` for products and convolutions while a network learns;
            its weights and its last answers are fp32 either way.
        memory_format: order of images and filters in memory, ``channels-last`` or ``contiguous``.
        parallel: trainings that run at once.
        prefetch: whether the next batch is prepared while one trains.
    """

    threads: int
    precision: str = FP32
    memory_format: str = CHANNELS_LAST
    parallel: int = 1
    prefetch: bool = False

    @classmethod
    def present(cls) -> ComputeSettings:
        """Those of this process, in full precision."""
        return cls(torch.get_num_threads())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ComputeSettings:
        """What ``as_dict`` wrote."""
        return cls(**data)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        return asdict(self)

    @property
    def numeric(self) -> tuple[int, str, str]:
        """What decides the last digits: threads, precision, memory format."""
        return self.threads, self.precision, self.memory_format

    @property
    def text(self) -> str:
        """For people: ``fp32, channels-last, 2 threads``."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.precision}, {self.memory_format}, {threads}"

    def use(self) -> None:
        """Let operations share so many threads from now on, in this process.

        On a GPU they are deterministic too: without that, the same seed gives other logits each
        time. PyTorch warns of an operation that has no deterministic form there.
        """
        torch.set_num_threads(self.threads)
        if torch.cuda.is_available():
            # cuBLAS reads it when it is first used; see "Reproducibility" in PyTorch's notes.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.backends.cudnn.benchmark = False

    @property
    def _order(self) -> torch.memory_format:
        last = self.memory_format == CHANNELS_LAST
        return torch.channels_last if last else torch.contiguous_format

    def arrange(self, image: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` in this memory format; what has other axes as it is."""
        return image.contiguous(memory_format=self._order) if image.dim() == 4 else image

    def arrange_filters(self, network: nn.Module) -> None:
        """Bring a network's filters into this memory format, in place."""
        network.to(memory_format=self._order)

    def autocast(self, device: torch.device) -> torch.autocast:
        """The context in which a network is run while it learns."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == BF16)
