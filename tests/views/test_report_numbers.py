"""The numbers of a report, computed once more from what is in the database."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from making.entries import add_entry as all_tested
from report_filling import PAPER, SCHEDULES, add_entry, stored

from serbench.data.manifest import make_manifest
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.errors import UnknownNameError, UsageError
from serbench.run.imports import import_predictions
from serbench.search.plan import WITHOUT_TRAINING
from serbench.store.datasets import Datasets
from serbench.views.printed import read_printed
from serbench.views.report.accuracy import accuracy, summarise
from serbench.views.report.calibration import calibration
from serbench.views.report.emotions import average_recalls, best_models, emotions
from serbench.views.report.labels import entry_labels, model_label
from serbench.views.report.latency import latencies
from serbench.views.report.material import read_material
from serbench.views.report.sample_rates import count_rates, sample_rates
from serbench.views.tables import export_predictions

PRINTED = read_printed()
FOLD_OF = dict(zip((f"ravdess/{n:02}" for n in range(1, 5)), (1, 2, 1, "holdout"), strict=True))


@pytest.fixture
def manifest(made):
    """Two takes of everything."""
    return made.manifest(takes=2)


@pytest.fixture
def scanned(database, made, manifest):
    """The dataset is in the database."""
    Datasets(database).save_scan(made.scanned(manifest))


@pytest.fixture
def add(database, made, manifest):
    """``add(backbone="homebrew", …)`` adds an entry and gives its number."""
    return lambda **changes: add_entry(database, made, manifest, **changes)


@pytest.fixture
def read(database):
    """``read()`` is the material in the paper's order."""
    order = PRINTED.paper.backbones, PRINTED.paper.schedules
    return lambda dataset=None, protocol=None: read_material(database, dataset, protocol, *order)


def recalls(logits, targets):
    predicted = logits.argmax(axis=1)
    return [(predicted[targets == code] == code).mean() for code in range(6)]


def test_accuracy_is_what_the_stored_logits_are_worth(add, read, database, manifest):
    number = add(trials=3)
    [entry] = read().entries
    found = stored(database, number)
    assert set(found) == {"0", "1", "holdout"}
    was = {
        name: (logits.argmax(axis=1) == manifest.targets[rows]).mean()
        for name, (rows, logits) in found.items()
    }
    summary = summarise(entry, "accuracy")
    assert summary.tested.value == pytest.approx(was["holdout"])
    assert summary.mean == pytest.approx((was["0"] + was["1"]) / 2)
    assert summary.sd == pytest.approx(abs(was["0"] - was["1"]) / np.sqrt(2))
    rows, logits = found["holdout"]
    mean_recall = np.mean(recalls(logits, manifest.targets[rows]))
    assert summarise(entry, "uar").tested.value == pytest.approx(mean_recall)


def test_a_lone_fold_has_no_deviation(add, read):
    add()
    [entry] = read().entries
    lone = SimpleNamespace(view=entry.view, folds=entry.folds[:1])
    assert summarise(lone, "uar").sd is None


def test_recalls_are_averaged_over_schedules_each_of_which_counts_once(
    add, read, database, manifest
):
    half = [add(schedule="half-cycle", seed=seed) for seed in (0, 1)]
    one = add(schedule="one-cycle")
    was = {}
    for number in (*half, one):
        rows, logits = stored(database, number)["holdout"]
        was[number] = np.array(recalls(logits, manifest.targets[rows]))
    [model] = average_recalls(read().entries)
    expected = ((was[half[0]] + was[half[1]]) / 2 + was[one]) / 2
    np.testing.assert_allclose(model.recalls, expected)


def test_the_best_models_of_an_emotion_are_all_that_share_its_highest_recall():
    rows = [[0.5, 0.0, np.nan, 0.3], [0.5, 0.0, 0.2, 0.4]]
    averaged = [SimpleNamespace(recalls=np.array(row)) for row in rows]
    assert best_models(averaged) == [{0, 1}, set(), set(), {1}]


def test_an_emotion_that_the_holdout_lacks_has_an_empty_cell(database, made, read):
    whole = made.manifest()
    [tested] = set(
        whole.speakers[split_dataset(whole, parse_protocol("speaker-2:holdout")).holdout.test]
    )
    manifest = make_manifest(
        "lacking",
        [each for each in whole.utterances if (each.speaker, each.emotion) != (tested, "fear")],
    )
    add_entry(database, made, manifest)
    exhibit = emotions(read(), PRINTED.paper)
    lines = {line.split(" | ")[0].strip("| "): line for line in exhibit.body.splitlines()}
    assert [row["emotion"] for row in exhibit.data if row["tested_clips"] == 0] == ["fear"]
    assert lines["fear"].split(" | ")[1].strip() == ""
    assert lines["anger"].split(" | ")[1].strip() != ""


