"""Clips counted by speaker, true and predicted emotion, and the scores of such counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from serbench.score.metric import Floats, Logits, Ratios, require_scorable

CountMetric = Literal["uar", "accuracy", "macro_f1"]
COUNT_METRICS: tuple[CountMetric, ...] = ("uar", "accuracy", "macro_f1")
"""The metrics that can be computed from counts of predictions."""

Counts = npt.NDArray[np.integer[Any]] | npt.NDArray[np.floating[Any]]
Confusion = npt.NDArray[np.int64]


def confusion_of(logits: Logits, targets: npt.NDArray[np.integer[Any]]) -> Confusion:
    """Clips ``[C, C]`` by true and predicted emotion.

    Args:
        logits: logits or probabilities ``[n, C]``; the prediction is the greatest, or the first of
            several equal ones.
        targets: index ``[n]`` of the true emotion.

    Raises:
        ValueError: there is nothing to count (`require_scorable`).
    """
    require_scorable(logits, targets)
    classes = logits.shape[1]
    pairs = np.bincount(targets * classes + logits.argmax(axis=1), minlength=classes**2)
    return pairs.reshape(classes, classes).astype(np.int64)


def uar_of(logits: Logits, targets: npt.NDArray[np.integer[Any]]) -> float:
    """Unweighted average recall of logits ``[n, C]`` (shown as UA).

    It is the mean recall over the emotions that occur in ``targets`` ``[n]``; scikit-learn calls it
    balanced accuracy.

    Raises:
        ValueError: there is nothing to score.
    """
    return score_counts(confusion_of(logits, targets), "uar")


def recalls(confusion: Confusion) -> Floats:
    """Recall of each emotion ``[C]``; NaN for emotions that do not occur."""
    true = confusion.sum(axis=1)
    found: Floats = np.divide(
        confusion.diagonal(), true, out=np.full(len(true), np.nan), where=true > 0
    )
    return found


def score_counts(confusion: Counts, metric: CountMetric) -> float:
    """A metric of a confusion matrix ``[C, C]``, over the emotions that occur in it.

    Raises:
        ValueError: there is no clip.
    """
    if not confusion.any():
        raise ValueError("no clips to score")
    return ratios_of_counts(confusion[None], metric).value


def ratios_of_counts(counts: Counts, metric: CountMetric) -> Ratios:
    """A metric of counts as ratios by speaker.

    Each of the three metrics is a mean of ratios of counts, and counts can be summed over speakers.
    UA is the mean of correct / true over emotions, macro-F1 the mean of 2 · correct / (true +
    predicted), and WA is one ratio, correct / all.

    Args:
        counts: clips ``[S, C, C]`` by speaker, true and predicted emotion.
        metric: the metric to compute.

    Returns:
        Ratios ``[S, K]`` of the K emotions that occur; for accuracy K is 1.
    """
    numbers = counts.astype(np.float64)
    right, true = np.diagonal(numbers, axis1=-2, axis2=-1), numbers.sum(axis=-1)
    if metric == "accuracy":
        return Ratios(right.sum(axis=-1, keepdims=True), true.sum(axis=-1, keepdims=True))
    occurs = counts.any(axis=(0, 2))
    if metric == "uar":
        return Ratios(right[:, occurs], true[:, occurs])
    return Ratios(2 * right[:, occurs], (true + numbers.sum(axis=-2))[:, occurs])


@dataclass(frozen=True, eq=False)
class Tally:
    """The counts of a test by speaker; they give UA, WA, macro-F1 and their intervals.

    Attributes:
        speakers: names in ascending order, without duplicates.
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
    def confusion(self) -> Confusion:
        """Clips ``[C, C]`` by true and predicted emotion, of all speakers."""
        confusion: Confusion = self.counts.sum(axis=0)
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
            ValueError: the bytes are not a complete tally.
        """
        header, _, body = data.partition(b"\n")
        try:
            speakers, emotions = _header(header)
            counts = np.frombuffer(body, "<i4").reshape(len(speakers), emotions, emotions)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"these bytes are not a tally: {error}") from error
        return cls(speakers, counts.astype(np.int64))


@lru_cache(maxsize=64)
def _header(text: bytes) -> tuple[tuple[str, ...], int]:
    """Speakers and number of emotions of a tally; those of one protocol have the same header."""
    read = json.loads(text)
    return tuple(read["speakers"]), int(read["emotions"])


def tally(
    logits: Logits,
    targets: npt.NDArray[np.integer[Any]],
    speakers: Sequence[str] | npt.NDArray[np.str_],
) -> Tally:
    """Count the clips of a test.

    Args:
        logits: logits or probabilities ``[n, C]``; the prediction is the greatest, or the first of
            several equal ones.
        targets: index ``[n]`` of the true emotion.
        speakers: name of each clip's speaker ``[n]``.

    Raises:
        ValueError: there is nothing to count (`require_scorable`), or the number of names of
            speakers is not that of the clips.
    """
    require_scorable(logits, targets)
    if len(speakers) != len(targets):
        raise ValueError(f"{len(targets)} clips and {len(speakers)} names of speakers")
    names, speaker = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    emotions = logits.shape[1]
    counts = np.zeros((len(names), emotions, emotions), dtype=np.int64)
    np.add.at(counts, (speaker, targets, logits.argmax(axis=1)), 1)
    return Tally(tuple(str(name) for name in names), counts)
