"""Selection-corrected cross-validation: the score of a winner that was chosen by the same folds.

The best of several trials has, on average, a higher score on its folds than on new speakers,
because it was chosen for it. The selection is therefore repeated on draws of speakers: in each draw
the trial with the highest UA is chosen, and its score is counted outside of the draw. To first
order this score is x - d, where x is the trial's score on all speakers and d the deviation of its
score in the draw from x, so that no speakers have to be left out and every draw has every emotion.
The same is computed for the winner in every draw; the mean difference is the selection bias, which
is exactly 0 for a single trial. Draws from S speakers vary less than samples of S new speakers, so
that every deviation is multiplied by √(S/(S - 1)), and, because proposals are adaptive, by a little
more (`ADAPTIVE`).

The variance of the score is that of d, which is due to the speakers, plus that of x over the draws,
which is due to the selection. Both together are the variance of the scores x + d inside and x - d
outside of the draws.

Source: Tsamardinos, Greasidou and Borboudakis 2018, "Bootstrapping the out-of-sample predictions
for efficient and accurate cross-validation", Machine Learning 107 (BBC-CV, here with draws of
speakers instead of clips; without the trials that were pruned, as in BBCD-CV).
``docs/explanation/selection.md`` has its bias and coverage in simulated searches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from serbench.score.comparison import Bootstrapped
from serbench.score.confusion import CountMetric, Tally, ratios_of_counts
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

ADAPTIVE = 1.1
"""Factor of the variance of the deviations in draws, because proposals are adaptive.

Later configurations are near the best one so far and share some of the chance by which it is the
best, which draws from a fixed set of trials underestimate. Chosen by simulation, so that the bias
is less than one point for 10 to 50 trials.
"""

TIE = 1e-9
"""Scores of draws that differ by less are equal."""

Scored = tuple[float, Callable[[Floats], Floats]]
"""A trial's score on all speakers, and the function that computes it on draws."""


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
        bootstrapped: ``value`` and scores of draws, to compare it with other winners on the same
            clips by `Bootstrapped.minus`.
        inside: score of the chosen trial inside of each draw ``[resamples]``, with a mean of
            ``value``; None where there are no draws.
        outside: the same outside of each draw.
    """

    naive: float
    value: float
    interval: Interval | None
    standard_error: float | None
    effective: float
    chosen: float | None
    bootstrapped: Bootstrapped = field(repr=False, compare=False)

    inside: Floats | None = field(repr=False, compare=False)
    outside: Floats | None = field(repr=False, compare=False)

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
        # With fewer than two effective speakers the factor would have no upper limit.
        self.enlarged = float(np.sqrt(ADAPTIVE * (1 + 1 / max(self.effective - 1, 1))))

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
        self._scores: dict[CountMetric, Corrected] = {}
        self.chosen: npt.NDArray[np.int64] | None = None
        self.highest: Floats | None = None
        if over.drawn is None:
            return
        # Of equal scores in a draw, that of the better trial is higher; neither the order of the
        # trials nor a rounding error changes the choice.
        points = uar_of_draws(trials, np.ones((1, len(over.speakers))))[0]
        level = np.round(-points / TIE)
        keys = [(each, trial.counts.tobytes()) for each, trial in zip(level, trials, strict=True)]
        order = sorted(range(len(trials)), key=keys.__getitem__)
        scores = uar_of_draws([trials[each] for each in order], over.drawn)
        scores -= points[order]
        scores *= over.enlarged
        scores += points[order] - TIE * np.arange(len(order))
        best = scores.argmax(axis=1)
        self.chosen = np.array(order)[best]
        self.highest = scores[np.arange(len(best)), best]

    @property
    def needed(self) -> list[int]:
        """Ascending indices of the trials that are chosen in a draw, and of the winner."""
        if self.chosen is None:
            return [self.winner]
        return sorted({self.winner, *map(int, np.unique(self.chosen))})

    def score(self, metric: CountMetric) -> Corrected:
        """The winner's corrected UA, WA or macro-F1."""
        if metric not in self._scores:

            def of(trial: int) -> Scored:
                ratios = ratios_of_counts(self.trials[trial].counts, metric)
                return ratios.value, lambda drawn: resampled(ratios, drawn)

            self._scores[metric] = self._corrected(of, True, RESAMPLES)
        return self._scores[metric]

    def score_metric(self, metric: Metric, tested: Callable[[int], Tested]) -> Corrected:
        """The winner's corrected score of any metric.

        Args:
            metric: the metric to compute; without ratios, it is computed on the first ``RESCORED``
                draws only.
            tested: index of a trial → its logits, targets and speakers on the clips of all folds;
                it is called once for each of the `needed` trials.

        Raises:
            PluginError: a score is NaN or infinite.
        """
        known = {trial: tested(trial) for trial in self.needed}

        def of(trial: int) -> Scored:
            logits, targets, speakers = known[trial]
            point = score_of(metric, logits, targets)
            return point, lambda drawn: resampled_scores(metric, logits, targets, speakers, drawn)

        most = RESAMPLES if metric.ratios(*known[self.winner]) is not None else RESCORED
        return self._corrected(of, metric.share, most)

    def _corrected(self, of: Callable[[int], Scored], share: bool, most: int) -> Corrected:
        """Correct a score, on at most ``most`` draws."""
        over = self.over
        naive, on_draws = of(self.winner)
        if over.drawn is None or self.chosen is None:
            return from_draws(naive, naive, over, None, None, None, share)
        drawn, chosen = over.drawn[:most], self.chosen[:most]
        deviations = on_draws(drawn) - naive
        own = naive - over.enlarged * deviations
        points = np.full(len(drawn), naive)
        for trial in np.unique(chosen):
            if trial != self.winner:
                rows = chosen == trial
                points[rows], on_draws = of(trial)
                deviations[rows] = on_draws(drawn[rows]) - points[rows]
        outside = points - over.enlarged * deviations
        inside = points + over.enlarged * deviations
        value = naive + float((outside - own).mean())
        chosen_share = float(self.winner_chosen.mean())
        return from_draws(naive, value, over, inside, outside, chosen_share, share)

    @property
    def winner_chosen(self) -> npt.NDArray[np.bool_]:
        """Whether the winner, or a trial with equal predictions, is chosen ``[resamples]``."""
        counts = self.trials[self.winner].counts
        equal = [i for i, trial in enumerate(self.trials) if np.array_equal(trial.counts, counts)]
        return np.isin([] if self.chosen is None else self.chosen, equal)


