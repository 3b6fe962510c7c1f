"""Simulated searches with serbench's rules, over simulated speakers.

Proposals are near the best configuration so far, and are pruned by serbench's rule; the winner has
the highest mean UA over the folds.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from simulated_speakers import (
    EMOTIONS,
    ENTRY_SPEAKER_EMOTION,
    FIELD_EMOTION,
    FIELD_SPEAKER,
    FOLDS,
    PARAMETERS,
    REACH,
    WAVES,
    Corpus,
    Floats,
    Ints,
    Speakers,
    corpus,
)

from serbench.score.confusion import Tally
from serbench.search.propose import FIRST_STEPS, generation_of
from serbench.search.pruning import behind, lead_variance


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
class Searched:
    """Simulated searches of one entry.

    Attributes:
        entry: the entry.
        right: whether each clip was predicted correctly ``[T, R, N]``.
        complete: whether each trial was not pruned ``[R, T]``.
        tried: each configuration ``[R, T, P]``.
        quality: quality of each configuration ``[R, T]``.
        winner: trial with the highest mean UA over the folds ``[R]``.
    """

    entry: Entry
    right: npt.NDArray[np.bool_]
    complete: npt.NDArray[np.bool_]
    tried: Floats
    quality: Floats
    winner: Ints
    names: tuple[str, ...]

    @cached_property
    def counts(self) -> Ints:
        """Predictions of all folds ``[R, T, S, C, C]``."""
        return np.stack([self.entry.counted(each) for each in self.right], axis=1)

    def trials(self, repetition: int) -> tuple[list[Tally], int]:
        """The complete trials of a repetition, and the index of the winner among them."""
        kept = np.flatnonzero(self.complete[repetition])
        tallies = [Tally(self.names, self.counts[repetition, trial]) for trial in kept]
        return tallies, int(np.searchsorted(kept, self.winner[repetition]))

    @property
    def won(self) -> Floats:
        """Quality of the winner's configuration ``[R]``."""
        return self.quality[np.arange(len(self.winner)), self.winner]

    @property
    def configuration(self) -> Floats:
        """The winner's configuration ``[R, P]``."""
        return self.tried[np.arange(len(self.winner)), self.winner]


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

    def among(self, speakers: Ints, folds: int) -> Entry:
        """The same entry, searched or tested with some of the speakers only.

        Args:
            speakers: numbers of the speakers, in ascending order.
            folds: number of folds into which they are divided.

        Returns:
            an entry whose configurations are as good for each of these speakers as before. As a
            search with another seed, it finds the one that is better at another trial, unless this
            is the first one, which is the same in all searches.
        """
        part = copy.copy(self)
        part._shared = self._shared.among(speakers, folds)
        part._base, part._field = self._base[:, speakers], self._field[:, speakers]
        another = 1 + self._random.integers(max(self._trials - 1, 1), size=len(self._lucky))
        part._lucky = np.where(self._lucky == 0, 0, another)
        return part

    def test(self, configurations: Floats, quality: Floats) -> Ints:
        """Predictions ``[R, S, C, C]`` of configurations ``[R, P]`` with their qualities ``[R]``.

        A network is trained for each repetition and fold.
        """
        return self.counted(self._tested(configurations, quality))

    def search(self) -> Searched:
        """Propose, test and prune the configurations of all repetitions."""
        shared, repetitions = self._shared, self._shared.repetitions
        folds, targets = shared.corpus.folds, shared.corpus.emotion
        rows = np.arange(repetitions)
        tried = np.zeros((repetitions, self._trials, PARAMETERS))
        quality = np.zeros((repetitions, self._trials))
        uars = np.zeros((repetitions, self._trials, FOLDS))
        complete = np.zeros((repetitions, self._trials), dtype=bool)
        right = np.zeros((self._trials, repetitions, len(targets)), dtype=bool)
        masks = masks_of(folds, targets)
        for trial in range(self._trials):
            start = generation_of(trial).start
            means = np.where(complete[:, :start], uars[:, :start].mean(axis=2), -1)
            tried[:, trial] = self._proposed(trial, means, tried)
            quality[:, trial] = self._quality(trial, tried[:, trial])
            correct = self._tested(tried[:, trial], quality[:, trial])
            right[trial] = correct
            uars[:, trial] = uars_of(correct, masks)
            complete[:, trial] = True
            if start:
                best = means.argmax(axis=1)
                others = complete[:, :start] & (np.arange(start) != best[:, None])
                reference = right[best, rows]
                variances = np.stack(
                    [
                        lead_variance(reference[:, fold], correct[:, fold], targets[fold])
                        for fold in folds
                    ],
                    axis=1,
                )
                complete[:, trial] = ~pruned(uars, trial, best, others, variances)
        winner = np.where(complete, uars.mean(axis=2), -1).argmax(axis=1)
        return Searched(self, right, complete, tried, quality, winner, shared.corpus.names)

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
        cells = self._base + np.einsum("rsew,rw->rse", self._field, both)
        cells += self._shared.networks() + quality[:, None, None]
        flat = cells.reshape(len(tried), -1).astype(np.float32)
        total = flat[:, found.speaker * EMOTIONS + found.emotion]
        total += self._shared.difficulty
        total += self._shared.chance * random.standard_normal(total.shape, np.float32)
        return np.asarray(total > 0)

    def counted(self, correct: npt.NDArray[np.bool_]) -> Ints:
        """Clips ``[R, S, C, C]`` by speaker, true and predicted emotion."""
        found = self._shared.corpus
        size = found.clips.size * EMOTIONS
        predicted = np.where(correct, found.emotion, self._shared.mistaken)
        cells = (found.speaker * EMOTIONS + found.emotion) * EMOTIONS + predicted
        cells += size * np.arange(len(correct))[:, None]
        counted = np.bincount(cells.ravel(), minlength=size * len(correct))
        return counted.reshape(len(correct), len(found.clips), EMOTIONS, EMOTIONS)


