"""Which entries may be compared, how they are ranked, and which are on the front."""

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from making.rows import ROW, row, rows

from serbench.score.confusion import score_counts, tally
from serbench.views.front import NEAR, ON, UNMEASURED
from serbench.views.latencies import NOT_MEASURED
from serbench.views.ranking import rank


def _wrong(*counts):
    """Predictions of eight speakers with 16 clips, of which so many are wrong."""
    true = np.tile([0, 1], 8)
    return np.concatenate([np.where(np.arange(16) < each, 1 - true, true) for each in counts])


PREDICTED = (
    _wrong(1, 2, 1, 3, 2, 1, 2, 1),
    _wrong(3, 4, 3, 5, 4, 3, 5, 3),
    _wrong(0, 8, 0, 9, 0, 8, 0, 7),
)
"""The second entry is always a little worse than the first, the third sometimes much."""

APART = {
    "protocol_id": ["speaker-5#01234567", "speaker-5#76543210", "random-5#01234567"],
    "machine": ["A processor, 2 cores, Linux x86_64", "Another, 8 cores, Darwin arm64"],
    "runtime": ["eager", "onnx"],
    "threads": [1, 2],
    "known_speakers": [(), ("ravdess/01",)],
}
"""What must be equal for two entries to be compared, with values."""


@st.composite
def any_rows(draw):
    """Rows with few different values, so that ties and equals are frequent."""
    facts = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "uar": st.sampled_from([0.2, 0.3, 0.5, 0.8, 0.9]),
                    "p90": st.sampled_from([1.0, 2.5, 4.0, 9.0]),
                    **{name: st.sampled_from(values) for name, values in APART.items()},
                }
            ),
            max_size=12,
        )
    )
    return [row(number, **fact) for number, fact in enumerate(facts, start=1)]


def beats(one, other):
    """At least as good in both, better in one."""
    return (
        one.uar >= other.uar
        and one.latency.p90 <= other.latency.p90
        and (one.uar, one.latency.p90) != (other.uar, other.latency.p90)
    )


def kind(each):
    """All that must be equal for two entries to be compared."""
    latency = each.latency
    known = bool(each.known_speakers)
    return each.protocol_id, known, latency.machine, latency.runtime, latency.threads


@given(any_rows())
def test_an_entry_is_on_the_front_where_no_comparable_one_beats_it(given_rows):
    for ranking in rank(given_rows):
        for each in ranking.rows:
            rivals = [other for other in given_rows if kind(each) == kind(other)]
            assert (each.front == ON) == (not any(beats(other, each) for other in rivals))


@given(any_rows())
def test_the_front_is_what_a_sweep_from_the_fastest_finds(given_rows):
    for ranking in rank(given_rows):
        best, front = -1.0, set()
        for latency in sorted({each.latency.p90 for each in ranking.rows}):
            as_fast = [each for each in ranking.rows if each.latency.p90 == latency]
            highest = max(each.uar for each in as_fast)
            if highest > best:
                best = highest
                front |= {each.entry for each in as_fast if each.uar == highest}
        assert {each.entry for each in ranking.rows if each.front == ON} == front


@given(any_rows())
def test_a_ranking_has_only_what_may_be_compared_and_all_of_it(given_rows):
    found = rank(given_rows)
    for ranking in found:
        assert {kind(each) for each in ranking.rows} == {kind(ranking.rows[0])}
    assert len({kind(ranking.rows[0]) for ranking in found}) == len(found)
    assert sorted(each.entry for ranking in found for each in ranking.rows) == [
        each.entry for each in given_rows
    ]


@given(any_rows())
def test_ranks_count_from_one_by_falling_uar_and_rising_latency(given_rows):
    for ranking in rank(given_rows):
        assert [each.rank for each in ranking.rows] == list(range(1, len(ranking.rows) + 1))
        order = [(-each.uar, each.latency.p90, each.entry) for each in ranking.rows]
        assert order == sorted(order)
        assert ranking.rows[0].front == ON


@given(any_rows(), st.randoms())
def test_the_order_of_entries_does_not_matter(given_rows, chance):
    shuffled = chance.sample(given_rows, len(given_rows))

    def by_kind(found):
        return {kind(ranking.rows[0]): ranking.rows for ranking in found}

    assert by_kind(rank(shuffled)) == by_kind(rank(given_rows))


@given(any_rows())
@settings(max_examples=30)
def test_ranking_changes_nothing_else(given_rows):
    unranked = [
        replace(each, rank=0, front="", best=None, rank_ci=None)
        for ranking in rank(given_rows)
        for each in ranking.rows
    ]
    assert sorted(unranked, key=lambda each: each.entry) == given_rows


@pytest.mark.parametrize("name", APART)
def test_entries_are_never_ranked_across(name):
    found = rank(rows(**{name: APART[name]}))
    assert [len(ranking.rows) for ranking in found] == [1] * len(APART[name])


def test_the_same_content_under_two_names_is_one_dataset():
    assert len(rank(rows(dataset=["mine", "the same"]))) == 1


def test_compute_settings_do_not_part_entries():
    assert len(rank(rows(compute_settings=["fp32, 2 threads", "bf16, 1 thread", ""]))) == 1


def test_of_two_as_good_the_faster_comes_first_and_alone_on_the_front():
    [ranking] = rank(rows(p90=[4.0, 3.0]))
    assert [(each.entry, each.front) for each in ranking.rows] == [(2, ON), (1, NEAR)]


def test_equals_share_the_front_and_the_older_comes_first():
    [ranking] = rank(rows(backbone=["a", "b"]))
    assert [(each.entry, each.rank, each.front) for each in ranking.rows] == [
        (1, 1, ON),
        (2, 2, ON),
    ]


def test_entries_that_may_be_the_best_come_first():
    """A close rival of the first comes before one with a higher UA that is certainly worse."""
    names = [f"s{number}" for number in range(8)]
    tallies = {
        number: tally(np.eye(2)[predicted], np.tile([0, 1] * 8, 8), np.repeat(names, 16))
        for number, predicted in enumerate(PREDICTED, start=1)
    }
    found = [
        row(number, uar=score_counts(each.confusion, "uar"), tally=each, speakers=8)
        for number, each in tallies.items()
    ]
    [ranking] = rank(found)
    best, second, third = ranking.rows
    assert [each.entry for each in ranking.rows] == [1, 3, 2]
    assert second.uar < third.uar
    assert (best.rank_ci[0], second.rank_ci[0]) == (1, 1)
    assert third.rank_ci[0] > 1
    assert sum(each.best for each in ranking.rows) == pytest.approx(1)


def test_without_entries_there_is_no_ranking():
    assert rank([]) == []


def test_an_entry_that_was_never_measured_joins_every_ranking_of_its_protocol():
    guest = row(9, uar=0.9, latency=NOT_MEASURED)
    found = rank([*rows(threads=[1, 2]), guest])
    assert [[each.entry for each in ranking.rows] for ranking in found] == [[9, 1], [9, 2]]
    assert [[each.front for each in ranking.rows] for ranking in found] == [[UNMEASURED, ON]] * 2
    elsewhere = replace(guest, protocol_id="other")
    assert [len(each.rows) for each in rank([ROW, elsewhere])] == [1, 1]
