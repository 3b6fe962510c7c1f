"""What decides the last bit of a logit, beside the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Numerics:
    """How a training computes: the same seed and numerics give the same logits on one machine.

    Attributes:
        threads: that share one operation; sums come out a little different with others.
    """

    threads: int

    @classmethod
    def present(cls) -> Numerics:
        """Those of this process."""
        return cls(torch.get_num_threads())

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Numerics:
        """What ``as_dict`` wrote; what a record of before does not say is as it is now."""
        return cls(**{**cls.present().as_dict(), **data})

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for the record."""
        return asdict(self)

    def use(self) -> None:
        """Compute so from now on, in this process."""
        torch.set_num_threads(self.threads)
