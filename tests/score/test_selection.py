"""Scores of winners, corrected for their selection."""

import itertools
import math
from statistics import fmean, pstdev

import numpy as np
import pytest
import written_out
from error_facts import value_error
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.builtin.metrics import CountedMetric
from serbench.score.confusion import COUNT_METRICS, Tally, uar_of
from serbench.score.intervals import tally_interval
from serbench.score.ranks import best_of_all, difference, ranks
from serbench.score.resampling import RESCORED, draws
from serbench.score.selection import Draws, corrected

quick = settings(max_examples=30, deadline=None)
FEW = 40
METRIC = st.sampled_from(COUNT_METRICS)


def tally_with(*counts):
    return Tally(tuple("abcdefghijkl"[: len(counts)]), np.array(counts, dtype=np.int64))


def of_ten(*right):
    """Speakers with ten clips of one emotion, of which so many are predicted correctly."""
    return tally_with(*([[each, 10 - each], [0, 0]] for each in right))


FIRST, SECOND = of_ten(9, 6, 6), of_ten(6, 6, 8)


def best_first(tallies, answers):
    """Indices of trials in the order in which ties are decided."""
    scores = [written_out.uar(each) for each in answers]
    return sorted(
        range(len(tallies)), key=lambda i: (round(-scores[i], 9), tallies[i].counts.tobytes())
    )


def test_two_trials_over_all_draws_of_three_speakers():
    """All 27 draws, with the shares of ten clips counted by hand."""
    trials = [(0.9, 0.6, 0.6), (0.6, 0.6, 0.8)]
    enlarged = math.sqrt(1.1 * 3 / 2)
    inside, outside, own, often = [], [], [], 0
    for draw in itertools.product(range(3), repeat=3):
        points = [fmean(each) for each in trials]
        apart = [
            enlarged * (fmean(each[speaker] for speaker in draw) - point)
            for each, point in zip(trials, points, strict=True)
        ]
        chosen = 0 if points[0] + apart[0] > points[1] + apart[1] - 1e-9 else 1
        often += chosen == 0
        inside.append(points[chosen] + apart[chosen])
        outside.append(points[chosen] - apart[chosen])
        own.append(points[0] - apart[0])
    value = 0.7 + fmean(outside) - fmean(own)
    spread = math.sqrt((pstdev(inside) ** 2 + pstdev(outside) ** 2) / 2) / enlarged
    error = spread * math.sqrt(3 / 2)
    found = corrected([FIRST, SECOND], 0, resamples=100_000)
    assert found.naive == pytest.approx(0.7)
    assert found.value == pytest.approx(value, abs=0.001)
    assert found.selection_bias == pytest.approx(0.7 - value, abs=0.001)
    assert found.standard_error == pytest.approx(error, rel=0.01)
    assert found.chosen == pytest.approx(often / 27, abs=0.01)
    assert 0.05 < found.selection_bias < 0.1
    expected = written_out.interval_of_share(found.value, [0.0, 2 * spread], 3)
    assert found.interval == pytest.approx(expected, abs=0.01)


