"""Simulated searches, of which the true score of every configuration is known.

A clip is predicted correctly if a sum of normal terms is positive: how clearly the emotion is
expressed in general, how good the configuration is, the speaker, the speaker with this emotion, the
speaker with this configuration, the clip, the networks of the fold, and chance. Speakers and clips
are therefore difficult for all configurations together, and similar configurations are good for the
same speakers. The share of correct predictions over infinitely many speakers, and with it every
true score, follows from the sum of the variances.

The sizes of the terms are those of recorded searches on RAVDESS: speakers differ by a standard
deviation of 14 points of UA, two trainings of one configuration agree on clips with a correlation
of 0.58, and the difference of two configurations varies over speakers by 3 to 12 points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from serbench.data.protocols import Fold
from serbench.score.confusion import COUNT_METRICS, Tally, score_counts
from serbench.search.propose import FIRST_STEPS, generation_of
from serbench.search.pruning import behind, judging_order, lead_variance

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EMOTIONS, FOLDS, PARAMETERS, WAVES = 6, 5, 5, 12
RAVDESS = np.array([4, 8, 8, 8, 8, 8])
CORPUS = np.array([30, 12, 20, 15, 4, 8])
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
class Landscape:
    """How good the configurations of a search are.

    Attributes:
        best_trial: quality of one trial, of a random number; the others have 0.
        hill: by how much the best configuration of the search space is better than the initial one.
        best_entry: quality of one of several entries; the others have 0.
    """

    best_trial: float = 0.0
    hill: float = 0.0
    best_entry: float = 0.0


POINTS = 0.06
"""One quality of so much is about one point of UA."""
LANDSCAPES = {
    "all equal": Landscape(),
    "one better": Landscape(best_trial=5 * POINTS, best_entry=3 * POINTS),
    "hill": Landscape(hill=8 * POINTS, best_entry=3 * POINTS),
}


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
    fold = np.sort(np.arange(speakers) % FOLDS)
    return Corpus(clips, cells // EMOTIONS, cells % EMOTIONS, fold, mean / mean.sum())


def true_scores(quality: Floats, shares: Floats) -> dict[str, Floats]:
    """Scores over infinitely many speakers, of qualities ``[n]``."""
    right = ndtr((CLEAR + quality[:, None]) / SPREAD)
    each = right[:, :, None] * np.eye(EMOTIONS) + (1 - right)[:, :, None] * MISTAKEN
    confusions = each * shares[:, None]
    return {m: np.array([score_counts(one, m) for one in confusions]) for m in COUNT_METRICS}


class Speakers:
    """Terms that all entries share, of ``repetitions`` sets of speakers with one corpus."""

    def __init__(self, random: np.random.Generator, found: Corpus, repetitions: int) -> None:
        self.random, self.corpus, self.repetitions = random, found, repetitions
        speakers = len(found.clips)
        who = SPEAKER * random.standard_normal((repetitions, speakers, 1))
        which = random.standard_normal((repetitions, speakers, EMOTIONS))
        self.base = CLEAR + who + SPEAKER_EMOTION * which  # [R, S, C]
        clips = len(found.speaker)
        self.difficulty = CLIP * random.standard_normal((repetitions, clips), np.float32)
        limits = MISTAKEN.cumsum(axis=1)[found.emotion]
        drawn = random.random((repetitions, clips, 1), np.float32)
        self.mistaken = (drawn > limits[:, :-1]).sum(axis=2).astype(np.int8)


@dataclass(frozen=True)
class Searched:
    """Simulated searches of one entry.

    Attributes:
        counts: predictions of all folds ``[R, T, S, C, C]``.
        complete: whether each trial was not pruned ``[R, T]``.
        quality: quality of each configuration ``[R, T]``.
        winner: trial with the highest mean UA over the folds ``[R]``.
    """

    counts: Ints
    complete: npt.NDArray[np.bool_]
    quality: Floats
    winner: Ints
    names: tuple[str, ...]

    def trials(self, repetition: int) -> tuple[list[Tally], int]:
        """The complete trials of a repetition, and the index of the winner among them."""
        kept = np.flatnonzero(self.complete[repetition])
        tallies = [Tally(self.names, self.counts[repetition, trial]) for trial in kept]
        return tallies, int(np.searchsorted(kept, self.winner[repetition]))

    @property
    def won(self) -> Floats:
        """Quality of the winner's configuration ``[R]``."""
        return np.take_along_axis(self.quality, self.winner[:, None], axis=1)[:, 0]


