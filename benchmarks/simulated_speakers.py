"""Simulated speakers, and the true score of every configuration.

A clip is predicted correctly if a sum of normal terms is positive: how clearly the emotion is
expressed in general, how good the configuration is, the speaker, the speaker with this emotion, the
speaker with this configuration, the clip, the networks of the fold, and chance. Speakers and clips
are therefore difficult for all configurations together, and similar configurations are good for the
same speakers. The share of correct predictions over infinitely many speakers, and with it every
true score, follows from the sum of the variances.

The sizes of the terms are those of recorded searches on RAVDESS: speakers differ by a standard
deviation of 14 points of UA, two trainings of one configuration agree on clips with a correlation
of 0.6, and the difference of two configurations varies over speakers by 7 to 9 points.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from serbench.data.protocols import Fold
from serbench.score.confusion import COUNT_METRICS, score_counts
from serbench.search.pruning import judging_order

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EMOTIONS, FOLDS, PARAMETERS, WAVES = 6, 5, 5, 12
RAVDESS = np.array([4, 8, 8, 8, 8, 8])
"""Number of clips of an actor per emotion: neutral has one intensity, the others two, without
calm."""
CORPUS = np.array([30, 12, 20, 15, 4, 8])
"""Mean number of clips of a speaker where emotions are not balanced."""
CLEAR = np.array([0.1, 1.3, 0.4, 0.8, 0.0, 0.6])
"""Mean of the sum for clips of each emotion, of a configuration of average quality."""
SPEAKER, SPEAKER_EMOTION, CLIP, CHANCE = 0.6, 0.6, 1.6, 0.85
ENTRY_SPEAKER_EMOTION, FOLD, FOLD_EMOTION = 0.4, 0.06, 0.5
FIELD_SPEAKER, FIELD_EMOTION = 0.2, 0.5
"""Standard deviations of the terms; those of a field also differ by configuration.

The networks of a fold prefer some emotions to others (`FOLD_EMOTION`, with a mean of 0 over the
emotions): their recalls differ between trainings by about 9 points, UA only by 1 (`FOLD`).
"""
REACH = 0.5
"""Distance in the unit cube at which two configurations' fields have a correlation of 0.61."""
SPREAD = float(
    np.sqrt(
        np.square([SPEAKER, SPEAKER_EMOTION, CLIP, CHANCE, ENTRY_SPEAKER_EMOTION, FOLD]).sum()
        + np.square([FIELD_SPEAKER, FIELD_EMOTION]).sum()
        + FOLD_EMOTION**2 * (1 - 1 / EMOTIONS)
    )
)
_rows = np.random.default_rng(7).dirichlet(np.full(EMOTIONS, 2.0), EMOTIONS)
np.fill_diagonal(_rows, 0)
MISTAKEN = _rows / _rows.sum(axis=1, keepdims=True)
"""Probability of each wrong prediction for each true emotion."""


