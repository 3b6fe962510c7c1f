"""A scan with copies of recordings, with links, and with folders that are named twice."""

from pathlib import Path

import pytest
from making.scanning import anger, scanned, write

COPY = "copy of a recording that is already in the dataset"


def test_a_copy_in_a_nested_folder_is_counted_once(tmp_path):
    write(tmp_path / "Actor_01" / anger(1))
    write(tmp_path / "audio" / "Actor_01" / anger(1))
    found = scanned(tmp_path)
    assert (found.found, len(found.manifest)) == (2, 1)
    assert found.skipped_by_reason() == {COPY: 1}


@pytest.mark.parametrize("folders", [("a", "b"), ("b", "a")])
def test_a_copy_of_another_name_is_counted_once_whichever_is_found_first(tmp_path, folders):
    first, second = folders
    write(tmp_path / "a" / "03-01-05-01-01-01-01.wav", 1)
    write(tmp_path / "b" / "03-01-05-01-02-01-01.wav", 1)
    found = scanned(tmp_path / first, tmp_path / second)
    assert [Path(each.path).name for each in found.manifest.utterances] == [
        "03-01-05-01-01-01-01.wav"
    ]
    assert [(Path(skip.path).name, skip.reason) for skip in found.skipped] == [
        ("03-01-05-01-02-01-01.wav", COPY)
    ]


def test_identical_audio_of_two_speakers_or_under_two_labels_stays(tmp_path):
    for name in ("03-01-05-01-01-01-01", "03-01-05-01-01-01-02", "03-01-04-01-01-01-01"):
        write(tmp_path / f"{name}.wav", 1)
    found = scanned(tmp_path)
    assert len(found.manifest) == 3
    assert len(found.conflicts) == 1


def test_a_folder_named_twice_is_scanned_once(tmp_path):
    path = write(tmp_path / "inner" / anger(1))
    found = scanned(tmp_path, tmp_path / "inner", path)
    assert (found.found, found.skipped) == (1, ())


def test_links_that_lead_round_for_ever_are_followed_once(tmp_path):
    write(tmp_path / "one" / anger(1), 1)
    write(tmp_path / "two" / anger(2), 2)
    (tmp_path / "one" / "other").symlink_to(tmp_path / "two")
    (tmp_path / "two" / "other").symlink_to(tmp_path / "one")
    (tmp_path / "two" / "up").symlink_to(tmp_path)
    found = scanned(tmp_path)
    assert len(found.manifest) == 2
    assert found.found == 2


def test_a_link_to_another_disk_is_followed(tmp_path):
    write(tmp_path / "disk" / anger(1))
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "corpus").symlink_to(tmp_path / "disk")
    assert len(scanned(tmp_path / "here").manifest) == 1


def test_a_link_to_nowhere_is_skipped_as_missing(tmp_path):
    write(tmp_path / anger(1))
    (tmp_path / anger(2)).symlink_to(tmp_path / "gone.wav")
    assert scanned(tmp_path).skipped_by_reason() == {"missing": 1}
