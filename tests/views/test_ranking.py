"""Which entries may be compared, how they are ranked, and which are on the front."""

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from serbench.data.licence import Licence
from serbench.score.confusion import tally
from serbench.score.metric import Score
from serbench.views.entry import EntryView
from serbench.views.front import NEAR, ON, UNMEASURED
from serbench.views.latencies import NOT_MEASURED, LatencyView
from serbench.views.ranking import RankingView, flat_columns, flat_rows, rank

TALLY = tally(np.eye(2)[[0, 0, 1, 0]], np.array([0, 1, 0, 1]), ["a", "a", "b", "b"])

LATENCY = LatencyView(
    p50=3.0,
    p90=4.0,
    p99=5.0,
    front_end_p50=1.0,
    network_p50=2.0,
    runtime="eager",
    precision="fp32",
    threads=1,
    clip_seconds=2.618,
    libraries="python 3.11, torch 2.5.1",
    machine="A processor, 2 cores, Linux x86_64",
    machine_id="0123456789ab",
    cores=2,
    runs=100,
)

ROW = EntryView(
    pretrained_on=(),
    known_speakers=(),
    entry=1,
    rank=0,
    front="",
    backbone="homebrew",
    front_end="mel",
    schedule="half-cycle",
    head="linear",
    objective="cross-entropy",
    readout="pooled",
    weights="none",
    seconds=3.7,
    sample_rate=16_000,
    level="rms",
    padding="reflect",
    compute_settings="fp32, 2 threads",
    dataset="small",
    dataset_hash="0123456789abcdef",
    synthetic=False,
    protocol="speaker-5:holdout",
    protocol_id="speaker-5#01234567",
    speaker_dependent=False,
    evidence="holdout",
    speakers=2,
    scores={
        "uar": Score(0.5, 0.4, 0.6),
        "accuracy": Score(0.5, 0.4, 0.6),
        "macro_f1": Score(0.5),
        "errors": Score(12.0, 9.0, 15.0),
    },
    cv={"uar": Score(0.6, spread=0.1)},
    cv_pooled={"uar": Score(0.55, 0.3, 0.7)},
    params=24_902,
    macs=4_400_000,
    latency=LATENCY,
    tally=TALLY,
)

APART = {
    "protocol_id": ["speaker-5#01234567", "speaker-5#76543210", "random-5#01234567"],
    "machine": ["A processor, 2 cores, Linux x86_64", "Another, 8 cores, Darwin arm64"],
    "runtime": ["eager", "onnx"],
    "threads": [1, 2],
    "known_speakers": [(), ("ravdess/01",)],
}
"""What must be equal for two entries to be compared, with values."""

OF_LATENCY = {"p50", "p90", "machine", "runtime", "threads"}


def row(entry=1, uar=0.5, **changes):
    """An entry with other facts, of its own or of its latency."""
    measured = {name: changes.pop(name) for name in OF_LATENCY & changes.keys()}
    latency = replace(changes.pop("latency", LATENCY), **measured)
    scores = {**ROW.scores, "uar": Score(uar, uar - 0.1, uar + 0.1)}
    return replace(ROW, entry=entry, scores=scores, latency=latency, **changes)


def rows(**changes):
    """A row for each value of the one list given; all else is the same."""
    [(name, values)] = changes.items()
    return [row(number, **{name: value}) for number, value in enumerate(values, start=1)]


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
        replace(each, rank=0, front="") for ranking in rank(given_rows) for each in ranking.rows
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


def test_without_entries_there_is_no_ranking():
    assert rank([]) == []


def test_an_entry_that_was_never_measured_joins_every_ranking_of_its_protocol():
    guest = row(9, uar=0.9, latency=NOT_MEASURED)
    found = rank([*rows(threads=[1, 2]), guest])
    assert [[each.entry for each in ranking.rows] for ranking in found] == [[9, 1], [9, 2]]
    assert [[each.front for each in ranking.rows] for ranking in found] == [[UNMEASURED, ON]] * 2
    elsewhere = replace(guest, protocol_id="other")
    assert [len(each.rows) for each in rank([ROW, elsewhere])] == [1, 1]


def test_a_title_names_what_all_rows_have_in_common():
    title = RankingView((ROW,)).title
    for part in ("small", "[01234567]", ROW.protocol_id, LATENCY.machine, "eager", "1 thread"):
        assert part in title
    assert "synthetic" not in title
    assert "speaker-dependent" not in title


def test_a_title_warns_of_synthetic_speech_and_of_speakers_in_training():
    title = RankingView((row(synthetic=True, speaker_dependent=True, threads=2),)).title
    for part in ("synthetic", "speaker-dependent", "2 threads"):
        assert part in title


def test_a_title_names_the_machine_where_the_first_row_was_never_measured():
    [ranking] = rank([row(2), row(1, uar=0.9, latency=NOT_MEASURED)])
    assert ranking.rows[0].entry == 1
    assert LATENCY.machine in ranking.title


@pytest.mark.parametrize("name", ["speaker-5:holdout", "speaker-5#01234567"])
def test_a_ranking_is_found_by_its_protocols_name_and_identifier(name):
    assert RankingView((ROW,)).is_of(name)
    assert not RankingView((ROW,)).is_of("random-5:holdout")


