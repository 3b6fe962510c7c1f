"""Everything about an entry, against a reference that is written out."""

import json
from dataclasses import replace

import numpy as np
import pytest
from entry_making import add_entry, stored_folds
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score

from serbench.data.manifest import make_manifest
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.errors import UsageError
from serbench.model.compute import ComputeSettings
from serbench.store.database import Database
from serbench.store.schema import EntryRow
from serbench.views.entry import show_entry


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers of two corpora, one of whom was hardly ever afraid."""
    kept = [
        replace(each, corpus="tess" if each.speaker.endswith("02") else "ravdess")
        for each in made.manifest(takes=4).utterances
        if not (each.speaker.endswith("04") and each.emotion == "fear" and each.sentence is None)
    ]
    return make_manifest("small", kept)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made, manifest):
    """A database with one entry, in whose holdouts everybody was heard once."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('shown') / 'serbench.db'}")
    add_entry(database, made, manifest)
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def page(filled):
    """What is shown of the entry."""
    return show_entry(filled, 1)


@pytest.fixture(scope="module")
def answers(filled, manifest):
    """Row of the manifest → the emotion that was named."""
    with filled.session() as session:
        holdouts = stored_folds(session, session.get_one(EntryRow, 1).study.family, holdout=True)
        named = {}
        for holdout in holdouts:
            logits = np.frombuffer(holdout.prediction.logits, "<f4").reshape(-1, 6)
            rows = np.frombuffer(holdout.prediction.rows, "<i8").tolist()
            named |= dict(zip(rows, logits.argmax(axis=1).tolist(), strict=True))
    return np.array([named[row] for row in range(len(manifest))])


def written_out(manifest, answers, group_of):
    """Name of a group → its clips, UAR over what it expresses, and accuracy."""
    groups = {}
    for name in {group_of(utterance) for utterance in manifest.utterances}:
        inside = [row for row, each in enumerate(manifest.utterances) if group_of(each) == name]
        targets, named = manifest.targets[inside], answers[inside]
        emotions = sorted(set(targets.tolist()))
        recalls = recall_score(targets, named, labels=emotions, average=None, zero_division=0)
        groups[name] = (len(inside), recalls.mean(), (targets == named).mean())
    return groups


GROUPS = {
    "speakers": lambda utterance: utterance.speaker,
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


def test_the_worst_speaker_is_named_and_the_spread_is_that_over_speakers(page, manifest, answers):
    uars = {
        name: uar
        for name, (_, uar, _) in written_out(manifest, answers, GROUPS["speakers"]).items()
    }
    assert page["worst_speaker"] == min(uars, key=uars.__getitem__)
    spread = page["spread"]
    expected = min(uars.values()), max(uars.values()), np.std(list(uars.values()), ddof=1)
    assert (spread["lowest"], spread["highest"], spread["sd"]) == pytest.approx(expected)


def test_recalls_and_confusion_are_scikit_learns(page, manifest, answers):
    assert page["emotions"] == list(manifest.emotions)
    assert page["confusion"] == confusion_matrix(manifest.targets, answers).tolist()
    recalls = recall_score(manifest.targets, answers, average=None)
    assert page["recalls"] == pytest.approx(recalls.tolist())
    assert page["uar"] == pytest.approx(balanced_accuracy_score(manifest.targets, answers))


def test_the_bins_of_the_calibration_come_to_its_error(page, manifest):
    bins = page["reliability"]
    assert sum(each["clips"] for each in bins) == len(manifest)
    assert all(each["above"] < each["confidence"] <= each["to"] for each in bins)
    gaps = [each["clips"] * abs(each["confidence"] - each["accuracy"]) for each in bins]
    assert page["ece"] == pytest.approx(sum(gaps) / len(manifest))


def test_the_score_lies_in_its_interval_over_speakers(page):
    for metric in ("uar", "accuracy", "macro_f1"):
        low, high = page[f"{metric}_ci"]
        assert low < page[metric] < high
    assert page["clip_intervals"].keys() == {"uar", "accuracy", "macro_f1"}
    assert page["optimism"] == page["cv_uar_mean"] - page["uar"]


def test_what_made_it_stands_on_the_page(page, manifest):
    assert page["dataset_hash"] == manifest.hash
    assert page["plan"]["backbone"] == page["backbone"] == "homebrew"
    assert page["compute_settings"] == ComputeSettings(1).as_dict()
    assert page["machine"].keys() == {"cpu", "cores", "system"}
    assert page["versions"].keys() >= {"python", "torch", "numpy"}


def test_a_page_is_valid_json(page):
    text = json.dumps(page)
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read == page


def test_an_emotion_that_the_holdout_lacks_has_no_recall(database, made):
    whole = made.manifest(takes=2)
    [tested] = set(whole.speakers[split_dataset(whole, parse_protocol("speaker-2")).holdout.test])
    manifest = make_manifest(
        "small",
        [each for each in whole.utterances if (each.speaker, each.emotion) != (tested, "fear")],
    )
    add_entry(database, made, manifest, protocol="speaker-2")
    page = show_entry(database, 1)
    assert [each["name"] for each in page["speakers"]] == [tested]
    assert page["recalls"][page["emotions"].index("fear")] is None
    assert page["spread"]["sd"] is None
    assert page["uar_ci"] is None


def test_an_unknown_entry_is_named(database):
    with pytest.raises(UsageError, match="no entry 1: run `serbench study run` first"):
        show_entry(database, 1)
