"""A protocol's identifier: what must be the same for two results to be ranked together."""

import hashlib
import shutil
import struct
from dataclasses import replace

import numpy as np
import pytest
from manifest_making import manifest, people
from protocol_making import by_speaker, folds_table

from serbench.data.manifest import make_manifest
from serbench.data.protocols import (
    Fold,
    OuterFold,
    Split,
    fold_hash,
    identity,
    parse_protocol,
    protocol_from_id,
    protocol_id,
    split_dataset,
)
from serbench.errors import UnknownNameError, UsageError

DATA = manifest(people("c", 10))


def named(protocol, data=DATA):
    rule = parse_protocol(protocol)
    return protocol_id(data, rule, split_dataset(data, rule))


def test_an_identifier_is_the_name_and_eight_digits():
    assert named("speaker-5").startswith("speaker-5#")
    name, _, digits = named("speaker-3@2:nested-4").partition("#")
    assert name == "speaker-3@2:nested-4"
    assert len(digits) == 8
    assert set(digits) <= set("0123456789abcdef")


NAMES = ("speaker-5", "speaker-4", "speaker-5:holdout", "speaker-5:nested-5", "loso")


def test_another_rule_another_identifier():
    digits = {named(name).partition("#")[2] for name in NAMES}
    assert len(digits) == len(NAMES)


def test_another_clip_or_label_is_another_protocol():
    fewer = make_manifest("some", DATA.utterances[1:])
    other = next(each for each in DATA.emotions if each != DATA.utterances[0].emotion)
    relabelled = make_manifest(
        "some", [replace(DATA.utterances[0], emotion=other), *DATA.utterances[1:]]
    )
    assert len({named("speaker-5", data) for data in (DATA, fewer, relabelled)}) == 3


def test_an_identifier_hashes_every_row_of_every_split():
    rule = parse_protocol("speaker-5:holdout")
    split = split_dataset(DATA, rule)
    before = protocol_id(DATA, rule, split)
    (outer,) = split.outer_folds
    for place in range(len(outer.folds)):
        fold = outer.folds[place]
        moved = Fold(np.append(fold.train, fold.test[-1]), fold.test[:-1])
        folds = (*outer.folds[:place], moved, *outer.folds[place + 1 :])
        assert protocol_id(DATA, rule, Split((OuterFold(outer.holdout, folds),))) != before
    holdout = Fold(outer.holdout.train, outer.holdout.test[::-1])
    assert protocol_id(DATA, rule, Split((OuterFold(holdout, outer.folds),))) != before
    assert protocol_id(DATA, rule, split_dataset(DATA, rule)) == before


def test_a_folds_hash_is_that_of_its_rows():
    fold = Fold(np.array([3, 1, 2]), np.array([0]))
    sides = [hashlib.sha256(struct.pack("<3q", 3, 1, 2)), hashlib.sha256(struct.pack("<q", 0))]
    expected = hashlib.sha256(b"".join(side.digest() for side in sides)).hexdigest()
    assert fold_hash(fold) == expected
    assert fold_hash(Fold(fold.test, fold.train)) != expected


def test_another_metric_is_another_protocol(monkeypatch):
    before = named("speaker-5")
    monkeypatch.setattr(identity, "METRIC", "another")
    assert named("speaker-5") != before


def test_the_datasets_name_and_folder_do_not_count():
    moved = [replace(clip, path="/elsewhere" + clip.path) for clip in DATA.utterances]
    assert named("speaker-5", make_manifest("other", moved)) == named("speaker-5")


def test_of_a_file_of_folds_the_content_counts_and_not_the_path(tmp_path):
    table = folds_table(tmp_path / "folds.csv", DATA, by_speaker(5))
    copy = shutil.copy(table, tmp_path / "copy.csv")
    other = folds_table(tmp_path / "other.csv", DATA, by_speaker(2))
    assert named(f"folds:{table}").startswith("folds#")
    assert named(f"folds:{table}") == named(f"folds:{copy}") != named(f"folds:{other}")
    assert named(f"random-folds:{table}") != named(f"folds:{table}")


def test_an_identifier_is_read_on_its_own_dataset_and_refused_on_another():
    identifier = named("speaker-5@1:nested-4")
    assert protocol_from_id(DATA, identifier) == parse_protocol("speaker-5@1:nested-4")
    for name in ("speaker-5", "speaker-5:holdout"):
        assert protocol_from_id(DATA, named(name)) == parse_protocol(name)
    other = manifest(people("c", 9))
    with pytest.raises(UsageError) as raised:
        protocol_from_id(other, identifier)
    assert raised.value.facts["identifier"] == identifier
    assert raised.value.facts["here"].startswith("speaker-5@1:nested-4#")


def test_an_identifier_of_folds_needs_the_file(tmp_path):
    table = folds_table(tmp_path / "folds.csv", DATA, by_speaker(5))
    protocol = parse_protocol(f"folds:{table}")
    assert protocol_from_id(DATA, protocol.name) == protocol
    identifier = protocol_id(DATA, protocol, split_dataset(DATA, protocol))
    with pytest.raises(UsageError) as raised:
        protocol_from_id(DATA, identifier)
    assert raised.value.facts["identifier"] == identifier


def test_an_unknown_name_in_an_identifier_gets_the_nearest():
    with pytest.raises(UnknownNameError) as raised:
        protocol_from_id(DATA, "speeker-5#12345678")
    assert "speaker-5" in raised.value.nearest
