"""Charts: their specifications have the numbers of the views, and their files are harmless."""

import json
from dataclasses import replace

import numpy as np
import pytest
from making.entries import add_entry, begin, run_trial

from serbench.data.manifest import make_manifest
from serbench.errors import UsageError
from serbench.score.metric import Score
from serbench.search.events import TrialEnded, TrialStarted
from serbench.store.database import Database
from serbench.store.systems import Systems
from serbench.views import charts
from serbench.views.charts.files import write_chart
from serbench.views.charts.pictures import (
    corpus_pictures,
    entry_pictures,
    front_pictures,
    study_pictures,
    together,
)
from serbench.views.detail import entry_detail
from serbench.views.printed import read_printed
from serbench.views.ranking import rankings
from serbench.views.study import study_view

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers, one of them and the dataset with a hostile name."""
    utterances = [
        replace(each, speaker=f"ravdess/{HOSTILE}") if each.speaker.endswith("04") else each
        for each in made.manifest(takes=2).utterances
    ]
    return make_manifest(HOSTILE, utterances)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made, manifest):
    """Entry 1 with latencies in two runtimes, entry 2 without one; study 3 with five trials."""
    folder = tmp_path_factory.mktemp("charts")
    database = Database(f"sqlite:///{folder / 'serbench.db'}")
    entry = add_entry(database, made, manifest, skill=1.0, protocol="speaker-2")
    for runtime, p90 in (("eager", 4.0), ("onnx", 2.0)):
        measured = made.latency(runtime=runtime, p90=p90)
        Systems(database).save_latency(entry, made.machine, measured)
    add_entry(database, made, manifest, skill=0.5, seed=1, protocol="speaker-2")
    plan = made.plan(manifest, protocol="speaker-2", seed=2, trials=6)
    ledger = begin(database, made, manifest, plan, folder / "artifacts")
    for number in range(5):
        searched = {"readout": "pooled", "learning_rate": 0.001 * 3**number, "freeze_depth": number}
        run_trial(ledger, made, manifest, plan, number, number / 2, searched)
    ledger.record(plan, TrialStarted(5, searched))
    ledger.record(plan, TrialEnded(5, searched, False, (), failure="the loss is NaN"))
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def detail(filled):
    return entry_detail(filled, 1)


@pytest.fixture(scope="module")
def study(filled):
    return study_view(filled, 3)


def rows(chart, *fields):
    """The data of a chart with these fields, each row once."""
    found = [row for values in specified(chart)["datasets"].values() for row in values]
    chosen = [tuple(row[field] for field in fields) for row in found if {*fields} <= {*row}]
    return list(dict.fromkeys(chosen))


def specified(chart):
    """A specification, which can be read by every JSON parser: it has no NaN."""
    return json.loads(json.dumps(charts.styled(chart), allow_nan=False))


def subtitle(chart):
    return " ".join(specified(chart)["title"].get("subtitle", []))


def test_the_front_has_the_numbers_of_the_ranking(filled):
    [ranking] = rankings(filled, runtime="eager")
    first = next(row for row in ranking.rows if row.entry == 1)
    chart = charts.front_chart(ranking.rows, "a note")
    assert rows(chart, "entry", "front", "uar", "uar_low", "uar_high", "p90", "runtime") == [
        (1, first.front, first.uar, *first.scores["uar"].interval, 4.0, "eager, fp32")
    ]
    assert subtitle(chart).startswith("a note ")
    assert subtitle(chart).endswith("not drawn: 1")
    assert charts.front_chart([row for row in ranking.rows if row.entry == 2]) is None


def test_numbers_of_entries_cover_neither_points_nor_each_other(filled):
    [ranking] = rankings(filled, runtime="eager")
    one = next(row for row in ranking.rows if row.entry == 1)
    crowd = [
        replace(one, entry=number, front="dominated", scores={"uar": Score(0.5, None, None)})
        for number in range(2, 9)
    ]
    apart = replace(one, entry=9, front="dominated", scores={"uar": Score(0.1, 0.05, 0.2)})
    drawn = specified(charts.front_chart([one, *crowd, apart]))
    labels = [layer for layer in drawn["layer"] if layer["mark"]["type"] == "text"]
    labelled = [row["entry"] for each in labels for row in drawn["datasets"][each["data"]["name"]]]
    assert len(labelled) == len(set(labelled))
    assert {1, 9} < set(labelled)
    assert len(labelled) == 2 + 4  # seven points in one place have room for four numbers


def test_confusions_and_recalls_are_those_of_the_entry(detail):
    counts = {(true, predicted): n for true, predicted, n in rows(
        charts.confusion_chart(detail), "true", "predicted", "clips"
    )}  # fmt: skip
    assert [[counts[a, b] for b in detail.emotions] for a in detail.emotions] == detail.confusion
    shares = rows(charts.confusion_chart(detail), "true", "predicted", "share")
    assert [share for a, b, share in shares if a == b] == pytest.approx(detail.recalls)
    chart = charts.recall_chart(detail)
    assert [row[:3] for row in rows(chart, "emotion", "recall", "low", "high")] == [
        (emotion, recall, low)
        for emotion, recall, (low, _) in zip(
            detail.emotions, detail.recalls, detail.recall_intervals, strict=True
        )
    ]
    [(emotion, recall, _)] = [
        row for row in rows(chart, "emotion", "recall", "source") if "paper" in row[2]
    ]
    assert read_printed().paper.recalls["homebrew"] == {emotion: recall}


def test_an_untested_emotion_is_named_and_not_drawn(detail):
    missing = replace(
        detail,
        recalls=(None, *detail.recalls[1:]),
        recall_intervals=(None, *detail.recall_intervals[1:]),
        confusion=[[0] * len(detail.emotions), *detail.confusion[1:]],
    )
    for chart in (charts.confusion_chart(missing), charts.recall_chart(missing)):
        assert f"without tested clips: {detail.emotions[0]}" in subtitle(chart)
    assert detail.emotions[0] not in {
        true for (true,) in rows(charts.confusion_chart(missing), "true")
    }


def test_speakers_probabilities_and_latencies_are_those_of_the_entry(detail):
    assert rows(charts.speakers_chart(detail), "speaker", "uar") == [
        (each.name, each.uar) for each in detail.speakers
    ]
    calibration = detail.calibration
    assert rows(charts.reliability_chart(calibration), "stage", "confidence", "accuracy") == [
        (stage, each["confidence"], each["accuracy"])
        for stage, agreement in (
            ("without calibration", calibration.before),
            ("after calibration", calibration.after),
        )
        for each in agreement.reliability
    ]
    marked = rows(charts.rejection_chart(calibration), "metric", "coverage", "score", "clips")
    assert marked == [
        (metric, point.coverage, score.value, point.clips)
        for point in calibration.rejection
        for metric, score in (("UA", point.uar), ("WA", point.accuracy))
    ]
    assert charts.rejection_chart(replace(calibration, curve=None)) is None
    parts = rows(charts.latency_parts_chart(detail.latencies), "place", "part", "p50")
    assert sorted(parts) == [
        (f"{runtime}, 1 thread", part, p50)
        for runtime in ("eager", "onnx")
        for part, p50 in (("front end", 1.0), ("network", 2.0))
    ]
    assert charts.latency_parts_chart([]) is None


def test_a_study_is_drawn_trial_by_trial(study):
    chart = charts.trials_chart(study)
    means = [each["mean_uar"] for each in study.detail["trials"][:5]]
    assert rows(chart, "trial", "state", "mean_uar") == [
        (number, "complete", mean) for number, mean in enumerate(means, start=1)
    ]
    best = rows(chart, "trial", "mean_uar")[: len(means)]
    assert [mean for _, mean in best] == np.maximum.accumulate(means).tolist()
    assert "failed trials, without a score: 6" in subtitle(chart)
    slices = charts.slices_chart(study)
    assert sorted(rows(slices, "value", "mean_uar")) == sorted(
        [(0.001 * 3**number, mean) for number, mean in enumerate(means)] + list(enumerate(means))
    )
    shares = dict(rows(charts.importance_chart(study), "parameter", "share"))
    assert shares.keys() == {"learning_rate", "freeze_depth"}
    assert sum(shares.values()) == pytest.approx(1)
    curves = rows(charts.curves_chart(study), "fold", "epoch", "uar", "loss", "best")
    assert curves == [
        (fold, epoch, uar, loss, epoch == 2)
        for fold in ("1", "2")
        for epoch, uar, loss in ((1, 0.25, 1.5), (2, 0.5, 1.25), (3, 0.375, 1.375))
    ]


def test_a_study_without_trials_and_epochs_has_no_charts(study):
    empty = replace(study, detail={**study.detail, "trials": []})
    assert set(study_pictures(empty).values()) == {None}
    with pytest.raises(UsageError):
        together(study_pictures(empty))
    fitted = [
        {**trial, "folds": [{**fold, "curve": [], "losses": []} for fold in trial["folds"]]}
        for trial in study.detail["trials"]
    ]
    fitted_study = replace(study, detail={**study.detail, "trials": fitted})
    assert charts.curves_chart(fitted_study) is None
    with pytest.raises(UsageError) as refused:
        together(study_pictures(fitted_study), ("curves",))
    assert refused.value.facts["empty"] == ("curves",)


def test_a_dataset_is_drawn_by_corpus_speaker_and_length(manifest):
    chart = charts.emotions_chart(manifest)
    clips = {
        emotion: sum(each.emotion == emotion for each in manifest.utterances)
        for emotion in manifest.emotions
    }
    assert rows(chart, "corpus", "emotion", "clips") == [
        ("ravdess", emotion, count) for emotion, count in clips.items()
    ]
    assert sum(count for *_, count in rows(chart, "speaker", "emotion", "clips")) == len(manifest)
    lengths = rows(charts.lengths_chart(manifest), "from", "to", "clips")
    assert sum(count for *_, count in lengths) == len(manifest)
    assert all(low < high for low, high, _ in lengths)


def test_pictures_are_written_and_hostile_names_are_harmless(
    tmp_path, filled, detail, study, manifest
):
    whole = together(entry_pictures(detail, study)).to_dict()
    assert whole["concat"][0]["title"]["text"].startswith("Predicted")
    chart = together(corpus_pictures(manifest))
    write_chart(chart, tmp_path / "a.png", HOSTILE)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG\r\n")
    write_chart(chart, tmp_path / "a.SVG", HOSTILE)
    svg = (tmp_path / "a.SVG").read_text()
    assert svg.startswith("<svg")
    assert "&lt;script&gt;alert(1)" in svg
    assert charts.LIGHT.background in svg
    write_chart(chart, tmp_path / "a.html", HOSTILE, charts.DARK)
    page = (tmp_path / "a.html").read_text()
    assert "alert(1)" in page
    assert charts.DARK.background in page
    assert HOSTILE not in svg + page
    assert page.count("<script>") == page.count("</script>") == 2
    [front] = front_pictures(rankings(filled, runtime="eager")).values()
    assert HOSTILE in front.to_dict()["title"]["subtitle"][0]


def test_other_endings_and_missing_folders_are_refused(tmp_path, manifest):
    chart = charts.lengths_chart(manifest)
    for name in ("a.gif", "a", "none/a.svg"):
        with pytest.raises(UsageError) as refused:
            write_chart(chart, tmp_path / name, "title")
        assert refused.value.facts["file"] == tmp_path / name