def uar_of_draws(trials: Sequence[Tally], drawn: Floats) -> Floats:
    """UA of several trials in each draw ``[resamples, trials]``; all have the same clips."""
    occurring = trials[0].clips.any(axis=0)
    right = np.stack([np.diagonal(trial.counts, axis1=1, axis2=2) for trial in trials], axis=2)
    weights = 1 / (drawn @ trials[0].clips[:, occurring] * occurring.sum())  # [resamples, K]
    found: Floats = np.zeros((len(drawn), len(trials)))
    for column, emotion in enumerate(np.flatnonzero(occurring)):
        found += (drawn * weights[:, [column]]) @ right[:, emotion].astype(np.float64)
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


def from_draws(
    naive: float,
    value: float,
    over: Draws,
    inside: Floats | None,
    outside: Floats | None,
    chosen: float | None,
    share: bool,
) -> Corrected:
    """A corrected score with its interval, from scores inside and outside of draws.

    The arguments are those of `Corrected`, except that the scores may have any mean; ``share`` is
    whether the metric is a share.
    """
    effective, speakers = over.effective, len(over.speakers)
    if share:
        value = min(max(value, 0.0), 1.0)
    if inside is None or outside is None:
        alone = Bootstrapped(value, None, speakers, effective)
        return Corrected(naive, value, None, None, effective, chosen, alone, None, None)
    inside, outside = (value + each - each.mean() for each in (inside, outside))
    # `standard_error` enlarges the deviations again.
    both = value + (np.concatenate([inside, outside]) - value) / over.enlarged
    error = standard_error_of(both, effective)
    found = Bootstrapped(value, both, speakers, effective)
    interval = _interval(value, error, effective, share)
    return Corrected(naive, value, interval, error, effective, chosen, found, inside, outside)


def _interval(value: float, error: float, effective: float, share: bool) -> Interval | None:
    if share:
        return share_interval(value, error, effective - 1)
    if effective < FEWEST_SPEAKERS or error == 0:
        return None
    half = half_width(error, effective - 1)
    return Interval(value - half, value + half)
