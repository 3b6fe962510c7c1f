"""Splits are stored row by row and read back, whatever the rule would make today."""

import numpy as np
import pytest

import serbench.store.splits
from serbench.data.protocols import (
    Fold,
    OuterFold,
    Split,
    fold_hash,
    parse_protocol,
    protocol_id,
    split_dataset,
)
from serbench.store.datasets import Datasets
from serbench.store.schema_data import ProtocolRow, SplitRow
from serbench.store.splits import Splits


@pytest.fixture
def manifest(database, made):
    manifest = made.manifest(takes=3)
    Datasets(database).save_scan(made.scanned(manifest))
    return manifest


def plain(split):
    return [
        [(fold.train.tolist(), fold.test.tolist()) for fold in (outer.holdout, *outer.folds)]
        for outer in split.outer_folds
    ]


@pytest.mark.parametrize("name", ["speaker-2", "speaker-3:holdout", "loso:nested-2", "random-2"])
def test_a_split_is_stored_as_it_was_made(database, manifest, name):
    rule = parse_protocol(name)
    made = split_dataset(manifest, rule)
    first, again = (Splits(database).of(manifest, rule) for _ in range(2))
    assert plain(first.split) == plain(again.split) == plain(made)
    assert first.identifier == again.identifier == protocol_id(manifest, rule, made)
    assert (first.id, first.name) == (again.id, name)
    with database.session() as session:
        assert session.query(ProtocolRow).one().evidence == made.evidence
        for row in session.query(SplitRow):
            outer = made.outer_folds[row.outer_fold]
            fold = outer.holdout if row.fold == "holdout" else outer.folds[int(row.fold)]
            assert row.hash == fold_hash(fold)


def test_what_a_library_would_make_today_does_not_move_a_stored_split(
    database, manifest, monkeypatch
):
    rule = parse_protocol("speaker-2")
    stored = Splits(database).of(manifest, rule)
    everyone = np.arange(len(manifest))
    moved = Split((OuterFold(Fold(everyone[6:], everyone[:6]), ()),))
    monkeypatch.setattr(serbench.store.splits, "split_dataset", lambda *_: moved)
    again = Splits(database).of(manifest, rule)
    assert plain(again.split) == plain(stored.split)
    assert again.identifier == stored.identifier
    other = Splits(database).of(manifest, parse_protocol("speaker-2@1"))
    assert plain(other.split) == plain(moved)


def test_the_same_protocol_on_another_dataset_is_another_row(database, made, manifest):
    other = made.manifest("other", takes=2)
    Datasets(database).save_scan(made.scanned(other))
    rule = parse_protocol("speaker-2")
    one, two = Splits(database).of(manifest, rule), Splits(database).of(other, rule)
    assert one.id != two.id
    assert one.identifier != two.identifier
