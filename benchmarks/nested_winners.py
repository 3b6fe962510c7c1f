"""Nested cross-validation in simulated searches, beside selection-corrected CV.

As `serbench study run --nested K` does, each of K outer folds has a search of its own: its winner
is selected by folds of the other speakers, trained again on all of them, and tested on the speakers
of the outer fold. The tests of all outer folds together give the score, whose interval is the plain
one over speakers. The corrected score comes from a search over all speakers of the same simulated
world: the speakers, their clips, and how good each configuration is for each of them are the same.

Three true scores are compared with the nested score. ``nested``: the mean true score of the
configurations that its searches select, which is what it estimates. ``nested_shipped``: the true
score of the configuration whose network predicts files, the winner of the first outer fold.
``nested_all``: the true score of the winner of a search over all speakers, which might be shipped
instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from selected_winners import CORRECTED, NAIVE, Case, Finding, ends, measured
from simulated_searches import LANDSCAPES, Entry
from simulated_speakers import FOLDS, Floats, Ints, Speakers, corpus, true_scores

from serbench.score.confusion import COUNT_METRICS, Tally, score_counts
from serbench.score.intervals import tally_interval
from serbench.score.selection import Draws

OUTER_FOLDS = 4
NESTED, SHIPPED, ALL = "nested", "nested_shipped", "nested_all"

UNCERTAIN = (
    *(Case(number, uneven, "one better", 50, 1) for number in (24, 48) for uneven in (False, True)),
    *(Case(24, True, "all equal", 50, 1), Case(48, False, "hill", 50, 1)),
    *(Case(number, False, "all equal", 50, 1) for number in (8, 16)),
    *(Case(8, True, name, 50, 1) for name in ("all equal", "one better")),
    *(Case(8, uneven, "all equal", 10, 1) for uneven in (False, True)),
    Case(48, True, "one better", 10, 1),
)
"""Cases whose corrected score missed 93 to 97 % in the tables, and those beside them."""
ORDINARY = (Case(16, False, "one better", 50, 1), Case(16, True, "hill", 10, 1))
WITHOUT_SHARED_ERROR = (
    Case(48, True, "one better", 50, 1, shared_error=False),
    Case(48, False, "hill", 50, 1, shared_error=False),
)
ONE_CONFIGURATION = tuple(
    Case(48, uneven, "all equal", 1, 1, shared_error)
    for uneven in (False, True)
    for shared_error in (True, False)
)
"""Without a search, so that what misses 95 % is not due to a selection."""


@dataclass(frozen=True)
class Nested:
    """Nested cross-validation of one entry.

    Attributes:
        counts: predictions of all outer folds ``[R, S, C, C]``.
        qualities: quality of the configuration selected in each outer fold ``[K, R]``.
    """

    counts: Ints
    qualities: Floats


def nested(entry: Entry, speakers: int, outer_folds: int = OUTER_FOLDS) -> Nested:
    """Search in each outer fold and test its winner there.

    The simulated speakers are in no order, so that every K-th of them is a random outer fold.
    """
    everyone = np.arange(speakers)
    tested, qualities = [], []
    for number in range(outer_folds):
        held_out = everyone % outer_folds == number
        found = entry.among(everyone[~held_out], FOLDS).search()
        last = entry.among(everyone[held_out], 1)
        tested.append((held_out, last.test(found.configuration, found.won)))
        qualities.append(found.won)
    counts = np.zeros((len(qualities[0]), speakers, *tested[0][1].shape[2:]), dtype=np.int64)
    for held_out, predicted in tested:
        counts[:, held_out] = predicted
    return Nested(counts, np.stack(qualities))


def both(
    case: Case, random: np.random.Generator, repetitions: int, resamples: int
) -> Iterator[Finding]:
    """Naive, corrected and nested scores in the same worlds, of a case with one entry."""
    clips = corpus(random, case.speakers, case.uneven)
    shared = Speakers(random, clips, repetitions, case.shared_error)
    entry = Entry(shared, LANDSCAPES[case.landscape], case.trials, better=False)
    search = entry.search()
    found = nested(entry, case.speakers)
    won = true_scores(search.won, clips.shares)
    selected = [true_scores(each, clips.shares) for each in found.qualities]
    over = Draws(search.trials(0)[0][0], resamples=resamples)
    if over.drawn is None:
        return
    for number in range(repetitions):
        trials, winner = search.trials(number)
        selection = over.select(trials, winner)
        outside = Tally(search.names, found.counts[number])
        for metric in COUNT_METRICS:
            truth = float(won[metric][number])
            truths = [float(each[metric][number]) for each in selected]
            plain = tally_interval(trials[winner], metric, over.drawn)
            naive = score_counts(trials[winner].confusion, metric)
            score = selection.score(metric)
            yield NAIVE, metric, naive, *ends(plain), truth
            yield CORRECTED, metric, score.value, *ends(score.interval), truth
            value = score_counts(outside.confusion, metric)
            interval = ends(tally_interval(outside, metric, over.drawn))
            yield NESTED, metric, value, *interval, float(np.mean(truths))
            yield SHIPPED, metric, value, *interval, truths[0]
            yield ALL, metric, value, *interval, truth


def nested_of(asked: argparse.Namespace) -> dict[str, object]:
    """Corrected and nested scores of the cases that missed 93 to 97 %, and of two others.

    Only searches of ten trials are simulated in the tests.
    """
    found = {
        case.name: measured(case, asked.repetitions, asked.resamples, asked.seed, both)
        for case in (*UNCERTAIN, *ORDINARY, *WITHOUT_SHARED_ERROR, *ONE_CONFIGURATION)
        if case.speakers in asked.speakers and (case.trials == 10 or not asked.quick)
    }
    return {"nested": found}
