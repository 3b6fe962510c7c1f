"""Selection-corrected cross-validation: the score of a winner that was chosen by the same folds.

The best of several trials has, on average, a higher score on its folds than on new speakers,
because it was chosen for it. The selection is therefore repeated on draws of speakers: in each draw
the trial with the highest UA is chosen, and its score is counted on the speakers outside of the
draw. To first order this score is 2x - x*, where x is its score on all speakers and x* that in the
draw, so that no speakers have to be left out and every draw has every emotion. The same is computed
for the winner in every draw; the mean difference is the selection bias, which is exactly 0 for a
single trial. The spread of 2x - x* over the draws contains the variance over speakers and that of
the selection.

Source: Tsamardinos, Greasidou and Borboudakis 2018, "Bootstrapping the out-of-sample predictions
for efficient and accurate cross-validation", Machine Learning 107 (BBC-CV, with draws of speakers
instead of clips; without the trials that were pruned, as in BBCD-CV).
``docs/explanation/statistics.md`` has its bias and coverage in simulated searches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from serbench.score.comparison import Bootstrapped, Difference
from serbench.score.confusion import CountMetric, Tally, ratios_of_counts, score_counts
from serbench.score.intervals import FEWEST_SPEAKERS, Interval, half_width, share_interval
from serbench.score.intervals import standard_error as standard_error_of
from serbench.score.metric import Floats, Metric
from serbench.score.resampling import (
    RESAMPLES,
    RESCORED,
    draws,
    effective_units,
    resampled,
    resampled_scores,
    score_of,
)
from serbench.score.scoring import Tested

SELECTED_BY: CountMetric = "uar"
"""The metric by which winners are chosen."""


@dataclass(frozen=True)
class Corrected:
    """A score of a winner, corrected for its selection.

    Attributes:
        naive: its score on the clips of all folds together.
        value: the score corrected for the selection.
        interval: 95 % interval over speakers of ``value``; None where none can be computed (see
            `draws` and, for metrics that are not shares, `interval_of`).
        standard_error: None where there are no draws.
        effective: number of speakers with equally many clips that would give the same precision.
        chosen: share of the draws in which the winner, or a trial with equal predictions, is
            chosen; None where there are no draws.
        bootstrapped: ``value`` and the scores of the draws, to compare it with other winners on the
            same clips by `Bootstrapped.minus`.
    """

    naive: float
    value: float
    interval: Interval | None
    standard_error: float | None
    effective: float
    chosen: float | None
    bootstrapped: Bootstrapped = field(repr=False, compare=False)

    @property
    def selection_bias(self) -> float:
        """How much the selection raises the naive score; 0 where there are no draws."""
        return self.naive - self.value


class Draws:
    """Draws of speakers, for all winners that were tested on the same clips.

    Args:
        first: one of the trials; all others must have the same speakers and clips.
        seed: seed of the draws.
        resamples: number of draws.
    """

    def __init__(self, first: Tally, seed: int = 0, resamples: int = RESAMPLES) -> None:
        self.speakers, self.clips = first.speakers, first.clips
        self.drawn = draws(self.clips, seed, resamples)
        self.effective = effective_units(self.clips)

    def select(self, trials: Sequence[Tally], winner: int) -> Selection:
        """Repeat the choice of a winner among the complete trials of a study, in every draw.

        Args:
            trials: the clips of all folds, of every complete trial.
            winner: index of the winner.

        Raises:
            ValueError: the trials differ in their speakers, or in the number of clips of a speaker
                and an emotion.
        """
        for trial in trials:
            if trial.speakers != self.speakers or not np.array_equal(trial.clips, self.clips):
                raise ValueError("only trials tested on the same clips can be compared")
        return Selection(self, trials, winner)


class Selection:
    """The trial that is chosen in each draw.

    Attributes:
        chosen: index of the trial chosen in each draw ``[resamples]``; None without draws.
        highest: UA of that trial in the draw ``[resamples]``; None without draws.
    """

    def __init__(self, over: Draws, trials: Sequence[Tally], winner: int) -> None:
        self.over, self.trials, self.winner = over, trials, winner
        self.chosen: npt.NDArray[np.int64] | None = None
        self.highest: Floats | None = None
        if over.drawn is None:
            return
        # A fixed order, so that equal scores in a draw do not depend on the order of the trials.
        order = sorted(range(len(trials)), key=self._rank)
        scores = uar_of_draws([trials[each] for each in order], over.drawn)
        best = scores.argmax(axis=1)
        self.chosen = np.array(order)[best]
        self.highest = scores[np.arange(len(best)), best]

    def _rank(self, trial: int) -> tuple[float, bytes]:
        counted = self.trials[trial]
        return -score_counts(counted.confusion, SELECTED_BY), counted.counts.tobytes()

    @property
    def needed(self) -> list[int]:
        """Ascending indices of the trials that are chosen in a draw, and of the winner."""
        if self.chosen is None:
            return [self.winner]
        return sorted({self.winner, *map(int, np.unique(self.chosen))})

    def score(self, metric: CountMetric) -> Corrected:
        """The winner's corrected UA, WA or macro-F1."""

        def on_draws(trial: int, drawn: Floats) -> Floats:
            return resampled(ratios_of_counts(self.trials[trial].counts, metric), drawn)

        def on_all(trial: int) -> float:
            return score_counts(self.trials[trial].confusion, metric)

        return self._corrected(on_all, on_draws, True, RESAMPLES)

    def score_metric(self, metric: Metric, tested: Callable[[int], Tested]) -> Corrected:
        """The winner's corrected score of any metric.

        Args:
            metric: the metric to compute; without ratios, it is computed on the first ``RESCORED``
                draws only.
            tested: index of a trial → its logits, targets and speakers on the clips of all folds;
                it is called for the `needed` trials only.

        Raises:
            PluginError: a score is NaN or infinite.
        """

        def on_draws(trial: int, drawn: Floats) -> Floats:
            return resampled_scores(metric, *tested(trial), drawn)

        def on_all(trial: int) -> float:
            return score_of(metric, *tested(trial)[:2])

        most = RESAMPLES if metric.ratios(*tested(self.winner)) is not None else RESCORED
        return self._corrected(on_all, on_draws, metric.share, most)

    def _corrected(
        self,
        on_all: Callable[[int], float],
        on_draws: Callable[[int, Floats], Floats],
        share: bool,
        most: int,
    ) -> Corrected:
        """Correct a score, given functions that compute it on all speakers and on draws."""
        naive, over = on_all(self.winner), self.over
        speakers, effective = len(over.speakers), over.effective
        if over.drawn is None or self.chosen is None:
            alone = Bootstrapped(naive, None, speakers, effective)
            return Corrected(naive, naive, None, None, effective, None, alone)
        drawn, chosen = over.drawn[:most], self.chosen[:most]
        own = 2 * naive - on_draws(self.winner, drawn)
        outside = own.copy()
        for trial in np.unique(chosen):
            if trial != self.winner:
                rows = chosen == trial
                outside[rows] = 2 * on_all(trial) - on_draws(trial, drawn[rows])
        value = naive + float((outside - own).mean())
        if share:
            value = min(max(value, 0.0), 1.0)
        error = standard_error_of(outside, effective)
        return Corrected(
            naive,
            value,
            _interval(value, error, effective, share),
            error,
            effective,
            float(self.winner_chosen.mean()),
            Bootstrapped(value, outside - outside.mean() + value, speakers, effective),
        )

    @property
    def winner_chosen(self) -> npt.NDArray[np.bool_]:
        """Whether the winner, or a trial with equal predictions, is chosen ``[resamples]``."""
        counts = self.trials[self.winner].counts
        equal = [i for i, trial in enumerate(self.trials) if np.array_equal(trial.counts, counts)]
        return np.isin([] if self.chosen is None else self.chosen, equal)


