"""Which entry is recommended from a database, and which entries are left out."""

from dataclasses import replace

import numpy as np
import pytest
from error_facts import values_in
from making.entries import NESTED, add_entry

from serbench.data.licence import Licence
from serbench.errors import UsageError
from serbench.score.comparison import Bootstrap
from serbench.score.ranks import best_of_all
from serbench.score.selection import Draws
from serbench.store.database import Database
from serbench.store.systems import Systems
from serbench.views import recommendation
from serbench.views.detail import entry_detail
from serbench.views.eligible import Wanted, comparable, within_bounds
from serbench.views.latencies import NOT_MEASURED
from serbench.views.reading import read_entries
from serbench.views.recommendation import recommend

FREE = Licence("CC0-1.0", "yes")


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made):
    """Three entries: 1 is the most accurate and slow, 2 is close to it and fast, 3 is poor."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('recommended') / 'serbench.db'}")
    manifest = made.manifest(takes=8)
    for seed, (skill, p90) in enumerate(((2.0, 8.0), (1.9, 4.0), (0.2, 2.0))):
        entry = add_entry(database, made, manifest, skill, seed, NESTED)
        Systems(database).save_latency(entry, made.machine, made.latency(p90=p90))
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def rows(filled):
    """The three entries as views."""
    return read_entries(filled)


@pytest.fixture
def changed(monkeypatch, filled, rows):
    """``changed({2: {"synthetic": True}})`` recommends after changes to entries."""

    def after(changes, **wanted):
        views = [replace(row, **changes.get(row.entry, {})) for row in rows]
        monkeypatch.setattr(recommendation, "read_entries", lambda *_: views)
        return recommend(filled, Wanted(**wanted))

    return after


def entries(found):
    return [row.entry for row in found]


@pytest.fixture(scope="module")
def cross_validated(tmp_path_factory, made):
    """Three almost equal entries that were selected by the clips of their scores."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('corrected') / 'serbench.db'}")
    for seed in range(3):
        entry = add_entry(database, made, made.manifest(takes=4), 1.0, seed, "speaker-2", trials=2)
        Systems(database).save_latency(entry, made.machine, made.latency(p90=8.0 - seed))
    yield database
    database.engine.dispose()


def test_the_best_of_several_entries_is_corrected_for_this_choice_too(cross_validated):
    found = recommend(cross_validated, Wanted(margin=0))
    rows = read_entries(cross_validated)
    over = Draws(rows[0].tally)
    expected = best_of_all([over.select((row.tally, *row.rivals), 0) for row in rows])
    data = found.as_dict()
    assert data["best_corrected_uar"] == expected.value < found.best.uar
    assert data["best_corrected_uar_ci"] == expected.interval
    low, high = expected.interval
    assert low < expected.value < high
    shown = {f"{100 * each:.1f}" for each in (expected.value, low, high)}
    assert [each for each in found.sentences if shown <= values_in(each)]
    choice, plain = replace(found, best_corrected=None), found.sentences
    assert len(choice.sentences) == len(plain) - 1


def test_a_faster_entry_leaves_the_correction_with_the_most_accurate_one(cross_validated):
    found = recommend(cross_validated, Wanted(margin=100))
    assert found.entry == 3 != found.best.entry
    assert len(replace(found, best_corrected=None).sentences) == len(found.sentences) - 1


def test_a_single_entry_and_tests_after_the_search_need_no_second_correction(
    filled, cross_validated
):
    for database, bound in ((filled, None), (cross_validated, 6.5)):
        data = recommend(database, Wanted(max_latency_ms=bound)).as_dict()
        assert data["best_corrected_uar"] is data["best_corrected_uar_ci"] is None


def test_the_fastest_within_the_margin_is_recommended_with_its_details(filled, rows):
    found = recommend(filled, Wanted(margin=60))
    assert (found.entry, found.best.entry, found.compared) == (2, 1, 3)
    detail = entry_detail(filled, 2)
    assert found.worst_speakers == detail.speakers[:3]
    emotion, recall = found.weakest_emotion
    assert recall == min(detail.recalls) == detail.recalls[detail.emotions.index(emotion)]
    assert [each.view.entry for each in found.others] == [1, 3]
    shared = Bootstrap(rows[0].tally)
    alone = shared.of(rows[2].tally).minus(shared.of(rows[1].tally))
    assert found.others[1].gain.difference == alone.difference < 0
    assert not found.others[1].ties
    assert found.given_up.difference == pytest.approx(rows[1].uar - rows[0].uar)
    assert found.given_up.interval.low >= -0.6


def test_an_undecided_answer_names_both_and_what_would_decide(filled):
    found = recommend(filled, Wanted(margin=0.5))
    assert (found.entry, found.alternative.entry, found.decided) == (1, 2, False)
    assert {"1", "2"} <= values_in(found.sentences[0])
    one, other = (entry_detail(filled, number) for number in (1, 2))
    losses = dict(zip(one.emotions, np.subtract(one.recalls, other.recalls), strict=True))
    [cost] = [each for each in found.costs if each.kind == "emotion"]
    assert (cost.name, cost.loss) == (max(losses, key=losses.get), max(losses.values()))
    assert found.as_dict()["alternative"] == 2


