"""Clips counted by speaker, true and predicted emotion, and the scores of such counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

Metric = Literal["uar", "accuracy", "macro_f1"]
METRICS: tuple[Metric, ...] = ("uar", "accuracy", "macro_f1")

Counts = npt.NDArray[np.integer[Any]] | npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tally:
    """All that the scores and their intervals need to know of a test; logits are not needed.

    Attributes:
        speakers: names, ascending, each once.
        counts: clips ``[S, C, C]`` by speaker, true emotion and predicted emotion.
    """

    speakers: tuple[str, ...]
    counts: npt.NDArray[np.int64]

    @property
    def clips(self) -> npt.NDArray[np.int64]:
        """Clips ``[S, C]`` by speaker and true emotion."""
        clips: npt.NDArray[np.int64] = self.counts.sum(axis=2)
        return clips

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Clips ``[C, C]`` by true and predicted emotion, of all speakers."""
        confusion: npt.NDArray[np.int64] = self.counts.sum(axis=0)
        return confusion

    def to_bytes(self) -> bytes:
        """One line of JSON (speakers, number of emotions), then ``counts`` as little-endian int32.

        Raises:
            ValueError: a count is too great for int32.
        """
        if self.counts.max(initial=0) > np.iinfo(np.int32).max:
            raise ValueError("a tally of more than 2^31 clips in one cell cannot be stored")
        header = {"speakers": self.speakers, "emotions": self.counts.shape[-1]}
        return json.dumps(header).encode() + b"\n" + self.counts.astype("<i4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read back what `to_bytes` wrote.

        Raises:
            ValueError: it is not such a thing, or not the whole of it.
        """
        header, _, body = data.partition(b"\n")
        try:
            read = json.loads(header)
            speakers, emotions = tuple(read["speakers"]), int(read["emotions"])
            counts = np.frombuffer(body, "<i4").reshape(len(speakers), emotions, emotions)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"these bytes are no tally: {error}") from error
        return cls(speakers, counts.astype(np.int64))


def tally(
    logits: npt.NDArray[np.floating[Any]],
    targets: npt.NDArray[np.integer[Any]],
    speakers: Sequence[str],
) -> Tally:
    """Count the clips of a test.

    Args:
        logits: or probabilities ``[n, C]``; the greatest is the prediction, the first of equals.
        targets: index ``[n]`` of the true emotion.
        speakers: name of each clip's speaker.

    Raises:
        ValueError: there is nothing to count, or the three are not of one length.
    """
    if not len(logits) == len(targets) == len(speakers):
        raise ValueError("logits, targets and speakers must be of one length")
    if len(targets) == 0:
        raise ValueError("no clips to count")
    names, speaker = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    emotions = logits.shape[1]
    counts = np.zeros((len(names), emotions, emotions), dtype=np.int64)
    np.add.at(counts, (speaker, targets, logits.argmax(axis=1)), 1)
    return Tally(tuple(str(name) for name in names), counts)


def ratios(counts: Counts, metric: Metric) -> tuple[Floats, Floats]:
    """What a metric divides by what, before it takes the mean.

    Each of the three metrics is a mean of ratios of counts, and counts of speakers can be summed:
    recall is right over true (UAR), F1 is twice right over true plus predicted, accuracy is one
    ratio, right over all.

    Args:
        counts: clips ``[..., C, C]``, true by predicted.
        metric: which one.

    Returns:
        Numerators and denominators ``[..., C]``; for accuracy ``[..., 1]``.
    """
    counts = counts.astype(np.float64)
    right, true = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1)
    if metric == "uar":
        return right, true
    if metric == "macro_f1":
        return 2 * right, true + counts.sum(axis=-2)
    return right.sum(axis=-1, keepdims=True), true.sum(axis=-1, keepdims=True)


def score(counts: Counts, metric: Metric) -> Floats:
    """A metric of each confusion matrix, over the emotions that occur in it.

    Args:
        counts: clips ``[..., C, C]``, true by predicted.
        metric: which one.

    Returns:
        Scores ``[...]``; NaN where there is no clip.
    """
    numerators, denominators = ratios(counts, metric)
    occurs = counts.sum(axis=-1) > 0
    if metric == "accuracy":
        occurs = occurs.any(axis=-1, keepdims=True)
    each = np.divide(numerators, denominators, out=np.zeros_like(numerators), where=occurs)
    with np.errstate(invalid="ignore"):
        scores: Floats = np.asarray(each.sum(axis=-1) / occurs.sum(axis=-1))
    return scores


def uar(counts: Counts) -> Floats:
    """Unweighted average recall ``[...]`` of ``counts [..., C, C]`` (shown as UA); see `score`."""
    return score(counts, "uar")


def accuracy(counts: Counts) -> Floats:
    """Share of clips recognised ``[...]`` of ``counts [..., C, C]`` (WA); see `score`."""
    return score(counts, "accuracy")


def macro_f1(counts: Counts) -> Floats:
    """Unweighted mean F1 ``[...]`` of ``counts [..., C, C]``; see `score`."""
    return score(counts, "macro_f1")
