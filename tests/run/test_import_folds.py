"""Which fold a label of an import means, and which labels are refused."""

import numpy as np
import pytest
from importing import ONE_HOLDOUT, holdout_of, lines_of, scores, written
from making.entries import NESTED, add_entry

from serbench.data.protocols import parse_protocol, split_dataset
from serbench.data.recording_names import RecordingNames
from serbench.errors import DatasetError
from serbench.store.datasets import Datasets
from serbench.store.systems import Systems
from serbench.views.predictions import clip_predictions
from serbench.views.study import study_view
from serbench.views.tables import export_predictions


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers × six emotions × eight takes."""
    return made.manifest(takes=8)


@pytest.fixture
def scanned(database, made, manifest):
    """The dataset is in the database."""
    Datasets(database).save_scan(made.scanned(manifest))


def relabelled(manifest, labels, protocol=ONE_HOLDOUT):
    """A file of all parts of a protocol with one outer fold, each with a label."""
    [part] = split_dataset(manifest, parse_protocol(protocol)).outer_folds
    tested = [part.holdout.test, *(fold.test for fold in part.folds)]
    header, *lines = written(manifest, ("holdout", np.concatenate(tested))).splitlines()
    names = RecordingNames(manifest)
    label_of = {
        names.shortest(int(row)): label
        for rows, label in zip(tested, labels, strict=True)
        for row in rows
    }
    found = [line.replace(",holdout,", f",{label_of[line.split(',')[0]]},") for line in lines]
    return "\n".join([header, *reversed(found)])


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize(
    "labels",
    [
        ("holdout", "1", "2"),
        ("holdout", "0", "1"),
        ("holdout", "2", "1"),
        ("", "1.0", "2.0"),
        ("test", "dev one", "dev two"),
        ("2", "0", "1"),
    ],
)
def test_folds_are_recognised_by_their_clips_under_any_label(database, manifest, bring, labels):
    usual = bring(relabelled(manifest, ("holdout", "1", "2")), ONE_HOLDOUT, "usual")
    other = bring(relabelled(manifest, labels), ONE_HOLDOUT, "other")
    assert scores(database, other) == scores(database, usual)
    found = clip_predictions(database, other)
    assert found == clip_predictions(database, usual)
    assert {clip.fold for clip in found} == {"1", "2", "holdout"}


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (("holdout", "dev", "dev"), "has"),
        (("holdout", "1", "holdout"), "has"),
        (("1", "2", "2"), "has"),
    ],
)
def test_a_label_of_two_folds_is_refused(database, manifest, bring, labels, problem):
    with pytest.raises(DatasetError) as raised:
        bring(relabelled(manifest, labels), ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["label"] in labels) == (problem, True)
    assert facts["clip"] in {utterance.path for utterance in manifest.utterances}
    assert Systems(database).numbers() == []


@pytest.mark.usefixtures("scanned")
def test_a_fold_under_two_labels_is_refused(manifest, bring):
    header, *lines = relabelled(manifest, ("holdout", "a", "b")).splitlines()
    halves = [place for place, line in enumerate(lines) if ",a," in line]
    for place in halves[: len(halves) // 2]:
        lines[place] = lines[place].replace(",a,", ",c,")
    with pytest.raises(DatasetError) as raised:
        bring("\n".join([header, *lines]), ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["fold"]) == ("lacks", "0")


@pytest.mark.usefixtures("scanned")
def test_one_fold_of_two_is_not_enough(manifest, bring):
    text = relabelled(manifest, ("holdout", "a", "b"))
    kept = [line for line in text.splitlines() if ",b," not in line]
    with pytest.raises(DatasetError) as raised:
        bring("\n".join(kept), ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["fold"], facts["label"]) == ("lacks", "1", None)


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("labels", [("1", "2"), ("b", "a")])
def test_of_several_outer_folds_each_holdout_may_have_a_label(database, manifest, bring, labels):
    usual = bring("\n".join(lines_of(manifest, NESTED)), name="usual")
    header, *_ = lines_of(manifest, NESTED)
    parts = split_dataset(manifest, parse_protocol(NESTED)).outer_folds
    everything = dict(line.split(",", 1) for line in lines_of(manifest, NESTED)[1:])
    names = RecordingNames(manifest)
    lines = [
        f"{names.shortest(int(row))},{everything[names.shortest(int(row))]}".replace(
            ",holdout,", f",{label},"
        )
        for part, label in zip(parts, labels, strict=True)
        for row in part.holdout.test
    ]
    other = bring("\n".join([header, *lines]), name="other")
    assert scores(database, other) == scores(database, usual)
    assert clip_predictions(database, other) == clip_predictions(database, usual)
    with pytest.raises(DatasetError) as raised:
        bring("\n".join([header, *lines[1:]]), name="incomplete")
    assert (raised.value.facts["problem"], raised.value.facts["count"]) == ("lacks", 1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_folds_that_ran_in_another_order_keep_their_numbers(database, made, manifest, bring, order):
    entry = add_entry(database, made, manifest, protocol=ONE_HOLDOUT, order=order)
    text = export_predictions(database, entry, folds=True)
    [part] = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).outer_folds
    names = RecordingNames(manifest)
    expected = {
        names.shortest(int(row)): str(number)
        for number, fold in enumerate(part.folds, start=1)
        for row in fold.test
    }
    found = dict(line.split(",")[:2] for line in text.splitlines()[1:])
    assert {path: fold for path, fold in found.items() if fold != "holdout"} == expected
    again = bring(text, ONE_HOLDOUT)
    assert scores(database, again) == scores(database, entry)
    assert clip_predictions(database, again) == clip_predictions(database, entry)
    page = study_view(database, 1).as_dict()
    shown = [fold["fold"] for fold in page["trials"][0]["folds"]]
    assert shown == [1, 2, "holdout"]


@pytest.mark.usefixtures("scanned")
def test_a_clip_of_another_fold_is_named(manifest, bring):
    [part] = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).outer_folds
    folds = [fold.test for fold in part.folds]
    moved = [np.append(folds[0], folds[1][:1]), folds[1][1:]]
    text = written(manifest, ("0", moved[0]), ("1", moved[1]), ("holdout", part.holdout.test))
    with pytest.raises(DatasetError) as raised:
        bring(text, ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["fold"]) == ("has", "0")
    assert facts["clip"] == manifest.utterances[folds[1][0]].path


@pytest.mark.usefixtures("scanned")
def test_a_clip_of_the_folds_is_foreign_to_the_holdout(manifest, bring):
    dev = split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).outer_folds[0].holdout.train[:2]
    rows = np.concatenate([holdout_of(manifest, ONE_HOLDOUT), dev])
    with pytest.raises(DatasetError) as raised:
        bring(written(manifest, ("holdout", rows)), ONE_HOLDOUT)
    facts = raised.value.facts
    assert (facts["problem"], facts["count"], facts["fold"]) == ("has", 2, "holdout")


@pytest.mark.usefixtures("scanned")
def test_folds_are_refused_for_several_outer_folds(manifest, bring):
    header, *lines = lines_of(manifest, NESTED)
    lines[0] = lines[0].replace(",holdout,", ",3,")
    with pytest.raises(DatasetError):
        bring("\n".join([header, *lines]))
