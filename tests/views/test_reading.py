"""Entries and their rankings, read from the database."""

from dataclasses import replace

import pytest
from making.entries import add_entry

from serbench.errors import UsageError
from serbench.score.intervals import clip_interval
from serbench.store.schema import ScoreRow, TallyRow
from serbench.store.systems import Systems, find_system
from serbench.views.latencies import NOT_MEASURED
from serbench.views.ranking import rankings
from serbench.views.reading import compute_text, entry_view, entry_view_here


@pytest.fixture
def manifest(made):
    return made.manifest(takes=4)


@pytest.fixture
def add(database, made, manifest, measure):
    """``add(seed, …)`` adds an entry with so many latencies, each made by ``made.latency``."""

    def add_measured(seed, *latencies, **options):
        entry = add_entry(database, made, manifest, seed=seed, **options)
        measure(entry, *latencies)
        return entry

    return add_measured


@pytest.fixture
def measure(database, made):
    """``measure(entry, …)`` adds latencies to an entry, each made by ``made.latency``."""

    def add_latencies(entry, *latencies):
        for facts in latencies:
            Systems(database).save_latency(entry, made.machine, made.latency(**facts))

    return add_latencies


def numbers(found):
    return [[each.entry for each in ranking.rows] for ranking in found]


def test_rankings_are_read_by_thread_count(add, database):
    both, one = add(0, {"threads": 1}, {"threads": 2}), add(1, {"threads": 1})
    never = add(2)
    assert [set(each) for each in numbers(rankings(database))] == [{both, one, never}]
    assert [set(each) for each in numbers(rankings(database, threads=2))] == [{both, never}]
    every = [set(each) for each in numbers(rankings(database, threads=None))]
    assert every == [{both, one, never}, {both, never}]


def test_entries_of_different_clip_formats_are_different_and_show_it(add, database, made, manifest):
    clip_format = replace(made.plan(manifest).clip_format, level="ebu", seconds=3.7)
    papers, other = add(0, {}), add(0, {}, clip_format=clip_format)
    views = [entry_view(database, number) for number in (papers, other)]
    shown = [(each.seconds, each.sample_rate, each.level, each.padding) for each in views]
    assert shown == [(2.618, 24_414, "keep", "reflect"), (3.7, 24_414, "ebu", "reflect")]
    assert views[0].clips != views[1].clips
    assert views[1].as_flat_dict()["level"] == "ebu"


def test_a_row_has_the_stored_scores_of_every_metric(add, database, made):
    entry = add(0, {"p90": 4.5})
    [ranking] = rankings(database)
    [found] = ranking.rows
    with database.session() as session:
        stored = {
            (each.evidence, each.metric): (each.value, each.low, each.high, each.spread)
            for each in find_system(session, entry).scores
        }
    shown = {
        (evidence, name): (score.value, score.low, score.high, score.spread)
        for evidence, scores in (
            (found.evidence, found.scores),
            ("cv", found.cv),
            ("cv_pooled", found.cv_pooled),
        )
        for name, score in scores.items()
    }
    assert shown == stored
    assert found.evidence == "nested"
    assert found.scores.keys() == {metric.name for metric in made.metrics}
    assert (found.backbone, found.front_end, found.head) == ("homebrew", "mel", "linear")
    assert (found.speakers, found.compute_settings) == (4, "fp32, 1 thread")
    assert (found.latency.p90, found.latency.cores) == (4.5, made.machine.cores)
    assert (found.params, found.macs) == (25_000, 4_000_000)


def test_a_ranking_of_a_runtime_has_the_scores_of_that_runtime(add, database):
    entry = add(0, {"runtime": "eager"}, {"runtime": "onnx"})
    with database.session() as session:
        system = find_system(session, entry)
        identity = {"system_id": system.id, "runtime": "onnx", "protocol_id": system.protocol_id}
        session.add(ScoreRow(**identity, metric="uar", evidence="nested", value=0.125))
        session.add(TallyRow(**identity, counts=system.tallies[0].counts))
        eager = next(
            each.value
            for each in system.scores
            if (each.metric, each.evidence, each.runtime) == ("uar", "nested", "eager")
        )
    found = rankings(database, runtime="all")
    shown = {each.rows[0].latency.runtime: each.rows[0].uar for each in found}
    assert shown == {"eager": eager, "onnx": 0.125}
    assert entry_view(database, entry).latency.runtime == "eager"


@pytest.mark.parametrize(
    "other",
    [
        {"libraries": {"torch": "2.6.0"}},
        {"clip_seconds": 3.7},
        {"precision": "int8"},
        {"runtime": "onnx"},
    ],
)
def test_times_that_were_measured_in_two_ways_are_ranked_apart(add, database, other):
    one, two = add(0, {}), add(1, other)
    found = rankings(database, runtime="all")
    assert numbers(found) == [[one], [two]]
    assert found[0].title != found[1].title


