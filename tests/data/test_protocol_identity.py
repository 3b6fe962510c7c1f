"""A protocol's identifier: what must be the same for two results to be ranked together."""

import shutil
from dataclasses import replace

import pytest
from manifest_making import manifest, people
from protocol_making import by_speaker, folds_table

from serbench.data.manifest import make_manifest
from serbench.data.protocols import identity, parse_protocol, protocol_from_id, protocol_id
from serbench.errors import UnknownNameError, UsageError

DATA = manifest(people("c", 10))


def named(protocol, data=DATA):
    return protocol_id(data, parse_protocol(protocol))


def test_an_identifier_is_the_name_and_eight_digits():
    assert named("speaker-5") == "speaker-5#3de8c101"
    name, _, digits = named("speaker-3@2:nested-4").partition("#")
    assert name == "speaker-3@2:nested-4"
    assert len(digits) == 8
    assert set(digits) <= set("0123456789abcdef")


def test_another_rule_another_identifier():
    digits = {named(name).partition("#")[2] for name in ("speaker-5", "speaker-4", "corpus")}
    assert len(digits) == 3


def test_another_clip_or_label_is_another_protocol():
    fewer = make_manifest("some", DATA.utterances[1:])
    relabelled = make_manifest(
        "some", [replace(DATA.utterances[0], emotion="neutral"), *DATA.utterances[1:]]
    )
    assert len({named("speaker-5", data) for data in (DATA, fewer, relabelled)}) == 3


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
    assert named(f"random-folds:{table}") != named(f"folds:{table}").replace(
        "folds", "random-folds"
    )


def test_an_identifier_is_read_on_its_own_dataset_and_refused_on_another():
    identifier = named("speaker-5@1:nested-4")
    assert protocol_from_id(DATA, identifier) == parse_protocol("speaker-5@1:nested-4")
    assert protocol_from_id(DATA, "speaker-5") == parse_protocol("speaker-5")
    other = manifest(people("c", 9))
    with pytest.raises(UsageError, match=f"{identifier} is not about dataset 'some' as it is"):
        protocol_from_id(other, identifier)


def test_an_identifier_of_folds_needs_the_file(tmp_path):
    table = folds_table(tmp_path / "folds.csv", DATA, by_speaker(5))
    protocol = parse_protocol(f"folds:{table}")
    assert protocol_from_id(DATA, protocol.name) == protocol
    with pytest.raises(UsageError, match="does not say where its folds are: give folds:FILE"):
        protocol_from_id(DATA, protocol_id(DATA, protocol))


def test_an_unknown_name_in_an_identifier_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean speaker-5"):
        protocol_from_id(DATA, "speeker-5#12345678")
