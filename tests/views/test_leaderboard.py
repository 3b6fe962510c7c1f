"""What may be compared, how it is ranked, and what nothing beats."""

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from serbench.score.intervals import clip_intervals
from serbench.score.tally import METRICS, tally
from serbench.views.front import NEAR, ON, UNMEASURED
from serbench.views.leaderboard import Ranking, rank, to_frame, with_clip_intervals
from serbench.views.row import Row, trained_with

TALLY = tally(np.eye(2)[[0, 0, 1, 0]], np.array([0, 1, 0, 1]), ["a", "a", "b", "b"])

ROW = Row(
    entry=1,
    rank=0,
    front="",
    backbone="homebrew",
    front_end="mel",
    schedule="half-cycle",
    weights="none",
    compute_settings="fp32, 2 threads",
    dataset="small",
    dataset_hash="0123456789abcdef",
    synthetic=False,
    protocol="speaker-5",
    protocol_id="speaker-5#01234567",
    speaker_dependent=False,
    speakers=2,
    uar=0.5,
    uar_ci=(0.4, 0.6),
    accuracy=0.5,
    accuracy_ci=(0.4, 0.6),
    macro_f1=0.5,
    macro_f1_ci=None,
    ece=0.1,
    cv_uar_mean=0.5,
    cv_uar_sd=0.1,
    cv_uar_ci=(0.3, 0.7),
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
    tally=TALLY,
)

