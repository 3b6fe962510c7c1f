"""Everything about an entry, against a reference that is written out."""

import json
from dataclasses import replace

import numpy as np
import pytest
from making.entries import add_entry
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score

from serbench.data.manifest import make_manifest
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.errors import UsageError
from serbench.model.machine import Machine, this_machine
from serbench.score.calibration import cross_fitted, fit_temperature, log_losses
from serbench.score.intervals import clip_interval
from serbench.score.rejection import rejection_curve
from serbench.store.database import Database
from serbench.store.predictions import fold_predictions, joined, scored_predictions
from serbench.store.systems import Systems, find_system
from serbench.views.detail import entry_detail


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers of two corpora; one speaker has fewer clips of fear."""
    kept = [
        replace(each, corpus="tess" if each.speaker.endswith("02") else "ravdess")
        for each in made.manifest(takes=4).utterances
        if not (each.speaker.endswith("04") and each.emotion == "fear" and each.sentence is None)
    ]
    return make_manifest("small", kept)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made, manifest):
    """A database with one entry, in whose holdouts every clip is tested once."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('shown') / 'serbench.db'}")
    entry = add_entry(database, made, manifest)
    for threads in (2, 1):
        Systems(database).save_latency(entry, made.machine, made.latency(threads=threads))
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def detail(filled):
    return entry_detail(filled, 1)


@pytest.fixture(scope="module")
def page(detail):
    """The entry as plain data."""
    return detail.as_dict()


@pytest.fixture(scope="module")
def answers(filled):
    """The predicted emotion of every clip, in the manifest's order."""
    with filled.session() as session:
        tested = joined(scored_predictions(session, find_system(session, 1))).by_row()
    assert tested.rows.tolist() == list(range(len(tested.rows)))
    return tested.logits.argmax(axis=1)


def written_out(manifest, answers, group_of):
    """Name of a group → its clips, UAR over the emotions it has, and accuracy."""
    groups = {}
    for name in {group_of(utterance) for utterance in manifest.utterances}:
        inside = [row for row, each in enumerate(manifest.utterances) if group_of(each) == name]
        targets, named = manifest.targets[inside], answers[inside]
        emotions = sorted(set(targets.tolist()))
        recalls = recall_score(targets, named, labels=emotions, average=None, zero_division=0)
        groups[name] = (len(inside), recalls.mean(), (targets == named).mean())
    return groups


GROUPS = {
    "by_speaker": lambda utterance: utterance.speaker,
    "sexes": lambda utterance: utterance.sex or "not known",
    "corpora": lambda utterance: utterance.corpus,
}


@pytest.mark.parametrize("kind", GROUPS)
def test_each_group_has_its_own_scores_the_worst_first(page, manifest, answers, kind):
    expected = written_out(manifest, answers, GROUPS[kind])
    shown = {each["name"]: each for each in page[kind]}
    assert shown.keys() == expected.keys()
    for name, (clips, uar, accuracy) in expected.items():
        assert shown[name]["clips"] == clips
        assert shown[name]["uar"] == pytest.approx(uar, abs=1e-12)
        assert shown[name]["accuracy"] == pytest.approx(accuracy, abs=1e-12)
    uars = [each["uar"] for each in page[kind]]
    assert uars == sorted(uars)


def test_the_spread_is_that_over_speakers(page, manifest, answers):
    uars = {
        name: uar
        for name, (_, uar, _) in written_out(manifest, answers, GROUPS["by_speaker"]).items()
    }
    assert page["worst_speaker"] == min(uars, key=uars.__getitem__)
    spread = page["spread"]
    expected = min(uars.values()), max(uars.values()), np.std(list(uars.values()), ddof=1)
    assert (spread["lowest"], spread["highest"], spread["sd"]) == pytest.approx(expected)


def test_recalls_and_confusion_are_scikit_learns(page, manifest, answers):
    assert page["emotions"] == manifest.emotions
    assert page["confusion"] == confusion_matrix(manifest.targets, answers).tolist()
    recalls = recall_score(manifest.targets, answers, average=None)
    assert page["recalls"] == pytest.approx(recalls.tolist())
    assert page["uar"] == pytest.approx(balanced_accuracy_score(manifest.targets, answers))


def test_the_folds_are_those_that_the_winners_were_chosen_by(filled, detail, manifest):
    with filled.session() as session:
        outer = fold_predictions(session, find_system(session, 1))
    expected = [
        confusion_matrix(
            manifest.targets[fold.rows], fold.logits.argmax(axis=1), labels=range(6)
        ).tolist()
        for folds in outer
        for fold in folds.values()
    ]
    assert detail.folds == expected
    assert len(expected) == 4