class Entry:
    """The search of one entry over the same speakers as others."""

    def __init__(self, shared: Speakers, landscape: Landscape, trials: int, better: bool) -> None:
        self._shared, self._random, self._trials = shared, shared.random, trials
        self._landscape, self._better = landscape, better
        repetitions, random = shared.repetitions, self._random
        speakers = len(shared.corpus.clips)
        own = ENTRY_SPEAKER_EMOTION * random.standard_normal((repetitions, speakers, EMOTIONS))
        self._base = shared.base + own
        self._waves = random.standard_normal((PARAMETERS, WAVES)) / REACH
        shape = (repetitions, speakers, EMOTIONS, 2 * WAVES)
        field = FIELD_EMOTION * random.standard_normal(shape)
        field += FIELD_SPEAKER * random.standard_normal((repetitions, speakers, 1, 2 * WAVES))
        self._field = field / np.sqrt(WAVES)
        self._lucky = random.integers(trials, size=repetitions)
        self._top = random.random((repetitions, PARAMETERS))

    def search(self) -> Searched:
        """Propose, test and prune the configurations of all repetitions."""
        shared, repetitions = self._shared, self._shared.repetitions
        folds, targets = shared.corpus.folds, shared.corpus.emotion
        rows = np.arange(repetitions)
        tried = np.zeros((repetitions, self._trials, PARAMETERS))
        quality = np.zeros((repetitions, self._trials))
        uars = np.zeros((repetitions, self._trials, FOLDS))
        complete = np.zeros((repetitions, self._trials), dtype=bool)
        right: list[npt.NDArray[np.bool_]] = []
        counts = []
        for trial in range(self._trials):
            start = generation_of(trial).start
            means = np.where(complete[:, :start], uars[:, :start].mean(axis=2), -1)
            tried[:, trial] = self._proposed(trial, means, tried)
            quality[:, trial] = self._quality(trial, tried[:, trial])
            correct = self._tested(tried[:, trial], quality[:, trial])
            right.append(correct)
            counts.append(self._counted(correct))
            for number, fold in enumerate(folds):
                uars[:, trial, number] = uar(correct[:, fold], targets[fold])
            complete[:, trial] = True
            if start:
                best = means.argmax(axis=1)
                others = complete[:, :start] & (np.arange(start) != best[:, None])
                reference = np.stack(right[:start])[best, rows]
                variances = np.stack(
                    [
                        lead_variance(reference[:, fold], correct[:, fold], targets[fold])
                        for fold in folds
                    ],
                    axis=1,
                )
                complete[:, trial] = ~pruned(uars, trial, best, others, variances)
        winner = np.where(complete, uars.mean(axis=2), -1).argmax(axis=1)
        table = np.stack(counts, axis=1)
        return Searched(table, complete, quality, winner, shared.corpus.names)

    def _proposed(self, trial: int, means: Floats, tried: Floats) -> Floats:
        """Configurations of a trial ``[R, P]``, as `serbench.search.propose` proposes them.

        Two parameters move half of the distance to random values, of which the first is always one.
        Later, instead of TPE, a configuration is drawn near one of the best tenth.
        """
        repetitions, rows = len(means), np.arange(len(means))
        if not means.shape[1]:
            return np.full((repetitions, PARAMETERS), 0.5)
        if trial < FIRST_STEPS:
            start = tried[rows, means.argmax(axis=1)]
            drawn = self._random.random(start.shape)
            moves = np.zeros(start.shape, dtype=bool)
            moves[:, 0] = True
            moves[rows, self._random.integers(1, PARAMETERS, repetitions)] = True
            return np.where(moves, (start + drawn) / 2, start)
        good = np.argsort(-means, axis=1)[:, : 1 + means.shape[1] // 10]
        near = good[rows, self._random.integers(good.shape[1], size=repetitions)]
        step = 0.2 * self._random.standard_normal((repetitions, PARAMETERS))
        return np.clip(tried[rows, near] + step, 0, 1)

    def _quality(self, trial: int, tried: Floats) -> Floats:
        landscape = self._landscape
        found = landscape.best_trial * (self._lucky == trial)
        far = np.square(tried - self._top).sum(axis=1)
        found = found + landscape.hill * np.exp(-far / 0.5)
        return np.asarray(found + landscape.best_entry * self._better)

    def _tested(self, tried: Floats, quality: Floats) -> npt.NDArray[np.bool_]:
        """Whether each clip is predicted correctly ``[R, N]``."""
        found, random = self._shared.corpus, self._random
        waves = tried @ self._waves
        both = np.concatenate([np.cos(waves), np.sin(waves)], axis=1)
        fold = FOLD_EMOTION * random.standard_normal((len(tried), FOLDS, EMOTIONS))
        fold += FOLD * random.standard_normal((len(tried), FOLDS, 1)) - fold.mean(axis=2)[..., None]
        cells = self._base + np.einsum("rsew,rw->rse", self._field, both)
        cells += fold[:, found.fold] + quality[:, None, None]
        flat = cells.reshape(len(tried), -1).astype(np.float32)
        total = flat[:, found.speaker * EMOTIONS + found.emotion]
        total += self._shared.difficulty
        total += CHANCE * random.standard_normal(total.shape, np.float32)
        return np.asarray(total > 0)

    def _counted(self, correct: npt.NDArray[np.bool_]) -> Ints:
        """Clips ``[R, S, C, C]`` by speaker, true and predicted emotion."""
        found = self._shared.corpus
        size = found.clips.size * EMOTIONS
        predicted = np.where(correct, found.emotion, self._shared.mistaken)
        cells = (found.speaker * EMOTIONS + found.emotion) * EMOTIONS + predicted
        cells += size * np.arange(len(correct))[:, None]
        counted = np.bincount(cells.ravel(), minlength=size * len(correct))
        return counted.reshape(len(correct), len(found.clips), EMOTIONS, EMOTIONS)


def uar(correct: npt.NDArray[np.bool_], targets: Ints) -> Floats:
    """UA ``[R]`` of correct predictions ``[R, n]``."""
    return np.mean(
        [correct[:, targets == each].mean(axis=1) for each in np.unique(targets)], axis=0
    )


def pruned(
    uars: Floats, trial: int, best: Ints, others: npt.NDArray[np.bool_], variances: Floats
) -> npt.NDArray[np.bool_]:
    """Whether serbench's rule prunes a trial after one of its folds but the last.

    Args:
        uars: UA of each trial on each fold ``[R, T, K]``.
        trial: number of the trial.
        best: trial with which it is compared ``[R]``.
        others: the other complete trials ``[R, t]``.
        variances: variance of its lead on each fold ``[R, K]``.
    """
    rows = np.arange(len(uars))
    incumbent = uars[rows, best]
    leads = incumbent - uars[:, trial]
    gone = np.zeros(len(uars), dtype=bool)
    many = others.sum(axis=1)
    for m in np.unique(many):
        some = np.flatnonzero(many == m)
        apart = np.zeros((len(some), m, uars.shape[2]))
        if m:
            index = np.nonzero(others[some])[1].reshape(len(some), m)
            apart = incumbent[some][:, None] - uars[some[:, None], index]
        for fold in range(1, uars.shape[2]):
            gone[some] |= behind(leads[some, :fold], variances[some, :fold], apart)
    return gone


def searches(
    random: np.random.Generator,
    speakers: int,
    uneven: bool,
    landscape: Landscape,
    trials: int,
    entries: int,
    repetitions: int,
) -> tuple[Corpus, Sequence[Searched]]:
    """Searches of several entries over the same speakers."""
    found = corpus(random, speakers, uneven)
    shared = Speakers(random, found, repetitions)
    better = random.integers(entries)
    return found, [
        Entry(shared, landscape, trials, entries > 1 and number == better).search()
        for number in range(entries)
    ]