def test_machines_of_one_name_are_ranked_apart(add, database, made):
    one, two = add(0, {}), add(1)
    Systems(database).save_latency(two, replace(made.machine, revision="6/85/7"), made.latency())
    assert numbers(rankings(database)) == [[one], [two]]


def test_of_one_machine_the_newest_measurement_counts(add, measure, database):
    upgraded = {"libraries": {"torch": "2.6.0"}}
    entry = add(0, {"p90": 9.0}, {"p90": 8.0, **upgraded})
    left = add(1, {"p90": 7.0})
    assert sorted(numbers(rankings(database))) == [[entry], [left]]
    [own] = [row for each in rankings(database) for row in each.rows if row.entry == entry]
    assert (own.latency.p90, own.latency.libraries) == (8.0, "torch 2.6.0")
    measure(left, {"p90": 6.0, **upgraded})
    assert [set(each) for each in numbers(rankings(database))] == [{entry, left}]


def test_what_was_measured_here_is_shown_here(add, measure, database, made):
    entry = add(0)
    kind, other = made.latency().kind, replace(made.machine, cores=64)
    Systems(database).save_latency(entry, other, made.latency(p90=99.0))
    assert entry_view_here(database, entry, made.machine, kind).latency == NOT_MEASURED
    measure(entry, {"p90": 4.5}, {"p90": 3.5, "libraries": {}}, {"p90": 2.5, "threads": 2})
    assert entry_view_here(database, entry, made.machine, kind).latency.p90 == 4.5
    assert entry_view_here(database, entry, other, kind).latency.p90 == 99.0


def test_rankings_of_a_dataset_or_a_protocol_leave_the_others_out(add, database, made):
    nested, single = add(0), add(0, protocol="speaker-2:holdout")
    other = add_entry(database, made, made.manifest("other", takes=2), protocol="speaker-2:holdout")
    assert sorted(numbers(rankings(database))) == [[nested], [single], [other]]
    assert numbers(rankings(database, dataset="other")) == [[other]]
    assert sorted(numbers(rankings(database, protocol="speaker-2:holdout"))) == [[single], [other]]
    identifier = entry_view(database, single).protocol_id
    assert numbers(rankings(database, protocol=identifier)) == [[single]]


def test_entries_with_other_evidence_are_ranked_apart(add, database):
    protocols = ("speaker-2", "speaker-2:holdout", "speaker-2:nested-2")
    found = [add(0, protocol=each) for each in protocols]
    assert sorted(numbers(rankings(database))) == [[each] for each in found]
    views = [entry_view(database, each) for each in found]
    assert [each.evidence for each in views] == ["corrected_cv", "holdout", "nested"]
    assert len({each.evidence_text for each in views}) == 3
    assert [each.holdout_looks for each in views] == [0, 1, 1]


def test_the_interval_over_clips_is_shown_only_on_request(add, database):
    add(0)
    [[plain], [shown]] = (
        rankings(database, per_clip_intervals=wanted)[0].rows for wanted in (False, True)
    )
    assert "uar_clip_ci" not in plain.as_dict()
    assert shown.as_dict()["uar_clip_ci"] == clip_interval(shown.tally)
    assert shown.as_flat_dict()["uar_clip_ci_low"] == clip_interval(shown.tally).low


def test_one_entry_is_shown_on_one_thread_where_it_was_measured_so(add, database):
    entry = add(0, {"threads": 4}, {"threads": 1}, {"threads": 2})
    assert entry_view(database, entry).latency.threads == 1
    other = add(1, {"threads": 2})
    assert entry_view(database, other).latency.threads == 2
    assert entry_view(database, add(2)).latency == NOT_MEASURED


def test_an_unknown_entry_is_an_error(add, database):
    add(0)
    with pytest.raises(UsageError) as raised:
        entry_view(database, 7)
    assert raised.value.facts == {"number": 7}


def test_scores_under_another_protocol_change_nothing(add, database):
    first, second = add(0), add(0, protocol="speaker-2:holdout")
    before = [[each.scores for each in ranking.rows] for ranking in rankings(database)]
    with database.session() as session:
        system, other = (find_system(session, number) for number in (first, second))
        identity = {"system_id": system.id, "protocol_id": other.protocol_id, "runtime": "eager"}
        for evidence in ("holdout", "nested", "corrected_cv"):
            session.add(ScoreRow(**identity, metric="uar", evidence=evidence, value=0.99))
    after = [[each.scores for each in ranking.rows] for ranking in rankings(database)]
    assert after == before


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"threads": 2, "precision": "fp32", "memory_format": "channels-last"}, "fp32, 2 threads"),
        ({"threads": 1, "precision": "bf16"}, "bf16, 1 thread"),
        (None, ""),
    ],
)
def test_compute_settings_are_shown_in_a_few_words(settings, text):
    assert compute_text(settings) == text
