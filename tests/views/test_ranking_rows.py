"""The titles of rankings, and their rows as data."""

from dataclasses import replace

import pytest
from making.rows import LATENCY, ROW, row

from serbench.data.licence import Licence
from serbench.score.metric import Score
from serbench.views.latencies import NOT_MEASURED
from serbench.views.ranking import RankingView, flat_columns, flat_rows, rank


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
    same += ("best", "rank_ci")
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
    single = {name for name in plain if not name.endswith("_ci")} - lists
    single -= {"rank", "front", "best"}
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
