"""Simulated searches with serbench's rules, over simulated speakers.

Proposals are near the best configuration so far, and are pruned by serbench's rule; the winner has
the highest mean UA over the folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from simulated_speakers import (
    CHANCE,
    EMOTIONS,
    ENTRY_SPEAKER_EMOTION,
    FIELD_EMOTION,
    FIELD_SPEAKER,
    FOLD,
    FOLD_EMOTION,
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