def test_the_bins_of_the_calibration_come_to_its_error(page, manifest):
    for stage in ("before", "after"):
        found = page["calibration"][stage]
        bins = found["reliability"]
        assert sum(each["clips"] for each in bins) == len(manifest)
        assert all(each["above"] < each["confidence"] <= each["to"] for each in bins)
        gaps = [each["clips"] * abs(each["confidence"] - each["accuracy"]) for each in bins]
        assert found["ece"] == pytest.approx(sum(gaps) / len(manifest))
    before = page["calibration"]["before"]
    assert (page["ece"], page["log_loss"]) == (before["ece"], before["log_loss"])


def test_the_calibrated_clips_are_those_of_the_test(filled, page, manifest):
    with filled.session() as session:
        tested = joined(scored_predictions(session, find_system(session, 1))).by_row()
    found = page["calibration"]
    assert found["temperature"] == pytest.approx(fit_temperature(tested.logits, manifest.targets))
    calibrated = cross_fitted(tested.logits, manifest.targets, manifest.speakers)
    losses = log_losses(calibrated, manifest.targets)
    assert found["after"]["log_loss"] == pytest.approx(losses.mean())
    curve = rejection_curve(calibrated, manifest.targets)
    assert found["rejection_area"] == pytest.approx(curve.area)
    everything, *fewer = found["rejection"]
    assert (everything["coverage"], everything["clips"]) == (1, len(manifest))
    for metric in ("uar", "accuracy"):
        assert everything[metric] == pytest.approx(page[metric])
        assert everything[f"{metric}_ci"] == pytest.approx(page[f"{metric}_ci"])
    assert [each["coverage"] for each in fewer] == pytest.approx([0.9, 0.8, 0.7, 0.5], abs=0.02)
    assert all(each["coverage"] == each["clips"] / len(manifest) for each in fewer)


def test_the_score_is_in_its_interval_over_speakers(page):
    for metric in ("uar", "accuracy", "macro_f1"):
        low, high = page[f"{metric}_ci"]
        assert low < page[metric] < high
    assert page["optimism"] == page["cv_uar_mean"] - page["uar"]


def test_the_interval_over_clips_is_that_of_the_tally(detail):
    assert detail.clip_interval == clip_interval(detail.view.tally)
    low, high = detail.clip_interval
    assert low < detail.view.uar < high


def test_all_measurements_are_on_the_page_the_usual_one_first(detail, made):
    assert [each.threads for each in detail.latencies] == [1, 2]
    assert {(each.p50, each.p90, each.runs) for each in detail.latencies} == {(3.0, 4.0, 100)}
    assert all(made.machine.cpu in each.machine for each in detail.latencies)


def test_the_page_has_what_the_entry_was_made_of(page, manifest):
    assert page["dataset_hash"] == manifest.hash
    assert page["plan"]["backbone"] == page["backbone"] == "homebrew"
    assert page["compute_settings"] == "fp32, 1 thread"
    assert Machine(**page["machine"]) == this_machine()
    assert page["versions"].keys() >= {"python", "torch", "numpy"}
    assert page["study"] == 1
    assert page["artifact"].endswith(".safetensors")
    assert len(page["artifact_sha256"]) == 64


def test_a_page_is_valid_json(page):
    text = json.dumps(page)
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read.keys() == page.keys()
    assert read["by_speaker"] == page["by_speaker"]


def test_a_manifest_that_was_read_already_changes_nothing(filled, manifest, page):
    assert entry_detail(filled, 1, manifest).as_dict() == page


def test_an_emotion_that_the_holdout_lacks_has_no_recall(database, made):
    whole = made.manifest(takes=2)
    [tested] = set(
        whole.speakers[split_dataset(whole, parse_protocol("speaker-2:holdout")).holdout.test]
    )
    manifest = make_manifest(
        "small",
        [each for each in whole.utterances if (each.speaker, each.emotion) != (tested, "fear")],
    )
    page = entry_detail(database, add_entry(database, made, manifest, protocol="speaker-2:holdout"))
    assert [each.name for each in page.speakers] == [tested]
    assert page.recalls[page.emotions.index("fear")] is None
    assert page.spread["sd"] is None
    assert page.view.scores["uar"].interval is None
    assert page.calibration.after is page.calibration.rejection_area is None
    assert page.calibration.rejection == ()
    assert page.latencies == ()


def test_an_unknown_entry_is_an_error(database):
    with pytest.raises(UsageError) as raised:
        entry_detail(database, 1)
    assert raised.value.facts == {"number": 1}