def test_the_printed_recall_stands_beside_ours(add, read):
    add(backbone="homebrew")
    add(backbone="resnet18")
    exhibit = emotions(read(), PRINTED.paper)
    header, _, sadness, *others = exhibit.body.splitlines()
    assert header.count("paper: homebrew") == header.count("paper") == 1
    assert sadness.split(" | ")[2] == "68.86"
    assert all(line.split(" | ")[2].strip() == "" for line in others)
    assert {row["paper_recall"] for row in exhibit.data} == {None, 0.6886}


def test_clips_are_counted_per_rate_and_corpus(manifest):
    assert count_rates(manifest) == {48_000: {"ravdess": 48}}
    assert sample_rates(manifest, PRINTED.paper).body.splitlines()[-1] == (
        "| all | 48 | 48 | 11,318 |"
    )


def test_times_are_those_measured_at_each_thread_count(add, read):
    numbers = [add(), add(schedule="one-cycle")]
    exhibit = latencies(read(), PRINTED.paper)
    found = {(row["entry"], row["threads"]): (row["p50_ms"], row["p90_ms"]) for row in exhibit.data}
    assert found == {
        (number, threads): (3.0 + number, 40.0 / threads)
        for number in numbers
        for threads in (1, 2)
    }
    assert "1 thread, p50 ms" in exhibit.body
    assert "2 threads (all), p90 ms" in exhibit.body


def test_without_any_latency_there_is_no_figure_and_the_caption_has_the_reason(add, read):
    add(threads=())
    exhibit = latencies(read(), PRINTED.paper)
    assert exhibit.draw is None
    assert "No latency was measured" in exhibit.caption


def test_printed_figures_stand_beside_the_entry_they_are_about(add, read):
    add(backbone="homebrew")
    known = {"accuracy": {"homebrew": {"half-cycle": 0.625}}}
    printed = PRINTED.model_copy(update={"paper": PRINTED.paper.model_copy(update=known)})
    entry, *others = accuracy(read(), printed).data
    assert (entry["paper_accuracy"], entry["paper_uar"]) == (0.625, None)
    assert all(row["source"].startswith("printed: ") for row in others)


def test_what_was_printed_for_other_data_never_stands_among_our_figures(add, read):
    add()
    exhibit = accuracy(read(), PRINTED)
    others = [row for row in exhibit.data if "another dataset" in row["source"]]
    assert [(row["printed_uar"], row["printed_accuracy"]) for row in others] == [
        (0.726, 0.717),
        (0.7426, 0.7318),
    ]
    assert all("holdout_uar" not in row for row in others)
    ours, theirs = exhibit.body.split("Published for other datasets")
    assert "78.6" in ours
    assert "IEMOCAP" not in ours
    assert "| Lu et al. 2020 | IEMOCAP, four classes, another dataset | 72.6 | 71.7 |" in theirs


def test_the_papers_models_come_first_in_its_order(add, read):
    backbones = ("resnet18", PAPER[4], PAPER[0], PAPER[1])
    for backbone in backbones:
        for schedule in reversed(SCHEDULES):
            add(backbone=backbone, schedule=schedule)
    names = (PAPER[0], PAPER[1], PAPER[4], "resnet18")
    order = [(entry.backbone, entry.schedule) for entry in read().entries]
    assert order == [(name, schedule) for name in names for schedule in SCHEDULES]


def test_labels_have_what_distinguishes_entries_and_no_more(add, read):
    add(backbone="homebrew")
    add(backbone="inception_v3", weights="timm:inception_v3.tv_in1k")
    add(backbone="resnet18", weights="timm:resnet18.a1_in1k")
    add(backbone="resnet18", weights="none", protocol="speaker-2:holdout", epochs=9)
    assert entry_labels(read().entries) == [
        "homebrew\nhalf-cycle\nfrom random weights",
        "inception_v3\nhalf-cycle",
        "resnet18\nhalf-cycle\nfrom random weights",
        "resnet18\nhalf-cycle\ntimm:resnet18.a1_in1k",
    ]


def test_a_fitted_head_is_named_where_others_have_a_schedule(add, read):
    add(head="svm", **WITHOUT_TRAINING)
    add(head="logistic", **WITHOUT_TRAINING)
    add()
    entries = read().entries
    assert {model_label(entry, entries).splitlines()[-1] for entry in entries} == {
        *("head linear", "head logistic", "head svm")
    }
    assert sorted(entry_labels(entries)) == [
        "homebrew\nhalf-cycle\nfrom random weights",
        "homebrew\nlogistic\nfrom random weights",
        "homebrew\nsvm\nfrom random weights",
    ]