def uar_of_draws(trials: Sequence[Tally], drawn: Floats) -> Floats:
    """UA of several trials in each draw ``[resamples, trials]``; all have the same clips."""
    ratios = [ratios_of_counts(trial.counts, SELECTED_BY) for trial in trials]
    weights = 1 / (drawn @ ratios[0].denominators)  # [resamples, K]
    found: Floats = np.zeros((len(drawn), len(trials)))
    for emotion in range(weights.shape[1]):
        right = np.stack([each.numerators[:, emotion] for each in ratios], axis=1)
        found += (drawn @ right) * weights[:, emotion : emotion + 1]
    found /= weights.shape[1]
    return found


def corrected(
    trials: Sequence[Tally],
    winner: int,
    metric: CountMetric = "uar",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Corrected:
    """The score of one winner, corrected for its selection.

    Args:
        trials: the clips of all folds, of every complete trial of a study; pruned trials are left
            out, since they could not be chosen.
        winner: index of the winner.
        metric: the metric to compute; the winner is always chosen by UA.
        seed: seed of the draws.
        resamples: number of draws.

    Raises:
        ValueError: the trials differ in their speakers or clips.
    """
    return Draws(trials[0], seed, resamples).select(trials, winner).score(metric)


def difference(
    first: tuple[Sequence[Tally], int],
    second: tuple[Sequence[Tally], int],
    metric: CountMetric = "uar",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Difference:
    """Difference of two winners over the same speakers, corrected for the selection of both.

    Args:
        first: the trials of a study and the index of its winner.
        second: the same of the winner whose score is subtracted.
        metric: the metric to compute.
        seed: seed of the draws.
        resamples: number of draws.

    Raises:
        ValueError: the trials differ in their speakers or clips.
    """
    over = Draws(first[0][0], seed, resamples)
    one, other = (over.select(*each).score(metric).bootstrapped for each in (first, second))
    return one.minus(other)


def _interval(value: float, error: float, effective: float, share: bool) -> Interval | None:
    if share:
        return share_interval(value, error, effective - 1)
    if effective < FEWEST_SPEAKERS or error == 0:
        return None
    half = half_width(error, effective - 1)
    return Interval(value - half, value + half)