@quick
@given(written_out.tested_clips(systems=3), METRIC)
def test_a_corrected_score_is_the_one_written_out_under_the_same_draws(tested, metric):
    emotions, answers = tested
    tallies = [written_out.tally_of(each, emotions) for each in answers]
    winner = max(range(3), key=lambda i: written_out.uar(answers[i]))
    found = corrected(tallies, winner, metric, seed=5, resamples=FEW)
    written = written_out.SCORES[metric]
    assert found.naive == pytest.approx(written(answers[winner]))
    drawn = draws(tallies[0].clips, seed=5, resamples=FEW)
    if drawn is None:
        assert found.value == found.naive
        assert found.interval is found.standard_error is found.chosen is None
        return
    effective = written_out.effective_speakers(answers[0])
    enlarged = math.sqrt(1.1 * (1 + 1 / max(effective - 1, 1)))

    def in_draw(score, clips, row):
        point = score(clips)
        return point, enlarged * (score(written_out.resample(clips, row)) - point)

    order, inside, outside, own = best_first(tallies, answers), [], [], []
    for row in drawn:
        by_uar = [sum(in_draw(written_out.uar, answers[i], row)) for i in order]
        chosen = order[next(i for i in range(3) if by_uar[i] > max(by_uar) - 1e-10)]
        point, apart = in_draw(written, answers[chosen], row)
        inside.append(point + apart)
        outside.append(point - apart)
        point, apart = in_draw(written, answers[winner], row)
        own.append(point - apart)
    value = min(max(found.naive + fmean(outside) - fmean(own), 0), 1)
    assert found.value == pytest.approx(value, abs=1e-9)
    spread = math.sqrt((pstdev(inside) ** 2 + pstdev(outside) ** 2) / 2) / enlarged
    error = spread * math.sqrt(effective / (effective - 1))
    assert found.standard_error == pytest.approx(error, abs=1e-9)


@quick
@given(written_out.tested_clips(systems=1), METRIC)
def test_a_single_trial_has_the_plain_score_and_interval(tested, metric):
    emotions, (clips,) = tested
    tallied = written_out.tally_of(clips, emotions)
    found = corrected([tallied], 0, metric, resamples=FEW)
    assert found.value == found.naive
    plain = tally_interval(tallied, metric, draws(tallied.clips, resamples=FEW))
    if plain is None:
        assert found.interval is None
    else:
        assert found.interval == pytest.approx(plain, abs=1e-9)
        assert found.chosen == 1


@quick
@given(written_out.tested_clips(systems=1), METRIC, st.integers(2, 4))
def test_equal_trials_have_no_selection_bias(tested, metric, many):
    emotions, (clips,) = tested
    tallied = written_out.tally_of(clips, emotions)
    found = corrected([tallied] * many, many - 1, metric, resamples=FEW)
    assert found.selection_bias == pytest.approx(0, abs=1e-12)
    assert found.chosen in (None, 1)


@quick
@given(written_out.tested_clips(systems=4), METRIC, st.permutations(range(4)))
def test_the_order_of_the_trials_does_not_matter(tested, metric, order):
    emotions, answers = tested
    trials = [written_out.tally_of(each, emotions) for each in answers]
    moved = [trials[each] for each in order]
    found = corrected(trials, order[0], metric, resamples=FEW)
    assert corrected(moved, 0, metric, resamples=FEW) == found
    assert corrected(trials, order[0], metric, resamples=FEW) == found


def noise(seed, trials=8, speakers=10):
    """Equally good trials whose predictions are independent."""
    shape = (trials, speakers, 3)
    counts = np.random.default_rng(seed).multinomial(8, np.full(3, 1 / 3), shape)
    return [tally_with(*each) for each in counts]


def test_the_naive_score_of_the_best_of_equal_trials_is_too_high_and_the_corrected_is_not():
    naive, value = [], []
    for seed in range(60):
        trials = noise(seed)
        scores = [np.trace(each.confusion) for each in trials]
        found = corrected(trials, int(np.argmax(scores)), resamples=200)
        naive.append(found.naive)
        value.append(found.value)
    assert fmean(naive) > 1 / 3 + 0.03
    assert fmean(value) == pytest.approx(1 / 3, abs=0.01)


def test_trials_on_other_clips_are_refused():
    with value_error():
        corrected([FIRST, of_ten(9, 6)], 0)
    with value_error():
        corrected([FIRST, tally_with([[9, 0], [0, 0]], [[6, 4], [0, 0]], [[6, 4], [0, 0]])], 0)


UA = CountedMetric("uar", "UA")


class WithoutRatios(CountedMetric):
    """UA, computed from the clips of every draw."""

    def ratios(self, logits, targets, speakers):
        return None


def clips_of(tallied):
    """Logits, targets and speakers that give a tally."""
    speaker, true, predicted = np.nonzero(tallied.counts)
    times = tallied.counts[speaker, true, predicted]
    cells = (np.repeat(each, times) for each in (speaker, true, predicted))
    who, targets, answers = cells
    return np.eye(3)[answers], targets, np.array(tallied.speakers)[who]