@dataclass(frozen=True)
class Corpus:
    """Clips of simulated speakers; speakers are in the order of their folds.

    Attributes:
        clips: number of clips ``[S, C]``.
        speaker: speaker of each clip ``[N]``.
        emotion: emotion of each clip ``[N]``.
        fold: fold of each speaker ``[S]``.
        shares: expected share of each emotion among all clips ``[C]``.
    """

    clips: Ints
    speaker: Ints
    emotion: Ints
    fold: Ints
    shares: Floats

    @property
    def folds(self) -> list[slice]:
        """The clips of each fold, in the order in which pruning is decided."""
        of_clip = self.fold[self.speaker]
        ends = np.searchsorted(of_clip, np.arange(FOLDS + 1))
        slices = [slice(*each) for each in pairwise(ends)]
        rows = [Fold(np.array([]), np.arange(len(of_clip))[each]) for each in slices]
        return [slices[number] for number in judging_order(rows, self.emotion)]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the speakers."""
        return tuple(f"{number:03}" for number in range(len(self.clips)))

    def of(self, speakers: Ints) -> npt.NDArray[np.bool_]:
        """Which clips are those of some speakers ``[N]``."""
        return np.isin(self.speaker, speakers)

    def among(self, speakers: Ints, folds: int) -> Corpus:
        """The clips of some speakers, given in ascending order, in folds of their own."""
        kept = self.of(speakers)
        return replace(
            self,
            clips=self.clips[speakers],
            speaker=np.searchsorted(speakers, self.speaker[kept]),
            emotion=self.emotion[kept],
            fold=in_folds(len(speakers), folds),
        )


def in_folds(speakers: int, folds: int) -> Ints:
    """The fold of each speaker, in ascending order."""
    return np.sort(np.arange(speakers) % folds)


def corpus(random: np.random.Generator, speakers: int, uneven: bool) -> Corpus:
    """A corpus like RAVDESS, or one with very unequal numbers of clips."""
    mean = CORPUS if uneven else RAVDESS
    while True:
        clips = np.tile(mean, (speakers, 1))
        if uneven:
            clips = random.poisson(mean * random.lognormal(-0.18, 0.6, (speakers, 1)))
        if clips.any(axis=1).all() and (clips > 0).sum(axis=0).min() > 1:
            break
    cells = np.repeat(np.arange(clips.size), clips.ravel())
    fold = in_folds(speakers, FOLDS)
    return Corpus(clips, cells // EMOTIONS, cells % EMOTIONS, fold, mean / mean.sum())


def true_scores(quality: Floats, shares: Floats) -> dict[str, Floats]:
    """Scores over infinitely many speakers, of qualities ``[n]``."""
    right = ndtr((CLEAR + quality[:, None]) / SPREAD)
    each = right[:, :, None] * np.eye(EMOTIONS) + (1 - right)[:, :, None] * MISTAKEN
    confusions = each * shares[:, None]
    return {m: np.array([score_counts(one, m) for one in confusions]) for m in COUNT_METRICS}


class Speakers:
    """Terms that all entries share, of ``repetitions`` sets of speakers with one corpus.

    Attributes:
        shared_error: whether a network has an error that all clips of its fold share. Without it
            each clip has one of the same size, so that the true scores stay the same.
    """

    def __init__(
        self,
        random: np.random.Generator,
        found: Corpus,
        repetitions: int,
        shared_error: bool = True,
    ) -> None:
        self.random, self.corpus, self.repetitions = random, found, repetitions
        self.shared_error = shared_error
        speakers = len(found.clips)
        who = SPEAKER * random.standard_normal((repetitions, speakers, 1))
        which = random.standard_normal((repetitions, speakers, EMOTIONS))
        self.base = CLEAR + who + SPEAKER_EMOTION * which  # [R, S, C]
        clips = len(found.speaker)
        self.difficulty = CLIP * random.standard_normal((repetitions, clips), np.float32)
        limits = MISTAKEN.cumsum(axis=1)[found.emotion]
        drawn = random.random((repetitions, clips, 1), np.float32)
        self.mistaken = (drawn > limits[:, :-1]).sum(axis=2).astype(np.int8)

    def among(self, speakers: Ints, folds: int) -> Speakers:
        """The same terms of some of the speakers, who are divided into folds of their own."""
        part, clips = copy.copy(self), self.corpus.of(speakers)
        part.corpus = self.corpus.among(speakers, folds)
        part.base = self.base[:, speakers]
        part.difficulty, part.mistaken = self.difficulty[:, clips], self.mistaken[:, clips]
        return part

    @property
    def chance(self) -> float:
        """Standard deviation of the error of a single clip in one training."""
        if self.shared_error:
            return CHANCE
        of_fold = FOLD**2 + FOLD_EMOTION**2 * (1 - 1 / EMOTIONS)
        return float(np.sqrt(CHANCE**2 + of_fold))

    def networks(self) -> Floats:
        """Errors of one network for each fold, by speaker and emotion ``[R, S, C]``."""
        if not self.shared_error:
            return np.zeros(self.base.shape)
        random, repetitions = self.random, self.repetitions
        error = FOLD_EMOTION * random.standard_normal((repetitions, FOLDS, EMOTIONS))
        of_all = FOLD * random.standard_normal((repetitions, FOLDS, 1))
        error += of_all - error.mean(axis=2, keepdims=True)
        return np.asarray(error[:, self.corpus.fold])