def test_a_row_as_data_has_flat_keys():
    plain = ROW.as_dict()
    same = ("entry", "rank", "front", "backbone", "front_end", "schedule", "head", "objective")
    same += ("pretrained_on", "known_speakers", "seconds", "sample_rate", "level", "padding")
    same += ("holdout_looks", "holdout_looks_total")
    same += ("readout", "batch_size", "epochs", "seed", "augmentations")
    same += ("weights", "compute_settings", "dataset", "dataset_hash", "synthetic", "protocol")
    same += ("protocol_id", "speaker_dependent", "evidence", "speakers", "params", "macs")
    assert {name: plain.pop(name) for name in same} == {name: getattr(ROW, name) for name in same}
    assert plain == {
        "speech": "",
        "licences": "",
        "weights_licence": "unknown",
        "commercial": "unknown",
        "uar": 0.5,
        "uar_ci": (0.4, 0.6),
        "accuracy": 0.5,
        "accuracy_ci": (0.4, 0.6),
        "macro_f1": 0.5,
        "macro_f1_ci": None,
        "errors": 12.0,
        "errors_ci": (9.0, 15.0),
        "cv_uar_mean": 0.6,
        "cv_uar_sd": 0.1,
        "cv_uar_pooled": 0.55,
        "cv_uar_pooled_ci": (0.3, 0.7),
        "optimism": pytest.approx(0.1),
        "latency_ms_p50": 3.0,
        "latency_ms_p90": 4.0,
        "latency_ms_p99": 5.0,
        "front_end_ms_p50": 1.0,
        "network_ms_p50": 2.0,
        "runtime": "eager",
        "precision": "fp32",
        "threads": 1,
        "clip_seconds": 2.618,
        "libraries": "python 3.11, torch 2.5.1",
        "machine": LATENCY.machine,
        "machine_id": "0123456789ab",
    }


def test_without_a_search_there_is_no_optimism():
    imported = replace(ROW, cv={}, cv_pooled={})
    assert (imported.optimism, imported.cv_uar_mean, imported.cv_uar_sd) == (None, None, None)
    plain = imported.as_dict()
    assert plain["cv_uar_pooled"] is plain["cv_uar_pooled_ci"] is None


def test_flat_rows_have_one_value_in_each_column():
    more = replace(ROW, entry=2, scores={**ROW.scores, "new": Score(1.0)}, protocol_id="other")
    found = rank([ROW, more])
    flat = flat_rows(found)
    assert [each["entry"] for each in flat] == [1, 2]
    assert set(flat_columns(found)) == flat[0].keys() | flat[1].keys()
    assert {"new", "new_ci_low", "new_ci_high"} <= set(flat_columns(found)) - flat[0].keys()
    plain = ROW.as_dict()
    assert (flat[0]["uar_ci_low"], flat[0]["uar_ci_high"]) == plain["uar_ci"]
    assert (flat[0]["macro_f1_ci_low"], flat[0]["macro_f1_ci_high"]) == (None, None)
    assert not any(name.endswith("_ci") for name in flat[0])
    lists = {"pretrained_on", "known_speakers"}
    single = {name for name in plain if not name.endswith("_ci")} - {"rank", "front"} - lists
    assert {name: flat[0][name] for name in single} == {name: plain[name] for name in single}


@pytest.mark.parametrize(
    ("corpora", "shown"),
    [(None, "unknown"), ((), "none"), (("audioset", "librispeech"), "audioset, librispeech")],
)
def test_what_weights_were_trained_on_is_a_word_in_a_table(corpora, shown):
    known = ("ravdess/01", "ravdess/02")
    flat = replace(ROW, pretrained_on=corpora, known_speakers=known).as_flat_dict()
    assert (flat["pretrained_on"], flat["known_speakers"]) == (shown, "ravdess/01 ravdess/02")


@pytest.mark.parametrize(
    ("corpus", "weights", "commercial"),
    [
        ("yes", "yes", "yes"),
        ("no", "yes", "no"),
        ("yes", "no", "no"),
        ("unknown", "yes", "unknown"),
    ],
)
def test_commercial_use_takes_corpora_and_weights_that_allow_it(corpus, weights, commercial):
    licences = {"ravdess": Licence("one", corpus)}
    entry = row(licences=licences, weights_licence=Licence("other", weights))
    assert entry.commercial == commercial
    assert entry.as_dict()["licences"] == "ravdess: one"


def test_parts_of_clip_formats_are_stated_once_or_for_each_row():
    imported = row(9, seconds=None, sample_rate=None, level="", padding="")
    ranking = RankingView((row(1), row(2, level="ebu", seconds=4.5), imported))
    assert ranking.clips == ["3.7 s, rms", "4.5 s, ebu", ""]
    assert ranking.same_clips.endswith(": 16,000 Hz, reflect")
    alike = RankingView((row(1), row(2), imported))
    assert alike.clips == ["", "", ""]
    assert alike.same_clips.endswith(": 3.7 s, 16,000 Hz, rms, reflect")
    assert RankingView((imported,)).clips == [""]
    assert RankingView((imported,)).same_clips is None