def test_a_metric_with_ratios_is_corrected_as_its_counts_are():
    trials = noise(3)
    selection = Draws(trials[0]).select(trials, 0)
    found = selection.score_metric(UA, lambda trial: clips_of(trials[trial]))
    assert found.value == pytest.approx(selection.score("uar").value)
    assert found.interval == pytest.approx(selection.score("uar").interval)


def test_a_metric_without_ratios_is_computed_for_the_needed_trials_on_fewer_draws():
    never = np.roll(np.eye(3, dtype=int), 1, axis=0) * 8
    trials = [*noise(3), tally_with(*[never] * 10)]
    selection = Draws(trials[0]).select(trials, 0)
    asked = set()

    def tested(trial):
        asked.add(trial)
        return clips_of(trials[trial])

    found = selection.score_metric(WithoutRatios("uar", "UA", share=False), tested)
    assert asked <= set(selection.needed)
    assert len(trials) - 1 not in selection.needed
    assert found.inside.shape == (RESCORED,)
    assert found.naive == pytest.approx(uar_of(*clips_of(trials[0])[:2]))
    assert found.value == pytest.approx(selection.score("uar").value, abs=0.01)
    assert found.interval.high - found.value == pytest.approx(found.value - found.interval.low)


def winners(*seeds):
    entries = [noise(seed) for seed in seeds]
    over = Draws(entries[0][0], resamples=400)
    best = [int(np.argmax([np.trace(each.confusion) for each in trials])) for trials in entries]
    return entries, best, [over.select(*each) for each in zip(entries, best, strict=True)]


def test_a_difference_of_winners_is_that_of_their_corrected_scores():
    entries, best, selections = winners(1, 2)
    first, second = zip(entries, best, strict=True)
    found = difference(first, second, resamples=400)
    scores = [each.score("uar") for each in selections]
    assert found.difference == pytest.approx(scores[0].value - scores[1].value)
    assert found.interval.low < found.difference < found.interval.high
    back = difference(second, first, resamples=400)
    assert back.difference == pytest.approx(-found.difference)
    assert back.interval == pytest.approx((-found.interval.high, -found.interval.low))
    assert difference(first, first).difference == 0


def test_ranks_of_clearly_different_and_of_equal_entries():
    strong, weak = of_ten(9, 9, 8, 9, 9, 9, 8, 9), of_ten(4, 3, 4, 4, 5, 4, 4, 3)
    over = Draws(strong, resamples=400)
    scores = [over.select([each], 0).score("uar").bootstrapped for each in (weak, strong, strong)]
    found = ranks(scores)
    assert [(each.first, each.last) for each in found] == [(3, 3), (1, 2), (1, 2)]
    assert [each.best for each in found] == pytest.approx([0, 0.5, 0.5])


def test_without_draws_every_rank_is_possible():
    alone = of_ten(9)
    scores = [Draws(alone).select([alone], 0).score("uar").bootstrapped] * 2
    assert [(each.best, each.first, each.last) for each in ranks(scores)] == [(0.5, 1, 2)] * 2


def test_the_best_of_one_entry_is_that_entry():
    _, _, (selection,) = winners(1)
    found, alone = best_of_all([selection], "macro_f1"), selection.score("macro_f1")
    assert (found.value, found.chosen) == pytest.approx((alone.value, alone.chosen))
    assert found.interval == pytest.approx(alone.interval)


def test_the_best_of_equal_entries_is_corrected_for_this_choice_too():
    values, single = [], []
    for seed in range(0, 120, 4):
        _, _, selections = winners(*range(seed, seed + 4))
        single.append(max(each.score("uar").value for each in selections))
        values.append(best_of_all(selections).value)
    assert fmean(single) > 1 / 3 + 0.01
    assert abs(fmean(values) - 1 / 3) < fmean(single) - 1 / 3