APART = {
    "protocol_id": ["speaker-5#01234567", "speaker-5#76543210", "random-5#01234567"],
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
            assert (row.front == ON) == (not any(beats(other, row) for other in rivals))


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
        assert {row.entry for row in ranking.rows if row.front == ON} == front


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
        assert ranking.rows[0].front == ON


@given(any_rows(), st.randoms())
def test_the_order_of_entries_does_not_matter(given_rows, chance):
    shuffled = chance.sample(given_rows, len(given_rows))
    assert set(rank(shuffled)) == set(rank(given_rows))


@given(any_rows())
@settings(max_examples=30)
def test_ranking_changes_nothing_else(given_rows):
    unranked = [
        replace(row, rank=0, front="") for ranking in rank(given_rows) for row in ranking.rows
    ]
    assert sorted(unranked, key=lambda row: row.entry) == given_rows


@pytest.mark.parametrize("name", APART)
def test_never_is_ranked_across(name):
    assert [len(ranking.rows) for ranking in rank(rows(**{name: APART[name]}))] == [1] * len(
        APART[name]
    )


def test_the_same_content_under_two_names_is_one_dataset():
    assert len(rank(rows(dataset=["mine", "the same"]))) == 1


def test_of_two_as_good_the_faster_comes_first_and_alone_on_the_front():
    [ranking] = rank(rows(latency_ms_p90=[4.0, 3.0]))
    assert [(row.entry, row.front) for row in ranking.rows] == [(2, ON), (1, NEAR)]


def test_equals_share_the_front_and_the_older_comes_first():
    [ranking] = rank(rows(backbone=["a", "b"]))
    assert [(row.entry, row.rank, row.front) for row in ranking.rows] == [
        (1, 1, ON),
        (2, 2, ON),
    ]


def test_nothing_is_ranked_as_nothing():
    assert rank([]) == []


def test_a_title_says_what_all_rows_have_in_common():
    ranking = Ranking((ROW,))
    assert ranking.title == (
        "small [01234567] · speaker-5#01234567 · A processor, 2 cores, Linux x86_64 · "
        "eager, 1 thread"
    )


def test_a_title_warns_of_synthetic_speech_and_of_speakers_heard_before():
    careful = replace(
        ROW, synthetic=True, protocol_id="random-5#00000000", speaker_dependent=True, threads=2
    )
    title = Ranking((careful,)).title
    assert "small (synthetic speech) [01234567] · random-5#00000000 (speaker-dependent)" in title
    assert title.endswith("2 threads")


def test_a_row_as_data_holds_what_programs_ask_for():
    identity = {"entry", "backbone", "front_end", "schedule", "weights", "dataset", "protocol"}
    identity |= {"compute_settings"}
    scores = {"uar", "accuracy", "macro_f1", "cv_uar_mean", "cv_uar_sd"}
    times = {"latency_ms_p50", "latency_ms_p90", "runtime", "threads", "machine"}
    intervals = {"uar_ci", "accuracy_ci", "macro_f1_ci", "optimism", "protocol_id"}
    sizes = {"params", "macs", "front"}
    assert ROW.as_dict().keys() >= identity | scores | intervals | times | sizes
    assert ROW.as_dict()["uar_ci"] == (0.4, 0.6)


ENDS = {
    f"{metric}_ci": [f"{metric}_ci_low", f"{metric}_ci_high"] for metric in (*METRICS, "cv_uar")
}


def test_a_frame_has_a_column_for_each_number_and_a_line_for_each_row():
    rankings = rank(rows(protocol_id=["one", "other", "one"]))
    frame = to_frame(rankings)
    ends = [name for names in ENDS.values() for name in names]
    assert set(frame.columns) == {*rankings[0].rows[0].as_dict(), *ends} - ENDS.keys()
    assert frame["entry"].tolist() == [1, 3, 2]
    assert frame["rank"].tolist() == [1, 2, 1]
    first, data = frame.to_dict("records")[0], rankings[0].rows[0].as_dict()
    assert all(first[name] == data[name] for name in data if name not in ENDS)
    assert (first["uar_ci_low"], first["uar_ci_high"]) == data["uar_ci"]
    assert frame["macro_f1_ci_low"].isna().all()


@pytest.mark.parametrize(
    ("compute_settings", "said"),
    [
        ({"threads": 2, "precision": "fp32", "memory_format": "channels-last"}, "fp32, 2 threads"),
        ({"threads": 1, "precision": "bf16"}, "bf16, 1 thread"),
        ({"threads": 4}, "fp32, 4 threads"),
        ({"precision": "bf16"}, "bf16"),
        ({}, "fp32"),
    ],
)
def test_what_an_entry_was_trained_with_is_said_as_far_as_it_is_known(compute_settings, said):
    assert trained_with(compute_settings) == said


def test_what_entries_were_trained_with_does_not_part_them():
    [ranking] = rank(rows(compute_settings=["fp32, 2 threads", "bf16, 1 thread", ""]))
    assert {row.as_dict()["compute_settings"] for row in ranking.rows} == {
        row.compute_settings for row in ranking.rows
    }


def test_an_empty_frame_has_its_columns_too():
    assert list(to_frame([]).columns) == list(to_frame(rank([ROW])).columns)


def test_an_entry_that_nobody_measured_joins_every_ranking_of_its_protocol():
    unmeasured = dict.fromkeys(("latency_ms_p50", "latency_ms_p90", "latency_ms_p99"))
    guest = replace(ROW, entry=9, uar=0.9, **unmeasured)
    rankings = rank([*rows(threads=[1, 2]), guest])
    assert [[row.entry for row in ranking.rows] for ranking in rankings] == [[9, 1], [9, 2]]
    assert [ranking.rows[0].front for ranking in rankings] == [UNMEASURED] * 2
    assert [ranking.rows[1].front for ranking in rankings] == [ON] * 2
    elsewhere = replace(guest, protocol_id="other")
    assert [len(each.rows) for each in rank([ROW, elsewhere])] == [1, 1]


def test_optimism_is_what_the_search_promised_and_the_holdout_did_not_keep():
    assert replace(ROW, cv_uar_mean=0.6).optimism == pytest.approx(0.1)
    assert replace(ROW, cv_uar_mean=None).optimism is None


@pytest.mark.parametrize("name", ["speaker-5", "speaker-5#01234567"])
def test_a_ranking_answers_to_its_protocols_name_and_identifier(name):
    assert Ranking((ROW,)).is_of(name)
    assert not Ranking((ROW,)).is_of("random-5")


def test_the_interval_over_clips_is_shown_only_on_request():
    shown = with_clip_intervals(Ranking((ROW,))).rows[0]
    assert "uar_clip_ci" not in ROW.as_dict()
    assert shown.as_dict()["uar_clip_ci"] == clip_intervals(TALLY).uar
