"""A list of recordings to leave out, and the scan that goes by it."""

import pytest
from error_facts import values_in, words_in
from making.scanning import anger, scanned, write

from serbench.data.exclusions import (
    Exclusion,
    ExclusionList,
    read_exclusions,
    write_exclusions,
)
from serbench.data.scan import excluded_because
from serbench.errors import DatasetError, StorageError, UsageError

LISTED = (
    Exclusion("/corpora/a, b/01.wav", "ab12", 'said "no", twice'),
    Exclusion("02.wav", "", ""),
    Exclusion("", "cd34", "größer"),
)


@pytest.fixture
def three(tmp_path):
    """A folder of three recordings, and the scan of it."""
    for actor in (1, 2, 3):
        write(tmp_path / "in" / f"Actor_{actor:02}" / anger(actor), actor)
    return tmp_path / "in", scanned(tmp_path / "in").manifest.utterances


def test_a_list_is_read_as_it_was_written(tmp_path):
    write_exclusions(tmp_path / "new" / "list.csv", LISTED)
    assert read_exclusions(tmp_path / "new" / "list.csv") == LISTED


def test_a_list_by_hand_may_have_its_columns_in_any_order(tmp_path):
    (tmp_path / "list.csv").write_text("reason,path\ncough,01.wav\n\n", "utf-8-sig")
    assert read_exclusions(tmp_path / "list.csv") == (Exclusion("01.wav", "", "cough"),)


@pytest.mark.parametrize("text", ["file,why\n01.wav,cough\n", "path,audio_hash\n,\n"])
def test_a_list_that_names_no_recording_is_refused(tmp_path, text):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(UsageError) as refusal:
        read_exclusions(tmp_path / "list.csv")
    assert values_in(refusal.value, tmp_path / "list.csv") == {"1"}
    assert words_in(refusal.value) >= {"path", "audio_hash", "reason"}


def test_a_list_that_cannot_be_read_or_written_is_said_in_one_line(tmp_path):
    (tmp_path / "latin.csv").write_bytes(b"path,reason\n01.wav,gr\xf6\xdfer\n")
    causes = {"none.csv": FileNotFoundError, "latin.csv": UnicodeDecodeError}
    for name, cause in causes.items():
        with pytest.raises(UsageError) as unread:
            read_exclusions(tmp_path / name)
        assert type(unread.value.__cause__) is cause
        assert words_in(unread.value, tmp_path / name) >= {"path", "audio_hash", "reason"}
        assert "\n" not in str(unread.value)
    with pytest.raises(StorageError) as unwritten:
        write_exclusions(tmp_path, LISTED)
    assert type(unwritten.value.__cause__) is IsADirectoryError
    assert "--out" in words_in(unwritten.value, tmp_path)
    assert "\n" not in str(unwritten.value)


@pytest.mark.parametrize(
    ("path", "audio_hash", "left_out"),
    [
        ("/elsewhere/01.flac", "ab12", True),
        ("/corpora/a, b/01.wav", "ff", False),
        ("/elsewhere/09.wav", "ab12", False),
        ("/any/02.wav", "ff", True),
        ("/any/02.flac", "ff", False),
        ("/any/name.wav", "cd34", True),
    ],
)
def test_audio_decides_with_the_name_and_the_path_alone_without_it(path, audio_hash, left_out):
    assert (ExclusionList(LISTED).reason(path, audio_hash) is not None) == left_out


def test_where_two_speakers_have_files_of_one_name_the_folder_decides():
    listed = ExclusionList([Exclusion("DC/a01.wav", "", "hum")])
    assert listed.reason("/savee/DC/a01.wav", "1") == "hum"
    assert listed.reason("/savee/JE/a01.wav", "2") is None


def test_a_scan_leaves_out_listed_recordings_with_the_reason(three):
    folder, (first, second, third) = three
    listed = (
        Exclusion(second.path, second.audio_hash, "excluded by doctor: silence"),
        Exclusion(anger(3), "", "a cough"),
        Exclusion("unknown.wav", "", "not here"),
    )
    found = scanned(folder, exclusions=listed)
    assert found.manifest.utterances == (first,)
    assert third.path in {skip.path for skip in found.skipped}
    assert found.skipped_by_reason() == {
        "excluded by doctor: silence": 1,
        "excluded: a cough": 1,
    }
    assert found.found == 3
    assert found.summary()["exclusions"][1] == {
        "path": anger(3),
        "audio_hash": "",
        "reason": "a cough",
    }
    assert found.summary()["defects"] == []


def test_another_recording_of_a_listed_name_is_kept(three):
    folder, (first, *_) = three
    listed = (Exclusion(first.path, first.audio_hash, "silence"),)
    write(folder / "Actor_01" / anger(1), 99)
    assert len(scanned(folder, exclusions=listed).manifest) == 3


def test_a_scan_whose_every_recording_is_listed_finds_nothing(three):
    folder, utterances = three
    with pytest.raises(DatasetError) as refusal:
        scanned(folder, exclusions=[Exclusion("", u.audio_hash, "") for u in utterances])
    assert f"3 × {excluded_because('')}" in str(refusal.value)


def test_the_account_names_the_defective_files_and_no_others(three):
    folder, _ = three
    (folder / anger(4)).touch()
    write(folder / "holiday.wav")
    write(folder / "03-01-02-01-01-01-04.wav")
    write(folder / "03-02-05-01-01-01-04.wav")
    account = scanned(folder).summary()
    assert [(each["path"], each["kind"]) for each in account["defects"]] == [
        (str(folder / "holiday.wav"), "unknown-name"),
        (str(folder / anger(4)), "unusable"),
    ]
    assert sum(account["skipped"].values()) == 4


def test_a_file_name_that_is_no_text_can_be_kept_in_the_account(three):
    folder, _ = three
    (folder / "caf\udce9.wav").touch()
    (defect,) = scanned(folder).summary()["defects"]
    assert defect["path"].endswith(r"caf\udce9.wav")
    assert defect["path"].encode()
