"""Answers for prepared clips: what every form of a trained network offers, in the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from serbench.data.clips import ClipFormat

if TYPE_CHECKING:
    from serbench.model.network import EmotionNetwork

Probabilities = npt.NDArray[np.float64]


class Answerer(Protocol):
    """A trained network in any form: all that predictions need of it."""

    @property
    def clip_format(self) -> ClipFormat:
        """The format of the clips that it receives."""

    @property
    def emotions(self) -> tuple[str, ...]:
        """The label set, in the order of the probabilities."""

    def probabilities(
        self, clips: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64]
    ) -> Probabilities:
        """Calibrated probabilities ``[B, emotions]`` of clips; each row depends on its clip alone.

        A row is NaN where the logits of its clip are not finite.

        Args:
            clips: prepared by ``serbench.data.clips``, ``[B, samples]``.
            lengths: samples of each clip that are not padding ``[B]``.
        """


@dataclass(frozen=True)
class EagerAnswerer:
    """A network of PyTorch, which computes all clips of a call in one forward pass.

    Attributes:
        network: waveform ``[B, samples]`` → logits, in evaluation mode.
        clip_format: format of the training clips.
        emotions: the label set, in the order of the logits.
        temperature: divides the logits, so that the probabilities are calibrated.
    """

    network: EmotionNetwork
    clip_format: ClipFormat
    emotions: tuple[str, ...]
    temperature: float = 1.0

    def probabilities(
        self, clips: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64]
    ) -> Probabilities:
        """Calibrated probabilities ``[B, emotions]``; see `Answerer`."""
        import torch

        with torch.inference_mode():
            logits = self.network(torch.from_numpy(clips), torch.from_numpy(lengths))
            shares = torch.softmax(logits.double() / self.temperature, dim=1)
            shares[~logits.isfinite().all(dim=1)] = torch.nan
        found: Probabilities = shares.numpy()
        return found


@dataclass(frozen=True)
class Prediction:
    """The emotion of a clip or of a recording.

    Attributes:
        probabilities: emotion → calibrated probability, in label-set order.
        rejected: whether the confidence is below the least one that was asked for.
    """

    probabilities: dict[str, float]
    rejected: bool = False

    @classmethod
    def of(
        cls, emotions: tuple[str, ...], shares: Probabilities, reject_below: float
    ) -> Prediction:
        """The answer with these probabilities ``[emotions]``."""
        listed = dict(zip(emotions, shares.tolist(), strict=True))
        return cls(listed, rejected=max(listed.values()) < reject_below)

    @property
    def emotion(self) -> str | None:
        """The most probable emotion; None where the answer is rejected."""
        if self.rejected:
            return None
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of the most probable emotion, also where it is rejected."""
        return max(self.probabilities.values())