def masks_of(folds: Sequence[slice], targets: Ints) -> Floats:
    """Which clips belong to each fold and emotion ``[N, K, C]``."""
    clips = np.arange(len(targets))
    inside = np.stack([(clips >= fold.start) & (clips < fold.stop) for fold in folds], axis=1)
    return (inside[:, :, None] & (targets[:, None] == np.arange(EMOTIONS))[:, None]).astype(
        np.float32
    )


def uars_of(correct: npt.NDArray[np.bool_], masks: Floats) -> Floats:
    """UA of each fold ``[R, K]``, of correct predictions ``[R, N]``."""
    clips = masks.sum(axis=0, dtype=np.float64)
    right = (correct @ masks.reshape(len(masks), -1)).reshape(len(correct), *clips.shape)
    return np.asarray((right / np.maximum(clips, 1)).sum(axis=2) / (clips > 0).sum(axis=1))


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
    leads, variances = (
        (each.cumsum(axis=1) / np.arange(1, 1 + uars.shape[2]))[:, :-1, None]
        for each in (incumbent - uars[:, trial], variances)
    )  # means up to each fold
    gone = np.zeros(len(uars), dtype=bool)
    many = others.sum(axis=1)
    for m in np.unique(many):
        some = np.flatnonzero(many == m)
        apart = np.zeros((len(some), m, uars.shape[2]))
        if m:
            index = np.nonzero(others[some])[1].reshape(len(some), m)
            apart = incumbent[some][:, None] - uars[some[:, None], index]
        gone[some] = behind(leads[some], variances[some], apart[:, None]).any(axis=1)
    return gone


def searches(
    random: np.random.Generator,
    speakers: int,
    uneven: bool,
    landscape: Landscape,
    trials: int,
    entries: int,
    repetitions: int,
    shared_error: bool = True,
) -> tuple[Corpus, Sequence[Searched]]:
    """Searches of several entries over the same speakers."""
    found = corpus(random, speakers, uneven)
    shared = Speakers(random, found, repetitions, shared_error)
    better = random.integers(entries)
    return found, [
        Entry(shared, landscape, trials, entries > 1 and number == better).search()
        for number in range(entries)
    ]
