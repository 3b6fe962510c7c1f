"""What may be compared, how it is ranked, and what nothing beats."""

from dataclasses import fields, replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from serbench.results.leaderboard import Ranking, Row, rank, to_frame

ROW = Row(
    entry=1,
    rank=0,
    on_front=False,
    backbone="homebrew",
    front_end="mel",
    schedule="half-cycle",
    weights="none",
    dataset="small",
    dataset_hash="0123456789abcdef",
    synthetic=False,
    protocol="speaker-5",
    speaker_dependent=False,
    uar=0.5,
    accuracy=0.5,
    macro_f1=0.5,
    cv_uar_mean=0.5,
    cv_uar_sd=0.1,
    latency_ms_p50=3.0,
    latency_ms_p90=4.0,
    latency_ms_p99=5.0,
    front_end_ms_p50=1.0,
    network_ms_p50=2.0,
    runtime="eager",
    threads=1,
    machine="A processor, 2 cores, Linux x86_64",
    params=24_902,
    macs=4_400_000,
)

APART = {
    "dataset_hash": ["0123456789abcdef", "fedcba9876543210"],
    "protocol": ["speaker-5", "random-5"],
    "machine": ["A processor, 2 cores, Linux x86_64", "Another, 8 cores, Darwin arm64"],
    "runtime": ["eager", "onnx"],
    "threads": [1, 2],
}
"""What must be equal for two entries to be compared, with values."""


def rows(**changes):
    """A row for each value of the one list given; the other values are the same for all."""
    [(name, values)] = changes.items()
    return [replace(ROW, entry=n, **{name: value}) for n, value in enumerate(values, start=1)]


@st.composite
def any_rows(draw):
    """Rows with few different values, so that ties and equals are frequent."""
    facts = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "uar": st.sampled_from([0.2, 0.3, 0.5, 0.8, 0.9]),
                    "latency_ms_p90": st.sampled_from([1.0, 2.5, 4.0, 9.0]),
                    **{name: st.sampled_from(values) for name, values in APART.items()},
                }
            ),
            max_size=12,
        )
    )
    return [replace(ROW, entry=number, **fact) for number, fact in enumerate(facts, start=1)]


def beats(one, other):
    """No worse in both, better in one."""
    return (
        one.uar >= other.uar
        and one.latency_ms_p90 <= other.latency_ms_p90
        and (one.uar, one.latency_ms_p90) != (other.uar, other.latency_ms_p90)
    )


def comparable(one, other):
    return all(getattr(one, name) == getattr(other, name) for name in APART)


@given(any_rows())
def test_an_entry_is_on_the_front_where_no_comparable_one_beats_it(given_rows):
    for ranking in rank(given_rows):
        for row in ranking.rows:
            rivals = [other for other in given_rows if comparable(row, other)]
            assert row.on_front == (not any(beats(other, row) for other in rivals))


@given(any_rows())
def test_the_front_is_what_a_sweep_from_the_fastest_finds(given_rows):
    for ranking in rank(given_rows):
        best, front = -1.0, set()
        for latency in sorted({row.latency_ms_p90 for row in ranking.rows}):
            as_fast = [row for row in ranking.rows if row.latency_ms_p90 == latency]
            highest = max(row.uar for row in as_fast)
            if highest > best:
                best = highest
                front |= {row.entry for row in as_fast if row.uar == highest}
        assert {row.entry for row in ranking.rows if row.on_front} == front


@given(any_rows())
def test_a_ranking_holds_only_what_may_be_compared_and_all_of_it(given_rows):
    rankings = rank(given_rows)
    for ranking in rankings:
        assert all(comparable(ranking.rows[0], row) for row in ranking.rows)
    firsts = [ranking.rows[0] for ranking in rankings]
    assert not any(comparable(a, b) for n, a in enumerate(firsts) for b in firsts[:n])
    assert sorted(row.entry for ranking in rankings for row in ranking.rows) == [
        row.entry for row in given_rows
    ]


@given(any_rows())
def test_ranks_count_from_one_by_falling_uar_and_rising_latency(given_rows):
    for ranking in rank(given_rows):
        assert [row.rank for row in ranking.rows] == list(range(1, len(ranking.rows) + 1))
        order = [(-row.uar, row.latency_ms_p90, row.entry) for row in ranking.rows]
        assert order == sorted(order)
        assert ranking.rows[0].on_front


@given(any_rows(), st.randoms())
def test_the_order_of_entries_does_not_matter(given_rows, chance):
    shuffled = chance.sample(given_rows, len(given_rows))
    assert set(rank(shuffled)) == set(rank(given_rows))


@given(any_rows())
@settings(max_examples=30)
def test_ranking_changes_nothing_else(given_rows):
    unranked = [
        replace(row, rank=0, on_front=False) for ranking in rank(given_rows) for row in ranking.rows
    ]
    assert sorted(unranked, key=lambda row: row.entry) == given_rows


@pytest.mark.parametrize("name", APART)
def test_never_is_ranked_across(name):
    assert [len(ranking.rows) for ranking in rank(rows(**{name: APART[name]}))] == [1, 1]


def test_the_same_content_under_two_names_is_one_dataset():
    assert len(rank(rows(dataset=["mine", "the same"]))) == 1


def test_of_two_as_good_the_faster_comes_first_and_alone_on_the_front():
    [ranking] = rank(rows(latency_ms_p90=[4.0, 3.0]))
    assert [(row.entry, row.on_front) for row in ranking.rows] == [(2, True), (1, False)]


def test_equals_share_the_front_and_the_older_comes_first():
    [ranking] = rank(rows(backbone=["a", "b"]))
    assert [(row.entry, row.rank, row.on_front) for row in ranking.rows] == [
        (1, 1, True),
        (2, 2, True),
    ]


def test_nothing_is_ranked_as_nothing():
    assert rank([]) == []


def test_a_title_says_what_all_rows_have_in_common():
    ranking = Ranking((ROW,))
    assert ranking.title == (
        "small [01234567] · speaker-5 · A processor, 2 cores, Linux x86_64 · eager, 1 thread"
    )


def test_a_title_warns_of_synthetic_speech_and_of_speakers_heard_before():
    careful = replace(ROW, synthetic=True, protocol="random-5", speaker_dependent=True, threads=2)
    title = Ranking((careful,)).title
    assert "small (synthetic speech) [01234567] · random-5 (speaker-dependent)" in title
    assert title.endswith("2 threads")


def test_a_row_as_data_holds_what_programs_ask_for():
    identity = {"entry", "backbone", "front_end", "schedule", "weights", "dataset", "protocol"}
    scores = {"uar", "accuracy", "macro_f1", "cv_uar_mean", "cv_uar_sd"}
    times = {"latency_ms_p50", "latency_ms_p90", "runtime", "threads", "machine"}
    sizes = {"params", "macs", "on_front"}
    assert ROW.as_dict().keys() >= identity | scores | times | sizes


def test_a_frame_has_a_column_for_each_field_and_a_line_for_each_row():
    rankings = rank(rows(protocol=["speaker-5", "random-5", "speaker-5"]))
    frame = to_frame(rankings)
    assert list(frame.columns) == [field.name for field in fields(Row)]
    assert frame["entry"].tolist() == [1, 3, 2]
    assert frame["rank"].tolist() == [1, 2, 1]
    assert frame.to_dict("records")[0] == rankings[0].rows[0].as_dict()


def test_an_empty_frame_has_its_columns_too():
    assert list(to_frame([]).columns) == [field.name for field in fields(Row)]
