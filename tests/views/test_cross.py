"""A matrix of entries and datasets, from stored logits."""

from dataclasses import replace

import numpy as np
import pytest
from making.entries import add_entry
from making.records import utterance
from sklearn.metrics import balanced_accuracy_score

from serbench.data.manifest import make_manifest
from serbench.errors import DatasetError, UnknownNameError, UsageError
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.evaluations import Evaluations
from serbench.views.cross import OTHER_DATASET, CrossCell, cross_view
from serbench.views.cross_plan import best_entry, plan_cross
from serbench.views.reading import entry_view

THREE = ("sadness", "anger", "fear")


def manifest_of(name, speakers, emotions, takes=3):
    clips = [(s, e, take) for s in speakers for e in emotions for take in range(takes)]
    return make_manifest(name, [utterance(s, e, f"/{name}", take) for s, e, take in clips])


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made):
    """Entries 1, 2 on ``six``; 3 on ``three``; 4 on ``six``, which tests training speakers."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('cross') / 'serbench.db'}")
    six, three = made.manifest("six", takes=3), manifest_of("three", range(11, 17), THREE)
    for manifest, skill, protocol in (
        *((six, 0.5, "speaker-2:holdout"), (six, 2.0, "speaker-2:holdout")),
        *((three, 1.0, "speaker-2:holdout"), (six, 9.0, "random-2:holdout")),
    ):
        backbone = "yamnet" if skill == 0.5 else "homebrew"
        add_entry(database, made, manifest, skill, protocol=protocol, backbone=backbone)
    Datasets(database).save_scan(made.scanned(manifest_of("empty", range(21, 24), THREE)))
    yield database
    database.engine.dispose()


@pytest.fixture(scope="module")
def answers(filled):
    """Logits of entries 2 and 3 on the other dataset; the first predicts anger only."""
    evaluations, found = Evaluations(filled), {}
    for number, dataset in ((2, "three"), (3, "six")):
        clips = evaluations.clips(number, dataset)
        logits = np.random.default_rng(number).normal(size=(len(clips.rows), len(clips.trained)))
        if number == 2:
            logits[:, clips.trained.index("anger")] += 100
        evaluations.save(clips, logits.astype(np.float32))
        found[number] = clips.targets, clips.common(logits).argmax(axis=1)
    return found


def test_the_diagonal_is_the_entrys_score_and_the_rest_is_computed_from_logits(
    filled, answers, made
):
    plan = plan_cross(filled, ["six", "three", "six"])
    assert plan.pairs == [(2, "three"), (3, "six")]
    view = cross_view(filled, plan, made.metrics)
    assert view.datasets == ("six", "three")
    [[own, other], [back, last]] = view.rows
    for cell, number in ((own, 2), (last, 3)):
        entry = entry_view(filled, number)
        assert (cell.uar, cell.uar_ci) == (entry.uar, entry.scores["uar"].interval)
        assert (cell.evidence, cell.speakers) == (entry.evidence, entry.speakers)
        assert cell.clips == entry.tally.counts.sum()
    for cell, number in ((other, 2), (back, 3)):
        true, predicted = answers[number]
        assert cell.uar == pytest.approx(balanced_accuracy_score(true, predicted))
        assert cell.uar_ci[0] <= cell.uar <= cell.uar_ci[1]
        assert (cell.clips, cell.emotions) == (len(true), THREE)
        assert cell.evidence == OTHER_DATASET
        assert cell.predicted_share == pytest.approx(np.bincount(predicted).max() / len(true))
    assert (other.predicted, other.predicted_share, other.true_share) == ("anger", 1, 1 / 3)
    assert (other.speakers, back.speakers) == (6, 4)
    assert [cell.one_sided for cell in (other, back)] == [True, False]
    assert other.warnings[0] in view.as_dict()["warnings"]
    assert view.as_dict()["cells"][1]["uar"] == other.uar
    assert other.as_flat_dict()["uar_ci_low"] == other.uar_ci[0]


def test_named_entries_are_the_rows(filled, answers, made):
    plan = plan_cross(filled, ["six", "three"], numbers=[2, 2])
    assert [entry.entry for entry in plan.entries] == [2]
    [[own, other]] = cross_view(filled, plan, made.metrics).rows
    assert (own.own, other.own) == (True, False)


def test_the_best_entry_is_of_the_same_protocol_and_tests_no_training_speaker(filled):
    assert best_entry(filled, "six").entry == 2
    assert best_entry(filled, "six", "yamnet").entry == 1


def cell(**changes):
    plain = CrossCell(
        *("a", 1, "homebrew", "linear", "pooled", "b", OTHER_DATASET, 0.5, (0.4, 0.6), THREE),
        *(300, 9, "fear", 0.4, 0.3, "anger", 90),
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("predicted", "true", "expected"),
    [(0.51, 0.17, True), (0.49, 0.17, False), (0.7, 0.5, False), (0.8, 0.5, True)],
)
def test_an_emotion_is_one_sided_where_it_is_predicted_more_often_than_it_occurs(
    predicted, true, expected
):
    found = cell(predicted_share=predicted, true_share=true)
    assert found.one_sided is expected
    assert len(found.warnings) == expected


def test_few_clips_of_an_emotion_and_few_speakers_are_named():
    assert cell().warnings == []
    [few] = cell(fewest="fear", fewest_clips=1).warnings
    assert "fear" in few
    [unknown] = cell(uar_ci=None, speakers=1).warnings
    assert "interval" in unknown


@pytest.mark.parametrize(
    ("datasets", "options", "error", "facts"),
    [
        (["six", "six"], {}, UsageError, {"datasets": ("six",)}),
        ([], {}, UsageError, {"datasets": ()}),
        (["six", "sixx"], {}, UnknownNameError, {"kind": "dataset", "name": "sixx"}),
        (["six", "empty"], {}, UsageError, {"dataset": "empty", "backbone": None}),
        (["six", "three"], {"backbone": "vgg"}, UsageError, {"dataset": "six", "backbone": "vgg"}),
        (["six", "three"], {"numbers": [9]}, UsageError, {"number": 9}),
        (
            ["six", "three"],
            {"numbers": [1], "backbone": "homebrew"},
            UsageError,
            {"entries": (1,), "backbone": "homebrew"},
        ),
    ],
)
def test_what_cannot_be_a_matrix_is_named(filled, datasets, options, error, facts):
    with pytest.raises(error) as refusal:
        plan_cross(filled, datasets, **options)
    assert refusal.value.facts == facts


def test_a_test_that_was_not_made_yet_is_named(filled, made):
    plan = plan_cross(filled, ["six", "three"], numbers=[1])
    with pytest.raises(UsageError) as refusal:
        cross_view(filled, plan, made.metrics)
    assert refusal.value.facts == {"number": 1, "dataset": "three"}


def test_an_entry_without_common_emotions_is_refused(filled, made):
    Datasets(filled).save_scan(made.scanned(manifest_of("calm", (31, 32), ("calm", "boredom"))))
    plan = plan_cross(filled, ["six", "calm"], numbers=[1])
    with pytest.raises(DatasetError) as refusal:
        cross_view(filled, plan, made.metrics)
    assert refusal.value.facts == {"number": 1, "dataset": "calm", "common": ()}