def test_no_two_labels_are_the_same(add, read):
    add(seed=0)
    add(seed=1)
    add(seed=1, epochs=9)
    add(front_end="mfcc")
    entries = read().entries
    labels = entry_labels(entries)
    assert len(set(labels)) == 4
    assert sum("seed 1" in label for label in labels) == 2
    last = model_label(entries[-1], entries).splitlines()[-1]
    assert last in ("mel front end", "mfcc front end")


def test_the_protocol_with_most_entries_is_shown_unless_another_is_named(add, read):
    add(protocol="random-3:holdout")
    add(protocol="speaker-2:holdout")
    add(protocol="speaker-2:holdout", seed=1)
    assert (read().protocol, len(read().entries)) == ("speaker-2:holdout", 2)
    named = read(protocol="random-3:holdout")
    assert (named.protocol, len(named.entries)) == ("random-3:holdout", 1)
    with pytest.raises(UsageError) as raised:
        read(protocol="corpus")
    assert raised.value.facts["known"] == ("random-3:holdout", "speaker-2:holdout")


@pytest.mark.parametrize("dataset", [None, "small"])
def test_without_entries_there_is_no_report(read, scanned, dataset):
    with pytest.raises(UsageError) as raised:
        read(dataset=dataset)
    assert raised.value.facts == {"dataset": dataset}


def test_of_several_datasets_one_must_be_named(add, read, made, database):
    add()
    other = made.manifest("other", takes=3)
    add_entry(database, made, other)
    with pytest.raises(UsageError) as raised:
        read()
    assert raised.value.facts == {"known": ("other", "small")}
    assert read(dataset="other").manifest.hash == other.hash
    with pytest.raises(UnknownNameError) as raised:
        read(dataset="smal")
    assert raised.value.nearest == ["small"]


def test_of_a_dataset_with_several_contents_that_of_the_newest_entry_is_shown(
    add, read, made, database
):
    add()
    grown = made.manifest(takes=3)
    number = add_entry(database, made, grown)
    material = read()
    assert material.manifest.hash == grown.hash
    assert [entry.number for entry in material.entries] == [number]


def test_an_import_is_the_last_entry_of_every_exhibit(
    add, read, database, made, manifest, tmp_path
):
    number = add()
    table = tmp_path / "predictions.csv"
    table.write_text(export_predictions(database, number))
    rule = parse_protocol("speaker-2:holdout")
    import_predictions(database, table, "guest", manifest, rule, made.metrics)
    material = read()
    assert [entry.number for entry in material.entries] == [number, number + 1]
    assert entry_labels(material.entries)[1] == "guest\nimported"
    assert material.trained is material.entries[0]
    mine, guest, *_ = accuracy(material, PRINTED).data
    assert {name: guest[name] for name in guest if "tested" in name} == {
        name: mine[name] for name in mine if "tested" in name
    }
    assert guest["folds_uar_mean"] is None
    for exhibit in (emotions(material, PRINTED.paper), calibration(material)):
        assert "guest" in exhibit.body


def test_every_estimate_has_an_interval(database, made, read):
    manifest = made.manifest(takes=2)
    for schedule in SCHEDULES:
        all_tested(database, made, manifest, schedule=schedule, protocol="speaker-2")
    material = read()
    scores = [row for row in accuracy(material, PRINTED).data if row["source"] == "measured"]
    recalled = emotions(material, PRINTED.paper).data
    correct = [row for row in calibration(material).data if row["part"] == "reliability before"]
    for rows, name in ((scores, "tested_uar"), (recalled, "recall"), (correct, "accuracy")):
        assert rows
        for row in rows:
            if row[f"{name}_low"] is not None:
                assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
        assert any(row[f"{name}_low"] is not None for row in rows)


def test_a_protocol_of_a_file_is_named_without_its_folder(
    add, read, database, made, manifest, tmp_path
):
    lines = [f"{Path(u.path).name},{FOLD_OF[u.speaker]}" for u in manifest.utterances]
    table = tmp_path / "folds.csv"
    table.write_text("path,fold\n" + "\n".join(lines) + "\n")
    add(protocol=parse_protocol(f"folds:{table}").name)
    named = read().protocol
    assert str(tmp_path) not in named
    assert named.startswith("folds:folds.csv")
    for text in (named, f"folds:{table}"):
        assert read(protocol=text).protocol == named


@pytest.mark.parametrize("protocol", ["speaker-2:holdout", "random-3@2:holdout"])
def test_people_in_both_training_and_holdout_are_pointed_out(add, read, protocol):
    add(protocol=protocol)
    assert ("speaker-dependent" in read().tested_on) == protocol.startswith("random")