def test_every_number_of_a_recommendation_is_finite(filled):
    def check(value):
        if isinstance(value, dict | list | tuple):
            for each in value.values() if isinstance(value, dict) else value:
                check(each)
        elif isinstance(value, float):
            assert np.isfinite(value)

    for margin in (0.0, 3.0, 100.0):
        check(recommend(filled, Wanted(margin=margin)).as_dict())


def test_a_single_entry_is_recommended_without_a_comparison(filled):
    found = recommend(filled, Wanted(max_latency_ms=2.5))
    assert (found.entry, found.compared, found.decided, found.others) == (3, 1, True, ())


def test_without_latencies_accuracy_decides(changed):
    unmeasured = {number: {"latency": NOT_MEASURED} for number in (1, 2, 3)}
    found = changed(unmeasured, margin=100)
    assert (found.entry, found.compared, found.left_out) == (1, 3, ())
    assert changed(unmeasured, max_latency_ms=9).entry is None


def test_synthetic_speech_is_marked(changed):
    plain, marked = (
        changed({number: {"synthetic": synthetic} for number in (1, 2, 3)})
        for synthetic in (False, True)
    )
    assert len(marked.sentences) == len(plain.sentences) + 1


def test_entries_that_cannot_be_compared_are_left_out(rows):
    elsewhere = replace(rows[0], latency=replace(rows[0].latency, machine_id="another"))
    found, why = comparable([elsewhere, *rows[1:]], Wanted())
    assert (entries(found), len(why)) == ([2, 3], 1)
    assert values_in(why[0]) >= {"1"}
    unmeasured = replace(rows[1], latency=NOT_MEASURED)
    assert entries(comparable([rows[0], unmeasured, rows[2]], Wanted())[0]) == [1, 3]
    known = replace(rows[2], known_speakers=("ravdess/01",))
    assert entries(comparable([*rows[:2], known], Wanted())[0]) == [1, 2]


def test_only_what_may_be_used_commercially_is_left(rows):
    assert comparable(rows, Wanted(commercial=True))[0] == []
    free = replace(rows[1], licences={"ravdess": FREE}, weights_licence=FREE)
    assert entries(comparable([rows[0], free], Wanted(commercial=True))[0]) == [2]


def test_bounds_leave_out_what_is_above_them_or_unknown(rows):
    why = []
    assert entries(within_bounds(rows, Wanted(max_latency_ms=4.0), why)) == [2, 3]
    size = rows[0].size_mb
    assert size == pytest.approx(25_000 * 4 / 1e6)
    assert within_bounds(rows, Wanted(max_size_mb=size - 0.001), why) == []
    assert entries(within_bounds(rows, Wanted(max_size_mb=size), [])) == [1, 2, 3]
    unknown = replace(rows[0], params=None)
    assert unknown.size_mb is None
    assert entries(within_bounds([unknown, rows[1]], Wanted(max_size_mb=5), why)) == [2]
    assert len(why) == 3


def test_the_size_depends_on_the_precision(rows):
    small = replace(rows[0], latency=replace(rows[0].latency, precision="int8"))
    assert small.size_mb == pytest.approx(rows[0].size_mb / 4)


def test_the_runtime_may_be_named(rows):
    onnx = [replace(row, latency=replace(row.latency, runtime="onnx", p90=1.0)) for row in rows]
    both = [*rows, *onnx[:2]]
    found, why = comparable(both, Wanted(runtime="onnx"))
    assert (entries(found), len(why)) == ([1, 2], 1)
    with pytest.raises(UsageError) as raised:
        comparable(both, Wanted(runtime="tflite"))
    assert raised.value.facts["runtime"] == "tflite"
    with pytest.raises(UsageError) as raised:
        comparable(both, Wanted(threads=4))
    assert raised.value.facts["kinds"] == [("eager", 1), ("onnx", 1)]


def test_by_default_each_entry_has_its_fastest_runtime(rows):
    onnx = [replace(row, latency=replace(row.latency, runtime="onnx", p90=1.0)) for row in rows]
    found, why = comparable([*rows, *onnx[:2]], Wanted())
    shown = {row.entry: row.latency.runtime for row in found}
    assert shown == {row.entry: "onnx" for row in rows[:2]} | {
        row.entry: "eager" for row in rows[2:]
    }
    assert why == []


def test_several_protocols_need_a_name(rows):
    other = replace(rows[2], protocol="random-5", protocol_id="random-5#01234567")
    with pytest.raises(UsageError) as raised:
        comparable([*rows[:2], other], Wanted())
    assert raised.value.facts["protocols"] == [rows[0].protocol_id, "random-5#01234567"]
    assert entries(comparable([*rows[:2], other], Wanted(protocol="random-5"))[0]) == [3]
    with pytest.raises(UsageError) as raised:
        comparable(rows, Wanted(protocol="loso"))
    assert raised.value.facts["protocol"] == "loso"


def test_without_entries_a_study_is_asked_for():
    with pytest.raises(UsageError):
        comparable([], Wanted())
