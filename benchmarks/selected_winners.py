"""Bias and coverage of the scores of winners, in simulated searches.

Each repetition draws speakers, searches with one or several entries, and compares the naive and the
corrected score of the winner with the score that its configuration has on new speakers. The naive
interval is that of the winner's clips alone.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from simulated_searches import LANDSCAPES, searches
from simulated_speakers import true_scores

from serbench.score.confusion import COUNT_METRICS, Tally, score_counts
from serbench.score.intervals import Interval, share_interval, standard_error, tally_interval
from serbench.score.metric import Floats
from serbench.score.ranks import best_of_all, ranks
from serbench.score.selection import Corrected, Draws, Selection, uar_of_draws

TOGETHER = 40
"""Number of repetitions that share the numbers of clips, and therefore the draws."""

NAIVE, CORRECTED, DIFFERENCE, RANK = "naive", "corrected", "difference", "rank"
Finding = tuple[str, str, float, float, float, float]
"""Method, estimated quantity, estimate, both ends, and true value."""


@dataclass(frozen=True)
class Case:
    """A kind of search.

    Attributes:
        speakers: number of speakers.
        uneven: whether speakers and emotions have very unequal numbers of clips.
        landscape: name of one of `LANDSCAPES`.
        trials: number of trials of each entry.
        entries: number of entries, of which the best is chosen.
        shared_error: whether the clips of a fold share an error of its network.
    """

    speakers: int
    uneven: bool
    landscape: str
    trials: int
    entries: int
    shared_error: bool = True

    @property
    def name(self) -> str:
        """A description."""
        clips = "uneven" if self.uneven else "even"
        many = f", best of {self.entries} entries" if self.entries > 1 else ""
        folds = "" if self.shared_error else ", no error shared by a fold"
        name = f"{self.landscape}, {clips}, {self.trials} trials{many}, {self.speakers} speakers"
        return name + folds


def cases(speakers: Sequence[int], trials: int, entries: int) -> Iterator[Case]:
    """All cases with the same numbers of trials and entries; several entries have even clips."""
    for uneven in (False, True) if entries == 1 else (False,):
        for landscape in LANDSCAPES:
            for number in speakers:
                yield Case(number, uneven, landscape, trials, entries)


Simulation = Callable[[Case, np.random.Generator, int, int], Iterator[Finding]]
"""Findings in so many repetitions with so many draws of speakers."""


def measured(
    case: Case,
    repetitions: int,
    resamples: int,
    seed: int = 18,
    simulation: Simulation | None = None,
) -> dict[str, dict[str, object]]:
    """Method → estimated quantity → bias, coverage and mean width, in points.

    The simulation is by default that of selection-corrected CV.
    """
    kinds = tuple(LANDSCAPES).index(case.landscape), case.uneven, case.trials, case.entries
    random = np.random.default_rng([seed, case.speakers, *map(int, kinds)])
    tested = simulation or _tested
    found: dict[tuple[str, str], list[tuple[float, bool, float]]] = defaultdict(list)
    for start in range(0, repetitions, TOGETHER):
        together = min(TOGETHER, repetitions - start)
        for method, what, estimate, low, high, truth in tested(case, random, together, resamples):
            found[method, what].append((estimate - truth, low <= truth <= high, high - low))
    table: dict[str, dict[str, object]] = defaultdict(dict)
    for (method, what), each in found.items():
        errors, inside, widths = (np.array(column) for column in zip(*each, strict=True))
        table[method][what] = {
            "bias": round(100 * float(errors.mean()), 2),
            "coverage": round(100 * float(inside.mean()), 1),
            "width": round(100 * float(widths.mean()), 1),
        }
    return dict(table)


def _tested(
    case: Case, random: np.random.Generator, repetitions: int, resamples: int
) -> Iterator[Finding]:
    landscape = LANDSCAPES[case.landscape]
    sizes = case.trials, case.entries, repetitions
    clips, entries = searches(
        random, case.speakers, case.uneven, landscape, *sizes, case.shared_error
    )
    truths = [true_scores(entry.won, clips.shares) for entry in entries]
    over: Draws | None = None
    for number in range(repetitions):
        every = [entry.trials(number) for entry in entries]
        over = over or Draws(every[0][0][0], resamples=resamples)
        if over.drawn is None:
            return
        chosen = [over.select(*each) for each in every]
        by_uar = [each.score("uar") for each in chosen]
        best = int(np.argmax([each.value for each in by_uar]))
        if len(entries) == 1:
            truth = float(truths[0]["uar"][number])
            for name, value, interval in other_corrections(chosen[0], over.drawn):
                yield name, "uar", value, *interval, truth
        for metric in COUNT_METRICS:
            truth = float(truths[best][metric][number])
            winner = chosen[best].trials[chosen[best].winner]
            plain = tally_interval(winner, metric, over.drawn)
            naive = score_counts(winner.confusion, metric)
            yield NAIVE, metric, naive, *ends(plain), truth
            score = by_uar[0] if metric == "uar" else chosen[0].score(metric)
            if len(entries) > 1:
                score = best_of_all(chosen, metric)
            yield CORRECTED, metric, score.value, *ends(score.interval), truth
        if len(entries) > 1:
            own = [float(each["uar"][number]) for each in truths]
            yield from _compared(by_uar, own)


def _compared(scores: Sequence[Corrected], truths: Sequence[float]) -> Iterator[Finding]:
    """Difference of the first two entries, and the ranks of all of them in a hundredth."""
    both = scores[0].bootstrapped.minus(scores[1].bootstrapped)
    assert both.interval is not None
    yield DIFFERENCE, "uar", both.difference, *both.interval, truths[0] - truths[1]
    for rank, own in zip(ranks([each.bootstrapped for each in scores]), truths, strict=True):
        better = sum(each > own + 1e-9 for each in truths)
        equal = sum(abs(each - own) <= 1e-9 for each in truths)
        # Entries with the same true score share several ranks, of which one has to be included.
        true = min(max(rank.first, 1 + better), better + equal)
        yield RANK, "uar", true / 100, rank.first / 100, rank.last / 100, true / 100


def ends(interval: Interval | None) -> Interval:
    """An interval that is known to exist."""
    assert interval is not None
    return interval


def other_corrections(selection: Selection, drawn: Floats) -> Iterator[tuple[str, float, Interval]]:
    """Corrections of UA that serbench does not use: name, estimate and interval.

    The optimism is the mean difference of the score of the selected trial in a draw and on all
    speakers (Efron and Tibshirani 1993, section 17.6); its interval is that of the winner alone.
    BBC-CV takes the mean and the percentiles of the scores of the speakers that were not drawn.
    """
    trials, rows = selection.trials, np.arange(len(drawn))
    points = np.array([score_counts(each.confusion, "uar") for each in trials])
    scores = uar_of_draws(trials, drawn)
    chosen = scores.argmax(axis=1)
    optimism = float((scores[rows, chosen] - points[chosen]).mean())
    value = max(points[selection.winner] - optimism, 0.001)
    units = selection.over.effective
    error = standard_error(scores[:, selection.winner], units)
    yield "optimism", value, share_interval(value, error, units - 1)
    left = (drawn == 0).astype(float)
    usable = (left @ selection.over.clips > 0).all(axis=1)
    outside = uar_of_draws(trials, left[usable])[np.arange(usable.sum()), chosen[usable]]
    yield "bbc_cv", float(outside.mean()), Interval(*np.quantile(outside, [0.025, 0.975]))


def widths(case: Case, repetitions: int, resamples: int) -> dict[str, float]:
    """Mean width of the interval of UA, in points, with all speakers and with a fifth of them.

    All speakers are tested by the winner of a search, whose score is corrected; a fifth of the
    speakers, at least two, is tested with a configuration that was not chosen by them.
    """
    random = np.random.default_rng([19, case.speakers, case.uneven])
    held = max(2, round(case.speakers / 5))
    everyone, fifth = [], []
    for start in range(0, repetitions, TOGETHER):
        together = min(TOGETHER, repetitions - start)
        landscape = LANDSCAPES[case.landscape]
        _, (entry,) = searches(
            random, case.speakers, case.uneven, landscape, case.trials, 1, together
        )
        names = entry.names[:held]
        all_draws, few = None, None
        for number in range(together):
            trials, winner = entry.trials(number)
            some = Tally(names, trials[0].counts[:held])
            all_draws = all_draws or Draws(trials[0], resamples=resamples)
            few = few or Draws(some, resamples=resamples)
            for over, tested, best, into in (
                (all_draws, trials, winner, everyone),
                (few, [some], 0, fifth),
            ):
                interval = over.select(tested, best).score("uar").interval
                if interval is not None:
                    into.append(interval.high - interval.low)
    return {
        "corrected": round(100 * float(np.mean(everyone)), 1),
        "holdout": round(100 * float(np.mean(fifth)), 1),
        "held_out": held,
    }


def searched(asked: argparse.Namespace) -> dict[str, object]:
    """Bias and coverage of the scores of winners, of all kinds of searches."""
    kinds = [(10, 1)] if asked.quick else [(10, 1), (50, 1), (10, 5)]
    found = {}
    for trials, entries in kinds:
        # Cases with five times as many trials get half as many repetitions.
        repetitions = asked.repetitions if trials * entries == 10 else asked.repetitions // 2
        for case in cases(asked.speakers, trials, entries):
            found[case.name] = measured(case, repetitions, asked.resamples, asked.seed)
    return {"searches": found}


def widths_of(asked: argparse.Namespace) -> dict[str, object]:
    """Widths with all speakers and with a fifth of them, for several numbers of speakers."""
    found = {}
    for name, uneven in (("even", False), ("uneven", True)):
        of = [Case(number, uneven, "hill", 10, 1) for number in asked.speakers]
        found[name] = {c.speakers: widths(c, asked.repetitions, asked.resamples) for c in of}
    return {"holdouts": found}
