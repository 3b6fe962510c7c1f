"""Ranks with intervals, from one table of draws."""

from dataclasses import replace
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import t as student

from serbench.score.comparison import Bootstrap
from serbench.score.confusion import Tally
from serbench.score.ranks import all_differences, ranks

SPEAKERS, CLIPS = 8, 6


def scores(*rights):
    """Systems that recognise so many of each speaker's six clips of either emotion."""
    tallies = []
    for each in rights:
        counts = np.array([[[right, CLIPS - right], [CLIPS - right, right]] for right in each])
        tallies.append(Tally(tuple(f"s{number}" for number in range(len(each))), counts))
    return Bootstrap(tallies[0]).of_all(tallies)


@st.composite
def any_scores(draw):
    number = draw(st.integers(1, 6))
    rights = st.lists(st.integers(0, CLIPS), min_size=number, max_size=number)
    return scores(*draw(st.lists(rights, min_size=1, max_size=7)))


@given(any_scores())
@settings(max_examples=60)
def test_ranks_contain_the_place_and_probabilities_sum_to_1(given_scores):
    found = ranks(given_scores)
    assert sum(each.best for each in found) == pytest.approx(1)
    for each, score in zip(found, given_scores, strict=True):
        above = sum(other.score > score.score for other in given_scores)
        as_good = sum(other.score >= score.score for other in given_scores)
        assert 1 <= each.first <= 1 + above
        assert as_good <= each.last <= len(given_scores)


@given(any_scores(), st.randoms())
@settings(max_examples=30)
def test_the_order_does_not_matter(given_scores, chance):
    order = chance.sample(range(len(given_scores)), len(given_scores))
    turned = ranks([given_scores[each] for each in order])
    straight = ranks(given_scores)
    for place, each in enumerate(order):
        assert (turned[place].first, turned[place].last) == (
            straight[each].first,
            straight[each].last,
        )
        assert turned[place].best == pytest.approx(straight[each].best)


@given(any_scores())
@settings(max_examples=30)
def test_the_probability_of_the_best_is_its_share_of_the_draws(given_scores):
    if len(given_scores) < 2 or given_scores[0].resampled is None:
        return
    table = np.stack([each.resampled for each in given_scores]).T
    won = np.zeros(len(given_scores))
    for draw in table[:400]:
        highest = draw >= draw.max() - 1e-12
        won += highest / highest.sum()
    few = [replace(each, resampled=each.resampled[:400]) for each in given_scores]
    assert [each.best for each in ranks(few)] == pytest.approx(list(won / 400))


def test_ranks_are_those_of_t_tests_with_bonferronis_correction():
    """Golden: with equal clips each comparison is a paired t-test over speakers."""
    rights = np.random.default_rng(3).integers(0, CLIPS + 1, size=(6, SPEAKERS))
    rights[0] = np.minimum(rights[0] + 4, CLIPS)
    found = ranks(scores(*rights.tolist()))
    critical = student.ppf(1 - 0.025 / 5, SPEAKERS - 1)
    for number, each in enumerate(found):
        apart = (rights[number] - np.delete(rights, number, axis=0)) / CLIPS
        statistic = apart.mean(axis=1) / (apart.std(axis=1, ddof=1) / np.sqrt(SPEAKERS))
        assert abs(np.abs(statistic) - critical).min() > 0.1, "no test is decided by the draws"
        assert each.first == 1 + (statistic < -critical).sum()
        assert each.last == 6 - (statistic > critical).sum()
    assert found[0].first == 1


def test_equal_entries_share_the_probability_and_all_ranks():
    found = ranks(scores([4, 3, 5, 2], [4, 3, 5, 2]))
    assert [(each.best, each.first, each.last) for each in found] == [(0.5, 1, 2)] * 2


def test_the_same_difference_of_all_speakers_needs_enough_of_them():
    for speakers, apart in ((3, False), (30, True)):
        first, second = ranks(scores([5] * speakers, [2] * speakers))
        assert (first.best, second.best) == (1, 0)
        assert ((first.last, second.first) == (1, 2)) == apart


def test_one_speaker_leaves_every_rank_possible():
    assert [(each.best, each.first, each.last) for each in ranks(scores([6], [0]))] == [
        (0.5, 1, 2)
    ] * 2


def test_many_entries_are_ranked_like_few():
    rights = np.random.default_rng(5).integers(0, CLIPS + 1, size=(600, SPEAKERS))
    found = ranks(scores(*rights.tolist()))
    assert sum(each.best for each in found) == pytest.approx(1)
    order = sorted(range(600), key=lambda each: -rights[each].sum())
    assert all(found[one].first <= found[other].last for one, other in pairwise(order))


@given(any_scores())
@settings(max_examples=40)
def test_all_differences_are_those_of_each_pair(given_scores):
    found = all_differences(given_scores)
    if found is None:
        assert any(each.resampled is None for each in given_scores)
        return
    for one, first in enumerate(given_scores):
        for other, second in enumerate(given_scores):
            expected = first.minus(second)
            assert found.difference[one, other] == pytest.approx(expected.difference)
            ends = (found.low[one, other], found.high[one, other])
            assert ends == pytest.approx(expected.interval, abs=1e-7)
            assert found.p[one, other] == pytest.approx(expected.p, abs=1e-7)
