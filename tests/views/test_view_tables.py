"""Tables as text: Markdown, and predictions as CSV."""

import csv
import io
from pathlib import PurePath

import numpy as np
import pytest
from making.entries import NESTED, add_entry

from serbench.errors import UsageError
from serbench.store.predictions import fold_predictions, joined, scored_predictions
from serbench.store.systems import find_system
from serbench.views.tables import export_predictions, markdown_table


def test_columns_are_aligned_as_they_are_marked():
    lines = markdown_table(["name", ">UA"], [["a", "1.0"], ["b|c", "2.0"]]).splitlines()
    assert lines == ["| name | UA |", "| --- | ---: |", "| a | 1.0 |", "| b\\|c | 2.0 |"]


def test_a_table_without_rows_has_its_heading():
    assert markdown_table(["name"], []).splitlines() == ["| name |", "| --- |"]


@pytest.fixture
def manifest(made):
    return made.manifest(takes=2)


def exported(manifest, text):
    """Fold → file name → logits, in the manifest's order of emotions."""
    found = {}
    for line in csv.DictReader(io.StringIO(text)):
        logits = np.array([line[emotion] for emotion in manifest.emotions], dtype=np.float32)
        found.setdefault(line.get("fold", "holdout"), {})[PurePath(line["path"]).name] = logits
    return found


def by_name(manifest, predictions):
    return {
        PurePath(manifest.utterances[row].path).name: logits
        for row, logits in zip(predictions.rows, predictions.logits, strict=True)
    }


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("protocol", [NESTED, "speaker-2:holdout"])
def test_the_holdout_is_exported_bit_for_bit(database, made, manifest, protocol):
    entry = add_entry(database, made, manifest, protocol=protocol)
    with database.session() as session:
        tested = joined(scored_predictions(session, find_system(session, entry)))
    found = exported(manifest, export_predictions(database, entry))
    assert found.keys() == {"holdout"}
    assert same(found["holdout"], by_name(manifest, tested))


def test_the_folds_are_exported_on_request_counted_from_one(database, made, manifest):
    entry = add_entry(database, made, manifest, protocol="speaker-2:holdout")
    with database.session() as session:
        [folds] = fold_predictions(session, find_system(session, entry))
    found = exported(manifest, export_predictions(database, entry, folds=True))
    assert found.keys() == {"holdout", "1", "2"}
    for number, tested in folds.items():
        assert same(found[str(number + 1)], by_name(manifest, tested))


def test_the_folds_of_several_outer_folds_are_refused(database, made, manifest):
    entry = add_entry(database, made, manifest, protocol=NESTED)
    with pytest.raises(UsageError) as raised:
        export_predictions(database, entry, folds=True)
    assert raised.value.facts == {"number": entry, "outer_folds": 2}


def test_an_unknown_entry_is_an_error(database):
    with pytest.raises(UsageError) as raised:
        export_predictions(database, 3)
    assert raised.value.facts == {"number": 3}
